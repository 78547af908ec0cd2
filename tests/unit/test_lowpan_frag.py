"""Fragmentation (RFC 4944 section 5.3): vectors, bounded reassembly under attack, one frame in flight."""

import json
import unittest

from microbrew.ip import addr, udp
from microbrew.lowpan import frag

PLEDGE = bytes.fromhex("00124b0000000202")
PROXY = bytes.fromhex("00124b0000000101")


def vector_payloads():
    with open("tests/vectors/frames.json") as file:
        frames = json.load(file)["frames"]
    return [bytes.fromhex(frames[name])[21:-2] for name in ("frag1", "frag2", "frag3")]


def packet(length, src=PLEDGE, dst=PROXY):
    """A UDP packet of ``length`` bytes between the link-local addresses."""
    out = bytearray(length)
    out[0] = 0x60
    out[4] = length - 40 >> 8
    out[5] = length - 40 & 0xFF
    out[6] = 17
    out[7] = 255
    out[8:24] = addr.link_local(src)
    out[24:40] = addr.link_local(dst)
    udp.put_header(out, 40, 5683, 5683, length - 40)
    for i in range(48, length):
        out[i] = i * 7 & 0xFF
    udp.put_checksum(out, 40, udp.checksum(out, 40, length, 17))
    return out


class FakeLink:
    """Takes one frame at a time; the test says when it is done."""

    def __init__(self, room=80):
        self.frames = []
        self.done = None
        self.full = False
        self.size = room
        self.outstanding = 0

    def room(self, secured):
        return self.size

    def send(self, dst, payload, secured, now, done):
        if self.full:
            return False
        assert len(payload) <= self.size
        self.outstanding += 1
        self.frames.append(bytes(payload))
        self.done = done
        return True

    def finish(self, ok, now):
        self.outstanding -= 1
        done = self.done
        self.done = None
        done(ok, now)


def fragments(length, tag=1, src=PLEDGE, dst=PROXY, room=80):
    link = FakeLink(room)
    sender = frag.Sender(link.send, link.room, src, tag - 1)
    sender.put(packet(length, src, dst), length, dst, False, 0)
    while link.done:
        link.finish(True, 0)
    return link.frames


class Reassembly(unittest.TestCase):
    def setUp(self):
        self.pool = frag.Reassembler(3, 1280, 10000)

    def add(self, fragment, now=0, src=PLEDGE, secured=False):
        return self.pool.add(fragment, src, PROXY, secured, now)

    def whole(self, result, length):
        self.assertTrue(isinstance(result, tuple))
        self.assertEqual(result[1], length)
        return bytes(result[0][:length])

    def test_vector_is_put_together_in_any_order(self):
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
            payloads = vector_payloads()
            result = None
            for i in order:
                self.assertIsNone(result)
                result = self.add(payloads[i])
            out = self.whole(result, 248)
            self.assertTrue(out[40:46] == bytes.fromhex("1633163300d0"))
            self.assertEqual(out[48:], bytes(range(200)))

    def test_duplicate_fragment_is_harmless(self):
        payloads = vector_payloads()
        self.add(payloads[0])
        self.assertEqual(self.add(payloads[0]), "frag_duplicate")
        self.add(payloads[1])
        self.assertEqual(self.add(payloads[1]), "frag_duplicate")
        self.whole(self.add(payloads[2]), 248)

    def test_overlap_with_other_content_drops_the_whole_datagram(self):
        payloads = vector_payloads()
        self.add(payloads[0])
        self.add(payloads[1])
        changed = bytearray(payloads[1])
        changed[20] ^= 1
        self.assertEqual(self.add(changed), "frag_overlap")
        self.assertIsNone(self.add(payloads[2]))

    def test_overlap_with_other_bounds_drops_the_whole_datagram(self):
        payloads = vector_payloads()
        self.add(payloads[0])
        self.add(payloads[1])
        shifted = bytearray(payloads[1])
        shifted[4] -= 1
        self.assertEqual(self.add(shifted), "frag_overlap")
        self.assertIsNone(self.add(payloads[2]))

    def test_fragment_beyond_the_end_drops_the_whole_datagram(self):
        payloads = vector_payloads()
        self.add(payloads[0])
        self.assertEqual(self.add(payloads[2] + b"\x00"), "frag_malformed")
        self.add(payloads[1])
        self.assertIsNone(self.add(payloads[2]))

    def test_inner_fragment_that_is_no_multiple_of_8_drops_the_whole_datagram(self):
        payloads = vector_payloads()
        self.add(payloads[0])
        self.assertEqual(self.add(payloads[1][:-1]), "frag_malformed")
        self.assertIsNone(self.add(payloads[1]))
        self.assertIsNone(self.add(payloads[2]))

    def test_sizes_out_of_range_are_dropped(self):
        first = bytearray(vector_payloads()[0])
        first[0] = 0xC0
        first[1] = 39
        self.assertEqual(self.add(first), "frag_size")
        first[0] = 0xC5
        first[1] = 1
        self.assertEqual(self.add(first), "frag_size")

    def test_empty_fragments_and_offset_zero_are_dropped(self):
        self.assertEqual(self.add(bytes.fromhex("e0f80042")), "frag_malformed")
        self.assertEqual(self.add(bytes.fromhex("e0f800420d")), "frag_malformed")
        self.assertEqual(self.add(bytes.fromhex("e0f8004200") + bytes(8)), "frag_malformed")
        self.assertEqual(self.add(bytes.fromhex("c0f80042")), "frag_malformed")

    def test_another_size_or_tag_or_source_is_another_datagram(self):
        payloads = vector_payloads()
        self.add(payloads[0])
        other = bytearray(payloads[1])
        other[3] ^= 1
        self.assertIsNone(self.add(other))
        self.assertIsNone(self.pool.add(payloads[2], PROXY, PLEDGE, False, 0))
        self.assertIsNone(self.add(payloads[1]))
        self.whole(self.add(payloads[2]), 248)

    def test_secured_and_unsecured_fragments_do_not_mix(self):
        payloads = vector_payloads()
        self.add(payloads[0], secured=True)
        self.add(payloads[1], secured=False)
        self.assertIsNone(self.add(payloads[2], secured=True))
        self.whole(self.add(payloads[1], secured=True), 248)

    def test_incomplete_datagram_is_forgotten_after_the_timeout(self):
        payloads = vector_payloads()
        self.add(payloads[0], 0)
        self.add(payloads[1], 5000)
        self.assertEqual(self.pool.deadline(), 10000)
        self.assertEqual(self.pool.expire(9999), 0)
        self.assertEqual(self.pool.expire(10000), 1)
        self.assertIsNone(self.pool.deadline())
        self.assertIsNone(self.add(payloads[2], 10001))

    def test_timeout_beyond_60_s_is_refused(self):
        self.assertRaises(ValueError, frag.Reassembler, 3, 1280, 60001)

    def test_growing_datagram_survives_a_flood_of_first_fragments(self):
        mine = fragments(600)
        flood_first = bytearray(fragments(600)[0])
        now = 0
        result = None
        for n in range(1000):
            flood_first[2] = n >> 8
            flood_first[3] = n & 0xFF
            src = bytes.fromhex("0012") + n.to_bytes(6, "big")
            self.add(flood_first, now, src)
            # The legitimate one gets a word in after every second attacker's.
            if n % 2 == 1 and n // 2 < len(mine):
                result = self.add(mine[n // 2], now)
            now += 1
        self.whole(result, 600)

    def test_after_a_flood_of_stalled_datagrams_room_comes_before_the_timeout(self):
        # Three datagrams lack their last fragment only: the strongest position that a flood can hold.
        for n in range(3):
            src = bytes.fromhex("0012") + n.to_bytes(6, "big")
            for fragment in fragments(600)[:-1]:
                self.add(fragment, 0, src)
        result = None
        for fragment in fragments(600):
            result = self.add(fragment, 2600)
        self.whole(result, 600)

    def test_secured_datagram_finds_room_among_unsecured_ones(self):
        for n in range(3):
            for fragment in fragments(600)[:-1]:
                self.add(fragment, 0, bytes.fromhex("0012") + n.to_bytes(6, "big"))
        result = None
        for fragment in fragments(600):
            result = self.add(fragment, 1, PLEDGE, True)
        self.whole(result, 600)

    def test_unsecured_flood_does_not_touch_secured_datagrams(self):
        mine = fragments(600)
        for n in range(3):
            for fragment in mine[:-1]:
                self.assertIsNone(self.add(fragment, 0, bytes.fromhex("0012") + n.to_bytes(6, "big"), True))
        for n in range(1000):
            first = bytearray(mine[0])
            first[2] = n >> 8
            first[3] = n & 0xFF
            self.assertEqual(self.add(first, 1, bytes.fromhex("0013000000000001")), "frag_no_buffer")
        for n in range(3):
            src = bytes.fromhex("0012") + n.to_bytes(6, "big")
            self.whole(self.add(mine[-1], 2, src, True), 600)

    def test_sender_that_moved_on_gets_the_buffers_of_what_it_gave_up(self):
        # Three datagrams that a hop gave up half-way; the sender has long turned to the fourth.
        for tag in range(3):
            for fragment in fragments(600, tag)[:-1]:
                self.assertIsNone(self.add(fragment, 0, PLEDGE, True))
        result = None
        for fragment in fragments(600, 3):
            result = self.add(fragment, 1, PLEDGE, True)
        self.whole(result, 600)

    def test_sender_that_moved_on_takes_no_buffer_from_others(self):
        other = fragments(600, 9)
        for fragment in other[:-1]:
            self.add(fragment, 0, PROXY, True)
        for tag in range(5):
            for fragment in fragments(600, tag)[:-1]:
                self.assertIsNone(self.add(fragment, 1, PLEDGE, True))
        self.whole(self.add(other[-1], 2, PROXY, True), 600)

    def test_flood_takes_no_memory(self):
        try:
            from gc import collect, mem_alloc
        except ImportError:
            self.skipTest("only MicroPython tells how much heap is in use")
        first = bytearray(fragments(600)[0])

        def flood(count):
            for n in range(count):
                first[2] = n >> 8
                first[3] = n & 0xFF
                self.add(first, n)

        flood(10)
        collect()
        before = mem_alloc()
        flood(1000)
        collect()
        self.assertTrue(mem_alloc() - before < 256)

    def test_random_fragments_never_raise(self):
        state = 7
        for n in range(4000):
            state = (state * 1103515245 + 12345) & 0x3FFFFFFF
            fragment = bytearray(1 + (state >> 8) % 100)
            for i in range(len(fragment)):
                state = (state * 1103515245 + 12345) & 0x3FFFFFFF
                fragment[i] = state >> 16 & 0xFF
            fragment[0] = (0xC0 if state & 64 else 0xE0) | fragment[0] & 1
            if len(fragment) > 4:
                fragment[4] &= 0x1F
                fragment[2] = fragment[3] = 0
            self.add(fragment, n)


class Sending(unittest.TestCase):
    def setUp(self):
        self.link = FakeLink()
        self.results = []
        self.sender = frag.Sender(self.link.send, self.link.room, PLEDGE, 0x41, self.on_result, 3)

    def on_result(self, dst, ok, now):
        self.results.append(ok)

    def test_short_datagram_is_one_frame(self):
        self.assertTrue(self.sender.put(packet(100), 100, PROXY, False, 0))
        self.assertEqual(len(self.link.frames), 1)
        self.assertFalse(frag.is_dispatch(self.link.frames[0][0]))
        self.link.finish(True, 1)
        self.assertEqual(self.results, [True])

    def test_every_size_up_to_the_mtu_survives_the_round_trip(self):
        for size in (48, 49, 120, 121, 128, 129, 136, 600, 1279, 1280):
            for room in (80, 87, 104):
                pool = frag.Reassembler(1)
                result = None
                for fragment in fragments(size, room=room):
                    if not frag.is_dispatch(fragment[0]):
                        result = ()
                        break
                    self.assertTrue(len(fragment) <= room)
                    self.assertIsNone(result)
                    result = pool.add(fragment, PLEDGE, PROXY, False, 0)
                if result != ():
                    self.assertEqual(bytes(result[0][: result[1]]), bytes(packet(size)))

    def test_one_frame_is_in_flight_at_a_time(self):
        self.sender.put(packet(600), 600, PROXY, False, 0)
        self.sender.put(packet(600), 600, PROXY, False, 0)
        frames = 0
        while self.link.done:
            self.assertEqual(self.link.outstanding, 1)
            self.link.finish(True, 0)
            frames += 1
        self.assertEqual(frames, len(self.link.frames))
        self.assertEqual(self.results, [True, True])

    def test_lost_frame_ends_its_datagram_and_the_next_goes_out(self):
        self.sender.put(packet(600), 600, PROXY, False, 0)
        self.sender.put(packet(100), 100, PROXY, False, 0)
        self.link.finish(True, 0)
        self.link.finish(False, 0)
        self.assertEqual(self.results, [False])
        self.assertFalse(frag.is_dispatch(self.link.frames[-1][0]))
        self.link.finish(True, 0)
        self.assertEqual(self.results, [False, True])

    def test_queue_is_bounded(self):
        for _ in range(3):
            self.assertTrue(self.sender.put(packet(600), 600, PROXY, False, 0))
        self.assertFalse(self.sender.put(packet(600), 600, PROXY, False, 0))

    def test_full_link_is_tried_again_with_the_same_fragment(self):
        self.sender.put(packet(600), 600, PROXY, False, 0)
        self.link.full = True
        self.link.finish(True, 0)
        self.assertEqual(len(self.link.frames), 1)
        due = self.sender.poll(0)
        self.assertTrue(due > 0)
        self.link.full = False
        self.sender.poll(due)
        while self.link.done:
            self.link.finish(True, due)
        self.assertEqual(self.link.frames, fragments(600, 0x42))

    def test_tags_differ_from_datagram_to_datagram(self):
        self.sender.put(packet(200), 200, PROXY, False, 0)
        self.sender.put(packet(200), 200, PROXY, False, 0)
        while self.link.done:
            self.link.finish(True, 0)
        tags = []
        for frame in self.link.frames:
            if frame[2:4] not in tags:
                tags.append(frame[2:4])
        self.assertEqual(tags, [b"\x00\x42", b"\x00\x43"])

    def test_cleared_queue_sends_nothing_more(self):
        self.sender.put(packet(600), 600, PROXY, False, 0)
        self.sender.put(packet(600), 600, PROXY, False, 0)
        self.sender.clear()
        self.link.finish(True, 0)
        self.assertIsNone(self.link.done)
        self.assertEqual(len(self.link.frames), 1)
        self.sender.put(packet(100), 100, PROXY, False, 0)
        self.assertEqual(len(self.link.frames), 2)

    def test_routing_header_too_long_for_the_first_fragment_is_cut_uncompressed(self):
        # Eight further hops: 72 bytes of routing header behind two inline addresses.
        srh = bytes((17, 7, 3, 7, 0x88, 0, 0, 0)) + bytes(range(56))
        plain = packet(200)
        length = 200 + len(srh)
        routed = bytearray(plain[:40]) + srh + plain[40:]
        routed[4] = length - 40 >> 8
        routed[5] = length - 40 & 0xFF
        routed[6] = 43
        routed[8:40] = bytes.fromhex("fd006d62000000000000000000000001fd006d620000000002124b0000000202")
        self.sender.put(bytearray(routed), length, PROXY, False, 0)
        while self.link.done:
            self.link.finish(True, 0)
        pool = frag.Reassembler(1)
        result = None
        for frame in self.link.frames:
            result = pool.add(frame, PLEDGE, PROXY, False, 0)
        self.assertEqual(bytes(result[0][: result[1]]), bytes(routed))


if __name__ == "__main__":
    unittest.main()
