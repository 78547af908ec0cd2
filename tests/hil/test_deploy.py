"""The firmware on a board that has none built in: the real command, and a board whose flash is then looked at."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from microbrew.identity.store import Store
from microbrew_host import cli
from microbrew_host.board import deploy, package
from microbrew_host.board.errors import BoardError
from microbrew_host.board.files import Files, digest
from microbrew_host.board.packs import PRELUDE, Compiler, pack
from microbrew_host.board.repl import heard
from microbrew_host.board.target import STORE, Target, open_target
from microbrew_host.factory import manufacturer

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
MPY_CROSS = ROOT / "build/mpy-cross/mpy-cross"
NATIVE = ROOT / "build/native/armv7m/microbrew_native.mpy"
BOARD = "qemu_an386"


@pytest.fixture
def flash(need_target: Callable[[str], str], tmp_path: Path) -> Path:
    need_target(BOARD)
    return tmp_path / "flash"


def microbrew(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out + captured.err


def deployed(flash: Path) -> dict[str, str]:
    """Path to SHA-256 of what is in the board's flash."""
    with open_target(BOARD, flash) as board, board.repl() as repl:
        files = Files(repl)
        return files.hashes([f"/lib/{name}" for name in files.names("/lib")] + ["/main.py"])


def test_a_board_runs_what_was_deployed_and_a_second_time_nothing_is_written(flash, tmp_path, capsys) -> None:
    maker = tmp_path / "acme"
    manufacturer.create(maker, manufacturer.Settings("Acme", "localhost:9443"), [], datetime(2026, 11, 21, tzinfo=UTC))
    assert microbrew(capsys, "factory", "provision", maker, "--out", tmp_path / "stores")[0] == 0
    (store,) = (path for path in (tmp_path / "stores").iterdir() if path.is_dir())
    # Of a device that has joined before, only who it is goes along: its counters are its own.
    Store(str(store)).write("network", {1: 2})
    words = ("board", "deploy", "--target", BOARD, "--flash", flash, "--store", store)
    status, said = microbrew(capsys, *words)
    assert (status, "17 of 17 files written" in said, f"is {store.name}" in said) == (0, True, True), said
    first = deployed(flash)
    status, said = microbrew(capsys, *words)
    assert (status, "0 of 17 files written, 0 of" in said) == (0, True), said
    assert deployed(flash) == first
    with open_target(BOARD, flash) as board:
        # As after power comes on: main.py, from the packs, with the identity that was placed.
        said = heard(board.console, "boot crypto native")
        assert "WAIT_EB" in said
        with board.repl() as repl:
            assert repl("import microbrew.node; print(microbrew.node.__file__)") == "/packs/microbrew/node.mpy"
            repl.soft_reset()
            record = repl(
                PRELUDE + f"from microbrew.identity.store import Store\nprint(Store('{STORE}').names())"
            )
            assert record == "['factory']"


def test_files_arrive_whole_where_the_board_unpacks_and_where_it_cannot(flash) -> None:
    # Longer than a chunk; repeated within the window of 1 KiB and beyond it; some that no packing makes smaller.
    data = bytes(range(256)) * 20 + hashlib.sha512(b"noise").digest() * 40
    with open_target(BOARD, flash) as board, board.repl() as repl:
        files = Files(repl)
        assert files.packs
        files.write("/packed", data)
        repl("import sys; sys.modules['deflate'] = 0")
        files = Files(repl)
        assert not files.packs
        files.write("/plain", data)
        assert set(files.hashes(["/packed", "/plain"]).values()) == {digest(data)}


def test_what_differs_is_written_and_what_is_left_over_goes(flash, capsys) -> None:
    words = ("board", "deploy", "--target", BOARD, "--flash", flash)
    assert microbrew(capsys, *words)[0] == 0
    first = deployed(flash)
    with open_target(BOARD, flash) as board, board.repl() as repl:
        files = Files(repl)
        files.write("/lib/microbrew.mac.pack", b"damaged")
        files.write("/lib/microbrew.gone.pack", b"of an older version")
        files.write("/lib/mine.mpy", b"the user's")
    mine = hashlib.sha256(b"the user's").hexdigest()
    status, said = microbrew(capsys, *words)
    assert (status, "1 of 17 files written" in said) == (0, True), said
    assert deployed(flash) == {**first, "/lib/mine.mpy": mine}


def test_another_identity_is_not_overwritten(flash, tmp_path, capsys) -> None:
    maker = tmp_path / "acme"
    manufacturer.create(maker, manufacturer.Settings("Acme", "localhost:9443"), [], datetime(2026, 11, 21, tzinfo=UTC))
    assert microbrew(capsys, "factory", "provision", maker, "--target", BOARD, "--flash", flash)[0] == 0
    assert microbrew(capsys, "factory", "provision", maker, "--out", tmp_path / "stores")[0] == 0
    (store,) = (path for path in (tmp_path / "stores").iterdir() if path.is_dir())
    status, said = microbrew(capsys, "board", "deploy", "--target", BOARD, "--flash", flash, "--store", store)
    assert (status, "already and stays so" in said) == (1, True), said


def test_the_native_module_for_armv7m_computes_on_the_board(flash) -> None:
    done = subprocess.run(["make", "native", "NATIVE_ARCH=armv7m"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    compiler = Compiler(MPY_CROSS)
    stock = deploy.Interpreter("stock", 7942, frozenset())
    wanted = deploy.contents(stock, compiler, FIRMWARE, ROOT / "build/native", [], deploy.Report())
    assert wanted["lib/microbrew_native.mpy"] == NATIVE.read_bytes()
    with open_target(BOARD, flash) as board, board.repl() as repl:
        Files(repl).make_directory("/lib")
        # Under another name, since this board has the module built in, which goes before.
        Files(repl).write("/lib/loaded.mpy", wanted["lib/microbrew_native.mpy"])
        repl("import sys; sys.path.append('/lib'); import loaded, microbrew_native as built_in")
        for code in ("sha256(b'abc')", "p256_public(bytes(31) + b'\\x05')"):
            assert repl(f"print(loaded.{code} == built_in.{code})") == "True"
        signed = "loaded.p256_sign(bytes(31) + b'\\x05', b'message')"
        repl(f"built_in.p256_verify(loaded.p256_public(bytes(31) + b'\\x05'), b'message', {signed})")


def test_boards_that_cannot_have_it_are_told_why(flash) -> None:
    compiler = Compiler(MPY_CROSS)

    def contents(mpy: int, native: Path = ROOT / "build/native") -> tuple[dict[str, bytes], list[str]]:
        report = deploy.Report()
        found = deploy.contents(deploy.Interpreter("stock", mpy, frozenset()), compiler, FIRMWARE, native, [], report)
        return found, report.remarks

    with pytest.raises(BoardError, match="version 5, mpy-cross here writes 6"):
        contents(5)
    with pytest.raises(BoardError, match="make native NATIVE_ARCH=armv7m"):
        contents(7942, Path("nowhere"))
    # An ESP32 (xtensawin), a board without loadable native code, one of an older sub-version.
    for mpy in (10 << 10 | 3 << 8 | 6, 6, 5 << 10 | 2 << 8 | 6):
        found, remarks = contents(mpy)
        assert "lib/microbrew_native.mpy" not in found
        assert "not constant time" in remarks[0]
        # Nor does it start by itself without a radio.
        assert "main.py" not in found
        assert "no radio for stock" in remarks[1]


def test_a_stock_nrf52840_gets_its_radio_driver_and_its_native_code_for_its_processor(flash) -> None:
    stock = deploy.Interpreter("nrf", 7942, frozenset(), "nrf52840")
    report = deploy.Report()
    found = deploy.contents(stock, Compiler(MPY_CROSS), FIRMWARE, ROOT / "build/native", [], report)
    assert b"nrf52840_viper" in found["lib/microbrew.radio.pack"]
    assert {"main.py", "lib/microbrew_native.mpy"} <= set(found)
    assert report.remarks == []


def test_a_full_flash_is_a_sentence_before_anything_is_written(flash, capsys) -> None:
    with open_target(BOARD, flash) as board, board.repl() as repl:
        repl("f = open('/big', 'wb')\nfor i in range(150): f.write(bytes(1024))\nf.close()")
    status, said = microbrew(capsys, "board", "deploy", "--target", BOARD, "--flash", flash)
    assert (status, "bytes left, and" in said) == (1, True), said
    assert set(deployed(flash).values()) == {"-"}


def test_a_file_that_reads_back_wrong_is_an_error_and_the_old_one_stays(flash, monkeypatch) -> None:
    with open_target(BOARD, flash) as board, board.repl() as repl:
        files = Files(repl)
        files.write("/x", b"old")
        # The board's own flash, made to lie: what it writes is not what it was given.
        repl("def a2b_base64(text): return b'broken'\ndef _unpack(data): return data")
        with pytest.raises(BoardError, match="reads back as something else"):
            files.write("/x", b"new")
        assert repl("print(open('/x').read())") == "old"


def test_a_pack_refuses_a_name_that_does_not_fit() -> None:
    with pytest.raises(ValueError):
        pack([("n" * 256, b"")])


def test_package_json_lists_what_the_images_freeze() -> None:
    collected: list[str] = []
    code = (
        "import json, os, sys, types\nos.chdir('mpconfig')\nnames = []\n"
        "options = types.SimpleNamespace(sockets=False, defaults=lambda **_: None)\n"
        "found = {'options': options, 'module': lambda name, **_: names.append(name)}\n"
        "exec(open('manifest_device.py').read(), found)\n"
        "print(json.dumps(names))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    collected = json.loads(done.stdout)
    assert sorted(collected) == package.device_files(FIRMWARE)
    written = (FIRMWARE / package.MANIFEST).read_text()
    assert written == package.mip_package(FIRMWARE), "run: .venv/bin/python -m microbrew_host.board.package"


def test_what_mip_installs_is_a_node(need_target, tmp_path) -> None:
    need_target("unix")
    # As mip does: each file of the list, from beside the list, to its own name.
    for name, url in json.loads((FIRMWARE / package.MANIFEST).read_text())["urls"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FIRMWARE / url, tmp_path / name)
    micropython = ROOT / os.environ.get("MICROPYTHON", ".venv/bin/micropython")
    done = subprocess.run(
        [micropython, "-c", "import microbrew.node, microbrew.radio.serial; print(microbrew.node.__file__)"],
        env={"MICROPYPATH": f"{tmp_path}"},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == f"{tmp_path}/microbrew/node.py", done.stderr


def test_mpremote_installs_the_package_onto_a_board(flash) -> None:
    target: Target
    with open_target(BOARD, flash) as target:
        words = ("mip", "install", "--no-mpy", "--target", "/lib", "package.json")
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", target.console, *words],
            cwd=FIRMWARE,
            capture_output=True,
            text=True,
        )
        # Sources do not fit in this board's 256 KiB; what went there is what is here.
        assert "Installing: /lib/microbrew/cbor.py" in done.stdout, done.stderr
        with target.repl() as repl:
            path = "/lib/microbrew/cbor.py"
            wanted = hashlib.sha256((FIRMWARE / "microbrew/cbor.py").read_bytes()).hexdigest()
            assert Files(repl).hashes([path])[path] == wanted
