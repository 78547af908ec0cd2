"""The MASA over HTTPS on loopback: the vector set as one run, media types, sizes, status codes, the command line."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime

import cbor2
import httpx
import pytest
from pycose.keys import EC2Key
from pycose.messages import Sign1Message

from microbrew_host import cli, voucher
from microbrew_host.factory import certificates, manufacturer
from microbrew_host.masa import database, server
from microbrew_host.voucher import keys

with open("tests/vectors/voucher-zsj.json") as file:
    ZSJ = json.load(file)

# When the vector voucher was made.
NOW = datetime(2026, 11, 21, 0, 0, 5, tzinfo=UTC)
TYPE = "application/voucher+cose"
ALIAS = "application/voucher-cose+cbor"
RVR = bytes.fromhex(ZSJ["messages"]["cbrski_rvr_x5bag"])
BARE_RVR = bytes.fromhex(ZSJ["messages"]["zsj_rvr_rpk_no_x5bag"])
VOUCHER = bytes.fromhex(ZSJ["messages"]["zsj_voucher_rpk_nonced"])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A manufacturer whose MASA key and one device are those of the vectors."""
    where = tmp_path_factory.mktemp("masa") / "zsj"
    manufacturer.create(where, manufacturer.Settings("zsj", "localhost"), [], NOW)
    key = keys.private_from_scalar(bytes.fromhex(ZSJ["private"]["masa"]))
    (where / "masa-key.pem").unlink()
    keys.save_private_key(where / "masa-key.pem", key)
    placeholder = certificates.voucher_signer(key, "zsj", NOW)
    pem = placeholder.public_bytes(keys.serialization.Encoding.PEM)
    (where / "masa-cert.pem").write_bytes(pem)
    engine = database.open_database(where / "masa.sqlite")
    with engine.begin() as tx:
        database.add_device(tx, ZSJ["serial"], bytes.fromhex(ZSJ["certs"]["idevid"]), int(NOW.timestamp()))
    engine.dispose()
    return where


@pytest.fixture(scope="module")
def url(path):
    """Base of a MASA that serves in a thread, its clock standing at the vectors' time."""
    masa = server.load(path, lambda: NOW)
    found = []
    ready = threading.Event()

    def announce(where):
        found.append(where)
        ready.set()

    running = server.Server(masa, path, announce)
    sock = server.listen("127.0.0.1", 0)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [sock]})
    thread.start()
    assert ready.wait(20)
    yield found[0] + "/.well-known/brski"
    running.should_exit = True
    thread.join()
    sock.close()
    masa.engine.dispose()


@pytest.fixture(scope="module")
def client(path):
    context = ssl.create_default_context(cafile=str(path / "tls-cert.pem"))
    with httpx.Client(verify=context, trust_env=False) as client:
        yield client


def post(client, url, body=RVR, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return client.post(url, content=body, headers={"Content-Type": TYPE, **headers})


def last_log(path):
    engine = database.open_database(path / "masa.sqlite")
    with engine.begin() as tx:
        entry = database.log(tx, None, 1)[0]
    engine.dispose()
    return entry


def test_the_vector_request_gets_the_vector_voucher_byte_for_byte(client, url):
    answer = post(client, f"{url}/requestvoucher", Accept=TYPE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, TYPE)
    assert voucher.strip_unprotected_x5(answer.content) == VOUCHER


def test_pycose_verifies_the_answer(client, url):
    answer = cbor2.loads(post(client, f"{url}/requestvoucher").content)
    protected, unprotected, *rest = answer.value
    message = Sign1Message.from_cose_obj([protected, dict(unprotected), *rest], True)
    point = bytes.fromhex(ZSJ["spki"]["masa"])[-64:]
    message.key = EC2Key(crv="P_256", x=point[:32], y=point[32:])
    assert message.verify_signature()


def test_a_registrar_without_certificate_gets_the_same_voucher(client, url):
    answer = post(client, f"{url}/requestvoucher", BARE_RVR)
    assert voucher.strip_unprotected_x5(answer.content) == VOUCHER


@pytest.mark.parametrize(
    ("sent", "accept", "got"),
    [
        (TYPE, None, TYPE),
        (ALIAS, None, ALIAS),
        (ALIAS, TYPE, TYPE),
        (TYPE, f"text/plain, {ALIAS};q=0.5", ALIAS),
        (f"{TYPE}; x=y", "application/*", TYPE),
        (TYPE.upper(), "*/*", TYPE),
    ],
)
def test_media_types_and_their_alias(client, url, sent, accept, got):
    request = client.build_request("POST", f"{url}/requestvoucher", content=RVR, headers={"Content-Type": sent})
    del request.headers["accept"]
    if accept:
        request.headers["accept"] = accept
    answer = client.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (200, got)


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"Content_Type": "application/json"}, 415, "media-type"),
        ({"Content_Type": ""}, 415, "media-type"),
        ({"Content_Type": "application/voucher-cms+json"}, 415, "media-type"),
        ({"Accept": "application/json"}, 406, "accept"),
        ({"Accept": f"{TYPE};q=0, {ALIAS};q=0, */*"}, 406, "accept"),
        ({"Accept": f"{TYPE};q=nonsense, {ALIAS};q=nan"}, 406, "accept"),
    ],
)
def test_other_media_types_are_refused_and_logged(client, url, path, headers, status, reason):
    answer = post(client, f"{url}/requestvoucher", **headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text
    assert (last_log(path).outcome, last_log(path).source) == (reason, "127.0.0.1")


def test_a_body_that_is_not_what_its_type_says_is_refused(client, url):
    answer = post(client, f"{url}/requestvoucher", b'{"ietf-voucher-request:voucher": {}}')
    assert answer.status_code == 400
    assert "COSE_Sign1" in answer.text


def test_a_damaged_signature_is_refused(client, url):
    answer = post(client, f"{url}/requestvoucher", RVR[:-1] + bytes([RVR[-1] ^ 1]))
    assert (answer.status_code, answer.text) == (403, "the request is not signed by a key that it names")


def test_a_large_body_is_refused_with_and_without_a_length(client, url):
    assert post(client, f"{url}/requestvoucher", bytes(16385)).status_code == 413
    chunks = (bytes(1024) for _ in range(17))
    assert post(client, f"{url}/requestvoucher", chunks).status_code == 413
    assert post(client, f"{url}/requestvoucher", bytes(16384)).status_code == 400


def test_other_methods_and_paths_do_not_exist(client, url):
    assert client.get(f"{url}/requestvoucher").status_code == 405
    assert post(client, f"{url}/other").status_code == 404


def test_the_audit_log_is_json(client, url):
    assert post(client, f"{url}/requestvoucher").status_code == 200
    answer = post(client, f"{url}/requestauditlog", Accept="application/json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    (event,) = answer.json()["events"]
    assert event["date"] == "2026-11-21T00:00:05Z"
    assert event["join-process"] == "minimal"


def test_without_the_trust_file_the_masa_is_not_believed(url):
    with pytest.raises(httpx.ConnectError):
        httpx.post(f"{url}/requestvoucher", content=RVR, trust_env=False)


def test_plain_text_on_the_tls_port_does_no_harm(client, url):
    host, port = re.match(r"https://([\d.]+):(\d+)", url).groups()
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(100)
    assert post(client, f"{url}/requestvoucher").status_code == 200


# The command line.


def microbrew(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_serve_announces_itself_answers_and_stops_on_sigterm(path, client):
    program = "import sys; from microbrew_host.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "masa", "serve", "--dir", str(path), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            ready = process.stdout.readline()
            where = re.fullmatch(r"masa: listening on (https://127\.0\.0\.1:\d+)\n", ready)
            assert where, process.stderr.read() if process.poll() is not None else ready
            answer = post(client, f"{where[1]}/.well-known/brski/requestvoucher", b"")
            assert answer.status_code == 400
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
    assert "Traceback" not in errors


def test_commands_show_and_change_what_the_masa_decides(capsys, client, url, path):
    registrar = voucher.fingerprint(bytes.fromhex(ZSJ["spki"]["registrar"])).hex()
    where = ["--dir", path]
    assert microbrew(capsys, "masa", "deny-registrar", registrar, *where, "--note", "stolen")[0] == 0
    assert post(client, f"{url}/requestvoucher").status_code == 403
    shown = json.loads(microbrew(capsys, "masa", "registrars", "--json", *where)[1])
    assert shown == [{"registrar": registrar, "standing": "denied", "note": "stolen"}]
    certificate = path / "registrar.der"
    certificate.write_bytes(bytes.fromhex(ZSJ["certs"]["registrar"]))
    assert microbrew(capsys, "masa", "allow-registrar", certificate, *where)[1] == f"{registrar}: allowed\n"
    assert post(client, f"{url}/requestvoucher").status_code == 200

    assert microbrew(capsys, "masa", "deny-device", ZSJ["serial"], *where)[0] == 0
    assert post(client, f"{url}/requestvoucher").status_code == 403
    assert microbrew(capsys, "masa", "allow-device", ZSJ["serial"], *where)[0] == 0
    assert post(client, f"{url}/requestvoucher").status_code == 200

    (device,) = json.loads(microbrew(capsys, "masa", "devices", "--json", *where)[1])
    assert (device["serial"], device["vouchers"], device["denied"]) == (ZSJ["serial"], 1, False)
    entries = json.loads(microbrew(capsys, "masa", "log", "--json", "--limit", "4", *where)[1])
    assert [entry["outcome"] for entry in entries] == ["registrar-denied", "repeated", "device-denied", "repeated"]
    assert all(entry["registrar"] == registrar for entry in entries)
    lines = microbrew(capsys, "masa", "log", "--limit", "2", *where)[1].splitlines()
    who = f"device {ZSJ['serial']} registrar {registrar[:16]} at 127.0.0.1"
    assert lines == [
        f"2026-11-21 00:00:05Z device-denied {who}: no more vouchers are issued for this device",
        f"2026-11-21 00:00:05Z repeated {who}",
    ]
    assert ZSJ["serial"] in microbrew(capsys, "masa", "devices", *where)[1]
    assert registrar in microbrew(capsys, "masa", "registrars", *where)[1]


def test_a_log_entry_cannot_write_to_the_terminal(capsys, path):
    engine = database.open_database(path / "masa.sqlite")
    with engine.begin() as tx:
        database.record(tx, at=0, outcome="format", serial="[red]\x1b[2J", text="x")
    engine.dispose()
    table = microbrew(capsys, "masa", "log", "--dir", path, "--limit", "1")[1]
    assert "\x1b[2J" not in table
    assert "[red]" in table


@pytest.mark.parametrize(
    "arguments",
    [
        ["deny-device", "nobody"],
        ["deny-registrar", "nofile"],
        ["allow-registrar", "tests/vectors/voucher-zsj.json"],
        ["serve", "--listen", "nonsense"],
        ["serve", "--listen", "127.0.0.1:70000"],
    ],
)
def test_mistakes_are_one_sentence(capsys, path, arguments):
    status, _, error = microbrew(capsys, "masa", *arguments, "--dir", path)
    assert status == 1
    assert error.startswith("microbrew: ")
    assert error.count("\n") == 1


def test_a_directory_that_is_no_manufacturers_is_said(capsys, tmp_path):
    for command in ("serve", "devices", "log"):
        status, _, error = microbrew(capsys, "masa", command, "--dir", tmp_path)
        assert status == 1
        assert "manufacturer" in error


def test_a_foreign_or_newer_database_is_not_touched(tmp_path):
    (tmp_path / "a").write_bytes(b"not a database, certainly not one of ours" * 100)
    with pytest.raises(ValueError, match="cannot be used"):
        database.open_database(tmp_path / "a")
    engine = database.open_database(tmp_path / "b", create=True)
    with engine.begin() as tx:
        tx.exec_driver_sql("PRAGMA user_version = 99")
    engine.dispose()
    with pytest.raises(ValueError, match="schema version 99"):
        database.open_database(tmp_path / "b")
    with pytest.raises(ValueError, match="does not exist"):
        database.open_database(tmp_path / "c")
