"""Wireshark reads what Network, Rpl and the root send: 6LoWPAN, fragments, UDP, RPL messages, routing headers."""

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from microbrew.ip import addr, icmpv6, network, rpl
from microbrew_host.border_router.rpl_root import Root

ROOT = bytes.fromhex("00124b0000000001")
NODES = [bytes.fromhex("00124b000000%04x" % (0x101 * n)) for n in range(1, 10)]
PREFIX = bytes.fromhex("fd006d6200000000")
ROOT_ADDRESS = PREFIX + bytes(7) + b"\x01"
LINKTYPE_IEEE802_15_4_NOFCS = 230

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


class Link:
    """Wraps each payload in a frame of version 1, acknowledges it at once, and delivers it."""

    def __init__(self, eui64: bytes, air: list[bytes], links: dict[bytes, "Link"]) -> None:
        self.eui64 = eui64
        self.air = air
        self.links = links
        self.on_data = None
        self.sequence = 0
        links[eui64] = self

    def room(self, secured):
        return 89

    def send(self, dst, payload, secured, now, done=None):
        self.sequence = (self.sequence + 1) & 0xFF
        header = bytes.fromhex("61dc") + bytes((self.sequence,)) + bytes.fromhex("feca") + dst[::-1] + self.eui64[::-1]
        self.air.append(header + bytes(payload))
        data = memoryview(bytes(payload))
        done(True, now)
        if dst in self.links and self.links[dst].on_data:
            self.links[dst].on_data(self.eui64, data, secured, 255, now)
        return True


def random(length):
    return bytes([9] * length)


@pytest.fixture
def mesh():
    """A root with a chain of nine nodes behind it, all joined: (frames, root network, root, node networks)."""
    air: list[bytes] = []
    links: dict[bytes, Link] = {}
    net = network.Network(Link(ROOT, air, links), ROOT, random)
    net.join(None)
    net.configure(PREFIX, ROOT_ADDRESS)
    root = Root(net)
    nodes = []
    parent = ROOT
    for eui64 in NODES:
        node = network.Network(Link(eui64, air, links), eui64, random)
        node.join(parent)
        routing = rpl.Rpl(node, random, lambda name, now: None)
        routing.start(0)
        routing.poll(10)
        assert routing.state == rpl.ROUTED
        nodes.append(node)
        parent = eui64
    return air, net, root, nodes


def dissect(tmp_path: Path, frames: list[bytes]) -> list[dict]:
    """tshark's layers of each frame; no frame may be malformed or carry a wrong checksum."""
    path = tmp_path / "mesh.pcap"
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_IEEE802_15_4_NOFCS)
    for i, frame in enumerate(frames):
        out += struct.pack("<IIII", 0, i, len(frame), len(frame)) + frame
    path.write_bytes(out)
    command = ["tshark", "-r", str(path), "-T", "json", "--no-duplicate-keys", "-o", "udp.check_checksum:TRUE"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)  # noqa: S603
    packets = [packet["_source"]["layers"] for packet in json.loads(done.stdout)]
    assert len(packets) == len(frames)
    for packet in packets:
        text = json.dumps(packet)
        assert "_ws.malformed" not in text, text
        assert "checksum.bad" not in text and "checksum_bad" not in text, text
    return packets


def find(layer, name):
    """All values of a field, however deep."""
    found = []
    if isinstance(layer, dict):
        for key, value in layer.items():
            if key == name:
                found += value if isinstance(value, list) else [value]
            else:
                found += find(value, name)
    elif isinstance(layer, list):
        for item in layer:
            found += find(item, name)
    return found


def test_rpl_messages_are_dissected_field_by_field(mesh, tmp_path):
    air, *_ = mesh
    packets = dissect(tmp_path, air)
    by_code = {}
    for packet in packets:
        for code in find(packet, "icmpv6.code"):
            by_code.setdefault(int(code), packet)
    assert sorted(by_code) == [rpl.DIS, rpl.DIO, rpl.DAO, rpl.DAO_ACK]
    for packet in packets:
        assert find(packet, "icmpv6.type") in ([str(icmpv6.RPL)], [])
        if find(packet, "icmpv6.type"):
            assert find(packet, "icmpv6.checksum.status") == ["1"]

    dio = by_code[rpl.DIO]
    node = addr.text(addr.from_eui64(PREFIX, NODES[0]))
    for name, value in (
        ("icmpv6.rpl.dio.instance", "0"),
        ("icmpv6.rpl.dio.version", "1"),
        ("icmpv6.rpl.dio.rank", "256"),
        ("icmpv6.rpl.dio.flag.g", "1"),
        ("icmpv6.rpl.dio.flag.mop", "0x01"),
        ("icmpv6.rpl.dio.dagid", "fd00:6d62::1"),
        ("icmpv6.rpl.opt.config.min_hop_rank_inc", "256"),
        ("icmpv6.rpl.opt.config.def_lifetime", "2"),
        ("icmpv6.rpl.opt.config.lifetime_unit", "60"),
        ("icmpv6.rpl.opt.prefix.length", "64"),
        ("icmpv6.rpl.opt.prefix.flag.l", "0"),
        ("icmpv6.rpl.opt.config.flag.a", "1"),
        ("icmpv6.rpl.opt.config.flag.r", "1"),
        ("icmpv6.rpl.opt.prefix", "fd00:6d62::1"),
    ):
        assert find(dio, name) == [value], name

    dao = by_code[rpl.DAO]
    for name, value in (
        ("icmpv6.rpl.dao.instance", "0"),
        ("icmpv6.rpl.dao.flag.k", "1"),
        ("icmpv6.rpl.dao.flag.d", "0"),
        ("icmpv6.rpl.opt.target.prefix_length", "128"),
        ("icmpv6.rpl.opt.target.prefix", node),
        ("icmpv6.rpl.opt.transit.pathlifetime", "2"),
        ("icmpv6.rpl.opt.transit.parent", "fd00:6d62::1"),
    ):
        assert find(dao, name) == [value], name
    assert find(by_code[rpl.DAO_ACK], "icmpv6.rpl.daoack.status") == ["0"]
    assert find(by_code[rpl.DAO_ACK], "icmpv6.rpl.daoack.sequence") == find(dao, "icmpv6.rpl.dao.sequence")


@pytest.mark.parametrize("hops", [2, 5, 9])
def test_source_routed_datagrams_are_read_at_every_hop(mesh, tmp_path, hops):
    air, net, _, nodes = mesh
    got = []
    nodes[hops - 1].bind(61700, lambda *args: got.append(bytes(args[4])))
    air.clear()
    payload = bytes(range(120))
    target = addr.from_eui64(PREFIX, NODES[hops - 1])
    assert net.send(61701, target, 61700, payload, 0)
    assert got == [payload]
    packets = [packet for packet in dissect(tmp_path, air) if find(packet, "ipv6.dst")]
    assert len(packets) == hops
    for n, packet in enumerate(packets):
        assert find(packet, "ipv6.dst")[-1] == addr.text(addr.from_eui64(PREFIX, NODES[n]))
        assert find(packet, "ipv6.routing.type") == ["3"]
        assert find(packet, "ipv6.routing.segleft") == [str(hops - 1 - n)]
        assert find(packet, "ipv6.routing.rpl.cmprI") == ["8"]
        assert find(packet, "ipv6.routing.rpl.addr_count") == [str(hops - 1)]
        assert find(packet, "ipv6.hlim") == [str(64 - n)]
        assert find(packet, "udp.dstport") == ["61700"]
    assert find(packets[-1], "udp.checksum.status") == ["1"]


def test_fragmented_datagram_is_put_together(mesh, tmp_path):
    air, _, _, nodes = mesh
    air.clear()
    assert nodes[0].send(61618, ROOT_ADDRESS, 61619, bytes(600), 0, True, network.AF43)
    packets = dissect(tmp_path, air)
    assert len(packets) > 5
    assert find(packets[-1], "6lowpan.reassembled.length") == ["648"]
    assert find(packets[-1], "udp.dstport") == ["61619"]
    assert find(packets[-1], "udp.checksum.status") == ["1"]
    assert find(packets[-1], "ipv6.tclass.dscp") == ["38"]


def test_link_local_datagram_takes_the_shortest_form(mesh, tmp_path):
    air, _, _, nodes = mesh
    air.clear()
    assert nodes[0].send(61617, addr.link_local(NODES[3]), 61618, b"x", 0, True)
    packet = dissect(tmp_path, air)[0]
    # 2 bytes of IPHC, 4 of UDP header compression, 1 of data after 21 of MAC header.
    assert len(air[0]) == 21 + 2 + 4 + 1
    assert find(packet, "ipv6.src") == [addr.text(addr.link_local(NODES[0]))]
    assert find(packet, "ipv6.dst") == [addr.text(addr.link_local(NODES[3]))]
    assert find(packet, "udp.srcport") == ["61617"]
    assert find(packet, "udp.checksum.status") == ["1"]
