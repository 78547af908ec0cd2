"""The border router itself, sans-IO: mesh on one side, an ``Uplink`` on the other.

It is the DODAG root under prefix::1, which is also the address that the mesh knows the JRC by. What nodes send to
that address leaves through the uplink, one flow per node and port (flows.py); what the JRC sends to a flow reaches
its node. For pledges next to it, it is a join proxy like any node. Beacons, keys and join rate follow what the JRC
configures (join_jrc.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.errors import DecodeError
from microbrew.ip.network import AF42, Network
from microbrew.join.cojp import Configuration
from microbrew.mac.beacon import NEVER, Beacon
from microbrew.mac.link import BATCH, Link
from microbrew.mac.security import KeySet
from microbrew.proxy import discovery
from microbrew.proxy.stateless import JOIN_PORT, JPY_PORT, Relay
from microbrew_host.border_router.flows import FlowKey, FlowTable, HostAddress, RemotePorts
from microbrew_host.border_router.rpl_root import Root

COAP_PORT = 5683
# Flow of the border router's own pledges; no node has the empty address.
PROXY_FLOW: FlowKey = (b"", 0)

_IID_OF_ROOT = bytes(7) + b"\x01"


class Uplink(Protocol):
    """Edge towards the JRC: a datagram socket per flow."""

    def send(self, flow: FlowKey, remote: HostAddress, datagram: bytes) -> bool:
        """Send from the flow's socket, which is made on first use. False: it could not be sent."""

    def close(self, flow: FlowKey) -> None:
        """Give the flow's socket back, if there is one."""


@dataclass(frozen=True)
class Settings:
    """What an operator decides. ``coap`` and ``jpy`` are the JRC's sockets; times in ms."""

    pan_id: int
    channel: int
    coap: HostAddress
    jpy: HostAddress
    network_id: bytes
    prefix: bytes = b"\xfd\x00\x6d\x62\x00\x00\x00\x00"
    jpy_mesh_port: int = JPY_PORT
    join_port: int = JOIN_PORT
    beacon_ms: int = 2000
    proxy_priority: int = 0
    capacity: int = 256
    flow_idle_ms: int = 300000
    lifetime: int = 2
    lifetime_unit: int = 60
    reassembly_buffers: int = 32
    queue: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.pan_id < 0xFFFF or not 11 <= self.channel <= 26:
            raise ValueError("PAN id below 0xffff and channel 11 to 26 are needed")
        if len(self.prefix) != 8 or self.prefix[0] in (0xFE, 0xFF):
            raise ValueError("the prefix must be a routable /64")
        if not 0 < len(self.network_id) <= 16:
            raise ValueError("the network identifier has 1 to 16 bytes")
        if not 0 <= self.proxy_priority < NEVER:
            raise ValueError("the proxy priority is 0 (most willing) to 126")
        if self.jpy_mesh_port in (COAP_PORT, self.join_port) or self.join_port == COAP_PORT:
            raise ValueError("CoAP, JPY and join port must differ")


class BorderRouter:
    """Silent until ``configure`` brings link keys. ``on_event(text)`` gets one line per event."""

    def __init__(
        self,
        link: Link,
        random: Callable[[int], bytes],
        uplink: Uplink,
        settings: Settings,
        on_event: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.address = settings.prefix + _IID_OF_ROOT
        self.counters: dict[str, int] = {}
        self.running = False
        self._link = link
        self._uplink = uplink
        self._on_event = on_event
        self._keys = KeySet(True, settings.capacity)
        self._flows = FlowTable(settings.capacity, 8, settings.flow_idle_ms)
        self._remotes = RemotePorts({COAP_PORT: settings.coap, settings.jpy_mesh_port: settings.jpy})
        self._beacon_at: int | None = None
        link.configure(settings.pan_id, settings.channel)
        self.net = Network(link, link.eui64, random, settings.reassembly_buffers, queue=settings.queue)
        self.net.join(None)
        self.net.configure(settings.prefix, self.address)
        self.root = Root(self.net, settings.capacity, settings.lifetime, settings.lifetime_unit, self._on_route)
        self.relay = Relay(self.net, self._relay_uplink, settings.join_port)
        self.net.open_ports.add(COAP_PORT)
        for port in (COAP_PORT, settings.jpy_mesh_port, *self._remotes.dynamic):
            self.net.bind(port, self._from_mesh)

    def configure(self, config: Configuration, now: int) -> None:
        """Take what the JRC sent in a Join Response or Parameter Update. Raises ValueError for unusable keys."""
        if config.keys and self._keys.install(config.keys, now):
            self._on_event("keys " + " ".join(str(key[0]) for key in config.keys))
        if config.blacklist is not None:
            self._link.blacklist = config.blacklist
        # An absent rate is "unlimited" in a Join Response and "unchanged" in an update; before, it was ours anyway.
        if config.join_rate is not None:
            self.relay.set_join_rate(config.join_rate, now)
        if not self.running and self._keys.current:
            self._link.set_keys(self._keys)
            self.running = True
            self._beacon_at = now

    def from_host(self, flow: FlowKey, remote: HostAddress, datagram: bytes, now: int) -> None:
        """A datagram that reached a flow's socket."""
        if not self.running:
            return
        if flow == PROXY_FLOW:
            if remote == self.settings.jpy:
                self.relay.from_registrar(datagram, now)
            else:
                self._count("host_stranger")
            return
        port = self._remotes.port_of(remote)
        if port is None or flow not in self._flows:
            self._count("host_stranger")
            return
        self._flows.use(flow, now, self._is_routed)
        traffic_class = AF42 if port == self.settings.jpy_mesh_port else 0
        sent = self.net.send(port, flow[0], flow[1], datagram, now, True, traffic_class)
        self._count("host_to_mesh" if sent else "host_unsent")

    def poll(self, now: int) -> int | None:
        """Do what is due, receiving included: the next deadline in ms, or None."""
        has_more = self._link.receive(now) == BATCH
        for flow in self._flows.expire(now, self._is_routed):
            self._uplink.close(flow)
        dues = [self.net.poll(now), self.root.poll(now)]
        if self._beacon_at is not None:
            if now >= self._beacon_at:
                self._send_beacon(now)
            dues.append(self._beacon_at)
        dues.append(self._link.poll(now))
        if has_more:
            return now
        return min((due for due in dues if due is not None), default=None)

    def _count(self, reason: str) -> None:
        self.counters[reason] = self.counters.get(reason, 0) + 1

    def _is_routed(self, address: bytes) -> bool:
        return self.root.route(address) is not None

    def _on_route(self, target: bytes, parent: bytes | None) -> None:
        eui64 = bytes((target[8] ^ 2,)) + target[9:]
        if parent is None:
            self._on_event(f"route lost {eui64.hex()}")
        else:
            via = "here" if parent == self.address else (bytes((parent[8] ^ 2,)) + parent[9:]).hex()
            self._on_event(f"route {eui64.hex()} via {via}")

    def _send_beacon(self, now: int) -> None:
        self._beacon_at = now + self.settings.beacon_ms
        beacon = Beacon(
            pan_id=self.settings.pan_id,
            asn=now // 10 & 0xFFFFFFFFFF,
            network_id=self.settings.network_id,
            proxy_priority=NEVER if self.relay.silent else self.settings.proxy_priority,
        )
        if not self._link.send_beacon(beacon, now):
            self._count("beacon_unsent")

    def _relay_uplink(self, datagram: bytes, now: int) -> bool:
        return self._uplink.send(PROXY_FLOW, self.settings.jpy, datagram)

    def _from_mesh(
        self,
        src: bytes,
        src_port: int,
        dst: bytes,
        dst_port: int,
        payload: memoryview,
        link_src: bytes,
        secured: bool,
        now: int,
    ) -> None:
        if dst != self.address:
            if dst_port == COAP_PORT:
                self._discover(src, src_port, bytes(payload), secured, now)
            else:
                self._count("mesh_not_to_jrc")
            return
        remote = self._remotes.host_of(dst_port)
        if remote is None:
            self._count("mesh_no_remote")
            return
        flow = (src, src_port)
        admitted, closed = self._flows.use(flow, now, self._is_routed)
        if closed is not None:
            self._uplink.close(closed)
        if not admitted:
            self._count("mesh_flows_full")
            return
        sent = self._uplink.send(flow, remote, bytes(payload))
        self._count("mesh_to_host" if sent else "mesh_unsent")

    def _discover(self, src: bytes, src_port: int, datagram: bytes, secured: bool, now: int) -> None:
        # Answered from the request alone, with no exchange kept: strangers cannot fill anything here.
        try:
            request = Message.decode(datagram)
            if request.type != numbers.CON or not 0 < request.code < 32:
                raise DecodeError("not a confirmable request")
            reply = discovery.answer(request, self.net.link_local, self.settings.join_port)
        except DecodeError:
            self._count("discovery_malformed")
            return
        if reply is None or self.relay.silent:
            self._count("discovery_silent")
            return
        reply.type = numbers.ACK
        reply.mid = request.mid
        reply.token = request.token
        self.net.send(COAP_PORT, src, src_port, reply.encode(), now, secured)
        self._count("discovery")
