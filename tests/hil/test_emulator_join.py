"""The unmodified image for the nRF52840 DK joins a real network on the emulated chip, as pledge and as join proxy.

Boards are processes with the model of the chip, in one air with a border router and MicroPython processes.
"""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("unicorn")

from board_network import ROOT, BoardNetwork  # noqa: E402
from conftest import build  # noqa: E402

from microbrew_host.board.repl import Repl  # noqa: E402
from microbrew_host.demo import parts  # noqa: E402
from microbrew_host.emulator import Emulator  # noqa: E402
from microbrew_host.emulator.emulator import command  # noqa: E402

NRF = {variant: ROOT / f"build/firmware/nrf52840dk-{variant}/firmware.elf" for variant in ("dev", "release")}
DEVICES = {name: f"00124b00000007{ord(name):02x}" for name in "abc"}


class NrfNetwork(BoardNetwork):
    """As BoardNetwork, with the chip's own radio in the air instead of a wire."""

    def on_board(self, name: str, code: str) -> str:
        with Emulator(NRF["dev"], flash=self.flash(name)) as board, Repl(board.console) as repl:
            return repl("from microbrew.identity.store import Store; store = Store('/store')\n" + code)

    def device_argv(self, name: str, reset: bool) -> list[str]:
        if name not in self._radios:
            return super().device_argv(name, reset)
        ether = f"{parts.LOOPBACK}:{self.ports.ether}"
        return command(NRF[self.variant], console="stdio", flash=self.flash(name), ether=ether, eui64=self.eui64(name))

    async def _launch(self, name: str, argv: list[str], ready: str | None = None, on_line: Any = None) -> Any:
        # No wires: the radios are nodes of the ether.
        return await super(BoardNetwork, self)._launch(name, argv, ready, on_line)


@pytest.fixture
def network(tmp_path: Path):
    build("nrf52840dk", "dev", "release")
    world = NrfNetwork(tmp_path, "ab")
    try:
        world.one_site(DEVICES, ("R", "a"), ("a", "b"), ("b", "c"))
        yield world
    finally:
        world.close()


@pytest.mark.timeout(900)
def test_emulated_nrf52840s_join_and_are_proxies_of_each_other_and_of_a_process(network: NrfNetwork) -> None:
    network.start_all(*DEVICES)
    for name, via in (("a", "R"), ("b", "a"), ("c", "b")):
        run = network.member(name)
        assert (run.outcome, run.via) == ("joined", network.eui64(via))
    assert network.runs["a"].logged("boot")[0].startswith("crypto hardware,")
    # A restarted board is a node at once, by what is in its flash.
    network.kill("b")
    again = network.start("b")
    network.until_proxying(again)
    assert again.timeline == []
    network.kill("b")
    assert network.record("b", "network") is not None
