"""Runs the demo: every part a process of its own, until each device has an outcome."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from microbrew_host.demo import parts
from microbrew_host.demo.device import Device
from microbrew_host.demo.process import Process, ProcessError
from microbrew_host.demo.scenario import (
    BORDER_ROUTER,
    DEVICES,
    JRC_ADDRESS,
    MESH_JPY_PORT,
    PREFIX,
    Scenario,
    serial_of,
)

# A little more than the smallest heap that holds the demo on the 64-bit unix port, code compiled from source included
# (`make bench` searches for it).
HEAP_SIZE = "368k"

# What the refused device must have been told, and the event in the registrar's log that says why.
REFUSAL = "manufacturer not trusted"
REFUSAL_EVENT = "manufacturer"

_PAN_ID = "0xcafe"


class Demo:
    """One run in the directory of ``scenario``."""

    def __init__(self, scenario: Scenario, loss: float, seed: int, heap: str = HEAP_SIZE) -> None:
        self.scenario = scenario
        self.loss = loss
        self.seed = seed
        self.heap = heap
        self.pcap = scenario.root / "air.pcap"
        self.devices = [Device(name, serial_of(eui64), eui64) for name, eui64, _ in DEVICES]
        self._processes: list[Process] = []

    async def start(self) -> None:
        """Start every part, in the order in which each needs the others. Raises ProcessError."""
        scenario, ports = self.scenario, self.scenario.ports
        await self._start("masa", parts.masa(scenario.manufacturer, ports.masa), "listening")
        await self._start("jrc", parts.registrar(scenario.jrc_config), "listening")
        air = parts.ether(ports.ether, scenario.topology, self.pcap, self.loss, self.seed)
        for eui64, board in scenario.boards.items():
            air += ["--serial", f"listen:{parts.LOOPBACK}:{board.radio}={eui64}"]
        await self._start("ether", air, "waiting" if scenario.boards else "listening")
        router = parts.border_router(
            *(scenario.border_router, ports.ether, ports.coap, ports.jpy),
            *("--jpy-mesh-port", MESH_JPY_PORT, "--pan", _PAN_ID, "--prefix", PREFIX),
        )
        await self._start("border-router", router, "ready")
        for device in self.devices:
            if device.eui64 in scenario.boards:
                on = scenario.boards[device.eui64]
                argv = parts.emulated_board(on.image, on.flash, on.radio)
            else:
                argv = parts.device(scenario.store(device.eui64), ports.ether, self.heap)
            await self._start(f"device-{device.name}", argv, on_line=device.feed)

    async def run(self, timeout: float, show: Callable[[float], None]) -> float:
        """Wait until each device has an outcome, at most ``timeout`` s: the seconds it took. Raises ProcessError."""
        begin = time.monotonic()
        while not self.finished():
            elapsed = time.monotonic() - begin
            show(elapsed)
            if elapsed > timeout:
                break
            for process in self._processes:
                if not process.running:
                    raise ProcessError(f"{process.name} ended: {' | '.join(process.tail)}")
            await asyncio.sleep(0.1)
        elapsed = time.monotonic() - begin
        show(elapsed)
        return elapsed

    def finished(self) -> bool:
        """True once every device has an outcome."""
        return all(device.outcome is not None for device in self.devices)

    async def stop(self) -> None:
        """End every process, devices first; what went wrong with one of them is raised once all have ended."""
        failures: list[Exception] = []
        for process in reversed(self._processes):
            try:
                await process.stop()
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def registrar_log(self) -> list[dict[str, object]]:
        """What the registrar wrote down, by its own command."""
        return list(json.loads(parts.execute("jrc", "log", "--config", self.scenario.jrc_config, "--json")))

    def verdict(self) -> list[str]:
        """What is wrong with the result; empty if A, B and C joined as they should and D was refused for its reason."""
        wrong = []
        via = {"A": BORDER_ROUTER, "B": self._eui64("A"), "C": self._eui64("B")}
        for device in self.devices:
            if device.name == "D":
                refused = any(
                    device.serial == entry.get("device") and entry.get("event") == REFUSAL_EVENT
                    for entry in self.registrar_log()
                )
                if device.outcome != "refused" or REFUSAL not in device.reason:
                    wrong.append(f"D should be refused ({REFUSAL}), but is {device.outcome}: {device.reason}")
                elif not refused:
                    wrong.append("the registrar's log does not say why D was refused")
            elif device.outcome != "joined":
                wrong.append(f"{device.name} has not joined: {device.state}, {device.reason or 'no reason given'}")
            elif device.via != via[device.name]:
                wrong.append(f"{device.name} joined via {device.via}, not via {via[device.name]}")
        return wrong

    def report(self, seconds: float) -> dict[str, object]:
        """The facts of the run, for report.json."""
        return {
            "seconds": round(seconds, 1),
            "loss": self.loss,
            "seed": self.seed,
            "target": self.scenario.target,
            "heap_size": self.heap,
            "jrc_address": JRC_ADDRESS,
            "pcap": str(self.pcap),
            "devices": [device.facts() for device in self.devices],
        }

    def _eui64(self, name: str) -> str:
        return next(eui64 for other, eui64, _ in DEVICES if other == name)

    async def _start(
        self, name: str, argv: list[str], ready: str | None = None, on_line: Callable[[str], None] | None = None
    ) -> None:
        directory = self.scenario.root / "log"
        directory.mkdir(exist_ok=True)
        process = Process(name, argv, directory / f"{name}.log", on_line)
        self._processes.append(process)
        await process.start(ready)
