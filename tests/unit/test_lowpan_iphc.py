"""IPHC, UDP and routing header compression (RFC 6282): vectors, every form by hand, hostile input."""

import json
import unittest

from microbrew.ip import udp
from microbrew.lowpan import iphc

PLEDGE = bytes.fromhex("00124b0000000202")
PROXY = bytes.fromhex("00124b0000000101")
LL_PLEDGE = bytes.fromhex("fe8000000000000002124b0000000202")
LL_PROXY = bytes.fromhex("fe8000000000000002124b0000000101")
ROUTABLE = bytes.fromhex("fd006d620000000002124b0000000202")
ROOT = bytes.fromhex("fd006d62000000000000000000000001")
CONTEXT = bytes.fromhex("fd006d6200000000")


def frame_payload(name):
    """Payload of a frame of tests/vectors/frames.json: 21 bytes of header before it, FCS after it."""
    with open("tests/vectors/frames.json") as file:
        frames = json.load(file)["frames"]
    return bytes.fromhex(frames[name])[21:-2]


def expand(payload, src=PLEDGE, dst=PROXY, size=0, context=None):
    out = bytearray(256)
    length = iphc.decompress(payload, 0, len(payload), src, dst, out, size, context)
    return bytes(out[:length]) if length > 0 else length


def shrink(packet, src=PLEDGE, dst=PROXY, nhc=True):
    out = bytearray(160)
    end, consumed = iphc.compress(packet, len(packet), src, dst, out, 0, nhc)
    return bytes(out[:end]) + bytes(packet[consumed:])


def ipv6(src, dst, next_header, payload, hop_limit=64, traffic=0, flow=0):
    head = bytearray(8)
    head[0] = 0x60 | traffic >> 4
    head[1] = traffic << 4 & 0xF0 | flow >> 16
    head[2] = flow >> 8 & 0xFF
    head[3] = flow & 0xFF
    head[4] = len(payload) >> 8
    head[5] = len(payload) & 0xFF
    head[6] = next_header
    head[7] = hop_limit
    return bytes(head) + src + dst + payload


def datagram(src_port, dst_port, data=b"data"):
    head = bytearray(8)
    udp.put_header(head, 0, src_port, dst_port, 8 + len(data))
    head[6] = 0x12
    head[7] = 0x34
    return bytes(head) + data


class Vectors(unittest.TestCase):
    def test_link_local_datagram_expands_with_a_right_checksum(self):
        packet = expand(frame_payload("data_v2_iphc_udp_5683"))
        self.assertEqual(packet[:8], bytes.fromhex("6000000000281140"))
        self.assertEqual(packet[8:24], LL_PLEDGE)
        self.assertEqual(packet[24:40], LL_PROXY)
        self.assertEqual(packet[40:46], bytes.fromhex("163316330028"))
        self.assertTrue(udp.valid(packet, 40, len(packet)))

    def test_link_local_datagram_compresses_to_the_vector(self):
        payload = frame_payload("data_v2_iphc_udp_5683")
        self.assertEqual(shrink(expand(payload)), payload)

    def test_ports_of_the_f0bx_range_compress_to_the_vector(self):
        payload = frame_payload("data_v1_iphc_udp_f0b1")
        packet = expand(payload)
        self.assertEqual(packet[40:44], bytes.fromhex("f0b1f0b2"))
        self.assertTrue(udp.valid(packet, 40, len(packet)))
        self.assertEqual(shrink(packet), payload)

    def test_multicast_vector_expands_and_compresses(self):
        with open("tests/vectors/frames.json") as file:
            frame = bytes.fromhex(json.load(file)["frames"]["data_v2_mcast_coap_discovery"])
        payload = frame[15:-2]
        packet = expand(payload, PLEDGE, None)
        self.assertEqual(packet[24:40], bytes.fromhex("ff0200000000000000000000000000fd"))
        self.assertEqual(packet[7], 1)
        self.assertTrue(udp.valid(packet, 40, len(packet)))
        self.assertEqual(shrink(packet, PLEDGE, None), payload)


class Forms(unittest.TestCase):
    """Each form of RFC 6282 section 3.1.1, written by hand."""

    def test_traffic_class_and_flow_label_inline(self):
        # ECN 1, DSCP 38, flow label 0x12345: TF 00.
        packet = expand(bytes.fromhex("6233660123453aaa"))
        self.assertEqual(packet[:4], bytes.fromhex("69912345"))

    def test_ecn_and_flow_label_inline(self):
        packet = expand(bytes.fromhex("6a334123453aaa"))
        self.assertEqual(packet[:4], bytes.fromhex("60112345"))

    def test_traffic_class_inline(self):
        packet = expand(bytes.fromhex("7233263aaa"))
        self.assertEqual(packet[:4], bytes.fromhex("69800000"))

    def test_hop_limit_inline_and_next_header_inline(self):
        packet = expand(bytes.fromhex("78333a05aa"))
        self.assertEqual(packet[4:8], bytes.fromhex("00013a05"))

    def test_hop_limits_1_64_255(self):
        for first, limit in ((0x79, 1), (0x7A, 64), (0x7B, 255)):
            self.assertEqual(expand(bytes((first, 0x33, 0x3A, 0xAA)))[7], limit)

    def test_addresses_of_16_8_and_2_bytes(self):
        packet = expand(bytes.fromhex("7a003a") + ROUTABLE + ROOT + b"\xaa")
        self.assertEqual(packet[8:40], ROUTABLE + ROOT)
        packet = expand(bytes.fromhex("7a113a01020304050607081112131415161718aa"))
        self.assertEqual(
            packet[8:40],
            bytes.fromhex("fe800000000000000102030405060708fe800000000000001112131415161718"),
        )
        packet = expand(bytes.fromhex("7a223aaf931234aa"))
        self.assertEqual(
            packet[8:40],
            bytes.fromhex("fe80000000000000000000fffe00af93fe80000000000000000000fffe001234"),
        )

    def test_multicast_forms(self):
        for second, inline, address in (
            (0x38, "ff05" + "00" * 13 + "fd", "ff05" + "00" * 13 + "fd"),
            (0x39, "051122334455", "ff05" + "00" * 9 + "1122334455"),
            (0x3A, "05112233", "ff05" + "00" * 11 + "112233"),
            (0x3B, "1a", "ff02" + "00" * 13 + "1a"),
        ):
            packet = expand(bytes((0x7A, second, 0x3A)) + bytes.fromhex(inline) + b"\xaa")
            self.assertEqual(packet[24:40], bytes.fromhex(address))

    def test_udp_port_forms(self):
        for nhc, ports in (
            ("f016331634", "16331634"),
            ("f11633b2", "1633f0b2"),
            ("f2b21633", "f0b21633"),
            ("f312", "f0b1f0b2"),
        ):
            packet = expand(bytes.fromhex("7e33" + nhc + "abcd01"))
            self.assertEqual(packet[40:44], bytes.fromhex(ports))
            self.assertEqual(packet[44:48], bytes.fromhex("0009abcd"))

    def test_uncompressed_ipv6(self):
        packet = ipv6(LL_PLEDGE, LL_PROXY, 17, datagram(1, 2))
        self.assertEqual(expand(b"\x41" + packet), packet)
        self.assertEqual(expand(b"\x41" + packet + b"\x00"), iphc.MALFORMED)

    def test_length_of_a_first_fragment_comes_from_the_datagram_size(self):
        packet = expand(bytes.fromhex("7e33f312abcd") + bytes(16), size=248)
        self.assertEqual(packet[4:6], bytes.fromhex("00d0"))
        self.assertEqual(packet[44:46], bytes.fromhex("00d0"))

    def test_context_0_only_where_it_is_known(self):
        # SAC with a 64-bit identifier, DAC elided.
        payload = bytes.fromhex("7a573a0102030405060708aa")
        self.assertEqual(expand(payload), iphc.UNSUPPORTED)
        packet = expand(payload, context=CONTEXT)
        self.assertEqual(packet[8:24], CONTEXT + bytes.fromhex("0102030405060708"))
        self.assertEqual(packet[24:40], CONTEXT + LL_PROXY[8:])

    def test_context_identifiers_other_than_0_are_unsupported(self):
        payload = bytes.fromhex("7ad7003a0102030405060708aa")
        self.assertEqual(len(expand(payload, context=CONTEXT)), 41)
        for contexts in ("01", "10", "ff"):
            bad = payload[:2] + bytes.fromhex(contexts) + payload[3:]
            self.assertEqual(expand(bad, context=CONTEXT), iphc.UNSUPPORTED)

    def test_unspecified_source(self):
        self.assertEqual(expand(bytes.fromhex("7a433aaa"), context=CONTEXT)[8:24], bytes(16))

    def test_reserved_forms_are_dropped(self):
        self.assertEqual(expand(bytes.fromhex("7a343aaa"), context=CONTEXT), iphc.MALFORMED)
        self.assertEqual(expand(bytes.fromhex("7a3c3aaabbccddeeffaa"), context=CONTEXT), iphc.UNSUPPORTED)

    def test_elided_udp_checksum_is_unsupported(self):
        self.assertEqual(expand(bytes.fromhex("7e33f416331633aa")), iphc.UNSUPPORTED)

    def test_other_extension_headers_are_unsupported(self):
        for octet in (0xE0, 0xE4, 0xE6, 0xE8, 0xEE, 0xC0, 0x00):
            self.assertEqual(expand(bytes((0x7E, 0x33, octet, 0x11, 0x06)) + bytes(8)), iphc.UNSUPPORTED)


class RoundTrip(unittest.TestCase):
    def check(self, packet, size, src=PLEDGE, dst=PROXY, nhc=True):
        out = shrink(packet, src, dst, nhc)
        self.assertEqual(expand(out, src, dst), packet)
        self.assertEqual(len(out), size)

    def test_best_form_is_chosen_for_addresses(self):
        data = datagram(5683, 5683)
        self.check(ipv6(LL_PLEDGE, LL_PROXY, 17, data), 2 + 7 + 4)
        self.check(ipv6(ROUTABLE, ROOT, 17, data), 2 + 32 + 7 + 4)
        other = LL_PLEDGE[:8] + bytes(range(8))
        self.check(ipv6(other, LL_PROXY, 17, data), 2 + 8 + 7 + 4)
        short = bytes.fromhex("fe80000000000000000000fffe001234")
        self.check(ipv6(short, LL_PROXY, 17, data), 2 + 2 + 7 + 4)

    def test_elided_destination_needs_a_unicast_frame(self):
        packet = ipv6(LL_PLEDGE, LL_PROXY, 17, datagram(5683, 5683))
        out = shrink(packet, PLEDGE, None)
        self.assertEqual(out[1] & 3, 1)
        self.assertEqual(expand(out, PLEDGE, None), packet)

    def test_best_form_is_chosen_for_multicast(self):
        data = datagram(5683, 5683)
        for address, size in (
            ("ff0200000000000000000000000000fd", 1),
            ("ff0200000000000000000000000001fd", 4),
            ("ff0500000000000000000000000000fd", 4),
            ("ff050000000000000000001122334455", 6),
            ("ff050000000000000000111122334455", 16),
        ):
            self.check(ipv6(LL_PLEDGE, bytes.fromhex(address), 17, data), 2 + size + 7 + 4, PLEDGE, None)

    def test_best_form_is_chosen_for_ports(self):
        for src, dst, size in (
            (5683, 5683, 4),
            (5683, 0xF0B1, 3),
            (0xF0FF, 5683, 3),
            (0xF0B2, 0xF0B3, 1),
            (0xF0B2, 0xF0C3, 3),
        ):
            self.check(ipv6(LL_PLEDGE, LL_PROXY, 17, datagram(src, dst)), 2 + 3 + size + 4)

    def test_traffic_class_flow_and_hop_limit(self):
        data = datagram(5683, 5683)
        self.check(ipv6(LL_PLEDGE, LL_PROXY, 17, data, traffic=0x98), 3 + 7 + 4)
        self.check(ipv6(LL_PLEDGE, LL_PROXY, 17, data, traffic=0x99, flow=0x54321), 6 + 7 + 4)
        self.check(ipv6(LL_PLEDGE, LL_PROXY, 17, data, traffic=0x02, flow=0x54321), 5 + 7 + 4)
        self.check(ipv6(LL_PLEDGE, LL_PROXY, 17, data, hop_limit=63), 3 + 7 + 4)
        self.check(ipv6(LL_PLEDGE, LL_PROXY, 17, data, hop_limit=255), 2 + 7 + 4)

    def test_icmpv6_keeps_its_next_header_inline(self):
        self.check(ipv6(LL_PLEDGE, LL_PROXY, 58, b"\x9b\x00\x12\x34\x00\x00"), 2 + 1 + 6)

    def test_routing_header_is_compressed_with_udp_behind_it(self):
        srh = bytes((17, 1, 3, 1, 0x88, 0, 0, 0)) + LL_PROXY[8:]
        self.check(ipv6(ROOT, ROUTABLE, 43, srh + datagram(5683, 5683)), 2 + 32 + 2 + 14 + 7 + 4)

    def test_routing_header_before_icmpv6_keeps_its_next_header(self):
        srh = bytes((58, 1, 3, 1, 0x88, 0, 0, 0)) + LL_PROXY[8:]
        self.check(ipv6(ROOT, ROUTABLE, 43, srh + bytes(8)), 2 + 32 + 3 + 14 + 8)

    def test_long_routing_header_is_left_as_it_is(self):
        srh = bytes((17, 8, 3, 8, 0x88, 0, 0, 0)) + bytes(64)
        self.check(ipv6(ROOT, ROUTABLE, 43, srh + datagram(5683, 5683)), 3 + 32 + 72 + 8 + 4)

    def test_without_nhc_only_the_ipv6_header_shrinks(self):
        srh = bytes((17, 1, 3, 1, 0x88, 0, 0, 0)) + LL_PROXY[8:]
        self.check(ipv6(ROOT, ROUTABLE, 43, srh + datagram(5683, 5683)), 3 + 32 + 16 + 8 + 4, nhc=False)


class Hostile(unittest.TestCase):
    def test_every_truncation_is_dropped_or_shorter(self):
        whole = bytes.fromhex("64006601234540") + ROUTABLE + ROOT + bytes.fromhex("f0163316341234")
        out = expand(whole)
        self.assertEqual(len(out), 48)
        for end in range(len(whole)):
            self.assertEqual(expand(whole[:end]), iphc.MALFORMED)

    def test_routing_header_lengths_that_do_not_fit_are_dropped(self):
        for length in (0, 1, 5, 7, 13, 15, 22, 254, 255):
            payload = bytes((0x7E, 0x33, 0xE3, length)) + bytes(20)
            self.assertEqual(expand(payload), iphc.MALFORMED)

    def test_header_chain_cannot_outgrow_the_buffer(self):
        chain = (b"\xe3\x06" + bytes(6)) * 40
        self.assertEqual(expand(bytes.fromhex("7e33") + chain + b"\xf3\x12\xab\xcd"), iphc.MALFORMED)

    def test_random_octets_never_raise(self):
        state = 1
        for _ in range(3000):
            payload = bytearray()
            for _ in range(state % 90):
                state = (state * 1103515245 + 12345) & 0x3FFFFFFF
                payload.append(state >> 16 & 0xFF)
            if payload:
                payload[0] = 0x60 | payload[0] & 0x1F
            state = (state * 1103515245 + 12345) & 0x3FFFFFFF
            out = expand(bytes(payload), context=CONTEXT if state & 64 else None)
            self.assertTrue(isinstance(out, int) or len(out) >= 40)


if __name__ == "__main__":
    unittest.main()
