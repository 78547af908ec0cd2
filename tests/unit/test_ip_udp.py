"""UDP checksums against RFC 1071's way of adding word by word."""

import unittest

from microbrew.ip import udp


def word_by_word(packet, start, end, next_header):
    data = bytes(packet[8:40]) + bytes(packet[start:end]) + bytes(end - start & 1)
    total = end - start + next_header
    for i in range(0, len(data), 2):
        total += data[i] << 8 | data[i + 1]
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class Checksums(unittest.TestCase):
    def test_they_are_those_of_words_added_one_by_one(self):
        for length in (48, 49, 60, 61, 127, 1280):
            for step in (0, 1, 7, 255):
                packet = bytearray([i * step & 0xFF for i in range(length)])
                expected = word_by_word(packet, 40, length, udp.NEXT_HEADER)
                self.assertEqual(udp.checksum(packet, 40, length, udp.NEXT_HEADER), expected)

    def test_all_ones_are_no_zero(self):
        packet = bytearray(b"\xff" * 48)
        self.assertEqual(udp.checksum(packet, 40, 48, 17), word_by_word(packet, 40, 48, 17))

    def test_a_packet_with_its_checksum_is_valid_and_with_any_bit_changed_is_not(self):
        packet = bytearray(b"\x60\x00\x00\x00\x00\x0d\x11\x40" + b"\xfd" * 32 + bytes(8) + b"odd\x00\x01")
        udp.put_header(packet, 40, 5683, 5684, len(packet) - 40)
        udp.put_checksum(packet, 40, udp.checksum(packet, 40, len(packet), udp.NEXT_HEADER))
        self.assertTrue(udp.valid(packet, 40, len(packet)))
        for i in range(8, len(packet)):
            for bit in range(8):
                packet[i] ^= 1 << bit
                self.assertFalse(udp.valid(packet, 40, len(packet)))
                packet[i] ^= 1 << bit


if __name__ == "__main__":
    unittest.main()
