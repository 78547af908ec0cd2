"""Network: what a pledge and a node accept, deliver, forward and send."""

import unittest

from mesh_air import Air, random

from microbrew.errors import StateError
from microbrew.ip import addr, network, udp
from microbrew.lowpan import iphc

PLEDGE = bytes.fromhex("00124b0000000202")
PROXY = bytes.fromhex("00124b0000000101")
ROOT = bytes.fromhex("00124b0000000001")
STRANGER = bytes.fromhex("00124b0000000999")
LEAF = bytes.fromhex("00124b0000000303")
PREFIX = bytes.fromhex("fd006d6200000000")
ROOT_ADDRESS = PREFIX + bytes(7) + b"\x01"


def address(eui64):
    return addr.from_eui64(PREFIX, eui64)


class Inbox:
    def __init__(self, net, port):
        self.got = []
        net.bind(port, self.take)

    def take(self, src, src_port, dst, dst_port, payload, link_src, secured, now):
        self.got.append((src, src_port, bytes(payload), link_src, secured))


def frame(src, dst, ip_src, ip_dst, payload=b"hi", src_port=5683, dst_port=5683, change=None):
    """A one-frame datagram as any attacker can build it; ``change(packet)`` edits it before compression."""
    packet = bytearray(48 + len(payload))
    packet[0] = 0x60
    packet[5] = len(packet) - 40
    packet[6] = 17
    packet[7] = 64
    packet[8:24] = ip_src
    packet[24:40] = ip_dst
    udp.put_header(packet, 40, src_port, dst_port, len(packet) - 40)
    packet[48:] = payload
    udp.put_checksum(packet, 40, udp.checksum(packet, 40, len(packet), 17))
    if change:
        packet = change(packet)
    out = bytearray(120)
    end, consumed = iphc.compress(packet, len(packet), src, dst, out, 0)
    return bytes(out[:end]) + bytes(packet[consumed:])


class Pledge(unittest.TestCase):
    def setUp(self):
        self.air = Air()
        self.net = network.Network(self.air.link(PLEDGE), PLEDGE, random)
        self.peer = network.Network(self.air.link(PROXY), PROXY, random)
        self.inbox = Inbox(self.net, 5683)

    def hear(self, payload, src=PROXY, secured=False):
        self.air.links[PLEDGE].on_data(src, memoryview(payload), secured, 255, 0)

    def test_hears_nobody_before_a_proxy_is_chosen(self):
        self.hear(frame(PROXY, PLEDGE, addr.link_local(PROXY), addr.link_local(PLEDGE)))
        self.assertEqual(self.inbox.got, [])
        self.assertEqual(self.net.counters, {"not_proxy": 1})

    def test_hears_its_proxy_and_nobody_else(self):
        self.net.proxy = PROXY
        self.hear(frame(STRANGER, PLEDGE, addr.link_local(STRANGER), addr.link_local(PLEDGE)), STRANGER)
        self.assertEqual(self.inbox.got, [])
        self.hear(frame(PROXY, PLEDGE, addr.link_local(PROXY), addr.link_local(PLEDGE)))
        self.assertEqual(self.inbox.got, [(addr.link_local(PROXY), 5683, b"hi", PROXY, False)])

    def test_hears_link_local_unicast_only(self):
        self.net.proxy = PROXY
        for src, dst, reason in (
            (address(PROXY), addr.link_local(PLEDGE), "source_scope"),
            (addr.link_local(PROXY), address(PLEDGE), "unsecured_not_to_us"),
            (addr.link_local(PROXY), addr.link_local(STRANGER), "unsecured_not_to_us"),
            (addr.link_local(STRANGER), addr.link_local(PLEDGE), "source_not_neighbour"),
            (addr.link_local(PROXY), bytes.fromhex("ff0200000000000000000000000000fd"), "multicast"),
        ):
            self.net.counters.clear()
            self.hear(frame(PROXY, PLEDGE, src, dst))
            self.assertEqual(self.net.counters, {reason: 1})
        self.assertEqual(self.inbox.got, [])

    def test_sends_unsecured_and_link_local_only(self):
        self.net.proxy = PROXY
        self.assertTrue(self.net.send(5683, addr.link_local(PROXY), 5683, b"x", 0))
        self.assertFalse(self.air.frames[0][3])
        self.assertRaises(StateError, self.net.send, 5683, ROOT_ADDRESS, 5683, b"x", 0)
        self.assertRaises(StateError, self.net.send, 5683, addr.link_local(PROXY), 5683, b"x", 0, True)

    def test_large_datagrams_go_both_ways_in_fragments(self):
        self.net.proxy = PROXY
        self.peer.proxy = PLEDGE
        far = Inbox(self.peer, 61617)
        data = bytes(range(256)) * 2
        self.assertTrue(self.net.send(5683, addr.link_local(PROXY), 61617, data, 0))
        self.air.run()
        self.assertEqual(far.got[0][2], data)
        self.assertTrue(self.peer.send(61617, addr.link_local(PLEDGE), 5683, data, 0))
        self.air.run()
        self.assertEqual(self.inbox.got[0][2], data)

    def test_port_is_bound_once(self):
        self.assertRaises(StateError, self.net.bind, 5683, self.inbox.take)
        self.net.unbind(5683)
        self.net.bind(5683, self.inbox.take)


class Node(unittest.TestCase):
    def setUp(self):
        self.air = Air()
        self.net = network.Network(self.air.link(PROXY), PROXY, random)
        self.net.join(ROOT)
        self.net.configure(PREFIX)
        self.net.open_ports = {61617}
        self.open = Inbox(self.net, 61617)
        self.closed = Inbox(self.net, 5684)

    def hear(self, payload, src=STRANGER, secured=False):
        self.net.counters.clear()
        self.air.links[PROXY].on_data(src, memoryview(payload), secured, 255, 0)

    def test_unsecured_frame_reaches_an_open_port(self):
        self.hear(frame(STRANGER, PROXY, addr.link_local(STRANGER), addr.link_local(PROXY), dst_port=61617))
        self.assertEqual(len(self.open.got), 1)
        self.assertFalse(self.open.got[0][4])

    def test_unsecured_frame_reaches_nothing_else(self):
        local = addr.link_local(STRANGER)

        def icmpv6(packet):
            packet[6] = 58
            return packet

        def routing(packet):
            packet[6] = 43
            return packet

        for payload, reason in (
            (frame(STRANGER, PROXY, local, addr.link_local(PROXY), dst_port=5684), "unsecured_port"),
            (frame(STRANGER, PROXY, local, ROOT_ADDRESS, dst_port=61617), "unsecured_not_to_us"),
            (frame(STRANGER, PROXY, address(STRANGER), ROOT_ADDRESS, dst_port=61617), "unsecured_not_to_us"),
            (frame(STRANGER, PROXY, address(STRANGER), address(PROXY), dst_port=61617), "unsecured_not_to_us"),
            (frame(STRANGER, PROXY, local, addr.link_local(PROXY), change=icmpv6), "unsecured_not_udp"),
            (frame(STRANGER, PROXY, local, addr.link_local(PROXY), change=routing), "unsecured_not_udp"),
            (
                frame(STRANGER, PROXY, addr.link_local(LEAF), addr.link_local(PROXY), dst_port=61617),
                "source_not_neighbour",
            ),
        ):
            self.hear(payload)
            self.assertEqual(self.net.counters, {reason: 1})
        self.assertEqual(self.open.got, [])
        self.assertEqual(self.closed.got, [])
        self.assertEqual(self.air.frames, [])

    def test_unsecured_fragments_of_more_than_the_cap_take_no_buffer(self):
        self.hear(bytes.fromhex("c5000001") + bytes(40))
        self.assertEqual(self.net.counters, {"unsecured_size": 1})
        self.hear(bytes.fromhex("e50000010a") + bytes(40))
        self.assertEqual(self.net.counters, {"unsecured_size": 1})

    def test_secured_frame_reaches_every_bound_port(self):
        self.hear(frame(LEAF, PROXY, address(LEAF), address(PROXY), dst_port=5684), LEAF, True)
        self.assertEqual(self.closed.got[0][3:], (LEAF, True))

    def test_sends_secured_to_its_parent_and_unsecured_to_a_pledge_on_request(self):
        self.assertTrue(self.net.send(5684, ROOT_ADDRESS, 5683, b"x", 0))
        self.air.run()
        self.assertTrue(self.net.send(61617, addr.link_local(PLEDGE), 5683, b"x", 0, False))
        self.assertEqual([(entry[1], entry[3]) for entry in self.air.frames], [(ROOT, True), (PLEDGE, False)])
        self.assertRaises(StateError, self.net.send, 61617, ROOT_ADDRESS, 5683, b"x", 0, False)

    def test_forwards_a_childs_datagram_to_the_parent_with_one_hop_less(self):
        self.hear(frame(LEAF, PROXY, address(LEAF), ROOT_ADDRESS), LEAF, True)
        src, dst, payload, secured, _ = self.air.frames[0]
        self.assertEqual((dst, secured), (ROOT, True))
        out = bytearray(256)
        length = iphc.decompress(payload, 0, len(payload), PROXY, ROOT, out)
        self.assertEqual(out[7], 63)
        self.assertEqual(bytes(out[8:40]), address(LEAF) + ROOT_ADDRESS)
        self.assertTrue(udp.valid(out, 40, length))

    def test_does_not_forward_what_would_loop_or_leaves_the_mesh(self):
        def last_hop(packet):
            packet[7] = 1
            return packet

        for src, payload, reason in (
            (LEAF, frame(LEAF, PROXY, address(LEAF), ROOT_ADDRESS, change=last_hop), "hop_limit"),
            (ROOT, frame(ROOT, PROXY, ROOT_ADDRESS, address(LEAF)), "no_route"),
            (LEAF, frame(LEAF, PROXY, addr.link_local(LEAF), ROOT_ADDRESS), "not_for_us"),
            (LEAF, frame(LEAF, PROXY, addr.link_local(LEAF), addr.link_local(ROOT)), "not_for_us"),
            (LEAF, frame(LEAF, PROXY, bytes.fromhex("20010db8") + bytes(12), ROOT_ADDRESS), "source_scope"),
            (LEAF, frame(LEAF, PROXY, address(LEAF), bytes.fromhex("ff05" + "00" * 13 + "fd")), "multicast"),
        ):
            self.hear(payload, src, True)
            self.assertEqual(self.net.counters, {reason: 1})
        self.assertEqual(self.air.frames, [])

    def test_join_traffic_fills_half_of_the_queue_at_most(self):
        sent = 0
        while self.net.send(61618, ROOT_ADDRESS, 61619, b"x", 0, True, network.AF43):
            sent += 1
        self.assertEqual(sent, 3)
        self.assertTrue(self.net.send(5684, ROOT_ADDRESS, 5683, b"x", 0))
        self.assertEqual(self.net.counters["tx_join_traffic"], 1)

    def test_too_long_a_datagram_is_not_sent(self):
        self.assertTrue(self.net.send(5684, ROOT_ADDRESS, 5683, bytes(1232), 0))
        self.assertFalse(self.net.send(5684, ROOT_ADDRESS, 5683, bytes(1233), 0))

    def test_leaving_forgets_address_and_queue(self):
        self.net.send(5684, ROOT_ADDRESS, 5683, bytes(600), 0)
        self.net.leave()
        self.air.run()
        self.assertEqual(len(self.air.frames), 1)
        self.assertRaises(StateError, self.net.send, 5684, ROOT_ADDRESS, 5683, b"x", 0)

    def test_hostile_frames_never_raise(self):
        state = 99
        good = frame(LEAF, PROXY, address(LEAF), address(PROXY), dst_port=61617)
        srh = SourceRoute.srh(self, [address(PROXY), address(LEAF), address(STRANGER)])
        for n in range(3000):
            payload = bytearray(srh if n & 1 else good)
            for _ in range(1 + n % 3):
                state = (state * 1103515245 + 12345) & 0x3FFFFFFF
                payload[(state >> 8) % len(payload)] = state >> 16 & 0xFF
            self.hear(bytes(payload[: len(payload) - n % 5]), LEAF, n & 2 == 2)
            self.air.queue.clear()


class SourceRoute(unittest.TestCase):
    """RFC 6554, at node PROXY between ROOT and LEAF."""

    def setUp(self):
        Node.setUp(self)

    def srh(self, hops, change=None):
        def insert(packet):
            packet = network.insert_source_route(packet, hops)
            if change:
                change(packet)
            return packet

        return frame(ROOT, PROXY, ROOT_ADDRESS, hops[-1], dst_port=5684, change=insert)

    def hear(self, payload, secured=True):
        self.net.counters.clear()
        self.air.links[PROXY].on_data(ROOT, memoryview(payload), secured, 255, 0)

    def test_is_rewritten_and_forwarded(self):
        hops = [address(PROXY), address(LEAF), address(STRANGER)]
        self.hear(self.srh(hops))
        _, dst, payload, secured, _ = self.air.frames[0]
        self.assertEqual((dst, secured), (LEAF, True))
        out = bytearray(256)
        length = iphc.decompress(payload, 0, len(payload), PROXY, LEAF, out)
        self.assertEqual(bytes(out[24:40]), address(LEAF))
        self.assertEqual(out[7], 63)
        self.assertEqual(bytes(out[40:48]), bytes.fromhex("1102030188000000"))
        # The address just left stands where the next hop stood.
        self.assertEqual(bytes(out[48:64]), address(PROXY)[8:] + address(STRANGER)[8:])
        self.assertEqual(length, 64 + 8 + 2)

    def test_three_hops_deliver_with_a_right_checksum(self):
        hops = [address(PROXY), address(LEAF), address(STRANGER)]
        nets = []
        for eui64, parent in ((LEAF, PROXY), (STRANGER, LEAF)):
            net = network.Network(self.air.link(eui64), eui64, random)
            net.join(parent)
            net.configure(PREFIX)
            nets.append(net)
        inbox = Inbox(nets[1], 5684)
        self.hear(self.srh(hops))
        self.air.run()
        self.assertEqual(inbox.got, [(ROOT_ADDRESS, 5683, b"hi", LEAF, True)])

    def test_whose_segments_are_used_up_is_delivered(self):
        def used_up(packet):
            packet[43] = 0
            packet[24:40] = address(PROXY)
            packet[48:56] = address(LEAF)[8:]

        hops = [address(LEAF), address(PROXY)]
        self.hear(self.srh(hops, used_up))
        self.assertEqual(self.closed.got[0][2], b"hi")

    def drop(self, reason, change, hops=None):
        self.hear(self.srh(hops or [address(PROXY), address(LEAF), address(STRANGER)], change))
        self.assertEqual(self.net.counters, {reason: 1})
        self.assertEqual(self.air.frames, [])

    def test_with_more_segments_left_than_addresses_is_dropped(self):
        def change(packet):
            packet[43] = 3

        self.drop("srh_malformed", change)

    def test_of_another_type_is_dropped(self):
        def change(packet):
            packet[42] = 0

        self.drop("srh_malformed", change)

    def test_whose_addresses_do_not_fill_it_is_dropped(self):
        def change(packet):
            packet[44] = 0x78

        self.drop("srh_malformed", change)

    def test_that_is_longer_than_the_packet_is_dropped(self):
        for size in (4, 200):

            def change(packet, size=size):
                packet[41] = size

            self.drop("srh_malformed", change)

    def test_that_names_us_again_is_dropped(self):
        self.drop("srh_loop", None, [address(PROXY), address(LEAF), address(PROXY), address(STRANGER)])
        self.drop("srh_loop", None, [address(PROXY), address(PROXY), address(STRANGER)])

    def test_that_leads_out_of_the_mesh_is_dropped(self):
        for outside in ("ff02000000000000", "fe80000000000000", "20010db800000000"):

            def change(packet, outside=outside):
                # One address of 16 bytes: nothing elided.
                packet[41] = 2
                packet[43] = 1
                packet[44] = 0
                packet[48:64] = bytes.fromhex(outside) + address(LEAF)[8:]

            self.drop("srh_scope", change)

    def test_to_a_link_local_address_of_ours_is_dropped(self):
        def change(packet):
            packet[8:40] = addr.link_local(ROOT) + addr.link_local(PROXY)

        self.drop("srh_malformed", change)

    def test_that_is_not_secured_is_dropped(self):
        self.hear(self.srh([address(PROXY), address(LEAF)]), False)
        self.assertEqual(self.net.counters, {"unsecured_not_to_us": 1})
        self.assertEqual(self.air.frames, [])

    def test_is_not_forwarded_when_the_hop_limit_is_used_up(self):
        def change(packet):
            packet[7] = 1

        self.drop("hop_limit", change)


if __name__ == "__main__":
    unittest.main()
