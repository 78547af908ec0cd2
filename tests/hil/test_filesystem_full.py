"""A board whose filesystem is nearly full, as after `make deploy` on a small flash: what does not fit says so."""

from collections.abc import Callable
from pathlib import Path

import pytest
from crypto_by_wire import WireRunner
from unit_on_target import UNIT, NoRoom, Runner

from microbrew_host.board.files import Files
from microbrew_host.board.packs import Compiler
from microbrew_host.board.target import build_directory, open_target

BOARD = "qemu_an386"
# Of the flash's 64 blocks: enough for the root directory to be written, not for two directories more.
_LEFT = 3


def test_unit_tests_find_no_room_and_the_crypto_is_tested_by_wire(
    need_target: Callable[[str], str], tmp_path: Path
) -> None:
    with open_target(need_target(BOARD), tmp_path / "flash") as board:
        with board.repl() as repl:
            block, free = Files(repl).room()
            repl(f"f = open('big', 'wb')\nfor i in range({free - _LEFT}): f.write(bytes({block}))\nf.close()")
        runner = Runner(board, Compiler(build_directory() / "mpy-cross/mpy-cross"))
        with pytest.raises(NoRoom, match="too small for its files"):
            list(runner.run(UNIT / "test_crypto_x25519.py"))
        found = list(WireRunner(board).run(UNIT / "test_crypto_x25519.py", words=("rfc7748",)))
        assert {result.outcome for result in found} <= {"pass", "skip"}
        assert "pass" in {result.outcome for result in found}
