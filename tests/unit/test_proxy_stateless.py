"""Stateless join proxy: relays both ways, remembers nothing, serves nothing else, limits its rate."""

import unittest

from mesh_air import Air, random

from microbrew import cbor
from microbrew.ip import addr, network
from microbrew.proxy import jpy, stateless

ROOT = bytes.fromhex("00124b0000000001")
PROXY = bytes.fromhex("00124b0000000101")
PLEDGE = bytes.fromhex("00124b0000000202")
PREFIX = bytes.fromhex("fd006d6200000000")
JRC = PREFIX + bytes(7) + b"\x01"


def make(air, eui64, parent):
    net = network.Network(air.link(eui64), eui64, random, queue=16)
    net.join(parent)
    net.configure(PREFIX)
    return net


class Relaying(unittest.TestCase):
    def setUp(self):
        self.air = Air()
        self.net = make(self.air, PROXY, ROOT)
        self.proxy = stateless.StatelessProxy(self.net, JRC)
        self.pledge = network.Network(self.air.link(PLEDGE), PLEDGE, random)
        self.pledge.proxy = PROXY
        self.answers = []
        self.pledge.bind(5683, self.on_answer)
        self.jrc = network.Network(self.air.link(ROOT), ROOT, random)
        self.jrc.join(None)
        self.jrc.configure(PREFIX, JRC)
        self.jrc.source_route = self.route
        self.requests = []
        self.jrc.bind(stateless.JPY_PORT, self.on_request)

    def route(self, dst):
        return [dst]

    def on_request(self, src, src_port, dst, dst_port, payload, link_src, secured, now):
        self.requests.append((src, src_port, bytes(payload), secured))

    def on_answer(self, src, src_port, dst, dst_port, payload, link_src, secured, now):
        self.answers.append((src, src_port, bytes(payload)))

    def say(self, content, now=0, src_port=5683):
        self.pledge.send(src_port, addr.link_local(PROXY), stateless.JOIN_PORT, content, now)
        self.air.run()

    def reply(self, datagram, src_port=stateless.JPY_PORT):
        self.jrc.send(src_port, addr.from_eui64(PREFIX, PROXY), stateless.UPLINK_PORT, datagram, 0)
        self.air.run()

    def test_request_is_wrapped_and_secured(self):
        self.say(b"message_1")
        src, src_port, datagram, secured = self.requests[0]
        self.assertEqual((src, src_port, secured), (addr.from_eui64(PREFIX, PROXY), stateless.UPLINK_PORT, True))
        self.assertEqual(cbor.decode(datagram), [addr.link_local(PLEDGE), 5683, 2, 1, b"message_1"])

    def test_answer_reaches_the_pledge_unsecured_from_the_join_port(self):
        self.say(b"message_1")
        self.reply(jpy.parse(self.requests[0][2]).reply(b"message_2"))
        self.assertEqual(self.answers, [(addr.link_local(PROXY), stateless.JOIN_PORT, b"message_2")])
        self.assertEqual((self.air.frames[-1][0], self.air.frames[-1][3]), (PROXY, False))

    def test_600_bytes_pass_in_both_directions(self):
        content = bytes(range(200)) * 3
        self.say(content)
        self.assertEqual(cbor.decode(self.requests[0][2])[4], content)
        self.reply(jpy.parse(self.requests[0][2]).reply(content))
        self.assertEqual(self.answers[0][2], content)

    def test_answer_from_another_port_or_address_is_dropped(self):
        self.say(b"message_1")
        answer = jpy.parse(self.requests[0][2]).reply(b"message_2")
        self.reply(answer, 5683)
        take = self.proxy._from_mesh
        own = self.net.address
        take(addr.from_eui64(PREFIX, ROOT), stateless.JPY_PORT, own, stateless.UPLINK_PORT, answer, ROOT, True, 0)
        take(JRC, stateless.JPY_PORT, own, stateless.UPLINK_PORT, answer, ROOT, False, 0)
        take(JRC, stateless.JPY_PORT, self.net.link_local, stateless.UPLINK_PORT, answer, ROOT, True, 0)
        self.air.run()
        self.assertEqual(self.answers, [])
        self.assertEqual(self.proxy.relay.counters["jp_not_registrar"], 4)

    def test_answer_that_leads_elsewhere_is_dropped(self):
        for ip, index in ((JRC, 1), (addr.link_local(PLEDGE), 2), (b"\xc0\xa8\x01\x01", 1), (bytes(16), 1)):
            self.reply(jpy.encode(ip, 5683, 2, index, b"x"))
        self.assertEqual(self.proxy.relay.counters, {"jp_not_ours": 4})
        self.reply(b"\x80")
        self.assertEqual(self.proxy.relay.counters["jp_malformed"], 1)
        self.assertEqual(self.answers, [])

    def test_insiders_and_oversize_are_not_relayed(self):
        self.proxy.relay._from_pledge(addr.link_local(PLEDGE), 1, JRC, 1, b"x", PLEDGE, True, 0)
        self.proxy.relay._from_pledge(JRC, 1, JRC, 1, b"x", PLEDGE, False, 0)
        self.proxy.relay._from_pledge(addr.link_local(PLEDGE), 1, JRC, 1, bytes(1201), PLEDGE, False, 0)
        self.proxy.relay._from_pledge(addr.link_local(PLEDGE), 1, JRC, 1, b"", PLEDGE, False, 0)
        self.air.run()
        self.assertEqual(self.proxy.relay.counters, {"jp_not_a_pledge": 2, "jp_size": 2})
        self.assertEqual(self.requests, [])

    def test_join_rate_zero_is_silence(self):
        self.proxy.relay.set_join_rate(0, 0)
        self.assertTrue(self.proxy.relay.silent)
        self.say(b"message_1")
        self.assertEqual(self.requests, [])
        self.proxy.relay.set_join_rate(None, 0)
        self.say(b"message_1")
        self.assertEqual(len(self.requests), 1)

    def flood(self, size, count, start, step):
        for n in range(count):
            now = start + n * step
            self.proxy.relay._from_pledge(addr.link_local(PLEDGE), 1, JRC, 1, bytes(size), PLEDGE, False, now)
            self.air.run()
        return len(self.requests)

    def test_packets_per_second_are_limited(self):
        self.proxy.relay.set_packet_rate(2, 5, 0)
        self.assertEqual(self.flood(10, 50, 0, 0), 5)
        self.assertEqual(self.flood(10, 50, 0, 100), 5 + 9)

    def test_bytes_per_second_are_limited_by_the_join_rate(self):
        self.proxy.relay.set_join_rate(100, 0)
        # The bucket holds one whole datagram, 1280 bytes; then a hundred bytes come each second.
        self.assertEqual(self.flood(1000, 3, 0, 0), 1)
        self.assertEqual(self.flood(1000, 1, 7100, 0), 1)
        self.assertEqual(self.flood(1000, 1, 7300, 0), 2)

    def test_nothing_is_remembered_of_a_thousand_pledges(self):
        def flood(count):
            for n in range(count):
                src = addr.link_local(bytes.fromhex("0012") + n.to_bytes(6, "big"))
                self.proxy.relay._from_pledge(src, 1 + n, JRC, 1, b"hello", PLEDGE, False, n * 1000)
                self.air.run()
                self.requests.clear()
                self.air.frames.clear()

        def shape(thing):
            names = [name for name in dir(thing) if not name.startswith("__")]
            return [(name, len(getattr(thing, name))) for name in names if hasattr(getattr(thing, name), "__len__")]

        flood(3)
        before = shape(self.proxy), shape(self.proxy.relay), shape(self.net)
        flood(1000)
        self.assertEqual((shape(self.proxy), shape(self.proxy.relay), shape(self.net)), before)
        self.assertEqual(self.proxy.relay.counters, {"jp_up": 1003})
        try:
            from gc import collect, mem_alloc
        except ImportError:
            return
        collect()
        heap = mem_alloc()
        flood(1000)
        collect()
        self.assertTrue(mem_alloc() - heap < 512)

    def test_closing_gives_the_ports_back(self):
        self.proxy.close()
        self.assertEqual(self.net.open_ports, set())
        self.say(b"message_1")
        self.assertEqual(self.requests, [])
        stateless.StatelessProxy(self.net, JRC)


if __name__ == "__main__":
    unittest.main()
