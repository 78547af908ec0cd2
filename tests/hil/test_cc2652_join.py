"""The unmodified image for the CC2652 joins a real network on the emulated chip, as pledge and as join proxy.

Boards are processes with the model of the chip, in one air with a border router and MicroPython processes.
"""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("unicorn", reason="unicorn is not installed: make venv")

from board_network import BoardNetwork  # noqa: E402

from microbrew_host.board.repl import Repl  # noqa: E402
from microbrew_host.demo import parts  # noqa: E402
from microbrew_host.emulator import Emulator  # noqa: E402
from microbrew_host.emulator.emulator import command  # noqa: E402

DEVICES = {name: f"00124b00000008{ord(name):02x}" for name in "ab"}


class Cc2652Network(BoardNetwork):
    """As BoardNetwork, with the chip's own radio in the air instead of a wire."""

    cc2652: dict[str, Path]

    def on_board(self, name: str, code: str) -> str:
        with Emulator(self.cc2652["dev"], chip="cc2652", flash=self.flash(name)) as board, Repl(board.console) as repl:
            return repl("from microbrew.identity.store import Store; store = Store('/store')\n" + code)

    def device_argv(self, name: str, reset: bool) -> list[str]:
        if name not in self._radios:
            return super().device_argv(name, reset)
        ether = f"{parts.LOOPBACK}:{self.ports.ether}"
        flash, eui64 = self.flash(name), self.eui64(name)
        return command(self.cc2652[self.variant], "cc2652", "stdio", flash=flash, ether=ether, eui64=eui64)

    async def _launch(self, name: str, argv: list[str], ready: str | None = None, on_line: Any = None) -> Any:
        # No wires: the radios are nodes of the ether.
        return await super(BoardNetwork, self)._launch(name, argv, ready, on_line)


@pytest.fixture
def network(images: None, cc2652: dict[str, Path], tmp_path: Path):
    world = Cc2652Network(tmp_path, "a")
    world.cc2652 = cc2652
    try:
        world.one_site(DEVICES, ("R", "a"), ("a", "b"))
        yield world
    finally:
        world.close()


@pytest.mark.long
def test_an_emulated_cc2652_joins_and_is_the_proxy_of_a_process(network: Cc2652Network) -> None:
    network.start_all(*DEVICES)
    for name, via in (("a", "R"), ("b", "a")):
        run = network.member(name)
        assert (run.outcome, run.via) == ("joined", network.eui64(via))
    print(list(network.runs["a"].logged("heap")))
    assert network.runs["a"].logged("boot")[0].startswith("crypto hardware,")
    # A restarted board is a node at once, by what is in its flash.
    network.kill("a")
    again = network.start("a")
    network.until_proxying(again)
    assert again.timeline == []
    network.kill("a")
    assert network.record("a", "network") is not None
