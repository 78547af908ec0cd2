"""Addresses and checksums: RFC 4291/5952 text, RFC 4944 identifiers, RFC 1071 sums."""

import unittest

from microbrew.ip import addr, icmpv6, udp

EUI = bytes.fromhex("00124b0000000202")


class Addresses(unittest.TestCase):
    def test_link_local_of_an_eui64_and_back(self):
        address = addr.link_local(EUI)
        self.assertEqual(address, bytes.fromhex("fe8000000000000002124b0000000202"))
        self.assertEqual(addr.eui64_of(address), EUI)

    def test_routable_is_unicast_beyond_the_link(self):
        for text, routable in (
            ("fd00:6d62::1", True),
            ("2001:db8::1", True),
            ("::", False),
            ("fe80::1", False),
            ("febf:ffff::1", False),
            ("fec0::1", True),
            ("ff02::1", False),
            ("ff0e::1", False),
        ):
            self.assertEqual(addr.is_routable(addr.parse(text)), routable)

    def test_text_is_canonical(self):
        # Pairs of RFC 5952 section 1 and 4, and RFC 4291 section 2.2.
        for full, text in (
            ("20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
            ("20010db8000000000000000000020001", "2001:db8::2:1"),
            ("20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"),
            ("00000000000000000000000000000001", "::1"),
            ("00000000000000000000000000000000", "::"),
            ("ff010000000000000000000000000101", "ff01::101"),
            ("20010db8aaaabbbbccccddddeeee0000", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:0"),
            ("20010000000000010000000000000001", "2001:0:0:1::1"),
            ("fd006d62000000000000000000000000", "fd00:6d62::"),
        ):
            self.assertEqual(addr.text(bytes.fromhex(full)), text)
            self.assertEqual(addr.parse(text), bytes.fromhex(full))

    def test_parse_refuses_what_is_no_address(self):
        for text in (
            "",
            ":",
            "1::2::3",
            "1:2:3",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7::8:9",
            "12345::",
            "::g",
            "::+1",
            "1:2:3:4:5:6:7:8::",
            "::1:",
            "a:::b",
        ):
            self.assertRaises(ValueError, addr.parse, text)

    def test_link_local_means_the_whole_64_bit_prefix(self):
        self.assertTrue(addr.is_link_local(addr.link_local(EUI)))
        self.assertFalse(addr.is_link_local(bytes.fromhex("fe8000000000000102124b0000000202")))
        self.assertFalse(addr.is_link_local(bytes.fromhex("fd006d620000000002124b0000000202")))


class Checksums(unittest.TestCase):
    def test_sum_of_the_rfc_1071_example(self):
        # RFC 1071 section 3: 0001 f203 f4f5 f6f7 sum to ddf2; all else in the pseudo header is zero here.
        packet = bytearray(40) + bytes.fromhex("0001f203f4f5f6f7")
        self.assertEqual(udp.checksum(packet, 40, 48, -8), 0xFFFF - 0xDDF2)

    def test_odd_length_is_padded_with_zero(self):
        even = bytearray(40) + bytes.fromhex("0001f200")
        odd = bytearray(40) + bytes.fromhex("0001f2")
        self.assertEqual(udp.checksum(even, 40, 44, -4), udp.checksum(odd, 40, 43, -3))

    def test_computed_zero_is_sent_as_all_ones(self):
        packet = bytearray(48)
        udp.put_checksum(packet, 40, 0)
        self.assertEqual(packet[46:48], b"\xff\xff")

    def test_udp_length_and_checksum_are_verified(self):
        packet = bytearray(40) + bytes.fromhex("1633163300090000") + b"x"
        packet[8:40] = addr.link_local(EUI) + addr.link_local(EUI)
        udp.put_checksum(packet, 40, udp.checksum(packet, 40, 49, 17))
        self.assertTrue(udp.valid(packet, 40, 49))
        for at in (8, 24, 41, 45, 46, 48):
            packet[at] ^= 1
            self.assertFalse(udp.valid(packet, 40, 49))
            packet[at] ^= 1
        self.assertFalse(udp.valid(packet, 40, 48))
        packet[46] = packet[47] = 0
        self.assertFalse(udp.valid(packet, 40, 49))

    def test_icmpv6_checksum_is_verified(self):
        packet = bytearray(40) + icmpv6.message(155, 0, b"\x00\x00")
        packet[8:40] = addr.link_local(EUI) + addr.link_local(EUI)
        icmpv6.put_checksum(packet, 40, 46)
        self.assertTrue(icmpv6.valid(packet, 40, 46))
        packet[41] ^= 1
        self.assertFalse(icmpv6.valid(packet, 40, 46))
        self.assertFalse(icmpv6.valid(packet, 40, 43))


if __name__ == "__main__":
    unittest.main()
