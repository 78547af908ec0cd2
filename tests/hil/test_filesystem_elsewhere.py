"""A board whose port mounts its filesystem at /flash and starts there, as many ports of MicroPython do; ours at /."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_deploy import microbrew
from unit_on_target import UNIT, Runner

from microbrew_host.board.files import Files
from microbrew_host.board.packs import Compiler
from microbrew_host.board.repl import heard
from microbrew_host.board.target import build_directory, open_target
from microbrew_host.factory import manufacturer

BOARD = "qemu_an386"
# The first file that a port runs, again after each soft reset. At / there is then nothing to write to.
_BOOT = b"""import board, os, vfs
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(board.Flash(), readsize=32, progsize=32, lookahead=32, mtime=False), "/flash")
os.chdir("/flash")
"""


@pytest.fixture
def flash(need_target: Callable[[str], str], tmp_path: Path) -> Path:
    need_target(BOARD)
    path = tmp_path / "flash"
    with open_target(BOARD, path) as board, board.repl() as repl:
        Files(repl).write("boot.py", _BOOT)
    with open_target(BOARD, path) as board, board.repl() as repl:
        assert repl("import os; print(os.listdir('/'), os.getcwd())") == "['flash'] /flash"
    return path


@pytest.fixture
def maker(tmp_path: Path) -> Path:
    path = tmp_path / "acme"
    manufacturer.create(path, manufacturer.Settings("Acme", "localhost:9443"), [], datetime(2026, 11, 21, tzinfo=UTC))
    return path


def test_the_firmware_is_deployed_there_and_runs(flash: Path, maker: Path, tmp_path: Path, capsys) -> None:
    assert microbrew(capsys, "factory", "provision", maker, "--out", tmp_path / "stores")[0] == 0
    (store,) = (path for path in (tmp_path / "stores").iterdir() if path.is_dir())
    words = ("board", "deploy", "--target", BOARD, "--flash", flash, "--store", store)
    status, said = microbrew(capsys, *words)
    assert (status, "17 of 17 files written" in said, f"is {store.name}" in said) == (0, True, True), said
    status, said = microbrew(capsys, *words)
    assert (status, "0 of 17 files written" in said) == (0, True), said
    with open_target(BOARD, flash) as board:
        assert "WAIT_EB" in heard(board.console, "boot crypto native")
        with board.repl() as repl:
            assert repl("import microbrew.node; print(microbrew.node.__file__)") == "/packs/microbrew/node.mpy"
            names = repl("import os; print(sorted(os.listdir('/flash')), os.listdir('/flash/store'))")
            assert names == "['boot.py', 'lib', 'main.py', 'store'] ['factory']"


def test_a_board_is_provisioned_there(flash: Path, maker: Path, capsys) -> None:
    words = ("factory", "provision", maker, "--target", BOARD, "--flash", flash, "--eui64", "00-12-4B-00-00-00-02-02")
    status, said = microbrew(capsys, *words)
    assert (status, "on the board, where it stays" in said) == (0, True), said
    with open_target(BOARD, flash) as board, board.repl() as repl:
        assert repl("import os; print(os.listdir('/flash/store'))") == "['factory']"


def test_unit_tests_keep_their_files_there(flash: Path) -> None:
    with open_target(BOARD, flash, heap=1 << 20) as board:
        runner = Runner(board, Compiler(build_directory() / "mpy-cross/mpy-cross"))
        found = list(runner.run(UNIT / "test_identity_store.py"))
        assert {result.outcome for result in found} == {"pass"}
        with board.repl() as repl:
            assert repl("import os; print(sorted(os.listdir('/flash')))") == "['boot.py', 'tests', 'tmp']"
