"""MicroPython's own nrf port, with our package frozen in it and the radio driven by Python alone, joins a network.

Its image is that of boards/nrf52840_stock, on the model of the chip. It is made from a checkout of MicroPython with its
submodules, which only the user can bring: without the image these tests are skipped.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

import test_target_join as joins  # noqa: E402
from outcomes import Outcomes  # noqa: E402
from target_network import TARGET, TargetNetwork, established  # noqa: E402

from microbrew_host.board.errors import BoardError  # noqa: E402
from microbrew_host.board.target import image, open_target  # noqa: E402

NAME = "nrf52840_stock-emulated"
EUI64 = "00124b0000000b01"
OTHER = "00124b0000000b02"


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    try:
        image("nrf52840_stock")
    except BoardError:
        pytest.skip("NOT TESTED, the board nrf52840_stock: make firmware BOARD=nrf52840_stock MPY_DIR=a whole checkout")


@pytest.fixture(scope="module")
def outcomes(outcomes_of: Callable[[str], Outcomes]) -> Outcomes:
    return outcomes_of(NAME)


@pytest.fixture(scope="module")
def network(built: None, outcomes: Outcomes, tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("join")
    with established(lambda: TargetNetwork(root, NAME, EUI64, OTHER), outcomes) as found:
        yield found


# On the network above instead of their own, and in this order.
test_it_joins = joins.test_it_joins_with_a_key_made_on_it_and_is_a_proxy_for_the_next
test_after_a_reset = joins.test_after_a_reset_it_is_a_node_at_once
test_what_it_was = joins.test_what_the_board_was_before_it_still_is


def test_its_crypto_is_the_native_module(network) -> None:
    world, _ = network
    world.member(TARGET)
    assert world.runs[TARGET].logged("boot")[0].startswith("crypto native,")


def test_a_paste_that_is_longer_than_any_buffer_of_the_port_arrives_whole(tmp_path: Path) -> None:
    text = "".join(chr(65 + i % 26) for i in range(2000))
    with open_target(NAME, tmp_path / "flash") as board, board.repl() as repl:
        # With the window of raw paste, and without, where only the line's speed bounds it.
        for repl.transport.use_raw_paste in (True, False):
            assert repl(f"print({text!r})") == text
