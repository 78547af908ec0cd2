"""Boards that live more than once: many identities on prepared flash files, a few at a time, next to one network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flash_image
from board_network import IMAGES, ROUTER, BoardNetwork
from processes import TIMEOUT, Run, Site, parallel, records

from microbrew_host.demo import parts
from microbrew_host.demo.process import Process
from microbrew_host.demo.scenario import free_ports

# A join that fails for a loss too many is tried anew, which takes minutes; that is no fault of the device.
PATIENCE = 3 * TIMEOUT


class Life(Run):
    """From power-on to the loss of power. ``status``: exit status of an emulator that ended by itself, or None."""

    status: int | None = None

    @property
    def first_state(self) -> str:
        """What the board took itself for when it started."""
        return (self.logged("state") or [""])[0]

    @property
    def failures(self) -> list[str]:
        """Lines of the console that no life should have."""
        return [line for line in self.lines if " stopped " in line or "***" in line or "fatal" in line]


class BoardLives(BoardNetwork):
    """``devices``: EUI-64s by name; all are boards. ``at_once``: how many run at a time, by wires 0 .. at_once - 1."""

    def __init__(self, root: Path, devices: dict[str, str], at_once: int, loss: float = 0.0) -> None:
        super().__init__(root, (), loss)
        self._devices = devices
        ports: set[int] = set()
        while len(ports) < at_once:
            ports.add(free_ports().masa)
        self._wires = sorted(ports)

    def one_site(self, devices: dict[str, str], *links: tuple[str, str]) -> Site:
        raise NotImplementedError("see found_site")

    def found_site(self) -> Site:
        """Start everything but the boards; each hears nobody but the border router."""
        parallel(
            lambda: self.manufacture("acme", self._devices, {}),
            lambda: self.manufacture("own", {}, {"R": ROUTER}),
        )
        site = Site("site", "cafe", "R", ("acme",), 5, free_ports(), self.root / "site")
        self.found(site, [("own", "6lbr")])
        self.link(*(("R", name) for name in self._devices))
        flash_image.write(
            {self.flash(name): {"factory": records(self.store(name))["factory"]} for name in self._devices}
        )
        self.start_parts("acme", site)
        return site

    def run(self, coroutine: Any) -> Any:
        """Let the network live while a coroutine does; what it returns."""
        return self._loop.run_until_complete(coroutine)

    async def live(self, name: str, wire: int, until: Any = None, **options: int | None) -> Life:
        """A life on that wire, until ``until(life)`` (default: it is a join proxy) or until the emulator ends.

        ``options`` are the emulator's. A life that comes to neither fails the test.
        """
        life = Life(name, self.serial(name), self.eui64(name))
        argv = parts.emulated_board(IMAGES[self.variant], self.flash(name), self._wires[wire], **options)
        number = sum(process.name == name for process in self._started) + 1
        process = Process(name, argv, self.root / "log" / f"{name}-{number}.log", life.feed)
        self._started.append(process)
        await process.start()
        what = f"{name} {options} is through with life {number}"

        def ended() -> bool:
            return not process.running or bool(life.proxying if until is None else until(life))

        try:
            await self._until(ended, what, PATIENCE)
            life.status = process.status
        except AssertionError as error:
            raise AssertionError(f"{error}\n{name}: {' | '.join(life.lines[-12:])}") from None
        finally:
            await process.kill()
        return life

    async def _launch(self, name: str, argv: list[str], ready: str | None = None, on_line: Any = None) -> Any:
        if name == "ether":
            for port in self._wires:
                argv = [*argv, "--serial", f"listen:{parts.LOOPBACK}:{port}"]
        return await super()._launch(name, argv, ready, on_line)
