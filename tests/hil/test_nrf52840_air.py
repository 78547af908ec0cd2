"""The tests of test_target_air.py on the emulated chip: a board joins through another one with the bridge image."""

import os
import pty
import tty
from collections.abc import Iterator

import pytest

pytest.importorskip("unicorn")

import test_target_air as same  # noqa: E402
from air_network import EMULATED, answers  # noqa: E402
from conftest import Outcomes  # noqa: E402

from microbrew_host.board.errors import BoardError  # noqa: E402
from microbrew_host.board.target import open_target  # noqa: E402

network = same.network
# In this order: each goes on where the one before has left the board.
test_it_joins = same.test_it_joins_over_the_air_with_a_key_made_on_it
test_the_radio_acknowledges = same.test_the_radio_acknowledges_in_time_which_its_host_could_not
test_after_a_reset_it_is_a_node = same.test_after_a_reset_it_is_a_node_at_once
test_it_invites_the_next = same.test_it_invites_the_next_over_the_air
test_the_board_is_what_it_was = same.test_what_the_board_was_before_it_still_is


@pytest.fixture(scope="module")
def target_name(need_target) -> str:
    return str(need_target(EMULATED))


@pytest.fixture(scope="module")
def radio_name(bridge_image) -> str:
    return EMULATED


@pytest.fixture(scope="module")
def outcomes(target_name: str) -> Outcomes:
    # Not kept: that is for who asks for it, by `make test-board`.
    return Outcomes(target_name)


@pytest.fixture
def silent_port() -> Iterator[str]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


def test_a_port_without_a_radio_is_named(silent_port: str) -> None:
    with pytest.raises(BoardError, match=f"RADIO serial:{silent_port}: nothing answers.*bridge image"):
        answers(f"serial:{silent_port}")
    with pytest.raises(BoardError, match="RADIO serial:/dev/ttyACM77: No such file"):
        answers("serial:/dev/ttyACM77")


def test_boards_that_are_the_wrong_way_round_are_told_so(target_name: str) -> None:
    with open_target(target_name) as board, pytest.raises(BoardError, match="REPL answers, no radio.*wrong way round"):
        answers(f"serial:{board.console}")
