"""``Link`` between nodes over a lossy air in virtual time: delivery, security, rekeying, hostile frames."""

import json
import unittest

from microbrew import crypto as facade
from microbrew.errors import StateError
from microbrew.mac import frame
from microbrew.mac.beacon import Beacon
from microbrew.mac.link import Link
from microbrew.mac.security import KeySet
from microbrew.mac.submac import QUEUE_LEN

PAN = 0xCAFE
KEY = bytes.fromhex("e6bf4287c2d7618d6a9687445ffd33e6")
KEY2 = bytes(range(16))
A = bytes.fromhex("00124b0000000101")
B = bytes.fromhex("00124b0000000202")
C = bytes.fromhex("00124b0000000303")


class Dice:
    """A small deterministic generator (xorshift), the same on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def next(self, below):
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.state = x
        return x % below


class Crypto(facade.load().__class__):
    """The backend with deterministic randomness."""

    def __init__(self, seed):
        self.dice = Dice(seed)

    def random(self, length):
        return bytes([self.dice.next(256) for _ in range(length)])


class Counter:
    def __init__(self, start=0):
        self.value = start

    def next(self):
        if self.value is None:
            raise StateError("used up")
        self.value += 1
        return self.value


class Air:
    """All radios hear each other; ``loss`` of 100 deliveries are dropped. ``log`` has every frame."""

    def __init__(self, loss=0):
        self.loss = loss
        self.dice = Dice(1)
        self.radios = []
        self.log = []

    def radio(self, eui64):
        radio = AirRadio(self, eui64)
        self.radios.append(radio)
        return radio

    def inject(self, data, sender=None):
        self.log.append(data)
        for radio in self.radios:
            if radio is not sender and self.dice.next(100) >= self.loss:
                radio.inbox.append(data)


class AirRadio:
    ack_wait_ms = 20
    hardware_ack = False
    lqi = 200

    def __init__(self, air, eui64):
        self.air = air
        self.eui64 = eui64
        self.inbox = []
        self.channel = None

    def set_channel(self, channel):
        self.channel = channel

    def set_filter(self, pan_id, short_address):
        pass

    def transmit(self, buf, length):
        self.air.inject(bytes(buf[:length]), self)
        return True

    def receive_into(self, buf):
        if not self.inbox:
            return 0
        data = self.inbox.pop(0)
        buf[0 : len(data)] = data
        return len(data)


class Node:
    def __init__(self, air, eui64, keys=True, pan_id=PAN, usage=0):
        self.radio = air.radio(eui64)
        self.counter = Counter()
        self.link = Link(self.radio, Crypto(eui64[7]), self.counter)
        self.link.configure(pan_id, 26)
        self.link.on_data = self.on_data
        self.link.on_beacon = self.on_beacon
        self.data = []
        self.beacons = []
        self.done = []
        if keys:
            keyset = KeySet()
            keyset.install([(1, usage, KEY)], 0)
            self.link.set_keys(keyset)

    def on_data(self, src, payload, secured, lqi, now):
        self.data.append((src, bytes(payload), secured))

    def on_beacon(self, beacon, src, secured, lqi, now):
        self.beacons.append((beacon, src, secured, lqi))

    def finished(self, ok, now):
        self.done.append(ok)

    def send(self, dst, payload, secured=True, now=0):
        return self.link.send(dst, payload, secured, now, self.finished)


def run(nodes, now, end):
    """Step all nodes through virtual time."""
    while now <= end:
        for node in nodes:
            while node.link.receive(now):
                pass
            node.link.poll(now)
        now += 1
    return now


class Delivery(unittest.TestCase):
    def setUp(self):
        self.air = Air()
        self.a = Node(self.air, A)
        self.b = Node(self.air, B)
        self.c = Node(self.air, C)
        self.nodes = [self.a, self.b, self.c]

    def test_unicast_reaches_its_destination_only(self):
        self.a.send(B, b"hello")
        run(self.nodes, 0, 100)
        self.assertEqual(self.b.data, [(A, b"hello", True)])
        self.assertEqual((self.c.data, self.a.done), ([], [True]))

    def test_broadcast_reaches_all(self):
        self.a.send(None, b"hello", False)
        run(self.nodes, 0, 100)
        self.assertEqual(self.b.data, [(A, b"hello", False)])
        self.assertEqual(self.c.data, self.b.data)
        self.assertEqual(len(self.air.log), 1)

    def test_secured_payload_is_not_on_the_air(self):
        self.a.send(B, b"top secret")
        run(self.nodes, 0, 100)
        self.assertEqual(self.b.data, [(A, b"top secret", True)])
        for data in self.air.log:
            self.assertFalse(b"secret" in data)

    def test_largest_payloads(self):
        for secured in (False, True):
            self.a.send(B, bytes(self.a.link.room(secured)), secured)
            with self.assertRaises(ValueError):
                self.a.send(B, bytes(self.a.link.room(secured) + 1), secured)
        run(self.nodes, 0, 100)
        self.assertEqual([len(payload) for _, payload, _ in self.b.data], [104, 94])
        self.assertEqual(max([len(data) for data in self.air.log]), frame.MAX_LEN)

    def test_nobody_there(self):
        self.a.send(bytes(8), b"hello")
        run(self.nodes, 0, 500)
        self.assertEqual(self.a.done, [False])

    def test_every_key_usage_for_data(self):
        for usage in (0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14):
            air = Air()
            a = Node(air, A, usage=usage)
            b = Node(air, B, usage=usage)
            a.send(B, b"x" * a.link.room(True))
            a.link.send_beacon(Beacon(PAN, 1, b"net", 0), 0)
            run([a, b], 0, 100)
            self.assertEqual(len(b.data), 1, usage)
            self.assertEqual(b.beacons[0][2], usage < 9)

    def test_loss_is_repaired_without_duplicates(self):
        self.air.loss = 30
        now = 0
        for number in range(60):
            self.a.send(B, bytes((number,)), number % 2 == 0, now)
            now = run(self.nodes, now, now + 150)
        got = [payload[0] for _, payload, _ in self.b.data]
        self.assertEqual(got, sorted(set(got)))
        # What the sender was told is true: an acknowledged frame arrived.
        for number in range(60):
            if self.a.done[number]:
                self.assertIn(number, got)
        self.assertTrue(sum(self.a.done) > 45)
        self.assertTrue(self.a.link.counters["tx_retry"] > 10)

    def test_full_queue_and_caller_mistakes(self):
        for _ in range(QUEUE_LEN):
            self.assertTrue(self.a.send(B, b"x", False))
        self.assertFalse(self.a.send(B, b"x", False))
        self.a.link.set_keys(None)
        with self.assertRaises(StateError):
            self.a.send(B, b"x", True)
        self.a.link.configure(None, 26)
        with self.assertRaises(StateError):
            self.a.send(B, b"x", False)

    def test_used_up_counter_stops_secured_sending_only(self):
        self.a.counter.value = None
        self.assertFalse(self.a.send(B, b"x"))
        self.assertTrue(self.a.send(B, b"x", False))
        self.a.counter.value = 0xFFFFFFFD
        self.assertTrue(self.a.send(B, b"x"))
        self.assertFalse(self.a.send(B, b"x"))
        self.assertFalse(self.a.link.send_beacon(Beacon(PAN, 1), 0))
        self.assertEqual(self.a.link.counters["counter_exhausted"], 3)

    def test_blacklisted_neighbour(self):
        self.b.link.blacklist = (A,)
        self.a.send(B, b"x")
        run(self.nodes, 0, 100)
        self.assertEqual(self.b.data, [])
        self.assertEqual(self.b.link.counters["blacklisted"], 1)


class Security(unittest.TestCase):
    def setUp(self):
        self.air = Air()
        self.a = Node(self.air, A)
        self.b = Node(self.air, B)
        self.pledge = Node(self.air, C, False)
        self.nodes = [self.a, self.b, self.pledge]
        self.beacon = Beacon(PAN, 77, b"net", 5)

    def test_replayed_frame_is_dropped(self):
        self.a.send(B, b"pay")
        now = run(self.nodes, 0, 100)
        self.air.inject(self.air.log[0])
        run(self.nodes, now, now + 100)
        self.assertEqual(len(self.b.data), 1)
        self.assertEqual(self.b.link.counters["replay"], 1)

    def test_secured_beacon_is_checked_by_members_and_believed_by_pledges(self):
        self.a.link.send_beacon(self.beacon, 0)
        run(self.nodes, 0, 100)
        for node, secured in ((self.b, True), (self.pledge, False)):
            beacon, src, checked, lqi = node.beacons[0]
            self.assertEqual((beacon.asn, beacon.network_id, beacon.proxy_priority), (77, b"net", 5))
            self.assertEqual((src, checked, lqi, beacon.pan_id, beacon.key_index), (A, secured, 200, PAN, 1))

    def test_node_whose_key_set_is_empty_or_wiped_is_a_pledge(self):
        self.b.link.keys.wipe()
        self.pledge.link.set_keys(KeySet())
        self.a.link.send_beacon(self.beacon, 0)
        self.a.send(B, b"secret")
        run(self.nodes, 0, 100)
        for node in (self.b, self.pledge):
            self.assertEqual([checked for _, _, checked, _ in node.beacons], [False])
        self.assertEqual((self.b.data, self.b.link.counters["no_key"]), ([], 1))

    def test_forged_beacon_is_dropped_by_members(self):
        self.a.link.send_beacon(self.beacon, 0)
        run(self.nodes, 0, 100)
        forged = bytearray(self.air.log[0])
        forged[17] += 1
        forged[40] ^= 1
        self.air.inject(bytes(forged))
        run(self.nodes, 100, 200)
        self.assertEqual(len(self.b.beacons), 1)
        self.assertEqual(self.b.link.counters["bad_mic"], 1)

    def test_pledge_listens_to_all_networks(self):
        self.pledge.link.configure(None, 26)
        self.beacon.pan_id = 0xBEEF
        self.a.link.send_beacon(self.beacon, 0)
        run(self.nodes, 0, 100)
        self.assertEqual(self.pledge.beacons[0][0].pan_id, 0xBEEF)
        self.assertEqual(self.b.beacons, [])

    def test_pledge_drops_secured_data_and_takes_unsecured(self):
        self.a.send(C, b"secret")
        self.a.send(C, b"plain", False)
        run(self.nodes, 0, 100)
        self.assertEqual(self.pledge.data, [(A, b"plain", False)])
        self.assertEqual(self.pledge.link.counters["no_key"], 1)
        # Acknowledged all the same: acknowledgement is not security.
        self.assertEqual(self.a.done, [True, True])

    def test_members_see_who_was_not_secured(self):
        self.pledge.send(A, b"join me", False)
        run(self.nodes, 0, 100)
        self.assertEqual(self.a.data, [(C, b"join me", False)])

    def test_rekeying_spreads_by_hearing(self):
        for node in (self.a, self.b):
            node.link.keys.install([(2, 0, KEY2)], 0)
        self.a.send(B, b"old")
        now = run(self.nodes, 0, 100)
        self.assertEqual(self.b.data, [(A, b"old", True)])
        root = Node(self.air, bytes.fromhex("00124b00000000ff"), False)
        keys = KeySet(True)
        keys.install([(1, 0, KEY)], 0)
        keys.install([(2, 0, KEY2)], 0)
        root.link.set_keys(keys)
        self.nodes.append(root)
        root.send(A, b"new", True, now)
        now = run(self.nodes, now, now + 100)
        self.assertEqual(self.a.link.keys.data_key().index, 2)
        self.assertEqual(self.b.link.keys.data_key().index, 1)
        self.a.send(B, b"newer", True, now)
        now = run(self.nodes, now, now + 100)
        self.assertEqual(self.b.link.keys.data_key().index, 2)
        self.assertEqual(self.b.data[-1], (A, b"newer", True))
        self.assertTrue(self.b.link.poll(now) <= now + 12000)
        self.b.link.poll(now + 12000)
        self.assertEqual(self.b.link.keys.retiring, [])


class Hostile(unittest.TestCase):
    def test_thousands_of_mutated_frames_raise_nothing(self):
        seeds = []
        for name in ("frames", "secframes"):
            with open("tests/vectors/%s.json" % name) as file:
                frames = json.load(file)["frames"]
            for key in sorted(frames):
                seeds.append(bytes.fromhex(frames[key])[:-2])
        air = Air()
        member = Node(air, A)
        pledge = Node(air, B, False, None)
        dice = Dice(20240607)
        for now in range(3000):
            data = bytearray(seeds[dice.next(len(seeds))])
            for _ in range(1 + dice.next(4)):
                what = dice.next(4)
                at = dice.next(len(data)) if data else 0
                if what == 0 and data:
                    data[at] ^= 1 << dice.next(8)
                elif what == 1 and data:
                    data[at] = dice.next(256)
                elif what == 2:
                    data = data[:at]
                else:
                    data = (data + bytes((dice.next(256),) * dice.next(20)))[:127]
            if len(data) > 127 or not data:
                continue
            air.inject(bytes(data))
            run((member, pledge), now, now)
            # No unverified frame ever counts as secured.
            self.assertFalse(any(secured for _, _, secured in member.data))
        self.assertTrue(len(member.link.counters) > 10)
        self.assertTrue(len(member.link.counters) < 40)

    def test_random_bytes_raise_nothing(self):
        air = Air()
        nodes = (Node(air, A), Node(air, B, False, None))
        dice = Dice(7)
        for now in range(1000):
            air.inject(bytes([dice.next(256) for _ in range(1 + dice.next(127))]))
            run(nodes, now, now)


if __name__ == "__main__":
    unittest.main()
