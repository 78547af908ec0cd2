"""A whole deployment in one process and in virtual time: factories, MASAs, registrars, border routers, devices, air.

Every part is the real one; only its edges are replaced: the radio by ``air``, UDP by ``loop.wire``, TLS to the MASA by
``masa_net``, a device's flash by ``Flash``, clocks by the loop's, randomness by generators seeded by ``seed``. So the
same seed gives the same run, frame for frame.

    async def scenario():
        async with World(seed=1, loss=0.1) as world:
            acme = world.add_manufacturer("acme")
            world.trust(acme)
            await world.start()
            near = world.add_device(acme, neighbours=[world.domain])
            far = world.add_device(acme, neighbours=[near])
            await world.until(lambda: far.outcome == JOINED, 120_000)

    virtual_time.run(scenario())

To interfere: ``world.air.drops`` and ``on_frame``, ``world.loop.wire.drops``, ``maker.masa`` (down, slow, lying),
``device.power_cut()``, ``device.flash.before``, ``world.restart_jrc()``, ``world.add_radio()`` for an attacker.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from microbrew.config import Config as FirmwareConfig
from microbrew.crypto.host import HostCrypto
from microbrew.identity.store import Store
from microbrew.join import member as member_states
from microbrew.join import pledge as pledge_states
from microbrew.node import Node
from microbrew_host.factory import manufacturer as factory
from microbrew_host.factory.line import RECORD, Line, Order
from microbrew_host.masa import directory as masa_directory
from microbrew_host.masa import server as masa_server
from microbrew_host.masa.database import open_database
from microbrew_host.simulator.air import Air, AirRadio
from microbrew_host.simulator.domain import Domain
from microbrew_host.simulator.flash import Flash
from microbrew_host.simulator.masa import MasaNet, MasaSwitch
from microbrew_host.simulator.runner import Runner
from microbrew_host.simulator.virtual_time import VirtualTimeLoop

# Outcomes of a device.
JOINED = "joined"
REFUSED = "refused"
FAILED = "failed"

OFF = "OFF"

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_LOOK_EVERY_S = 0.05


class Maker:
    """A manufacturer: its directory, its MASA (``masa``: a MasaSwitch), its production line."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.path = world.directory / f"maker-{name}"
        self._world = world
        random_bytes = world.entropy(f"maker {name}")
        host = f"{name}.example"
        factory.create(self.path, factory.Settings(name, host), [], world.wall(), random_bytes)
        self.service = masa_server.load(self.path, world.wall)
        self.masa = MasaSwitch(self.service)
        world.masa_net.hosts[host] = self.masa
        self._engine = open_database(self.path / masa_directory.DATABASE)
        manufacturer = factory.Manufacturer.load(self.path)
        self._lines = {
            one_touch: Line(manufacturer, self._engine, world.directory / f"out-{name}-{kind}", one_touch, random_bytes)
            for one_touch, kind in ((False, "idevid"), (True, "psk"))
        }

    def make(self, eui64: bytes, one_touch: bool = False, serial: str | None = None) -> Path:
        """Make a device: the directory of its store."""
        order = Order.of(eui64) if serial is None else Order(eui64, serial)
        for made, _record in self._lines[one_touch].make([order], self._world.wall()):
            order = made
        return self._world.directory / f"out-{self.name}-{'psk' if one_touch else 'idevid'}" / order.name

    def close(self) -> None:
        """Close the databases."""
        self.service.engine.dispose()
        self._engine.dispose()


class Device:
    """A device: its radio, its flash, and while it has power its ``node``. ``log`` is (ms, event, text)."""

    def __init__(self, world: World, eui64: bytes, flash: Flash, config: FirmwareConfig | None) -> None:
        self.eui64 = eui64
        self.flash = flash
        self.radio = AirRadio(world.air, eui64)
        self.crypto = HostCrypto(world.entropy(f"device {eui64.hex()}"))
        self.config = config
        self.log: list[tuple[int, str, str]] = []
        self.node: Node | None = None
        self.serial: str = Store("", flash).read(RECORD)[1]
        self.powered_ms: int | None = None
        self._world = world
        self._runner: Runner | None = None

    def __repr__(self) -> str:
        return f"<Device {self.eui64.hex()} {self.state}>"

    # Power

    def power_on(self) -> None:
        """Boot from flash. Raises what Node raises for a store that it cannot use."""
        if self.node is not None:
            return
        world = self._world
        now = world.loop.now_ms
        self.radio.power(True)
        self.powered_ms = now
        self.node = Node(self.radio, Store("", self.flash), self.crypto, self._on_log, now, self.config)
        self._runner = Runner(world.loop, self.node, self.radio, self.power_cut)

    def power_cut(self) -> None:
        """Lose power now: memory, and what flash had not been told to keep. The flash hook ``before`` goes, too."""
        if self._runner is not None:
            self._runner.stop()
        self.radio.power(False)
        self._runner = self.node = None
        self.flash.before = None
        self.flash.cut()

    def wake(self) -> None:
        """Step soon, after a test changed something from outside, such as by ``node.factory_reset``."""
        if self._runner is not None:
            self._runner.wake()

    # What has become of it

    @property
    def state(self) -> str:
        """State of its pledge or member machine, or OFF; also while it has no memory yet for what it became."""
        role: Any = None if self.node is None else self.node.pledge or self.node.member
        return OFF if role is None else str(role.state)

    @property
    def outcome(self) -> str | None:
        """JOINED once it is a working join proxy; REFUSED or FAILED while it pauses after that; None on its way."""
        state = self.state
        if state == member_states.PROXYING:
            return JOINED
        if state != pledge_states.WAIT_RETRY or self.reason is None:
            return None
        return REFUSED if self.reason[0] == "refused" else FAILED

    @property
    def reason(self) -> tuple[str, str] | None:
        """Why its last attempt failed: (name, sentence)."""
        pledge = None if self.node is None else self.node.pledge
        if pledge is None or pledge.reason is None:
            return None
        return str(pledge.reason.reason), str(pledge.reason)

    @property
    def parent(self) -> bytes | None:
        """EUI-64 of its join parent while it is a member."""
        member = None if self.node is None else self.node.member
        return None if member is None else bytes(member.member.parent)

    def times(self, event: str, text: str = "") -> list[int]:
        """When (ms) ``event`` was logged with a text that begins with ``text``."""
        return [ms for ms, name, what in self.log if name == event and what.startswith(text)]

    def _on_log(self, _step: int, event: str, text: str) -> None:
        self.log.append((self._world.loop.now_ms, event, text))
        self._world.note(self.eui64, event, text)


Hearer = Device | Domain | AirRadio


class World:
    """See the module. Use as ``async with``, inside ``virtual_time.run``.

    ``directory`` (a temporary one by default) holds what manufacturers and registrars keep on disk. ``faults`` are
    exceptions that a part raised into the loop and internal errors of a JRC; ``until`` raises the first.
    """

    def __init__(
        self, seed: int = 0, loss: float = 0.0, directory: Path | None = None, contention: bool = False
    ) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualTimeLoop):
            raise RuntimeError("a World lives in a VirtualTimeLoop: virtual_time.run(...)")
        self.loop = loop
        self.seed = seed
        self.air = Air(loop, random.Random(f"{seed} air"), loss, contention)  # noqa: S311
        self.masa_net = MasaNet()
        self.makers: list[Maker] = []
        self.domains: list[Domain] = []
        self.devices: list[Device] = []
        self.faults: list[BaseException] = []
        self.jrc_lines: list[str] = []
        # Fields of the border router's Settings that differ from its defaults.
        self.router_settings: dict[str, Any] = {}
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="microbrew-")
        self.directory = directory or Path(self._temporary.name if self._temporary else "")
        self._entropies: dict[str, int] = {}
        self._digest = hashlib.sha256()
        self._stirred: asyncio.Future[None] | None = None
        # aiocoap draws message IDs and timeouts from the process's own generator.
        self._random_state = random.getstate()
        random.seed(f"{seed} coap")
        loop.set_exception_handler(self._on_fault)

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Building

    def add_manufacturer(self, name: str = "acme") -> Maker:
        """A manufacturer with its MASA at ``name``.example."""
        maker = Maker(self, name)
        self.makers.append(maker)
        return maker

    def add_domain(self, network_id: bytes = b"\xca\xfe", pan_id: int = 0xCAFE, **changes: Any) -> Domain:
        """A registrar with its border router; ``changes`` are fields of the JRC's Config, such as ``policy``."""
        if any(other.pan_id == pan_id for other in self.domains):
            raise ValueError("another domain has this PAN id")
        domain = Domain(self, len(self.domains), network_id, pan_id, changes)
        self.domains.append(domain)
        return domain

    @property
    def domain(self) -> Domain:
        """The first domain, made with default values when it is first asked for."""
        return self.domains[0] if self.domains else self.add_domain()

    def trust(self, maker: Maker) -> None:
        """Let the first domain expect devices of ``maker``."""
        self.domain.trust(maker)

    async def start(self) -> None:
        """Start every registrar and border router, and wait until they work together."""
        if not self.domains:
            self.add_domain()
        for domain in self.domains:
            await domain.start()
        await self.until(lambda: all(domain.events(kind="registered") for domain in self.domains), 60_000)

    def add_device(
        self,
        maker: Maker,
        eui64: bytes | None = None,
        neighbours: Iterable[Hearer] = (),
        *,
        one_touch: bool = False,
        serial: str | None = None,
        config: FirmwareConfig | None = None,
        power: bool = True,
    ) -> Device:
        """A device fresh from the factory, within radio range of ``neighbours``, switched on unless ``power`` is False.

        ``one_touch``: with a PSK instead of an IDevID; the registrar is told by ``share_key``.
        """
        if eui64 is None:
            eui64 = bytes.fromhex("00124b000000") + (0x0201 + len(self.devices)).to_bytes(2, "big")
        device = Device(self, eui64, Flash(maker.make(eui64, one_touch, serial)), config)
        self.devices.append(device)
        for other in neighbours:
            self.link(device, other)
        if power:
            device.power_on()
        return device

    def add_radio(self, eui64: bytes, neighbours: Iterable[Hearer] = ()) -> AirRadio:
        """A bare transceiver, switched on, that hears every frame, for an attacker: ``transmit``, ``receive_into``."""
        radio = AirRadio(self.air, eui64)
        radio.set_channel(FirmwareConfig().channel)
        radio.is_promiscuous = True
        radio.power(True)
        for other in neighbours:
            self.link(radio, other)
        return radio

    def link(self, one: Hearer, other: Hearer) -> None:
        """Bring two radios into each other's range."""
        self.air.link(_radio(one), _radio(other))

    def unlink(self, one: Hearer, other: Hearer) -> None:
        """Take two radios out of each other's range."""
        self.air.unlink(_radio(one), _radio(other))

    # Running

    @property
    def now_ms(self) -> int:
        """Virtual time."""
        return self.loop.now_ms

    async def until(self, condition: Callable[[], object], timeout_ms: int) -> int:
        """Let time pass until ``condition()`` holds: the time in ms. Raises TimeoutError, or the first fault.

        It is looked at after each step in which a device or border router logged something, so that no state is too
        short for it, and every 50 ms.
        """
        end = self.loop.time() + timeout_ms / 1000
        while True:
            self.check()
            if condition():
                return self.now_ms
            if self.loop.time() >= end:
                states = ", ".join(f"{device.eui64.hex()[-4:]} {device.state}" for device in self.devices)
                raise TimeoutError(f"not within {timeout_ms} ms: {states}")
            await self._something()

    async def _something(self) -> None:
        future = self._stirred = self.loop.create_future()
        timer = self.loop.call_later(_LOOK_EVERY_S, self._stir)
        try:
            await future
        finally:
            timer.cancel()

    def _stir(self) -> None:
        if self._stirred is not None and not self._stirred.done():
            self._stirred.set_result(None)

    async def run_for(self, ms: int) -> None:
        """Let time pass. Raises the first fault."""
        await asyncio.sleep(ms / 1000)
        self.check()

    def check(self) -> None:
        """Raise the first fault, if there is one."""
        if self.faults:
            raise self.faults[0]

    async def restart_jrc(self) -> None:
        """Restart the registrar of the first domain."""
        await self.domain.restart_jrc()

    def jrc_events(self, serial: str | None = None, kind: str | None = None) -> list[str]:
        """Texts of the log of the first domain's JRC, oldest first."""
        return self.domain.events(serial, kind)

    @property
    def digest(self) -> str:
        """Over every event of every device and border router so far, and the count of frames."""
        final = self._digest.copy()
        final.update(f"{self.air.frames} {self.air.octets} {self.air.lost}".encode())
        return final.hexdigest()

    async def close(self) -> None:
        """Switch everything off."""
        for device in self.devices:
            device.power_cut()
        for domain in self.domains:
            await domain.stop()
        for maker in self.makers:
            maker.close()
        random.setstate(self._random_state)
        self.loop.set_exception_handler(None)
        if self._temporary is not None:
            self._temporary.cleanup()

    # For the parts

    def wall(self) -> datetime:
        """The wall clock."""
        return _BEGIN + timedelta(seconds=self.loop.time())

    def entropy(self, name: str) -> Callable[[int], bytes]:
        """Random bytes for one part; asked for again, as after its restart, others than before."""
        count = self._entropies[name] = self._entropies.get(name, 0) + 1
        return random.Random(f"{self.seed} {name} {count}").randbytes  # noqa: S311

    def one_touch(self, eui64: bytes) -> tuple[dict[int, Any], Store]:
        """A border router's identity: its record and its store."""
        maker = self.makers[0] if self.makers else self.add_manufacturer()
        store = Store("", Flash(maker.make(eui64, one_touch=True)))
        return store.read(RECORD), store

    def note(self, eui64: bytes, event: str, text: str) -> None:
        """An event for the digest."""
        self._digest.update(f"{self.now_ms} {eui64.hex()} {event} {text}\n".encode())
        self._stir()

    def on_jrc_line(self, line: str) -> None:
        """A line of a JRC's log."""
        self.jrc_lines.append(line)
        if line.startswith('event="internal"'):
            self.faults.append(RuntimeError("the JRC: " + line))

    def _on_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.faults.append(context.get("exception") or RuntimeError(context["message"]))


def _radio(hearer: Hearer) -> AirRadio:
    return hearer if isinstance(hearer, AirRadio) else hearer.radio
