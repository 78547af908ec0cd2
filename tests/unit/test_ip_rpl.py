"""RPL node (RFC 6550): finding the way, announcing it, keeping it, losing it."""

import unittest

from mesh_air import Air, random

from microbrew.errors import DecodeError
from microbrew.ip import addr, icmpv6, network, rpl

ROOT = bytes.fromhex("00124b0000000001")
A = bytes.fromhex("00124b0000000101")
B = bytes.fromhex("00124b0000000202")
STRANGER = bytes.fromhex("00124b0000000999")
PREFIX = bytes.fromhex("fd006d6200000000")
ROOT_ADDRESS = PREFIX + bytes(7) + b"\x01"


def address(eui64):
    return addr.from_eui64(PREFIX, eui64)


class Node:
    def __init__(self, air, eui64, parent):
        self.events = []
        self.net = network.Network(air.link(eui64), eui64, random)
        self.net.join(parent)
        self.rpl = rpl.Rpl(self.net, random, self.on_event)

    def on_event(self, name, now):
        self.events.append(name)

    def poll(self, now):
        dues = [due for due in (self.rpl.poll(now), self.net.poll(now)) if due is not None]
        return min(dues) if dues else None


class Root:
    """Just enough of a root: answers DIS and DAO, keeps what it heard."""

    def __init__(self, air):
        self.daos = []
        self.answers = True
        self.accepts = True
        self.version = 1
        self.rank = 256
        self.parents = {}
        self.net = network.Network(air.link(ROOT), ROOT, random, queue=16)
        self.net.join(None)
        self.net.configure(PREFIX, ROOT_ADDRESS)
        self.net.on_icmpv6 = self.on_icmpv6
        self.net.source_route = self.route

    def route(self, target):
        hops = [target]
        while self.parents[hops[0]] != ROOT_ADDRESS:
            hops.insert(0, self.parents[hops[0]])
        return hops

    def on_icmpv6(self, kind, code, src, dst, body, link_src, now):
        if not self.answers:
            return
        if code == rpl.DIS:
            dio = rpl.Dio(self.version, self.rank, ROOT_ADDRESS, ROOT_ADDRESS, 2, 60)
            self.net.send_icmpv6(icmpv6.RPL, rpl.DIO, src, dio.encode(), now)
        elif code == rpl.DAO:
            sequence, _, target, parent, lifetime = rpl.parse_dao(body)
            self.daos.append((now, target, parent, lifetime))
            self.parents[target] = parent
            status = 0 if self.accepts else 128
            self.net.send_icmpv6(icmpv6.RPL, rpl.DAO_ACK, src, rpl.encode_dao_ack(sequence, status), now)


class Routing(unittest.TestCase):
    def setUp(self):
        self.air = Air()
        self.root = Root(self.air)
        self.a = Node(self.air, A, ROOT)
        self.b = Node(self.air, B, A)
        self.pollers = [self.a.poll, self.b.poll]

    def run_for(self, ms):
        self.air.run(self.pollers, self.air.now + ms)

    def test_node_gets_address_rank_and_route(self):
        self.a.rpl.start(0)
        self.run_for(2000)
        self.assertEqual(self.a.rpl.state, rpl.ROUTED)
        self.assertEqual(self.a.events, [rpl.EVENT_ROUTED])
        self.assertEqual(self.a.net.address, address(A))
        self.assertEqual(self.a.rpl.rank, 512)
        self.assertEqual(self.a.rpl.join_metric, 1)
        self.assertEqual(self.a.rpl.dodag_id, ROOT_ADDRESS)
        self.assertEqual(self.root.daos[0][1:], (address(A), ROOT_ADDRESS, 2))
        for entry in self.air.frames:
            self.assertTrue(entry[3])

    def test_second_hop_routes_through_the_first(self):
        self.a.rpl.start(0)
        self.run_for(2000)
        self.b.rpl.start(self.air.now)
        self.run_for(2000)
        self.assertEqual(self.b.rpl.state, rpl.ROUTED)
        self.assertEqual(self.b.rpl.rank, 768)
        self.assertEqual(self.root.parents[address(B)], address(A))

    def test_node_at_the_hop_limit_is_routed_but_has_no_metric_to_invite_with(self):
        self.root.rank = (rpl.MAX_HOPS - 1) * 256
        self.a.rpl.start(0)
        self.run_for(2000)
        self.assertEqual(self.a.rpl.join_metric, rpl.MAX_HOPS - 1)
        self.root.rank = rpl.MAX_HOPS * 256
        self.b.net.parent = ROOT
        self.b.rpl.start(self.air.now)
        self.run_for(2000)
        self.assertEqual(self.b.rpl.state, rpl.ROUTED)
        self.assertIsNone(self.b.rpl.join_metric)

    def test_node_without_a_rank_answers_no_dis(self):
        self.b.rpl.start(0)
        self.run_for(3000)
        self.assertEqual(self.b.rpl.state, rpl.WAIT_DIO)

    def test_dao_is_refreshed_before_half_of_the_lifetime(self):
        self.a.rpl.start(0)
        self.run_for(200000)
        times = [dao[0] for dao in self.root.daos]
        self.assertTrue(len(times) >= 4)
        for i in range(len(times) - 1):
            self.assertTrue(40000 <= times[i + 1] - times[i] <= 61000)
        self.assertEqual(self.a.events[:2], [rpl.EVENT_ROUTED] * 2)

    def test_lost_dis_is_repeated_with_growing_pauses(self):
        self.air.cut.add((A, ROOT))
        self.a.rpl.start(0)
        self.run_for(9000)
        self.assertTrue(2 <= len(self.air.frames) <= 4)
        self.air.cut.clear()
        self.run_for(20000)
        self.assertEqual(self.a.rpl.state, rpl.ROUTED)

    def test_silent_root_is_given_up(self):
        self.root.answers = False
        self.a.rpl.start(0)
        self.run_for(600000)
        self.assertEqual(self.a.events, [rpl.EVENT_PARENT_LOST])
        self.assertEqual(self.a.rpl.state, rpl.IDLE)
        self.assertIsNone(self.a.rpl.join_metric)

    def test_rejected_route_is_asked_for_again_and_then_given_up(self):
        self.root.accepts = False
        self.a.rpl.start(0)
        self.run_for(900000)
        self.assertEqual(self.a.events, [rpl.EVENT_PARENT_LOST])
        self.assertTrue(self.a.rpl.counters["rpl_dao_rejected"] > 5)

    def test_five_failed_frames_in_a_row_mean_that_the_parent_is_lost(self):
        self.a.rpl.start(0)
        self.run_for(2000)
        self.air.cut.add((A, ROOT))
        for _ in range(5):
            self.assertEqual(self.a.events, [rpl.EVENT_ROUTED])
            self.a.net.send(5683, ROOT_ADDRESS, 5683, b"x", self.air.now)
            self.air.run()
        self.assertEqual(self.a.events, [rpl.EVENT_ROUTED, rpl.EVENT_PARENT_LOST])

    def test_one_success_forgives_failures(self):
        self.a.rpl.start(0)
        self.run_for(2000)
        for i in range(12):
            self.air.cut = {(A, ROOT)} if i % 4 else set()
            self.a.net.send(5683, ROOT_ADDRESS, 5683, b"x", self.air.now)
            self.air.run()
        self.assertEqual(self.a.events, [rpl.EVENT_ROUTED])

    def test_dio_of_a_stranger_is_ignored(self):
        evil = network.Network(self.air.link(STRANGER), STRANGER, random)
        evil.join(None)
        self.root.answers = False
        self.a.rpl.start(0)
        self.run_for(500)
        dio = rpl.Dio(1, 256, address(STRANGER), address(STRANGER), 2, 60)
        evil.send_icmpv6(icmpv6.RPL, rpl.DIO, addr.link_local(A), dio.encode(), self.air.now)
        self.air.run()
        self.assertEqual(self.a.rpl.state, rpl.WAIT_DIO)
        self.assertEqual(self.a.rpl.counters, {"rpl_not_parent": 1})

    def test_ranks_that_no_parent_has_are_refused(self):
        for rank in (0, 255, 0xFFFF, 17 * 256):
            self.root.rank = rank
            self.a.rpl.start(self.air.now)
            self.run_for(1000)
            self.assertEqual(self.a.rpl.state, rpl.WAIT_DIO)
        self.assertEqual(self.a.rpl.counters["rpl_rank"], 4)

    def test_dis_flood_is_answered_at_a_bounded_rate(self):
        self.a.rpl.start(0)
        self.run_for(2000)
        before = len(self.air.frames)
        for _ in range(100):
            self.a.rpl._on_icmpv6(
                icmpv6.RPL, rpl.DIS, addr.link_local(B), addr.link_local(A), b"\x00\x00", B, self.air.now
            )
            self.air.queue.clear()
            self.a.net._sender._queue.clear()
            self.a.net._sender._in_flight = False
        self.assertTrue(len(self.air.frames) - before <= 8)
        self.assertTrue(self.a.rpl.counters["rpl_dio_rate"] >= 92)


class Messages(unittest.TestCase):
    def test_dio_round_trip(self):
        dio = rpl.parse_dio(rpl.Dio(3, 0x0300, ROOT_ADDRESS, address(A), 2, 60).encode())
        self.assertEqual((dio.version, dio.rank, dio.dodag_id), (3, 0x0300, ROOT_ADDRESS))
        self.assertEqual((dio.router, dio.prefix, dio.lifetime, dio.lifetime_unit), (address(A), PREFIX, 2, 60))

    def test_dio_with_padding_and_unknown_options_is_read(self):
        body = rpl.Dio(1, 256, ROOT_ADDRESS, ROOT_ADDRESS, 2, 60).encode()
        body = body[:24] + b"\x00\x00" + b"\x01\x02\x00\x00" + b"\xfe\x01\x55" + body[24:]
        self.assertEqual(rpl.parse_dio(body).rank, 256)

    def refuse(self, parse, body):
        self.assertRaises(DecodeError, parse, bytes(body))

    def test_unusable_dios_are_refused(self):
        good = rpl.Dio(1, 256, ROOT_ADDRESS, ROOT_ADDRESS, 2, 60).encode()
        for at, value in (
            (0, 1),
            (4, 0x90),
            (25, 200),
            (41, 31),
            (42, 63),
            (43, 0x40),
            (43, 0x20),
            (32, 0),
            (37, 0),
            (56, 0xFF),
            (8, 0xFF),  # a DODAG that is a multicast address: nobody to send a DAO to
            (24, 9),
            (40, 9),
        ):
            body = bytearray(good)
            body[at] = value
            self.refuse(rpl.parse_dio, body)
        for end in (0, 23, 24, 25, 39, 40, 71):
            self.refuse(rpl.parse_dio, good[:end])
        self.refuse(rpl.parse_dio, good[:8] + addr.link_local(bytes(8)) + good[24:])

    def test_dao_round_trip(self):
        body = rpl.encode_dao(241, address(A), ROOT_ADDRESS, 9, 2)
        self.assertEqual(rpl.parse_dao(body), (241, True, address(A), ROOT_ADDRESS, 2))

    def test_unusable_daos_are_refused(self):
        good = rpl.encode_dao(241, address(A), ROOT_ADDRESS, 9, 2)
        for at, value in ((0, 1), (1, 0xC0), (5, 17), (7, 64), (25, 4), (4, 6), (24, 5)):
            body = bytearray(good)
            body[at] = value
            self.refuse(rpl.parse_dao, body)
        for end in range(len(good)):
            self.refuse(rpl.parse_dao, good[:end])


if __name__ == "__main__":
    unittest.main()
