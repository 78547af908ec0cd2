"""Acknowledgement, retry, duplicate and filter behaviour of the sub-MAC, in virtual time."""

import unittest

from microbrew.mac import frame
from microbrew.mac.submac import QUEUE_LEN, SubMac

PAN = 0xCAFE
OWN = bytes.fromhex("00124b0000000101")
PEER = bytes.fromhex("00124b0000000202")
OTHER = bytes.fromhex("00124b0000000303")
WAIT = 20


class FakeRadio:
    """Records what is sent; ``busy`` is how many more transmissions find the channel occupied."""

    def __init__(self, hardware_ack=False):
        self.eui64 = OWN
        self.ack_wait_ms = WAIT
        self.hardware_ack = hardware_ack
        self.sent = []
        self.busy = 0

    def transmit(self, buf, length):
        if self.busy:
            self.busy -= 1
            return False
        self.sent.append(bytes(buf[:length]))
        return True


class Case(unittest.TestCase):
    def setUp(self):
        self.radio = FakeRadio()
        self.counters = {}
        self.dice = 0
        self.mac = SubMac(self.radio, self.random, self.count)
        self.mac.pan_id = PAN
        self.now = 0
        self.results = []

    def random(self, length):
        return bytes([self.dice]) * length

    def count(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1

    def done(self, ok, now):
        self.results.append((ok, now))

    def send(self, ack=True, payload=b"x"):
        buf = self.mac.reserve()
        end = frame.put_data(buf, self.mac.next_seq(), PAN, PEER if ack else None, OWN, ack, False)
        buf[end : end + len(payload)] = payload
        self.mac.commit(end + len(payload), ack, self.done, self.now)

    def run_until(self, end):
        while True:
            due = self.mac.poll(self.now)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
        self.now = end

    def take(self, data):
        return self.mac.receive(data, len(data), self.now)

    def incoming(self, seq=1, dest=OWN, src=PEER, pan_id=PAN, ack=True, payload=b"hi"):
        buf = bytearray(125)
        end = frame.put_data(buf, seq, pan_id, dest, src, ack, False)
        return bytes(buf[:end]) + payload


class Send(Case):
    def test_idle_has_no_deadline(self):
        self.assertIsNone(self.mac.poll(0))

    def test_acknowledged_frame_is_sent_once(self):
        self.send()
        self.run_until(5)
        self.assertEqual(len(self.radio.sent), 1)
        self.take(bytes((2, 0, self.radio.sent[0][2])))
        self.assertEqual(self.results, [(True, 5)])
        self.assertIsNone(self.mac.poll(5))
        self.run_until(500)
        self.assertEqual(len(self.radio.sent), 1)

    def test_unacknowledged_frame_is_tried_eight_times(self):
        self.send()
        self.run_until(1000)
        self.assertEqual(len(self.radio.sent), 8)
        self.assertEqual(set(self.radio.sent), {self.radio.sent[0]})
        self.assertEqual(self.results, [(False, 8 * WAIT)])
        self.assertEqual(self.counters["no_ack"], 1)

    def test_last_retry_may_still_succeed(self):
        self.send()
        self.run_until(7 * WAIT + 1)
        self.assertEqual(len(self.radio.sent), 8)
        self.take(bytes((2, 0, self.radio.sent[0][2])))
        self.assertEqual(self.results[0][0], True)

    def test_broadcast_is_sent_once_and_done(self):
        self.send(ack=False)
        self.run_until(1000)
        self.assertEqual((len(self.radio.sent), self.results[0][0]), (1, True))

    def test_other_acknowledgements_do_not_count(self):
        self.send()
        self.run_until(1)
        seq = self.radio.sent[0][2]
        self.take(bytes((2, 0, seq ^ 1)))
        self.take(bytes((2, 0, seq, 0)))
        self.take(bytes((2, 0x20, seq)))
        self.assertEqual(self.results, [])
        self.assertEqual(self.counters["stray_ack"], 3)

    def test_late_acknowledgement_is_stray(self):
        self.send()
        self.run_until(1000)
        self.take(bytes((2, 0, self.radio.sent[0][2])))
        self.assertEqual([ok for ok, _ in self.results], [False])

    def test_queue_is_bounded_and_in_order(self):
        for number in range(QUEUE_LEN):
            self.send(ack=False, payload=bytes((number,)))
        self.assertIsNone(self.mac.reserve())
        self.assertEqual(self.mac.queued, QUEUE_LEN)
        self.run_until(1000)
        self.assertEqual([data[-1] for data in self.radio.sent], list(range(QUEUE_LEN)))
        self.assertEqual(len(self.results), QUEUE_LEN)
        self.assertEqual(self.mac.queued, 0)

    def test_sequence_numbers_differ_and_wrap(self):
        self.assertEqual(len({self.mac.next_seq() for _ in range(256)}), 256)

    def test_completion_may_send_the_next_frame(self):
        left = [3]

        def again(ok, now):
            if left[0]:
                left[0] -= 1
                self.mac.reserve()[0:3] = b"\x01\x00\x00"
                self.mac.commit(3, False, again, now)

        again(True, 0)
        self.run_until(100)
        self.assertEqual(len(self.radio.sent), 3)

    def test_backoff_comes_before_the_frame(self):
        self.dice = 255
        self.send(ack=False)
        # macMinBE 3: at most 7 periods of 320 us.
        self.assertEqual(self.mac.poll(0), 2)
        self.assertEqual(self.radio.sent, [])
        self.mac.poll(2)
        self.assertEqual(len(self.radio.sent), 1)

    def test_busy_channel_backs_off_longer_then_gives_up(self):
        self.dice = 255
        self.radio.busy = 4
        self.send(ack=False)
        self.run_until(1000)
        self.assertEqual(self.results, [(True, 2 + 4 + 9 + 9 + 9)])
        self.radio.busy = 5
        self.send(ack=False)
        self.run_until(2000)
        self.assertEqual(self.results[1][0], False)
        self.assertEqual(self.counters["channel_busy"], 1)
        self.assertEqual(len(self.radio.sent), 1)


class Receive(Case):
    def test_frame_for_us_is_acknowledged_and_handed_up(self):
        header = self.take(self.incoming(seq=9))
        self.assertEqual((header.src, header.seq), (PEER, 9))
        self.assertEqual(self.radio.sent, [b"\x02\x00\x09"])

    def test_hardware_acknowledges_by_itself(self):
        self.radio.hardware_ack = True
        self.assertTrue(self.take(self.incoming()))
        self.assertEqual(self.radio.sent, [])

    def test_broadcast_is_not_acknowledged_even_if_it_asks(self):
        self.assertTrue(self.take(self.incoming(dest=None, ack=True)))
        self.assertEqual(self.radio.sent, [])

    def test_duplicate_is_acknowledged_but_not_handed_up(self):
        self.assertTrue(self.take(self.incoming(seq=9)))
        self.assertIsNone(self.take(self.incoming(seq=9)))
        self.assertEqual(len(self.radio.sent), 2)
        self.assertEqual(self.counters["duplicate"], 1)
        self.assertTrue(self.take(self.incoming(seq=10)))
        self.assertTrue(self.take(self.incoming(seq=10, src=OTHER)))
        self.now += 2000
        self.assertTrue(self.take(self.incoming(seq=10)))

    def test_a_forged_sequence_number_cannot_suppress_a_secured_frame(self):
        self.assertTrue(self.take(self.incoming(seq=9)))
        buf = bytearray(125)
        end = frame.put_data(buf, 9, PAN, OWN, PEER, True, True)
        end = frame.put_aux(buf, end, 5, 1, 1) + 5
        self.assertTrue(self.take(bytes(buf[:end])))

    def test_flood_of_sources_stays_bounded(self):
        for number in range(1000):
            self.take(self.incoming(src=number.to_bytes(8, "big")))
        self.assertTrue(len(self.mac._recent) <= 16)

    def test_foreign_frames_are_counted_and_never_acknowledged(self):
        self.assertIsNone(self.take(self.incoming(dest=OTHER)))
        self.assertIsNone(self.take(self.incoming(pan_id=0xBEEF)))
        self.assertIsNone(self.take(self.incoming(src=OWN)))
        self.assertIsNone(self.take(b"\x61\xdc"))
        self.assertEqual(self.counters, {"other_address": 1, "other_pan": 1, "own_address": 1, "bad_length": 1})
        self.assertEqual(self.radio.sent, [])

    def test_commands_and_frames_without_source(self):
        data = bytearray(self.incoming())
        data[0] = 0x63
        self.assertIsNone(self.take(data))
        # Version 1 data without source address.
        self.assertIsNone(self.take(bytes((0x01, 0x18, 1, 0xFE, 0xCA, 1, 0, 65))))
        self.assertEqual(self.counters, {"command": 1, "no_source": 1})

    def test_short_address_of_ours(self):
        data = bytes((0x21, 0x98, 5, 0xFE, 0xCA, 0x93, 0xAF, 0xFE, 0xCA, 1, 0, 65))
        self.assertIsNone(self.take(data))
        self.mac.short_address = b"\xaf\x93"
        self.assertEqual(self.take(data).src, b"\x00\x01")
        self.assertEqual(self.radio.sent, [b"\x02\x00\x05"])

    def test_node_without_pan_hears_beacons_of_all_and_nothing_else(self):
        buf = bytearray(125)
        end = frame.put_beacon(buf, 1, 0xBEEF, PEER, False)
        buf[end : end + 2] = b"\x00\x3f"
        foreign = bytes(buf[: end + 2])
        self.assertIsNone(self.take(foreign))
        self.mac.pan_id = None
        self.assertEqual(self.take(foreign).src_pan, 0xBEEF)
        self.assertIsNone(self.take(self.incoming()))
        self.assertEqual(self.counters, {"other_pan": 1, "no_pan": 1})
        self.assertEqual(self.radio.sent, [])


class CapableRadio:
    """Does CSMA-CA and retries by itself; a test says how each frame went."""

    eui64 = OWN
    ack_wait_ms = 2
    hardware_ack = True
    hardware_csma = True

    def __init__(self):
        self.frames = []
        self.outcome = None
        self.taken = True

    def transmit(self, buf, length):
        if not self.taken:
            return False
        self.outcome = None
        self.frames.append(bytes(buf[:length]))
        return True

    def sent(self):
        return self.outcome


class Delegated(Case):
    """What the sub-MAC leaves to a radio with ``hardware_csma``."""

    def setUp(self):
        super().setUp()
        self.radio = CapableRadio()
        self.mac = SubMac(self.radio, self.random, self.count)
        self.mac.pan_id = PAN
        # A backoff of our own would show.
        self.dice = 255

    def test_a_frame_is_handed_over_at_once_and_only_once(self):
        self.send()
        self.mac.poll(0)
        self.run_until(900)
        self.assertEqual(len(self.radio.frames), 1)
        self.assertEqual(self.results, [])

    def test_the_radio_tells_how_it_went(self):
        for outcome, ok in (("sent", True), ("no_ack", False), ("channel_busy", False)):
            self.send()
            self.mac.poll(self.now)
            self.radio.outcome = outcome
            self.assertIsNone(self.mac.poll(self.now + 7))
            self.assertEqual(self.results.pop(), (ok, self.now + 7))
        self.assertEqual(self.counters, {"tx": 3, "no_ack": 1, "channel_busy": 1})

    def test_the_next_frame_follows_when_the_first_is_through(self):
        self.send(payload=b"1")
        self.send(payload=b"2")
        self.mac.poll(0)
        self.assertEqual([data[-1:] for data in self.radio.frames], [b"1"])
        self.radio.outcome = "no_ack"
        self.mac.poll(1)
        self.assertEqual([data[-1:] for data in self.radio.frames], [b"1", b"2"])

    def test_a_radio_that_never_tells_does_not_hold_up_the_queue(self):
        self.send()
        self.run_until(2000)
        self.assertEqual(self.results, [(False, 1000)])
        self.assertEqual(self.counters["stuck"], 1)

    def test_a_radio_that_does_not_take_a_frame_is_asked_again_a_few_times(self):
        self.radio.taken = False
        self.send()
        self.run_until(500)
        self.assertEqual(self.counters, {"channel_busy": 1})
        self.assertEqual(self.results[0][0], False)

    def test_acknowledgements_are_the_radios(self):
        self.assertIsNotNone(self.take(self.incoming()))
        self.assertEqual(self.radio.frames, [])


if __name__ == "__main__":
    unittest.main()
