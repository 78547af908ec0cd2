"""A whole join over the radio driver without C: a board of the model with it in place of its own driver."""

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from board_network import ROOT  # noqa: E402
from conftest import build  # noqa: E402
from test_emulator_join import NRF, NrfNetwork  # noqa: E402

from microbrew_host.board.repl import Repl  # noqa: E402
from microbrew_host.emulator import Emulator  # noqa: E402

DEVICES = {name: f"00124b00000009{ord(name):02x}" for name in "ab"}
BOARD_RADIO = b"""from viper import ViperRadio

def make(eui64, clock):
    return ViperRadio(eui64)
"""


@pytest.fixture
def network(tmp_path: Path):
    build("nrf52840dk", "dev")
    driver = tmp_path / "viper.mpy"
    source = ROOT / "firmware/microbrew/radio/nrf52840_viper.py"
    subprocess.run([ROOT / "build/mpy-cross/mpy-cross", "-march=armv7emsp", "-o", driver, source], check=True)
    world = NrfNetwork(tmp_path, "a", variant="dev")
    try:
        world.one_site(DEVICES, ("R", "a"), ("a", "b"))
        # Files of the flash go before what is frozen.
        with Emulator(NRF["dev"], flash=world.flash("a")) as board, Repl(board.console) as repl:
            repl.transport.fs_writefile("viper.mpy", driver.read_bytes())
            repl.transport.fs_writefile("board_radio.py", BOARD_RADIO)
            repl.transport.fs_writefile("main.py", b"import device\ndevice.run()\n")
        yield world
    finally:
        world.close()


@pytest.mark.long
def test_a_board_with_the_driver_joins_and_is_the_proxy_of_a_process(network: NrfNetwork) -> None:
    network.start_all(*DEVICES)
    for name, via in (("a", "R"), ("b", "a")):
        run = network.member(name)
        assert (run.outcome, run.via) == ("joined", network.eui64(via))
