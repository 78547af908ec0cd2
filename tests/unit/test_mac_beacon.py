"""Enhanced Beacons against Wireshark-checked frames, hostile ones, and the pledge's table of candidates."""

import json
import unittest

from microbrew.mac import beacon as mac_beacon
from microbrew.mac import frame
from microbrew.mac.beacon import Beacon, Listener

with open("tests/vectors/frames.json") as _file:
    FRAMES = json.load(_file)["frames"]

PROXY = bytes.fromhex("00124b0000000101")
NETWORK = bytes.fromhex("b224e2d978592ead")


def proxy(number):
    return PROXY[:7] + bytes((number,))


def psdu(name):
    return bytes.fromhex(FRAMES[name])[:-2]


def parse(data):
    header = frame.Frame()
    if header.parse(data, len(data)):
        return None
    return mac_beacon.parse(data, header.header_end, header.end)


def join_beacon(iid=None):
    return Beacon(
        pan_id=0xCAFE,
        asn=0x12345,
        network_id=NETWORK,
        proxy_priority=0x10,
        pan_priority=0x20,
        rank_priority=3,
        solicit=True,
        iid=iid,
    )


def encoded(beacon):
    buf = bytearray(125)
    pos = frame.put_beacon(buf, 1, beacon.pan_id, PROXY, False)
    return bytes(buf[: mac_beacon.encode(beacon, buf, pos)])


class Codec(unittest.TestCase):
    def test_encodes_the_vectors_byte_for_byte(self):
        self.assertEqual(encoded(Beacon(pan_id=0xCAFE, asn=0x12345)), psdu("eb_minimal_8180"))
        self.assertEqual(encoded(join_beacon()), psdu("eb_join_info"))
        self.assertEqual(encoded(join_beacon(bytes.fromhex("02124b0000000101"))), psdu("eb_join_info_iid"))

    def test_parses_the_vectors(self):
        beacon = parse(psdu("eb_join_info"))
        self.assertEqual((beacon.asn, beacon.join_metric), (0x12345, 0))
        self.assertEqual((beacon.network_id, beacon.iid, beacon.solicit), (NETWORK, None, True))
        self.assertEqual((beacon.proxy_priority, beacon.rank_priority, beacon.pan_priority), (0x10, 3, 0x20))
        beacon = parse(psdu("eb_join_info_iid"))
        self.assertEqual((beacon.iid, beacon.network_id), (bytes.fromhex("02124b0000000101"), NETWORK))

    def test_beacon_without_join_element_names_no_network(self):
        beacon = parse(psdu("eb_minimal_8180"))
        self.assertEqual(beacon.asn, 0x12345)
        self.assertIsNone(beacon.network_id)

    def test_network_id_of_0_and_16_bytes(self):
        for size in (0, 16):
            beacon = join_beacon()
            beacon.network_id = bytes(range(size))
            self.assertEqual(parse(encoded(beacon)).network_id, bytes(range(size)))

    def test_extreme_values_survive(self):
        beacon = Beacon(0, (1 << 40) - 1, b"", 0x7F, 255, 0xFFF, 255, bytes(8), True)
        again = parse(encoded(beacon))
        for name in (
            "asn",
            "proxy_priority",
            "pan_priority",
            "rank_priority",
            "join_metric",
            "iid",
            "solicit",
        ):
            self.assertEqual(getattr(again, name), getattr(beacon, name))

    def test_caller_must_give_right_lengths(self):
        for network_id, iid in ((bytes(17), None), (b"", bytes(7))):
            beacon = join_beacon(iid)
            beacon.network_id = network_id
            with self.assertRaises(ValueError):
                encoded(beacon)


class Malformed(unittest.TestCase):
    def refused(self, payload):
        self.assertIsNone(mac_beacon.parse(payload, 0, len(payload)))

    SYNC = b"\x08\x88\x06\x1a\x45\x23\x01\x00\x00\x00"

    def test_the_sound_parts_are_accepted(self):
        self.assertEqual(mac_beacon.parse(self.SYNC, 0, len(self.SYNC)).asn, 0x12345)

    def test_no_synchronisation(self):
        self.refused(b"")
        self.refused(b"\x0d\xa8\x02\x81\x00\x03\x20" + NETWORK)

    def test_synchronisation_of_a_wrong_length(self):
        self.refused(b"\x07\x88\x05\x1a\x45\x23\x01\x00\x00")
        self.refused(b"\x08\x88\x07\x1a\x45\x23\x01\x00\x00\x00")

    def test_join_element_too_short_or_too_long(self):
        self.refused(self.SYNC + b"\x00\xa8")
        for size in range(1, 5):
            self.refused(self.SYNC + bytes((size, 0xA8, 2)) + bytes(size - 1))
        self.refused(self.SYNC + b"\x16\xa8\x02" + bytes(21))
        # P says that an interface id follows, but only 7 octets do.
        self.refused(self.SYNC + b"\x0c\xa8\x02\x40" + bytes(10))

    def test_element_past_the_end_and_wrong_kind(self):
        self.refused(self.SYNC + b"\x05")
        self.refused(self.SYNC + b"\x05\xa8\x02\x00")
        self.refused(self.SYNC + b"\x00\x28")

    def test_other_groups_and_subtypes_are_skipped(self):
        data = self.SYNC + b"\x02\x90\x01\x02" + b"\x02\xa8\x01\xff" + b"\x00\xf8" + b"junk"
        self.assertIsNone(mac_beacon.parse(data, 0, len(data)).network_id)

    def test_every_truncation_is_refused_or_lacks_the_join_element(self):
        data = psdu("eb_join_info_iid")
        for size in range(len(data)):
            beacon = parse(data[:size])
            self.assertTrue(beacon is None or beacon.network_id is None, size)


class Candidates(unittest.TestCase):
    def setUp(self):
        self.listener = Listener(4, 1000)

    def hear(self, number, network=b"A", pan_priority=0, proxy_priority=0, lqi=100, now=0):
        beacon = Beacon(1, 0, network, proxy_priority, pan_priority)
        return self.listener.hear(beacon, proxy(number), lqi, now)

    def best(self, exclude=(), now=None):
        best = self.listener.best(exclude, now)
        return best and best.proxy[7]

    def test_nothing_heard(self):
        self.assertIsNone(self.best())

    def test_pan_priority_then_proxy_priority_then_quality(self):
        self.hear(1, b"A", 1, 0, 255)
        self.hear(2, b"B", 0, 5, 255)
        self.assertEqual(self.best(), 2)
        self.hear(3, b"C", 0, 4, 10)
        self.assertEqual(self.best(), 3)
        self.hear(4, b"D", 0, 4, 11)
        self.assertEqual(self.best(), 4)

    def test_never_is_never(self):
        self.assertFalse(self.hear(1, proxy_priority=0x7F))
        self.assertIsNone(self.best())
        self.assertTrue(self.hear(2))
        self.assertFalse(self.hear(2, proxy_priority=0x7F))
        self.assertIsNone(self.best())

    def test_beacon_without_network_is_no_candidate(self):
        self.assertFalse(self.hear(1, network=None))

    def test_exclude_a_proxy_then_its_network(self):
        self.hear(1, b"A", 0, 0)
        self.hear(2, b"A", 0, 1)
        self.hear(3, b"B", 9, 9)
        self.assertEqual(self.best({(b"A", proxy(1))}), 2)
        self.assertEqual(self.best({(b"A", None)}), 3)
        self.assertIsNone(self.best({(b"A", None), (b"B", proxy(3))}))

    def test_a_newer_beacon_of_the_same_proxy_replaces_the_older(self):
        self.hear(1, proxy_priority=9)
        self.hear(1, proxy_priority=3)
        self.assertEqual(len(self.listener.candidates), 1)
        self.assertEqual(self.listener.best().beacon.proxy_priority, 3)

    def test_table_is_bounded_and_keeps_the_better(self):
        for number in range(1, 5):
            self.assertTrue(self.hear(number, bytes((number,)), number))
        self.assertFalse(self.hear(9, b"Z", 200))
        self.assertTrue(self.hear(8, b"Y", 0))
        self.assertEqual(len(self.listener.candidates), 4)
        self.assertEqual(self.best(), 8)

    def test_one_network_cannot_fill_the_table(self):
        for number in range(1, 9):
            self.hear(number, b"A", 0, 0)
        self.assertEqual(len(self.listener.candidates), 2)
        self.assertTrue(self.hear(9, b"B", 255))

    def test_old_entries_give_way_and_are_not_offered(self):
        for number in range(1, 5):
            self.hear(number, bytes((number,)), 0)
        self.assertIsNone(self.best((), 1001))
        self.assertTrue(self.hear(9, b"Z", 255, now=1001))
        self.assertEqual(self.best((), 1001), 9)
        self.listener.clear()
        self.assertIsNone(self.best())


if __name__ == "__main__":
    unittest.main()
