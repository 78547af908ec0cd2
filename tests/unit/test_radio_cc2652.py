"""The CC2652's driver over a module that a test plays: the contract of radio/api.py."""

import unittest

from microbrew.radio.cc2652 import Cc2652Radio

EUI64 = bytes(range(8))


class Core:
    UNDER_WAY, SENT, NO_ACK, BUSY, FAILED = range(5)

    def __init__(self):
        self.calls = []
        self.frames = []
        self.result = self.UNDER_WAY

    def start(self, eui64, channel):
        self.calls.append(("start", bytes(eui64), channel))

    def tune(self, channel):
        self.calls.append(("tune", channel))

    def filter(self, pan_id, short):
        self.calls.append(("filter", pan_id, short))

    def send(self, buf, length, retries):
        self.calls.append(("send", bytes(buf[:length]), retries))
        return True

    def sent(self):
        return self.result

    def receive_into(self, buf):
        if not self.frames:
            return 0
        frame = self.frames.pop(0)
        buf[: len(frame)] = frame
        return len(frame)

    def lqi(self):
        return 200

    def rssi(self):
        return -61

    def timestamp(self):
        return 12345

    def counters(self):
        return (1, 2, 3, 4, 5, 6, 7)


class Cc2652RadioTest(unittest.TestCase):
    def test_outcomes_have_the_contracts_names(self):
        core = Core()
        radio = Cc2652Radio(EUI64, core)
        self.assertTrue(radio.hardware_ack)
        self.assertTrue(radio.hardware_csma)
        self.assertIs(radio.transmit(b"frame", 3), True)
        self.assertEqual(core.calls[-1], ("send", b"fra", 7))
        said = []
        for result in (core.UNDER_WAY, core.SENT, core.NO_ACK, core.BUSY, core.FAILED):
            core.result = result
            said.append(radio.sent())
        self.assertEqual(said, [None, "sent", "no_ack", "channel_busy", "channel_busy"])

    def test_the_rf_core_is_only_troubled_with_what_changes(self):
        core = Core()
        radio = Cc2652Radio(EUI64, core)
        for _ in range(2):
            radio.set_channel(15)
            radio.set_filter(0xCAFE, 0x0002)
        self.assertEqual(core.calls, [("start", EUI64, 26), ("tune", 15), ("filter", 0xCAFE, 0x0002)])

    def test_quality_comes_with_the_frame(self):
        core = Core()
        radio = Cc2652Radio(EUI64, core)
        buf = bytearray(127)
        self.assertEqual(radio.receive_into(buf), 0)
        self.assertEqual((radio.lqi, radio.rssi), (0, -128))
        core.frames.append(b"\x41\x88\x01")
        self.assertEqual(radio.receive_into(buf), 3)
        self.assertEqual((bytes(buf[:3]), radio.lqi, radio.rssi, radio.timestamp), (b"\x41\x88\x01", 200, -61, 12345))

    def test_counters_have_names(self):
        self.assertEqual(Cc2652Radio(EUI64, Core()).counters()["rx_overrun"], 4)

    def test_an_address_of_another_length_is_refused(self):
        self.assertRaises(ValueError, Cc2652Radio, b"short", Core())
