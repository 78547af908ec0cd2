"""The border router: its tables, the whole mesh in virtual time, and the process against the real registrar."""

import asyncio
import os
import pty
import signal
import sys
from collections import deque

import jrc_support
import pytest

from microbrew import cbor
from microbrew import crypto as facade
from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.identity.store import Store
from microbrew.ip import addr, network, rpl
from microbrew.join.cojp import Configuration
from microbrew.mac.link import BATCH, Link
from microbrew.mac.security import KeySet
from microbrew.proxy import discovery, jpy
from microbrew.proxy.stateless import JOIN_PORT, JPY_PORT, StatelessProxy
from microbrew_host.border_router.flows import FIRST_DYNAMIC, FlowTable, RemotePorts
from microbrew_host.border_router.mesh import PROXY_FLOW, BorderRouter, Settings
from microbrew_host.border_router.rpl_root import Root
from microbrew_host.ether import Ether as ZepEther
from microbrew_host.ether.serial_bridge import SerialBridge
from microbrew_host.ether.serial_line import parse
from microbrew_host.jrc import manage
from microbrew_host.jrc.rekey import request_rekey

ROOT = bytes.fromhex("00124b0000000001")
A = bytes.fromhex("00124b0000000101")
B = bytes.fromhex("00124b0000000202")
PLEDGE = bytes.fromhex("00124b0000000303")
PREFIX = bytes.fromhex("fd006d6200000000")
ROOT_ADDRESS = PREFIX + bytes(7) + b"\x01"
COAP = ("127.0.0.1", 15683)
JPY = ("127.0.0.1", 17634)
KEY = (1, 1, bytes.fromhex("e6bf4287c2d7618d6a9687445ffd33e6"))
KEY_2 = (2, 1, bytes(range(16)))
SETTINGS = Settings(pan_id=0xCAFE, channel=15, coap=COAP, jpy=JPY, network_id=b"\xca\xfe", lifetime_unit=30)


def address(eui64):
    return addr.from_eui64(PREFIX, eui64)


# Tables


def test_flow_table_is_bounded_and_keeps_routed_nodes():
    flows = FlowTable(capacity=2, per_node=2, idle_ms=100)
    a, b, c = (address(A), 1), (address(B), 1), (address(PLEDGE), 1)
    routed = {a[0], b[0]}
    assert flows.use(a, 0, routed.__contains__) == (True, None)
    assert flows.use(b, 1, routed.__contains__) == (True, None)
    assert flows.use(c, 2, routed.__contains__) == (False, None)
    assert flows.expire(1000, routed.__contains__) == []
    routed.discard(a[0])
    assert flows.use(c, 3, routed.__contains__) == (True, a)
    assert sorted(flows.expire(1000, routed.__contains__)) == [c]
    assert b in flows


def test_one_node_cannot_take_all_flows():
    flows = FlowTable(capacity=10, per_node=2)
    keys = [(address(A), port) for port in range(5)]
    closed = [flows.use(key, at, lambda _: True)[1] for at, key in enumerate(keys)]
    assert closed == [None, None, keys[0], keys[1], keys[2]]
    assert len(flows) == 2


def test_sockets_of_the_jrcs_host_get_ports_and_strangers_none():
    remotes = RemotePorts({5683: COAP, JPY_PORT: JPY}, capacity=2)
    assert remotes.port_of(COAP) == 5683
    assert remotes.port_of(("192.0.2.1", 15683)) is None
    first, second = ("127.0.0.1", 40001), ("127.0.0.1", 40002)
    assert remotes.port_of(first) == FIRST_DYNAMIC
    assert remotes.port_of(second) == FIRST_DYNAMIC + 1
    assert remotes.port_of(first) == FIRST_DYNAMIC
    assert remotes.port_of(("127.0.0.1", 40003)) == FIRST_DYNAMIC + 1
    assert remotes.host_of(FIRST_DYNAMIC) == first
    assert remotes.host_of(FIRST_DYNAMIC + 1) == ("127.0.0.1", 40003)
    assert remotes.host_of(9) is None


def test_ports_for_the_jrcs_sockets_avoid_its_services():
    remotes = RemotePorts({5683: COAP, FIRST_DYNAMIC: JPY}, capacity=2)
    assert remotes.dynamic == [FIRST_DYNAMIC + 1, FIRST_DYNAMIC + 2]
    assert remotes.port_of(JPY) == FIRST_DYNAMIC
    assert remotes.port_of(("127.0.0.1", 40001)) == FIRST_DYNAMIC + 1


class SilentLink:
    eui64 = ROOT
    on_data = None

    def room(self, secured):
        return 89

    def send(self, dst, payload, secured, now, done=None):
        done(True, now)
        return True


class RootTable:
    """A Root fed with DAOs as they come out of Network."""

    def __init__(self, capacity=8):
        self.changes = []
        net = network.Network(SilentLink(), ROOT, bytes)
        net.join(None)
        net.configure(PREFIX, ROOT_ADDRESS)
        self.root = Root(net, capacity, 2, 60, lambda target, parent: self.changes.append((target, parent)))

    def dao(self, target, parent, now=0, lifetime=2, src=None):
        body = rpl.encode_dao(1, target, parent, 1, lifetime)
        self.root._on_icmpv6(155, rpl.DAO, src or target, ROOT_ADDRESS, memoryview(body), A, now)


def test_root_builds_routes_from_parents():
    table = RootTable()
    table.dao(address(B), address(A))
    assert table.root.route(address(B)) is None
    table.dao(address(A), ROOT_ADDRESS)
    assert table.root.route(address(B)) == [address(A), address(B)]
    assert table.root.route(address(A)) == [address(A)]
    assert table.root.route(ROOT_ADDRESS) is None
    assert table.root.route(address(PLEDGE)) is None


def test_root_rejects_loops():
    table = RootTable()
    table.dao(address(A), ROOT_ADDRESS)
    table.dao(address(B), address(A))
    table.dao(address(A), address(B))
    table.dao(address(A), address(A))
    assert table.root.counters == {"rpl_loop": 2}
    assert table.root.route(address(B)) == [address(A), address(B)]


def test_root_rejects_foreign_targets_and_parents_and_a_full_table():
    table = RootTable(capacity=1)
    table.dao(bytes.fromhex("20010db8") + bytes(12), ROOT_ADDRESS)
    table.dao(address(A), ROOT_ADDRESS, src=address(B))
    table.dao(ROOT_ADDRESS, address(A))
    assert table.root.counters == {"rpl_foreign_target": 3}
    table.dao(address(A), bytes.fromhex("20010db8") + bytes(12))
    table.dao(address(A), ROOT_ADDRESS)
    table.dao(address(B), ROOT_ADDRESS)
    assert table.root.counters == {"rpl_foreign_target": 3, "rpl_loop": 1, "rpl_full": 1}
    assert len(table.root) == 1


def test_root_forgets_what_is_not_refreshed_or_withdrawn():
    table = RootTable()
    table.dao(address(A), ROOT_ADDRESS, 0)
    table.dao(address(B), ROOT_ADDRESS, 60000)
    assert table.root.poll(119999) == 120000
    table.root.poll(120000)
    assert table.root.route(address(A)) is None
    assert table.root.route(address(B)) is not None
    table.dao(address(B), ROOT_ADDRESS, 130000, lifetime=0)
    assert len(table.root) == 0
    assert table.changes == [
        (address(A), ROOT_ADDRESS),
        (address(B), ROOT_ADDRESS),
        (address(A), None),
        (address(B), None),
    ]


def test_root_grants_no_lifetime_beyond_twice_its_own():
    table = RootTable()
    table.dao(address(A), ROOT_ADDRESS, 0, lifetime=255)
    assert table.root.targets() == [(address(A), ROOT_ADDRESS, 240000)]


def test_chain_longer_than_16_hops_has_no_route():
    table = RootTable(capacity=40)
    parent = ROOT_ADDRESS
    nodes = [address(bytes.fromhex(f"00124b0000001{n:03x}")) for n in range(20)]
    for node in nodes:
        table.dao(node, parent)
        parent = node
    assert len(table.root.route(nodes[15])) == 16
    assert table.root.route(nodes[16]) is None


def test_settings_refuse_what_cannot_work():
    for change in (
        {"pan_id": 0xFFFF},
        {"channel": 10},
        {"prefix": bytes.fromhex("fe80000000000000")},
        {"network_id": b""},
        {"proxy_priority": 127},
        {"join_port": 5683},
    ):
        with pytest.raises(ValueError):
            Settings(**{"pan_id": 1, "channel": 15, "coap": COAP, "jpy": JPY, "network_id": b"x", **change})


# The mesh in virtual time, over the real MAC


class Ether:
    def __init__(self):
        self.now = 0
        self.radios = {}
        self.deaf = set()
        self.frames = []


class Radio:
    """A radio of the virtual ether; pairs in ``deaf`` do not hear each other."""

    ack_wait_ms = 3
    hardware_ack = False
    lqi = 200

    def __init__(self, ether, eui64):
        self.ether = ether
        self.eui64 = eui64
        self.inbox = deque()
        ether.radios[eui64] = self

    def set_channel(self, channel):
        pass

    def set_filter(self, pan_id, short_address):
        pass

    def transmit(self, buf, length):
        frame = bytes(buf[:length])
        self.ether.frames.append((self.eui64, frame))
        for eui64, radio in self.ether.radios.items():
            if eui64 != self.eui64 and frozenset((eui64, self.eui64)) not in self.ether.deaf:
                radio.inbox.append(frame)
        return True

    def receive_into(self, buf):
        if not self.inbox:
            return 0
        frame = self.inbox.popleft()
        buf[: len(frame)] = frame
        return len(frame)


class Counter:
    def __init__(self):
        self.value = 0

    def next(self):
        self.value += 1
        return self.value


class HostUplink:
    def __init__(self):
        self.sent = []
        self.closed = []

    def send(self, flow, remote, datagram):
        self.sent.append((flow, remote, datagram))
        return True

    def close(self, flow):
        self.closed.append(flow)


class Mesh:
    """Border router, nodes in a chain, pledges; ``run(ms)`` lets virtual time pass."""

    def __init__(self, settings=SETTINGS):
        self.crypto = facade.load()
        self.ether = Ether()
        self.uplink = HostUplink()
        self.events = []
        self.parts = []
        self.router = BorderRouter(self.link(ROOT), self.crypto.random, self.uplink, settings, self.events.append)
        self.parts.append(self.router)

    @property
    def now(self):
        return self.ether.now

    def link(self, eui64):
        return Link(Radio(self.ether, eui64), self.crypto, Counter())

    def run(self, ms):
        end = self.now + ms
        while self.now < end:
            for part in self.parts:
                part.poll(self.now)
            self.ether.now += 1

    def start(self):
        self.router.configure(Configuration([KEY]), self.now)
        return self

    def separate(self, *pairs):
        for one, other in pairs:
            self.ether.deaf.add(frozenset((one, other)))

    def node(self, eui64, parent):
        node = Node(self, eui64)
        keys = KeySet()
        keys.install([KEY], self.now)
        node.link.set_keys(keys)
        node.net.join(parent)
        node.rpl = rpl.Rpl(node.net, self.crypto.random, lambda name, now: None)
        node.rpl.start(self.now)
        self.run(4000)
        assert node.rpl.state == rpl.ROUTED
        return node

    def pledge(self, eui64, proxy):
        pledge = Node(self, eui64)
        pledge.net.proxy = proxy
        pledge.proxy = addr.link_local(proxy)
        return pledge


class Node:
    def __init__(self, mesh, eui64):
        self.mesh = mesh
        self.link = mesh.link(eui64)
        self.link.configure(0xCAFE, 15)
        self.net = network.Network(self.link, eui64, mesh.crypto.random)
        self.rpl = None
        self.got = []
        self.beacons = []
        self.link.on_beacon = lambda beacon, *rest: self.beacons.append(beacon)
        self.net.bind(5683, self.on_datagram)
        mesh.parts.append(self)

    def on_datagram(self, src, src_port, dst, dst_port, payload, link_src, secured, now):
        self.got.append((src, src_port, bytes(payload)))

    def say(self, dst, port, payload):
        assert self.net.send(5683, dst, port, payload, self.mesh.now)
        self.mesh.run(1000)

    def poll(self, now):
        self.link.receive(now)
        self.net.poll(now)
        if self.rpl:
            self.rpl.poll(now)
        self.link.poll(now)


def test_is_silent_until_the_jrc_gave_keys():
    mesh = Mesh()
    pledge = mesh.pledge(PLEDGE, ROOT)
    mesh.run(5000)
    mesh.router.from_host(PROXY_FLOW, JPY, jpy.encode(addr.link_local(PLEDGE), 5683, 2, 1, b"x"), mesh.now)
    mesh.run(100)
    assert [src for src, _ in mesh.ether.frames] == []
    mesh.start().run(5000)
    assert len(pledge.beacons) in (2, 3)
    beacon = pledge.beacons[0]
    assert (beacon.pan_id, beacon.network_id, beacon.join_metric, beacon.proxy_priority) == (0xCAFE, b"\xca\xfe", 0, 0)


def test_it_comes_back_at_once_only_while_its_radio_may_have_more():
    mesh = Mesh().start()
    mesh.run(10)
    inbox = mesh.ether.radios[ROOT].inbox
    for frames, at_once in ((1, False), (BATCH - 1, False), (BATCH, True)):
        inbox.extend([bytes(20)] * frames)
        assert (mesh.router.poll(mesh.now) == mesh.now) == at_once


def test_neighbouring_pledge_discovers_and_talks_through_the_border_router():
    mesh = Mesh().start()
    pledge = mesh.pledge(PLEDGE, ROOT)
    request = Message(numbers.CON, numbers.GET, 7, b"\x01")
    for segment in discovery.CORE_PATH:
        request.add(numbers.URI_PATH, segment)
    request.add(numbers.URI_QUERY, "rt=brski.jp")
    pledge.say(pledge.proxy, 5683, request.encode())
    answer = Message.decode(pledge.got[0][2])
    assert (answer.type, answer.mid, answer.token, answer.code) == (numbers.ACK, 7, b"\x01", numbers.CONTENT)
    assert discovery.port_of(answer.payload, discovery.JOIN_PROXY) == JOIN_PORT

    content = bytes(range(200)) * 3
    pledge.say(pledge.proxy, JOIN_PORT, content)
    flow, remote, datagram = mesh.uplink.sent[0]
    assert (flow, remote) == (PROXY_FLOW, JPY)
    assert cbor.decode(datagram) == [addr.link_local(PLEDGE), 5683, 2, 1, content]

    answer = jpy.parse(datagram).reply(b"message_2")
    mesh.router.from_host(PROXY_FLOW, COAP, answer, mesh.now)
    mesh.run(100)
    assert len(pledge.got) == 1
    mesh.router.from_host(PROXY_FLOW, JPY, answer, mesh.now)
    mesh.run(100)
    assert pledge.got[1] == (pledge.proxy, JOIN_PORT, b"message_2")


def test_pledge_three_hops_away_reaches_the_jrc_and_back():
    mesh = Mesh().start()
    mesh.separate((ROOT, B), (ROOT, PLEDGE), (A, PLEDGE))
    mesh.node(A, ROOT)
    b = mesh.node(B, A)
    StatelessProxy(b.net, ROOT_ADDRESS)
    pledge = mesh.pledge(PLEDGE, B)
    content = bytes(range(200)) * 3
    pledge.say(pledge.proxy, JOIN_PORT, content)
    flow, remote, datagram = mesh.uplink.sent[0]
    assert remote == JPY
    assert flow[0] == address(B)
    assert cbor.decode(datagram)[4] == content
    mesh.router.from_host(flow, JPY, jpy.parse(datagram).reply(content), mesh.now)
    mesh.run(1000)
    assert pledge.got == [(pledge.proxy, JOIN_PORT, content)]
    assert mesh.events[-1] == f"route {B.hex()} via {A.hex()}"


def test_jrc_reaches_a_node_by_its_flow_from_any_of_its_sockets():
    mesh = Mesh().start()
    a = mesh.node(A, ROOT)
    a.say(ROOT_ADDRESS, 5683, b"register")
    flow, remote, datagram = mesh.uplink.sent[0]
    assert (flow, remote, datagram) == ((address(A), 5683), COAP, b"register")
    other = ("127.0.0.1", 45555)
    mesh.router.from_host(flow, COAP, b"answer", mesh.now)
    mesh.router.from_host(flow, other, b"update", mesh.now)
    mesh.router.from_host(flow, ("192.0.2.7", 5683), b"evil", mesh.now)
    mesh.router.from_host((address(B), 5683), COAP, b"nobody", mesh.now)
    mesh.run(1000)
    assert a.got == [(ROOT_ADDRESS, 5683, b"answer"), (ROOT_ADDRESS, FIRST_DYNAMIC, b"update")]
    assert mesh.router.counters["host_stranger"] == 2
    a.say(ROOT_ADDRESS, FIRST_DYNAMIC, b"updated")
    assert mesh.uplink.sent[-1] == (flow, other, b"updated")


def test_flow_lives_as_long_as_the_route_and_is_then_closed():
    mesh = Mesh(Settings(0xCAFE, 15, COAP, JPY, b"\xca\xfe", flow_idle_ms=1000, lifetime_unit=5)).start()
    a = mesh.node(A, ROOT)
    a.say(ROOT_ADDRESS, 5683, b"register")
    mesh.run(20000)
    assert mesh.uplink.closed == []
    a.rpl.stop()
    mesh.run(12000)
    assert mesh.uplink.closed == [(address(A), 5683)]
    assert mesh.events[-1] == f"route lost {A.hex()}"


def test_join_rate_zero_silences_the_invitation():
    mesh = Mesh().start()
    pledge = mesh.pledge(PLEDGE, ROOT)
    mesh.router.configure(Configuration(join_rate=0), mesh.now)
    mesh.run(2500)
    assert pledge.beacons[-1].proxy_priority == 0x7F
    pledge.say(pledge.proxy, JOIN_PORT, b"message_1")
    assert mesh.uplink.sent == []


def test_rekeying_switches_the_border_router_at_once_and_nodes_follow():
    mesh = Mesh().start()
    a = mesh.node(A, ROOT)
    a.link.keys.install([KEY_2], mesh.now)
    mesh.router.configure(Configuration([KEY_2]), mesh.now)
    mesh.run(16000)
    a.say(ROOT_ADDRESS, 5683, b"still here")
    assert mesh.uplink.sent[-1][2] == b"still here"
    assert [key.index for key in a.link.keys.current] == [2]


def test_unsecured_frames_reach_neither_flows_nor_routes():
    mesh = Mesh().start()
    mesh.node(A, ROOT)
    routes = mesh.router.root.targets()
    stranger = mesh.pledge(B, ROOT)
    stranger.say(stranger.proxy, JPY_PORT, b"x")
    assert mesh.router.net.counters["unsecured_port"] == 1
    body = rpl.encode_dao(1, address(B), ROOT_ADDRESS, 1, 2)
    # The stranger's own stack would refuse to send these two, so it is told that it is joined; it has no key.
    stranger.net.join(ROOT)
    stranger.net.configure(PREFIX)
    stranger.net._sender._room = lambda secured: 89
    send = stranger.link.send
    stranger.net._sender._send = lambda dst, payload, secured, now, done: send(dst, payload, False, now, done)
    stranger.net.send_icmpv6(155, rpl.DAO, ROOT_ADDRESS, body, mesh.now)
    mesh.run(100)
    stranger.say(ROOT_ADDRESS, 5683, b"x")
    assert mesh.router.net.counters["unsecured_not_to_us"] == 2
    assert mesh.router.root.targets() == routes
    assert mesh.uplink.sent == []


# The process, against the real registrar


PSK = bytes(range(16, 32))


class Process:
    """``microbrew border-router`` as a child; ``line(text)`` waits for a line with ``text``."""

    @classmethod
    async def start(cls, *arguments):
        self = cls()
        self.lines = []
        self.child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from microbrew_host.cli import main; main()",
            "border-router",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return self

    async def line(self, text, timeout=30):
        async with asyncio.timeout(timeout):
            while True:
                line = (await self.child.stdout.readline()).decode()
                assert line, f"ended without {text!r}: {self.lines}"
                self.lines.append(line.strip())
                if text in line:
                    return line.strip()

    async def stop(self):
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            rest = (await self.child.stdout.read()).decode()
            await self.child.wait()
        return self.child.returncode, rest


def make_store(path):
    Store(str(path)).write("factory", {1: "00-12-4B-00-00-00-00-01", 2: ROOT, 6: PSK})
    return str(path)


async def wait_for(condition, timeout=15):
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("radio", ["ether", "line"])
def test_process_joins_beacons_and_ends_on_sigterm(tmp_path, radio):
    async def scenario():
        ether = ZepEther()
        await ether.start("127.0.0.1", 0)
        air = ("--ether", f"127.0.0.1:{ether.port}")
        bridge = SerialBridge(parse(f"pty:{tmp_path / 'radio'}"), "127.0.0.1", ether.port, ether.counters, print)
        if radio == "line":
            # The ether plays the radio at the other end, as a devkit would.
            bridge.opener.prepare()
            bridging = asyncio.create_task(bridge.run())
            air = ("--radio", f"serial:{tmp_path / 'radio'}")
        async with jrc_support.running(jrc_support.make_registrar(tmp_path)) as server:
            manage.add(server.database, server.journal, [manage.OneTouch(ROOT, PSK)], "6lbr", None)
            coap, join = server.coap_port.local, server.jpy_port.local
            process = await Process.start(
                "--store", make_store(tmp_path / "store"),
                *air,
                "--jrc", f"{coap.host}:{coap.port}",
                "--jpy", f"{join.host}:{join.port}",
                "--beacon-ms", "200",
            )  # fmt: skip
            try:
                ready = await process.line("border-router: ready")
                assert ready == "border-router: ready pan 0xcafe channel 15 prefix fd00:6d62::/64"
                assert process.lines[-2].startswith("border-router: keys ")
                await wait_for(lambda: ether.counters["frames"] >= 3)
                # The registrar pushes a Parameter Update to where the border router registered from.
                await wait_for(lambda: jrc_support.events(server, "registered"))
                request_rekey(server.database, server.journal.clock())
                await process.line("border-router: keys")
            finally:
                status, rest = await process.stop()
            assert status == 0
            assert "border-router: ended" in rest
        if radio == "line":
            bridging.cancel()
            await asyncio.gather(bridging, return_exceptions=True)
        ether.close()

    asyncio.run(scenario())


def test_a_line_that_ends_ends_the_process_in_one_sentence(tmp_path):
    master, slave = pty.openpty()

    async def scenario():
        process = await Process.start(
            "--store", make_store(tmp_path / "store"), "--radio", f"serial:{os.ttyname(slave)}",
            "--jrc", "127.0.0.1:5683", "--jpy", "127.0.0.1:5684",
        )  # fmt: skip
        # It says hello to the radio as soon as the line is open.
        await asyncio.get_running_loop().run_in_executor(None, os.read, master, 1)
        os.close(slave)
        os.close(master)
        async with asyncio.timeout(20):
            rest = (await process.child.stdout.read()).decode()
            await process.child.wait()
        assert process.child.returncode == 1
        assert rest.splitlines()[-1].startswith("microbrew: ")
        assert "Traceback" not in rest

    asyncio.run(scenario())


def test_a_line_without_a_radio_is_named_and_nobody_is_told_that_all_is_ready(tmp_path):
    master, slave = pty.openpty()

    async def scenario():
        async with jrc_support.running(jrc_support.make_registrar(tmp_path)) as server:
            manage.add(server.database, server.journal, [manage.OneTouch(ROOT, PSK)], "6lbr", None)
            coap, join = server.coap_port.local, server.jpy_port.local
            where = f"serial:{os.ttyname(slave)}"
            process = await Process.start(
                "--store", make_store(tmp_path / "store"), "--radio", where,
                "--jrc", f"{coap.host}:{coap.port}", "--jpy", f"{join.host}:{join.port}",
            )  # fmt: skip
            try:
                said = await process.line("no radio answers")
                assert said.startswith(f"border-router: radio {where}: ")
                await wait_for(lambda: jrc_support.events(server, "joined"))
                assert not any("ready" in line for line in process.lines)
                # The radio comes late: its hello, as of docs/serial-radio.md.
                os.write(master, bytes.fromhex("000581010101073c0880a5528500"))
                await process.line("border-router: ready")
            finally:
                await process.stop()

    asyncio.run(scenario())
    os.close(slave)
    os.close(master)


@pytest.mark.parametrize(
    "radios",
    [(), ("--ether", "127.0.0.1:17754", "--radio", "serial:/dev/null"), ("--radio", "usb:1"), ("--radio", "tcp:1")],
)
def test_one_radio_must_be_named_and_only_one(tmp_path, radios):
    async def scenario():
        process = await Process.start(
            "--store", make_store(tmp_path / "store"), *radios, "--jrc", "127.0.0.1:5683", "--jpy", "127.0.0.1:5684"
        )
        async with asyncio.timeout(30):
            rest = (await process.child.stdout.read()).decode()
            await process.child.wait()
        assert process.child.returncode in (1, 2)
        assert "--radio" in rest and "Traceback" not in rest

    asyncio.run(scenario())


def test_process_without_a_psk_says_so_in_one_sentence(tmp_path):
    Store(str(tmp_path / "store")).write("factory", {1: "00-12-4B-00-00-00-00-01", 2: ROOT})

    async def scenario():
        process = await Process.start(
            "--store", str(tmp_path / "store"), "--ether", "127.0.0.1:1", "--jrc", "127.0.0.1:2", "--jpy", "127.0.0.1:3"
        )
        await process.line("PSK", 20)
        async with asyncio.timeout(10):
            return await process.child.wait()

    assert asyncio.run(scenario()) != 0
