"""A registrar's domain: the real JRC, and the real border router with its mesh side on the simulated air."""

from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from microbrew.config import Config as FirmwareConfig
from microbrew.crypto.host import HostCrypto
from microbrew.identity.idevid import Identity
from microbrew.identity.sequence import Reserved
from microbrew.identity.store import Store
from microbrew.mac.link import Link
from microbrew_host.border_router.flows import FlowKey, HostAddress
from microbrew_host.border_router.join_jrc import JOIN_FLOW, JoinJrc
from microbrew_host.border_router.mesh import BorderRouter, Settings
from microbrew_host.factory import manufacturer as factory
from microbrew_host.factory.line import EUI64, PSK, SERIAL
from microbrew_host.jrc import config as jrc_config
from microbrew_host.jrc import initialise, manage
from microbrew_host.jrc.database import Event
from microbrew_host.jrc.server import Server
from microbrew_host.masa import directory
from microbrew_host.simulator.air import AirRadio
from microbrew_host.simulator.runner import Runner
from microbrew_host.simulator.wire import Address, Port, Wire

if TYPE_CHECKING:
    from microbrew_host.simulator.world import Maker, World

_COAP = 5683
_JPY = 7634
_MESH_JPY = 61619


class WireUplink:
    """The border router's Uplink: one port of the wire per flow."""

    def __init__(self, wire: Wire, host: str, domain: Domain) -> None:
        self._wire = wire
        self._host = host
        self._domain = domain
        self._ports: dict[FlowKey, Port] = {}

    def send(self, flow: FlowKey, remote: HostAddress, datagram: bytes) -> bool:
        """Send from the flow's port, which is made on first use."""
        port = self._ports.get(flow)
        if port is None:

            def receive(data: bytes, source: Address) -> None:
                self._domain.from_wire(flow, source, data)

            port = self._ports[flow] = self._wire.open((self._host, 0), receive)
        port.send(remote, bytes(datagram))
        return True

    def close(self, flow: FlowKey) -> None:
        """Give the flow's port back."""
        port = self._ports.pop(flow, None)
        if port is not None:
            port.close()

    def close_all(self) -> None:
        """Give every port back."""
        for flow in list(self._ports):
            self.close(flow)


class Domain:
    """One registrar and its border router; made by ``World.add_domain``.

    ``server`` is the running JRC (microbrew_host.jrc.server.Server), ``router`` the running BorderRouter, ``log`` what
    the border router said as (ms, text). ``changes`` are fields of the JRC's Config that differ from what
    ``jrc init`` gives; they take effect when the JRC starts.
    """

    def __init__(self, world: World, number: int, network_id: bytes, pan_id: int, changes: dict[str, Any]) -> None:
        self.world = world
        self.network_id = network_id
        self.pan_id = pan_id
        self.changes = changes
        self.eui64 = bytes.fromhex("00124b00000001") + bytes((number,))
        self.radio = AirRadio(world.air, self.eui64)
        self.log: list[tuple[int, str]] = []
        self.server: Server | None = None
        self.router: BorderRouter | None = None
        self._host = f"127.0.{number}.1"
        self._prefix = b"\xfd\x00\x6d\x62\x00\x00\x00" + bytes((number,))
        self._directory = world.directory / f"jrc-{number}"
        self._makers: list[Maker] = []
        self._record: dict[int, Any] = {}
        self._store: Store | None = None
        self._uplink: WireUplink | None = None
        self._join: JoinJrc | None = None
        self._runner: Runner | None = None
        choices = initialise.Choices(
            f"registrar {number}",
            network_id.hex(),
            f"{self._host}:{_COAP}",
            f"{self._host}:{_JPY}",
            str(ipaddress.IPv6Address(self._prefix + bytes(7) + b"\x01")),
            (),
        )
        initialise.create(self._directory, choices, world.wall(), world.entropy(f"jrc {number} init"))

    # What a test calls

    def trust(self, maker: Maker) -> None:
        """Expect devices of ``maker``; takes effect when the JRC starts."""
        self._makers.append(maker)

    async def start(self) -> None:
        """Start the JRC, introduce the border router to it, start that."""
        self._record, self._store = self.world.one_touch(self.eui64)
        await self.start_jrc()
        entry = manage.OneTouch(self._record[EUI64], self._record[PSK], self._record[SERIAL])
        assert self.server is not None  # noqa: S101
        manage.add(self.server.database, self.server.journal, [entry], "6lbr")
        self.start_router()

    async def stop(self) -> None:
        """Stop both."""
        self.stop_router()
        await self.stop_jrc()

    async def start_jrc(self) -> None:
        """Start the registrar on its directory."""
        world = self.world
        self.server = Server(
            self._config(),
            clock=world.loop.time,
            wall=lambda: world.wall().timestamp(),
            random=world.entropy(f"jrc {self._host}"),
            masa_transport=world.masa_net,
            line=world.on_jrc_line,
            group_sync=False,
        )
        await self.server.start()

    async def stop_jrc(self) -> None:
        """Stop the registrar; its directory stays."""
        if self.server is not None:
            await self.server.close()
            self.server = None

    async def restart_jrc(self) -> None:
        """What is in memory is lost, what is in the database stays."""
        await self.stop_jrc()
        await self.start_jrc()

    def start_router(self) -> None:
        """Start the border router on its store."""
        world = self.world
        crypto = HostCrypto(world.entropy(f"router {self._host}"))
        config = FirmwareConfig()
        settings = Settings(
            pan_id=self.pan_id,
            channel=config.channel,
            coap=(self._host, _COAP),
            jpy=(self._host, _JPY),
            network_id=self.network_id,
            prefix=self._prefix,
            jpy_mesh_port=_MESH_JPY,
            **world.router_settings,
        )
        store = self._store
        assert store is not None  # noqa: S101
        self.radio.power(True)
        self._uplink = uplink = WireUplink(world.loop.wire, self._host, self)
        link = Link(self.radio, crypto, Reserved(store, "seq-link", config.link_counter_step))
        self.router = BorderRouter(link, crypto.random, uplink, settings, self._say)
        self._join = JoinJrc(
            crypto,
            store,
            Identity.load(store, crypto),
            self.network_id,
            settings.coap,
            lambda remote, datagram: uplink.send(JOIN_FLOW, remote, datagram),
            self.router.configure,
            self._say,
        )
        self._runner = Runner(world.loop, self, self.radio)

    def stop_router(self) -> None:
        """Power off the border router; its store stays."""
        if self._runner is not None and self._uplink is not None:
            self._runner.stop()
            self._uplink.close_all()
            self._runner = self._uplink = self._join = self.router = None
        self.radio.power(False)

    def events(self, serial: str | None = None, kind: str | None = None) -> list[str]:
        """Texts of the JRC's log, oldest first, of one device or of all. The JRC must be running."""
        assert self.server is not None  # noqa: S101
        query = select(Event).order_by(Event.id)
        if serial is not None:
            query = query.where(Event.serial == serial)
        if kind is not None:
            query = query.where(Event.kind == kind)
        with self.server.database.transaction() as session:
            return [event.text for event in session.scalars(query)]

    # What the loop calls

    def step(self, now: int) -> int | None:
        """Runner's: both halves of the border router."""
        if self.router is None or self._join is None:
            return None
        dues = [due for due in (self.router.poll(now), self._join.poll(now)) if due is not None]
        return min(dues, default=None)

    def from_wire(self, flow: FlowKey, remote: HostAddress, datagram: bytes) -> None:
        """A datagram that reached a flow's port."""
        if self.router is None or self._join is None or self._runner is None:
            return
        now = self.world.loop.now_ms
        if flow == JOIN_FLOW:
            self._join.receive(remote, datagram, now)
        else:
            self.router.from_host(flow, remote, datagram, now)
        self._runner.wake()

    def _say(self, text: str) -> None:
        self.log.append((self.world.loop.now_ms, text))
        self.world.note(self.eui64, "border-router", text)

    def _config(self) -> jrc_config.Config:
        trusted = tuple(
            jrc_config.Manufacturer(
                maker.name,
                maker.path / factory.CA_CERTIFICATE,
                None,
                maker.path / directory.TLS_CERTIFICATE,
            )
            for maker in self._makers
        )
        config = jrc_config.load(self._directory / initialise.CONFIG)
        # The air of a simulation is as fast as the demo's.
        standard: dict[str, Any] = {"mesh_jpy_port": _MESH_JPY, "ack_timeout": 2.0, "manufacturers": trusted}
        return dataclasses.replace(config, **(standard | self.changes))

    @property
    def path(self) -> Path:
        """The JRC's directory."""
        return self._directory
