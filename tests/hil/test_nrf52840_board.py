"""The image for the nRF52840 DK on the emulated chip: what it keeps over a reset, and where its key is."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from conftest import LATER  # noqa: E402

from microbrew import crypto as facade  # noqa: E402
from microbrew.crypto import P256, spki_p256  # noqa: E402
from microbrew_host.board.errors import BoardError  # noqa: E402
from microbrew_host.board.repl import Repl, heard  # noqa: E402
from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.emulator import POWER_CUT_STATUS, Emulator  # noqa: E402

KEY_PAGE = 0xBF000
STORE = 0xC0000
KEY = bytes(range(0x21, 0x41))


@pytest.fixture(scope="module")
def dev(need_target: Callable[[str], str]) -> Path:
    need_target("nrf52840-emulated")
    return image("nrf52840dk")


def identity() -> dict[int, object]:
    """A record of the factory's, as far as a device looks at it."""
    crypto = facade.load()
    public = crypto.load_private(P256, KEY).public
    certificate = bytes(100) + b"\x04" + public + bytes(300)
    return {1: "nrf-1", 2: bytes.fromhex("00124b0000000777"), 3: certificate, 4: KEY, 5: spki_p256(public)}


WRITE = f"""
from microbrew.identity.store import Store
store = Store("/store")
pending = {{1: "nrf-1", 4: {KEY!r}}}
store.write("factory-pending", pending)
store.write("factory", {identity()!r})
store.erase("factory-pending")
"""
OPEN = """
import board_key
store = board_key.open_store("/store")
"""
# True: the device has its key, from the page, and the store has not.
LOOK = f"""
from microbrew.identity.store import Store
print(store.read("factory")[4] == {KEY!r}, 4 in Store("/store").read("factory"), store.names())
"""


def test_what_it_is_called_and_how_it_was_started(dev: Path) -> None:
    with Emulator(dev) as board, Repl(board.console) as repl:
        code = "import os, machine, board\nprint(os.uname().machine, machine.reset_cause(), board.fault())"
        assert repl(code) == "nrf52840dk with nRF52840 1 None"
        number = bytes.fromhex(repl("print(machine.unique_id().hex())"))
        # An EUI-64 that is local and not a group.
        assert len(number) == 8 and number[0] & 3 == 2


def test_a_fault_is_reported_and_kept_over_the_reset(dev: Path) -> None:
    with Emulator(dev) as board:
        with Repl(board.console) as repl:
            repl.start(LATER + "import machine\nmachine.mem32[0x20050000]")
        said = heard(board.console, "nrf52840dk with", 60)
        assert "*** fault" in said and "bfar=20050000" in said and "*** reset\r\n" in said
        with Repl(board.console) as repl:
            assert repl(
                "import board, machine\nprint(board.fault()[0], hex(board.fault()[5]), machine.reset_cause())"
            ) == ("3 0x20050000 3")


def test_the_watchdog_tells_where_the_program_hung(dev: Path) -> None:
    with Emulator(dev) as board:
        with Repl(board.console) as repl:
            repl.start(LATER + "import machine\nmachine.WDT(timeout=200)\nwhile True: pass")
        heard(board.console, "nrf52840dk with", 60)
        with Repl(board.console) as repl:
            found = repl(
                "import board, machine\nprint(board.fault()[0], board.fault()[1] > 0x100, machine.reset_cause())"
            )
            assert found == "32 True 4"


def test_the_key_moves_to_its_page_and_leaves_nothing_in_the_store(dev: Path, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    with Emulator(dev, flash=flash) as board, Repl(board.console) as repl:
        repl(WRITE, timeout=120)
    before = flash.read_bytes()
    assert before.find(KEY, STORE) > 0 and before.find(KEY) > KEY_PAGE + 0x1000
    with Emulator(dev, flash=flash) as board, Repl(board.console) as repl:
        repl(OPEN, timeout=240)
        assert repl(LOOK) == "True False ['factory']"
        # Other keys have their place in the record as before.
        repl("store.forget()")
        assert repl("print(store.key, 4 in store.read('factory'))") == "None False"
    after = flash.read_bytes()
    assert [after.find(KEY), after.find(KEY, KEY_PAGE + 1)] == [KEY_PAGE, -1]


@pytest.mark.parametrize("cut", [60, 96, 105, 400])
def test_a_power_cut_while_the_key_moves_loses_neither_key_nor_secrecy(dev: Path, tmp_path: Path, cut: int) -> None:
    flash = tmp_path / "flash"
    with Emulator(dev, flash=flash) as board, Repl(board.console) as repl:
        repl(WRITE, timeout=120)
    with Emulator(dev, flash=flash, cut=cut) as board:
        try:
            with Repl(board.console) as repl:
                repl.start(OPEN)
            assert board.wait(120) == POWER_CUT_STATUS
        except (BoardError, subprocess.TimeoutExpired):
            # It was over before.
            pass
    with Emulator(dev, flash=flash) as board, Repl(board.console) as repl:
        repl(OPEN, timeout=240)
        assert repl(LOOK) == "True False ['factory']"
    after = flash.read_bytes()
    assert [after.find(KEY), after.find(KEY, KEY_PAGE + 1)] == [KEY_PAGE, -1]


@pytest.mark.parametrize("attempt", [f"machine.mem32[{KEY_PAGE}]", "board.key_write(bytes(32))"])
def test_a_locked_key_is_out_of_reach_until_the_next_reset(dev: Path, tmp_path: Path, attempt: str) -> None:
    with Emulator(dev, flash=tmp_path / "flash") as board:
        with Repl(board.console) as repl:
            code = f"import board, machine\nboard.key_write({KEY!r})\nb = bytearray(32)\nprint(board.key_read(b))"
            assert repl(code) == "True"
            repl("board.key_lock()")
            repl.start(LATER + attempt)
        assert "*** fault" in heard(board.console, "nrf52840dk with", 60)
        with Repl(board.console) as repl:
            code = "import board\nb = bytearray(32)\nprint(board.key_read(b), bytes(b).hex())"
            assert repl(code) == f"True {KEY.hex()}"


def test_entropy_is_there_and_does_not_repeat(dev: Path) -> None:
    with Emulator(dev) as board, Repl(board.console) as repl:
        assert repl("import os\nprint(len({os.urandom(16) for _ in range(64)}), len(os.urandom(1000)))") == "64 1000"
