"""A board of the emulator as a process: console, flash file, power cuts, faults, and refusals in one sentence."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from conftest import LATER  # noqa: E402

from microbrew_host.board.repl import Failed, Repl  # noqa: E402
from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.emulator import POWER_CUT_STATUS, Emulator, EmulatorFailed  # noqa: E402
from microbrew_host.emulator.board import own_eui64  # noqa: E402


@pytest.fixture(scope="module")
def path(need_target: Callable[[str], str]) -> Path:
    need_target("nrf52840-emulated")
    return image("nrf52840dk")


def test_the_store_outlives_power_cuts_and_resets(path: Path, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    with Emulator(path, flash=flash) as board, Repl(board.console) as repl:
        assert repl("open('/kept', 'w').write('kept'); print(6 * 7)") == "42"
        with pytest.raises(Failed, match="ZeroDivisionError"):
            repl("1 // 0")
        repl.soft_reset()
        assert repl("print(open('/kept').read())") == "kept"
    with Emulator(path, flash=flash) as board, Repl(board.console) as repl:
        assert repl("print(open('/kept').read())") == "kept"


def test_seeded_boards_repeat_and_chips_differ(path: Path) -> None:
    def asked(code: str, **options: int) -> str:
        with Emulator(path, **options) as board, Repl(board.console) as repl:
            return repl(code)

    drawn = "import os; print(os.urandom(8).hex())"
    assert asked(drawn, seed=1) != asked(drawn)
    name = "import machine; print(machine.unique_id().hex())"
    # The radio is in the air as whom the image calls itself.
    assert asked(name, identity=1) == own_eui64(1).hex() != asked(name, identity=2)


def test_power_fails_where_it_is_asked_to(path: Path, tmp_path: Path) -> None:
    with Emulator(path, flash=tmp_path / "flash", cut=3) as board:
        assert board.wait(60) == POWER_CUT_STATUS
    # Formatting was cut short; the next start begins again.
    with Emulator(path, flash=tmp_path / "flash") as board, Repl(board.console) as repl:
        assert repl("import os; print(os.listdir('/'))") == "[]"


def test_two_boards_cannot_have_one_flash(path: Path, tmp_path: Path) -> None:
    with Emulator(path, flash=tmp_path / "flash"), pytest.raises(EmulatorFailed, match="flash of a board that runs"):
        Emulator(path, flash=tmp_path / "flash")


def test_a_fault_is_reported_and_the_board_starts_again(path: Path) -> None:
    with Emulator(path) as board, Repl(board.console) as repl:
        repl("import machine; print(machine.reset_cause() == machine.PWRON_RESET)")
        repl.start(LATER + "machine.mem32[0x60000000]")
        text = repl.transport.read_until(1, b">>> ", timeout=20).decode()
        assert "*** fault" in text
        # PRECISERR and BFARVALID, and the address.
        assert "cfsr=00008200" in text
        assert "bfar=60000000" in text
        assert "MicroPython" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nrf52840", "missing.elf"], "No such file"),
        (["nrf52840", __file__], "is not an ELF file"),
        (["z80", __file__], "no chip z80"),
        (["nrf52840", __file__, "--console", "tape"], "a console is pty or stdio"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(arguments: list[str], sentence: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "microbrew_host", "emulate", *arguments], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
