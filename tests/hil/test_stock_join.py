"""MicroPython's own nrf port, with our package frozen in it and the radio driven by Python alone, joins a network.

Its image is that of boards/nrf52840_stock, on the model of the chip. It is made from a checkout of MicroPython with its
submodules, which only the user can bring: without the image these tests are skipped.
"""

from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from target_network import TARGET, TargetNetwork  # noqa: E402

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


def test_a_paste_that_is_longer_than_any_buffer_of_the_port_arrives_whole(tmp_path: Path) -> None:
    text = "".join(chr(65 + i % 26) for i in range(2000))
    with open_target(NAME, tmp_path / "flash") as board, board.repl() as repl:
        # With the window of raw paste, and without, where only the line's speed bounds it.
        for repl.transport.use_raw_paste in (True, False):
            assert repl(f"print({text!r})") == text


@pytest.mark.timeout(900)
def test_it_joins_with_a_key_made_on_it_and_becomes_a_join_proxy(tmp_path: Path) -> None:
    world = TargetNetwork(tmp_path, NAME, eui64=EUI64)
    try:
        outcome = world.set_up(EUI64, OTHER)
        assert outcome.key_on_device
        world.start_all(TARGET)
        # On a busy machine frames that come while the emulated node computes get no acknowledgement; it tries again.
        run = world.until_proxying(world.runs[TARGET], 600)
        assert run.outcome == "joined"
        assert run.logged("boot")[0].startswith("crypto native,")
    finally:
        world.close()
