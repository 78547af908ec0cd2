"""The command line of `microbrew` and of `microbrew decode`, as a user's shell sees it."""

import os
import subprocess
import sys

import pytest

CONFIGURATION = "a202820150e6bf4287c2d7618d6a9687445ffd33e6038142af93"


def microbrew(*arguments, stdin=b"", **environment):
    return subprocess.run(
        [sys.executable, "-c", "from microbrew_host.cli import main; main()", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        env=dict(os.environ, NO_COLOR="1", **environment),
    )


def one_sentence(result, status):
    assert result.returncode == status
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("microbrew: ")
    return lines[0]


@pytest.mark.parametrize("form", ["argument", "stdin", "binary file", "hex file"])
def test_input_may_be_hex_a_file_or_stdin(form, tmp_path):
    data = bytes.fromhex(CONFIGURATION)
    path = tmp_path / "message"
    if form == "argument":
        result = microbrew("decode", CONFIGURATION)
    elif form == "stdin":
        result = microbrew("decode", "-", stdin=data)
    elif form == "binary file":
        path.write_bytes(data)
        result = microbrew("decode", str(path))
    else:
        path.write_text("# a Configuration\n0x" + CONFIGURATION[:20] + "\n" + CONFIGURATION[20:] + "\n")
        result = microbrew("decode", str(path))
    assert result.returncode == 0
    assert b"CoJP Configuration" in result.stdout
    assert b"e6bf" not in result.stdout
    assert result.stderr == b""


def test_keys_are_shown_on_demand_only():
    assert b"e6bf4287" in microbrew("decode", "--show-keys", CONFIGURATION).stdout


def test_damaged_input_is_one_sentence_and_status_1():
    assert "truncated" in one_sentence(microbrew("decode", "--as", "coap", "48010001"), 1)
    one_sentence(microbrew("decode", "d284"), 1)
    assert "neither a file nor hex" in one_sentence(microbrew("decode", "no-such-file"), 1)
    assert "nothing to decode" in one_sentence(microbrew("decode", "-"), 1)


def test_wrong_usage_is_one_sentence_and_status_2():
    one_sentence(microbrew("decode", "--as", "nonsense", "00"), 2)
    one_sentence(microbrew("decode"), 2)
    one_sentence(microbrew("no-such-command"), 2)


def test_traceback_on_demand_only():
    assert b"Traceback" in microbrew("--debug", "decode", "d284").stderr
    assert b"Traceback" in microbrew("decode", "d284", MICROBREW_DEBUG="1").stderr


def test_overview_lists_all_parts_without_importing_them():
    result = microbrew("--help")
    assert result.returncode == 0
    for part in (b"ether", b"border-router", b"jrc", b"masa", b"factory", b"decode", b"demo", b"sim"):
        assert part in result.stdout
    probe = (
        "import sys; import microbrew_host.cli as c\n"
        "try: c.main(['--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(any(m.startswith('microbrew_host.') and m != 'microbrew_host.cli' for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, timeout=60).returncode == 0


def test_part_that_cannot_be_imported_is_a_sentence_and_leaves_the_others_alone():
    hidden = "import sys; sys.modules['microbrew_host.jrc.commands'] = None; from microbrew_host.cli import main; main("
    broken = subprocess.run([sys.executable, "-c", hidden + "['jrc', 'serve'])"], capture_output=True, timeout=60)
    assert "not available" in one_sentence(broken, 1)
    whole = subprocess.run(
        [sys.executable, "-c", hidden + f"['decode', '{CONFIGURATION}'])"], capture_output=True, timeout=60
    )
    assert whole.returncode == 0


def test_version_is_printed():
    result = microbrew("--version")
    assert result.returncode == 0
    assert result.stdout.startswith(b"microbrew ")


def test_reader_that_goes_away_is_no_traceback():
    command = f"{sys.executable} -c 'from microbrew_host.cli import main; main()' --help | true"
    result = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60)
    assert b"Traceback" not in result.stderr
