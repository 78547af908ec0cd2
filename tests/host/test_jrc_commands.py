"""The commands: init, serve, add, deny, allow, devices, show, log, rekey."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest
from jrc_support import Acme, eui64_of

from microbrew_host.cli import main
from microbrew_host.jrc import initialise

CODE = "from microbrew_host.cli import main; main()"
EUI64 = eui64_of(1)


@pytest.fixture
def microbrew(capsys):
    """Runs a command in this process: what it printed, or what it complained of if ``check`` is not 0."""

    def run(*arguments, check=0):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert ended.value.code == check, printed.err
        assert "Traceback" not in printed.err
        return printed.err if check else printed.out

    return run


@pytest.fixture
def directory(tmp_path, microbrew):
    microbrew("jrc", "init", tmp_path / "jrc", "--coap", "127.0.0.1:0", "--jpy", "127.0.0.1:0")
    return tmp_path / "jrc"


@pytest.fixture
def config(directory):
    return ("--config", directory / initialise.CONFIG)


def test_init_makes_private_files_and_refuses_to_overwrite(microbrew, tmp_path):
    acme = Acme(tmp_path)
    target = tmp_path / "jrc"
    microbrew("jrc", "init", target, "--manufacturer", acme.path)
    for name in (initialise.KEY, initialise.DATABASE):
        assert stat.S_IMODE(os.stat(target / name).st_mode) == 0o600
    text = subprocess.run(
        ["openssl", "x509", "-in", target / initialise.CERTIFICATE, "-noout", "-ext", "extendedKeyUsage"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "TLS Web Server Authentication, TLS Web Client Authentication" in text
    assert "1.3.6.1.5.5.7.3.28" in text or "CMC" in text
    before = (target / initialise.KEY).read_bytes()
    assert "is there already" in microbrew("jrc", "init", target, check=1)
    assert (target / initialise.KEY).read_bytes() == before


def test_init_with_a_bad_choice_leaves_nothing(microbrew, tmp_path):
    assert "hexadecimal" in microbrew("jrc", "init", tmp_path / "jrc", "--network-id", "xyz", check=1)
    assert list(tmp_path.iterdir()) == []


def test_one_touch_devices_are_added_shown_denied_and_allowed(microbrew, directory, config, tmp_path):
    key = tmp_path / "psk"
    key.write_text("000102030405060708090a0b0c0d0e0f\n")
    microbrew(
        "jrc", "add", *config, "--eui64", EUI64.hex(), "--psk-file", key, "--role", "6lbr", "--short-address", "0abc"
    )
    listing = tmp_path / "list.jsonl"
    entries = [{"eui64": eui64_of(n).hex("-").upper(), "serial": f"S-{n}", "psk": f"{n:032x}"} for n in (2, 3)]
    listing.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert "2 devices" in microbrew("jrc", "add", *config, "--import", listing)
    rows = json.loads(microbrew("jrc", "devices", *config, "--json"))
    assert [(row["eui64"], row["role"], row["short"], row["state"]) for row in rows] == [
        (EUI64.hex(), "6lbr", "0abc", "enrolled"),
        (eui64_of(2).hex(), "node", "", "enrolled"),
        (eui64_of(3).hex(), "node", "", "enrolled"),
    ]
    microbrew("jrc", "deny", "S-2", *config, "--reason", "lost")
    shown = json.loads(microbrew("jrc", "show", "S-2", *config, "--json"))
    assert (shown["denied"], shown["key"], shown["state"]) == ("lost", False, "denied")
    assert "is denied" in microbrew("jrc", "add", *config, "--import", listing, check=1)
    microbrew("jrc", "allow", "S-2", *config)
    assert "not denied" in microbrew("jrc", "allow", "S-2", *config, check=1)
    log = json.loads(microbrew("jrc", "log", *config, "--json"))
    assert [entry["event"] for entry in log] == ["added", "added", "added", "denied", "allowed"]
    everything = (
        microbrew("jrc", "devices", *config)
        + microbrew("jrc", "log", *config)
        + microbrew("jrc", "show", "S-3", *config)
    )
    assert f"{3:032x}" not in everything and "000102030405" not in everything


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1"),
        ('{"eui64": "00124b0000000001"}', "line 1"),
        ('{"eui64": "00124b", "psk": "000102030405060708090a0b0c0d0e0f"}', "line 1"),
        ('{"eui64": "00124b0000000001", "psk": "00"}', "line 1"),
        ("[]", "line 1"),
    ],
)
def test_a_bad_import_adds_nothing_and_does_not_repeat_keys(microbrew, config, tmp_path, line, said):
    listing = tmp_path / "list.jsonl"
    listing.write_text(line + "\n")
    told = microbrew("jrc", "add", *config, "--import", listing, check=1)
    assert said in told and "0001020304" not in told
    assert json.loads(microbrew("jrc", "devices", *config, "--json")) == []


def test_two_devices_cannot_have_one_short_address(microbrew, config, tmp_path):
    key = tmp_path / "psk"
    key.write_text("00" * 16)
    for number, status in ((1, 0), (2, 1)):
        eui64 = eui64_of(number).hex()
        microbrew("jrc", "add", *config, "--eui64", eui64, "--psk-file", key, "--short-address", "0007", check=status)
    assert len(json.loads(microbrew("jrc", "devices", *config, "--json"))) == 1


def test_the_server_says_where_it_listens_does_a_rekey_and_ends_on_sigterm(microbrew, directory, config):
    server = subprocess.Popen(
        [sys.executable, "-c", CODE, "jrc", "serve", *map(str, config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        words = server.stdout.readline().split()
        assert words[:3] == ["jrc:", "listening", "coap"] and words[4] == "jpy"
        assert all(int(words[index].rpartition(":")[2]) > 0 for index in (3, 5))
        answer = json.loads(microbrew("jrc", "rekey", *config, "--json"))
        assert answer == {"finished": True, "key_id": 2, "nodes": {}}
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
        told = server.stderr.read()
        assert 'event="rekey"' in told and "Traceback" not in told
    finally:
        server.kill()
        server.communicate()


def test_a_rekey_without_a_server_says_so(microbrew, config):
    assert "has not finished" in microbrew("jrc", "rekey", *config, "--timeout", "0.1", check=1)


@pytest.mark.parametrize(
    ("find", "replace", "said"),
    [
        ('id = "cafe"', "", "network.id is missing"),
        ('id = "cafe"', "id = 5", "network.id has the wrong type"),
        ('id = "cafe"', 'id = "cafe"\nspeed = 1', "network.speed is not a setting"),
        ('coap = "127.0.0.1:0"', 'coap = "localhost"', "listen.coap must"),
        ('key = "registrar-key.pem"', 'key = "none.pem"', "registrar.key: there is no file"),
        ("[listen]", "[listen", "jrc.toml"),
        ("[listen]", "[policy]\nnonceless = 'maybe'\n[listen]", "policy.nonceless must be"),
        ("[listen]", "[limits]\nedhoc_sessions = 0\n[listen]", "limits.edhoc_sessions must be positive"),
        ("[listen]", "[[manufacturer]]\nname = 'x'\n[listen]", "manufacturer[0].ca is missing"),
        ("[listen]", "[network]\n[listen]", "jrc.toml"),
    ],
)
def test_each_mistake_in_the_configuration_is_named(microbrew, directory, config, find, replace, said):
    path = directory / initialise.CONFIG
    text = path.read_text()
    assert find in text
    path.write_text(text.replace(find, replace, 1))
    assert said in microbrew("jrc", "serve", *config, check=1)
