"""The LEDs of the nRF52840 DK and its button 1, on the model of the chip."""

from collections.abc import Callable

import pytest

pytest.importorskip("unicorn")

from emulated_image import Image  # noqa: E402

from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.emulator.air import LocalAir  # noqa: E402

WATCH = "from board_panel import watch; panel = watch(print, s)"


@pytest.fixture
def board(need_target: Callable[[str], str]) -> Image:
    need_target("nrf52840-emulated")
    started = Image(image("nrf52840dk"), LocalAir())
    assert not started.answer("from microbrew.identity.store import Store; s = Store('/store')")
    assert not started.answer("s.write('factory', 1); s.write('network', 2)")
    return started


def lit(board: Image) -> list[int]:
    return [number for number in (1, 2, 3, 4) if board.chip.led(number)]


def records(board: Image) -> str:
    return board.answer("print(s.read('factory'), s.read('network'))")


def test_leds_follow_the_log_from_the_start_to_membership(board: Image) -> None:
    assert not board.answer(WATCH)
    assert lit(board) == []
    for event, leds in (
        ("boot", [1]),
        ("state", [1]),
        ("proxy", [1, 2]),
        ("failed", [1, 4]),
        ("proxy", [1, 2]),
        ("joined", [1, 3]),
        ("registration", [1, 3]),
        ("reset", [1]),
    ):
        # What it lights it also passes on.
        assert board.answer(f"panel(7, {event!r}, 'text')") == f"7 {event} text"
        assert lit(board) == leds, event
    assert records(board) == "1 2"


def test_button_1_held_for_three_seconds_forgets_the_network_and_nothing_else(board: Image) -> None:
    board.chip.press(1, True)
    board.type(WATCH)
    board.run(2.0)
    assert lit(board) == [4]
    assert board.finish(WATCH, 20) == "0 reset factory reset by button"
    assert lit(board) == []
    assert records(board) == "1 None"


def test_button_1_let_go_too_early_forgets_nothing(board: Image) -> None:
    board.chip.press(1, True)
    board.type(WATCH)
    board.run(2.0)
    assert lit(board) == [4]
    board.chip.press(1, False)
    assert board.finish(WATCH) == ""
    assert lit(board) == []
    assert records(board) == "1 2"


@pytest.mark.parametrize("button", [2, 3, 4])
def test_other_buttons_do_nothing(board: Image, button: int) -> None:
    board.chip.press(button, True)
    assert board.answer(WATCH) == ""
    assert records(board) == "1 2"
