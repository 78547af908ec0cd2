"""ZEP datagrams and the radio that sends them, over real sockets on loopback."""

import json
import select
import socket
import unittest

from microbrew.radio import zep

with open("tests/vectors/frames.json") as _file:
    FRAMES = json.load(_file)["frames"]
with open("tests/vectors/zep.json") as _file:
    ZEP = json.load(_file)["frames"]

OWN = bytes.fromhex("00124b0000000202")


class Fcs(unittest.TestCase):
    def test_check_value_of_the_algorithm(self):
        # CRC-16/KERMIT of the digits, the catalogue's check value.
        self.assertEqual(zep.fcs(b"123456789", 0, 9), 0x2189)

    def test_frames_that_wireshark_found_correct(self):
        for name in FRAMES:
            data = bytes.fromhex(FRAMES[name])
            end = len(data) - 2
            self.assertEqual(zep.fcs(data, 0, end), data[end] | data[end + 1] << 8)


class Radio(unittest.TestCase):
    """The test plays the ether: a socket that the radio is connected to."""

    def setUp(self):
        self.ether = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # MicroPython cannot tell which port 0 became, so look for a free one.
        port = 27754
        while True:
            try:
                self.ether.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
                break
            except OSError:
                port += 1
        self.poll = select.poll()
        self.poll.register(self.ether, select.POLLIN)
        self.now = 1000
        self.radio = zep.ZepRadio(OWN, "127.0.0.1", port, self.clock, self.wall_clock)
        self.hello = self.heard()
        self.buf = bytearray(127)

    def tearDown(self):
        self.radio.close()
        self.ether.close()

    def clock(self):
        return self.now

    def wall_clock(self):
        return 1500

    def heard(self):
        """The next datagram at the ether, or None."""
        if not self.poll.poll(50):
            return None
        data, self.address = self.ether.recvfrom(300)
        return data

    def feed(self, data):
        """Send a datagram to the radio: what its MAC gets."""
        self.ether.sendto(data, self.address)
        self.radio.wait(50)
        length = self.radio.receive_into(self.buf)
        return bytes(self.buf[:length])

    def test_registers_as_riot_does_and_again_from_time_to_time(self):
        self.assertEqual(self.hello, bytes.fromhex(ZEP["zep_hello_riot"]))
        self.radio.receive_into(self.buf)
        self.assertIsNone(self.heard())
        self.now += 5000
        self.radio.receive_into(self.buf)
        self.assertEqual(self.heard(), self.hello)

    def test_transmit_builds_the_datagram(self):
        psdu = bytes.fromhex(FRAMES["eb_join_info"])
        self.radio.set_channel(26)
        self.assertTrue(self.radio.transmit(bytearray(psdu[:-2] + b"rest"), len(psdu) - 2))
        data = self.heard()
        self.assertEqual(data[:9], bytes.fromhex("455802011a020201ff"))
        # 1.5 s after 1970 in NTP time.
        self.assertEqual(data[9:17], bytes.fromhex("83aa7e8180000000"))
        self.assertEqual((data[17:21], data[21:31], data[31]), (b"\x00\x00\x00\x01", bytes(10), len(psdu)))
        self.assertEqual(data[32:], psdu)
        self.radio.transmit(psdu, 5)
        self.assertEqual(self.heard()[17:21], b"\x00\x00\x00\x02")

    def test_receives_the_vectors(self):
        psdu = bytes.fromhex(FRAMES["eb_join_info"])[:-2]
        self.assertEqual(self.feed(bytes.fromhex(ZEP["zep_eb_join_info"])), psdu)
        self.assertEqual(self.radio.lqi, 255)
        self.assertEqual(self.radio.receive_into(self.buf), 0)

    def test_longest_frame_both_ways(self):
        self.radio.transmit(bytes(125), 125)
        data = self.heard()
        self.assertEqual(len(data), zep.MAX_DATAGRAM)
        self.assertEqual(self.feed(data), bytes(125))
        with self.assertRaises(ValueError):
            self.radio.transmit(bytes(126), 126)

    def test_drops_what_is_not_a_good_frame_of_this_channel(self):
        good = bytearray(bytes.fromhex(ZEP["zep_eb_join_info"]))
        bad = [b"", b"E", bytes.fromhex(ZEP["zep_ack"]), bytes.fromhex(ZEP["zep_hello_riot"]), bytes(300)]
        # Preamble, version, type, channel, CRC mode, length, frame, FCS.
        for at in (0, 1, 2, 3, 4, 7, 31, 40, len(good) - 1):
            wrong = bytearray(good)
            wrong[at] ^= 4
            bad.append(wrong)
        bad.append(good[:-1])
        bad.append(good + b"\x00")
        for data in bad:
            self.assertEqual(self.feed(data), b"")
        self.assertTrue(self.radio.dropped >= len(bad) - 1)
        self.assertEqual(self.feed(good), bytes(good[32:-2]))

    def test_good_frame_behind_bad_ones_is_found(self):
        self.ether.sendto(b"junk", self.address)
        self.ether.sendto(b"junk", self.address)
        self.assertTrue(len(self.feed(bytes.fromhex(ZEP["zep_eb_join_info"]))) > 0)

    def test_missing_ether_is_silence(self):
        self.ether.close()
        for _ in range(3):
            self.radio.transmit(bytes(20), 20)
            self.radio.wait(5)
            self.assertEqual(self.radio.receive_into(self.buf), 0)
        self.ether = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def test_wrong_eui64(self):
        with self.assertRaises(ValueError):
            zep.ZepRadio(bytes(7), "127.0.0.1", 17754, self.clock)


if __name__ == "__main__":
    unittest.main()
