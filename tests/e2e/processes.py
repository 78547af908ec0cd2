"""Networks of real processes for the end-to-end tests: MASA, JRC, ether, border router, devices in MicroPython.

A ``Network`` is used from plain functions: it runs its own event loop while it waits, and everything its processes
print is kept, by line and in log files. Nothing is asserted on time; a wait that takes too long fails with the last
words of every device. Ports are free ones, files are in the directory given, so that several may run at once.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from microbrew.identity.store import Store
from microbrew.mac.frame import Frame
from microbrew.radio.zep import HEADER_LEN
from microbrew_host.demo import parts
from microbrew_host.demo.device import Device
from microbrew_host.demo.process import Process
from microbrew_host.demo.scenario import JRC_ADDRESS, MESH_JPY_PORT, PREFIX, Ports, free_ports, serial_of

# Generous, for machines that have other things to do.
TIMEOUT = 120.0

# Enough for everything; how little it may be is measured elsewhere (tests/bench/bench_join.py).
HEAP = "448k"

# For tests that have the air looked at by an independent implementation.
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@dataclass
class Run(Device):
    """One life of a device, from its start to its end; ``times`` says when each line arrived, in seconds since 1970."""

    process: Process | None = None
    times: list[float] = field(default_factory=list)
    triggers: list[tuple[str, Callable[[], None]]] = field(default_factory=list)

    def feed(self, line: str) -> None:
        """A line of its log."""
        self.times.append(time.time())
        for text, action in self.triggers[:]:
            if text in line:
                self.triggers.remove((text, action))
                action()
        super().feed(line)

    def logged(self, event: str) -> list[str]:
        """The texts it logged for an event."""
        words = [line.split(" ", 2) for line in self.lines]
        return [word[2] for word in words if len(word) == 3 and word[1] == event]

    @property
    def messages(self) -> list[str]:
        """Names of the join's datagrams in their order."""
        return [message.name for message in self.timeline]


@dataclass(frozen=True)
class Site:
    """A registrar with its border router: one network id, one PAN."""

    name: str
    network_id: str
    router: str
    manufacturers: tuple[str, ...]
    proxy_priority: int
    ports: Ports
    directory: Path

    @property
    def config(self) -> Path:
        """The registrar's configuration."""
        return self.directory / "jrc.toml"


class Network:
    """Processes around one ether, in ``root``."""

    def __init__(self, root: Path, loss: float, seed: int) -> None:
        self.root = root
        self.pcap = root / "air.pcap"
        self.runs: dict[str, Run] = {}
        self.ports = free_ports()
        self._loss = loss
        self._seed = seed
        self._loop = asyncio.new_event_loop()
        self._eui64s: dict[str, str] = {}
        self._started: list[Process] = []
        # Those that must live: one that ends fails every wait.
        self._alive: dict[str, Process] = {}
        self._argv: dict[str, list[str]] = {}
        (root / "log").mkdir()

    # Before anything runs

    def manufacture(self, manufacturer: str, devices: dict[str, str], one_touch: dict[str, str]) -> None:
        """A manufacturer whose MASA will be here, and its devices by name and EUI-64."""
        directory = self.root / manufacturer
        url = f"localhost:{self.ports.masa}"
        parts.execute("factory", "init", directory, "--name", manufacturer, "--masa-url", url)
        for chosen, option in ((devices, ()), (one_touch, ("--one-touch",))):
            if chosen:
                words = [word for eui64 in chosen.values() for word in ("--eui64", eui64)]
                out = ("--out", self.stores(manufacturer))
                parts.execute("factory", "provision", directory, *out, *words, *option)
        self._eui64s.update(devices | one_touch)

    def stores(self, manufacturer: str) -> Path:
        """Where that manufacturer's devices are."""
        return self.root / f"{manufacturer}-stores"

    def store(self, name: str) -> Path:
        """A device's store directory."""
        found = list(self.root.glob(f"*-stores/{self.serial(name)}"))
        assert len(found) == 1, f"{name} has {len(found)} stores"
        return found[0]

    def record(self, name: str, record: str) -> Any:
        """A record of a device's store, None if it is not there."""
        return records(self.store(name)).get(record)

    def eui64(self, name: str) -> str:
        """16 hexadecimal digits."""
        return self._eui64s[name]

    def serial(self, name: str) -> str:
        """Serial number."""
        return serial_of(self._eui64s[name])

    def found(self, site: Site, imports: Iterable[tuple[str, str]]) -> None:
        """Make a registrar. ``imports``: manufacturers whose one-touch devices it is told, each with their role."""
        ports = site.ports
        trust = [word for name in site.manufacturers for word in ("--manufacturer", self.root / name)]
        parts.execute(
            *("jrc", "init", site.directory, "--name", site.name, "--network-id", site.network_id, *trust),
            *("--coap", f"{parts.LOOPBACK}:{ports.coap}", "--jpy", f"{parts.LOOPBACK}:{ports.jpy}"),
            *("--jrc-address", JRC_ADDRESS),
        )
        text = site.config.read_text().replace("[network]\n", f"[network]\njpy_port = {MESH_JPY_PORT}\n")
        # The mesh is fast, so that a node that is off is given up soon.
        site.config.write_text(text + "\n[cojp]\nack_timeout = 0.3\n")
        for manufacturer, role in imports:
            listing = self.stores(manufacturer) / "one-touch.jsonl"
            parts.execute("jrc", "add", "--config", site.config, "--import", listing, "--role", role)

    def link(self, *pairs: tuple[str, str]) -> None:
        """Who hears whom, by name."""
        names = [(self.eui64(a), self.eui64(b)) for a, b in pairs]
        text = "\n".join(f'[[link]]\na = "{a}"\nb = "{b}"\n' for a, b in names)
        (self.root / "topology.toml").write_text(text)

    # Processes

    def start_parts(self, manufacturer: str, *sites: Site) -> None:
        """Start the ether, the manufacturer's MASA, and each site's registrar and border router."""
        self._loop.run_until_complete(self._start_parts(manufacturer, sites))

    async def _start_parts(self, manufacturer: str, sites: tuple[Site, ...]) -> None:
        masa = parts.masa(self.root / manufacturer, self.ports.masa)
        await asyncio.gather(
            self._start_air(),
            self._launch("masa", masa, "listening"),
            *(self._launch(site.name, parts.registrar(site.config), "listening") for site in sites),
        )
        await asyncio.gather(*(self._start_router(site) for site in sites))

    async def _start_air(self) -> None:
        air = parts.ether(self.ports.ether, self.root / "topology.toml", self.pcap, self._loss, self._seed)
        await self._launch("ether", air, "listening")

    def router_air(self) -> tuple[int | None, tuple[str, ...]]:
        """Where border routers have their radio: the ether's port, or None and the options that name it."""
        return self.ports.ether, ()

    async def _start_router(self, site: Site) -> None:
        ether, radio = self.router_air()
        argv = parts.border_router(
            *(self.store(site.router), ether, site.ports.coap, site.ports.jpy, *radio),
            *("--jpy-mesh-port", MESH_JPY_PORT, "--pan", f"0x{site.network_id}", "--prefix", PREFIX),
            *("--proxy-priority", site.proxy_priority),
        )
        await self._launch(f"{site.name}-router", argv, "ready")

    def kill(self, name: str) -> None:
        """End a part or device without asking, as a power cut would."""
        self._loop.run_until_complete(self._alive.pop(name).kill())

    def kill_at(self, run: Run, text: str, name: str) -> Callable[[], bool]:
        """Kill a part or device the moment ``run`` logs ``text``: a condition for ``until`` that it happened."""
        done: list[asyncio.Task[None]] = []

        def strike() -> None:
            process = self._alive.pop(name)
            done.append(self._loop.create_task(process.kill()))

        run.triggers.append((text, strike))
        return lambda: bool(done) and done[0].done()

    def restart(self, name: str) -> None:
        """Start a part again that was killed; returns when it is ready."""
        self._loop.run_until_complete(self._launch(name, self._argv[name], "listening"))

    def start(self, name: str, reset: bool = False) -> Run:
        """Start a device; ``reset``: as one that forgot its networks."""
        run = Run(name, self.serial(name), self.eui64(name))
        argv = self.device_argv(name, reset)
        run.process = self._loop.run_until_complete(self._launch(name, argv, on_line=run.feed))
        self.runs[name] = run
        return run

    def device_argv(self, name: str, reset: bool) -> list[str]:
        """What a device is started by."""
        return parts.device(self.store(name), self.ports.ether, HEAP, reset)

    def member(self, name: str) -> Run:
        """A device that runs and is a join proxy; started if it is not running."""
        self.start_all(name)
        return self.until_proxying(self.runs[name])

    def start_all(self, *names: str) -> None:
        """Start those that do not run."""
        for name in names:
            if name not in self._alive:
                self.start(name)

    def until_proxying(self, run: Run, timeout: float = TIMEOUT) -> Run:
        """Wait until a device has joined and taken its place as a node."""
        self.until(lambda: run.proxying, f"{run.name} is a join proxy", timeout)
        return run

    def until(self, condition: Callable[[], object], what: str, timeout: float = TIMEOUT) -> None:
        """Let everything run until ``condition``; fails with everybody's last words if it takes too long."""
        self._loop.run_until_complete(self._until(condition, what, timeout))

    def execute(self, *arguments: object) -> str:
        """Run a sub-command while everything else goes on: what it printed."""
        return self._loop.run_until_complete(asyncio.to_thread(parts.execute, *arguments))

    def attempt(self, *arguments: object) -> tuple[int, str]:
        """As ``execute``, for one that may fail: exit status and what it printed."""

        def run() -> tuple[int, str]:
            result = subprocess.run(parts.microbrew(*arguments), capture_output=True, text=True)
            return result.returncode, result.stdout

        return self._loop.run_until_complete(asyncio.to_thread(run))

    def senders(self, key_index: int) -> set[str]:
        """EUI-64s of those that have secured a frame with that key so far."""
        found = set()
        for psdu in _psdus(self.pcap.read_bytes()):
            header = Frame()
            if header.parse(psdu, len(psdu)) is None and header.level and header.key_index == key_index:
                found.add(bytes(header.src).hex())
        return found

    @contextmanager
    def database(self, site: Site) -> Iterator[sqlite3.Connection]:
        """The registrar's database, to look at."""
        connection = sqlite3.connect(site.directory / "jrc.sqlite", timeout=30)
        try:
            yield connection
        finally:
            connection.close()

    def jrc_log(self, site: Site, name: str) -> list[dict[str, Any]]:
        """The registrar's log about one device."""
        words = ("--config", site.config, "--device", self.serial(name), "--json")
        return list(json.loads(self.execute("jrc", "log", *words)))

    def close(self) -> None:
        """End every process, the last started first."""
        try:
            self._loop.run_until_complete(self._stop())
        finally:
            self._loop.close()

    async def _stop(self) -> None:
        # All at once, so that an unwilling one costs its three seconds only once.
        await asyncio.gather(*(process.stop() for process in reversed(self._started)), return_exceptions=True)

    async def _launch(
        self, name: str, argv: list[str], ready: str | None = None, on_line: Callable[[str], None] | None = None
    ) -> Process:
        assert name not in self._alive, f"{name} runs already"
        number = sum(process.name == name for process in self._started) + 1
        process = Process(name, argv, self.root / "log" / f"{name}-{number}.log", on_line)
        self._started.append(process)
        self._argv[name] = argv
        await process.start(ready, TIMEOUT)
        self._alive[name] = process
        return process

    async def _until(self, condition: Callable[[], object], what: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            dead = [process for process in self._alive.values() if not process.running]
            assert not dead, f"waiting until {what}: {dead[0].name} ended: {' | '.join(dead[0].tail)}"
            assert time.monotonic() < deadline, f"not so within {timeout:.0f} s: {what}\n{self._last_words()}"
            await asyncio.sleep(0.02)

    def _last_words(self) -> str:
        return "\n".join(f"{name}: {' | '.join(process.tail)}" for name, process in self._alive.items())


def parallel(*jobs: Callable[[], None]) -> None:
    """Do things at once that do not depend on each other; raises the first failure."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()


# What was said on the air and what must not have been


def frames(pcap: Path, *fields: str, key: bytes | None = None, only: str = "") -> list[dict[str, list[str]]]:
    """tshark's view of a capture: per frame the values of ``fields``; ``key`` decrypts the link layer."""
    command = ["tshark", "-r", str(pcap), "-T", "json"]
    command += ["-o", "udp.check_checksum:TRUE", "-o", "wpan.fcs_format:ITU-T CRC-16"]
    if key is not None:
        command += ["-o", f'uat:ieee802154_keys:"{key.hex()}","1","No hash"']
    if only:
        command += ["-Y", only]
    for name in fields:
        command += ["-e", name]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    layers = [packet["_source"]["layers"] for packet in json.loads(result.stdout)]
    return [{name: packet.get(name, []) for name in fields} for packet in layers]


def _psdus(capture: bytes) -> Iterator[bytes]:
    """Frames of a capture as the ether writes it (it may be growing), without FCS: behind IPv4, UDP and ZEP."""
    at = 24
    while at + 16 <= len(capture):
        end = at + 16 + int.from_bytes(capture[at + 8 : at + 12], "little")
        if end > len(capture):
            return
        yield capture[at + 16 + 20 + 8 + HEADER_LEN : end - 2]
        at = end


def eui64_of(cell: list[str]) -> str | None:
    """An EUI-64 as tshark writes it, in 16 digits; None if there is none."""
    return cell[0].replace(":", "") if cell else None


def records(store: Path) -> dict[str, Any]:
    """All records of a device's store, read from a copy: opening a store tidies up, and its device may be running."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(store, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.new"))
        opened = Store(copy)
        return {name: opened.read(name) for name in opened.names()}


def secrets_of(stores: Iterable[Path], sites: Iterable[Path]) -> dict[str, bytes]:
    """Every key that devices and registrars hold, by where it lies."""
    found: dict[str, bytes] = {}
    for path in stores:
        for record, content in records(path).items():
            for number, value in enumerate(_byte_strings(content)):
                if len(value) in (16, 32) and not _is_public(record, value):
                    found[f"{path.name}/{record}/{number}"] = value
    for directory in sites:
        connection = sqlite3.connect(f"file:{directory / 'jrc.sqlite'}?mode=ro", uri=True)
        try:
            for table, column in (("cojp_contexts", "psk"), ("link_keys", "value")):
                for number, (value,) in enumerate(connection.execute(f"SELECT {column} FROM {table}")):  # noqa: S608
                    found[f"{directory.name}/{table}/{number}"] = bytes(value)
        finally:
            connection.close()
        key = load_pem_private_key((directory / "registrar-key.pem").read_bytes(), None)
        found[f"{directory.name}/registrar"] = key.private_numbers().private_value.to_bytes(32, "big")  # type: ignore[union-attr]
    return {name: value for name, value in found.items() if any(value)}


def leaks(secrets: dict[str, bytes], files: Iterable[Path]) -> list[str]:
    """Where a key, or half of one, stands in a file: as bytes or in hexadecimal digits."""
    out = []
    for path in files:
        content = path.read_bytes()
        lower = content.lower()
        for name, value in secrets.items():
            half = len(value) // 2
            # Halves, since a frame may end in the middle of a key.
            for piece in (value[:half], value[half:]):
                if piece in content or piece.hex().encode() in lower:
                    out.append(f"{name} in {path.name}")
    return out


def _byte_strings(value: Any) -> Iterable[bytes]:
    if isinstance(value, (bytes, bytearray)):
        yield bytes(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _byte_strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _byte_strings(item)


def _is_public(record: str, value: bytes) -> bool:
    # The JRC's mesh address is 16 bytes too, and in every packet.
    return record == "network" and value == bytes.fromhex("fd006d62") + bytes(11) + b"\x01"
