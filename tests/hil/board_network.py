"""Networks in which some devices are emulated boards (board qemu_an386), the others processes, in the same air.

A board's console is read as any device's log; its radio's wire is a TCP line of the ether's. Its identity comes from a
store directory of the factory's, written to its flash over its console, by an image for developers.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from processes import Network, Run, Site, _psdus, parallel  # noqa: E402

from microbrew_host.board.target import open_target  # noqa: E402
from microbrew_host.demo import parts  # noqa: E402
from microbrew_host.demo.scenario import free_ports  # noqa: E402

IMAGES = {variant: ROOT / f"build/firmware/qemu_an386-{variant}/firmware.elf" for variant in ("dev", "release")}
ROUTER = "00124b0000000100"


class BoardNetwork(Network):
    """``boards``: names of the devices that are boards. They run the image ``variant`` with ``heap`` bytes of heap."""

    def __init__(
        self, root: Path, boards: Iterable[str], loss: float = 0.0, seed: int = 1, variant: str = "release"
    ) -> None:
        super().__init__(root, loss, seed)
        self.variant = variant
        self.heap: int | None = None
        self._radios = {name: free_ports().masa for name in boards}

    def one_site(self, devices: dict[str, str], *links: tuple[str, str]) -> Site:
        """Make manufacturer, registrar, border router R and devices; start all but the devices."""
        parallel(
            lambda: self.manufacture("acme", devices, {}),
            lambda: self.manufacture("own", {}, {"R": ROUTER}),
        )
        site = Site("site", "cafe", "R", ("acme",), 5, free_ports(), self.root / "site")
        self.found(site, [("own", "6lbr")])
        self.link(*links)
        for name in self._radios:
            self.fill(name)
        self.start_parts("acme", site)
        return site

    def flash(self, name: str) -> Path:
        """The file that is a board's flash."""
        return self.root / f"flash-{name}"

    def fill(self, name: str) -> None:
        """Write a device's identity to the flash of its board."""
        record = super().record(name, "factory")
        self.on_board(name, f"store.write('factory', {record!r})")

    def record(self, name: str, record: str) -> Any:
        if name not in self._radios:
            return super().record(name, record)
        # Literals only: str, bytes, int, lists and maps of them.
        return eval(self.on_board(name, f"print(store.read({record!r}))"), {"__builtins__": {}})  # noqa: S307

    def on_board(self, name: str, code: str) -> str:
        """What code prints that runs on a board that is off, with its ``store``."""
        with open_target("qemu_an386", self.flash(name)) as board, board.repl() as repl:
            return repl("from microbrew.identity.store import Store; store = Store('/store')\n" + code)

    def psdus(self) -> list[bytes]:
        """Every frame of the air so far, without FCS."""
        return list(_psdus(self.pcap.read_bytes()))

    def device_argv(self, name: str, reset: bool) -> list[str]:
        if name not in self._radios:
            return super().device_argv(name, reset)
        return parts.emulated_board(IMAGES[self.variant], self.flash(name), self._radios[name], heap=self.heap)

    async def _launch(self, name: str, argv: list[str], ready: str | None = None, on_line: Any = None) -> Any:
        if name == "ether":
            for board, port in self._radios.items():
                argv = [*argv, "--serial", f"listen:{parts.LOOPBACK}:{port}={self.eui64(board)}"]
        return await super()._launch(name, argv, ready, on_line)


__all__ = ["IMAGES", "BoardNetwork", "Run", "Site"]
