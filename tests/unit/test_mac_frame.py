"""MAC headers and information elements against frames that Wireshark dissected."""

import json
import unittest

from microbrew.mac import frame, ie

with open("tests/vectors/frames.json") as _file:
    FRAMES = json.load(_file)["frames"]
with open("tests/vectors/secframes.json") as _file:
    SECURED = json.load(_file)["frames"]

PROXY = bytes.fromhex("00124b0000000101")
PLEDGE = bytes.fromhex("00124b0000000202")
PAN = 0xCAFE


def psdu(text):
    """The frame of a vector without its FCS."""
    return bytes.fromhex(text)[:-2]


def parsed(data):
    header = frame.Frame()
    return header.parse(data, len(data)), header


class Parse(unittest.TestCase):
    def test_every_vector_parses(self):
        for frames in (FRAMES, SECURED):
            for name in frames:
                self.assertIsNone(parsed(psdu(frames[name]))[0], name)

    def test_version_1_data(self):
        data = psdu(FRAMES["data_v1_iphc_udp_f0b1"])
        _, header = parsed(data)
        self.assertEqual((header.kind, header.version, header.seq), (frame.DATA, 1, 3))
        self.assertEqual((header.dest, header.src), (PROXY, PLEDGE))
        self.assertEqual((header.dest_pan, header.src_pan), (PAN, PAN))
        self.assertTrue(header.ack_request)
        self.assertEqual(data[header.header_end : header.end][:3], b"\x7e\x33\xf3")

    def test_version_2_data_to_extended_and_to_broadcast(self):
        _, header = parsed(psdu(FRAMES["data_v2_iphc_udp_5683"]))
        self.assertEqual((header.version, header.dest, header.src_pan), (2, PROXY, PAN))
        _, header = parsed(psdu(FRAMES["data_v2_mcast_coap_discovery"]))
        self.assertEqual((header.dest, header.src, header.ack_request), (frame.BROADCAST, PLEDGE, False))

    def test_beacon_has_payload_ies_and_a_bare_acknowledgement_has_no_address(self):
        _, header = parsed(psdu(FRAMES["eb_join_info"]))
        self.assertEqual((header.kind, header.src, header.payload_ies), (frame.BEACON, PROXY, True))
        _, header = parsed(psdu(FRAMES["imm_ack_seq7"]))
        self.assertEqual((header.kind, header.seq, header.dest, header.src), (frame.ACK, 7, None, None))

    def test_auxiliary_header(self):
        _, header = parsed(psdu(SECURED["data_encmic64_fc5_v1"]))
        self.assertEqual((header.level, header.key_mode, header.key_index, header.counter), (6, 1, 1, 5))
        self.assertEqual(header.length - header.end, 8)
        _, header = parsed(psdu(SECURED["eb_mic32_tsch"]))
        self.assertEqual((header.level, header.counter, header.payload_ies), (1, -1, True))

    def test_short_addresses_of_both_modes(self):
        _, header = parsed(psdu(SECURED["data_short_src_tsch"]))
        self.assertEqual((header.dest, header.src), (b"\x00\x01", b"\xaf\x93"))
        # Version 1, short to short, no compression: both PAN ids are there.
        data = bytes.fromhex("418805cefa0200bcfa010041")
        data = bytes((0x01, 0x98)) + data[2:]
        reason, header = parsed(data)
        self.assertIsNone(reason)
        self.assertEqual((header.dest_pan, header.dest), (0xFACE, b"\x00\x02"))
        self.assertEqual((header.src_pan, header.src), (0xFABC, b"\x00\x01"))

    def test_pan_ids_present_in_version_2(self):
        # (destination mode, source mode, compression) -> PAN ids on the air: IEEE 802.15.4-2015 table 7-2.
        table = (
            (0, 0, 0, 0), (0, 0, 1, 1), (2, 0, 0, 1), (2, 0, 1, 0), (3, 0, 0, 1), (3, 0, 1, 0),
            (0, 2, 0, 1), (0, 2, 1, 0), (0, 3, 0, 1), (0, 3, 1, 0), (3, 3, 0, 1), (3, 3, 1, 0),
            (2, 2, 0, 2), (2, 2, 1, 1), (2, 3, 0, 2), (2, 3, 1, 1), (3, 2, 0, 2), (3, 2, 1, 1),
        )  # fmt: skip
        sizes = {0: 0, 2: 2, 3: 8}
        for dest, src, compressed, pans in table:
            control = 1 | compressed << 6 | dest << 10 | 2 << 12 | src << 14
            need = 3 + sizes[dest] + sizes[src] + 2 * pans
            data = bytes((control & 255, control >> 8)) + bytes(need - 2)
            reason, header = parsed(data)
            self.assertIsNone(reason)
            self.assertEqual(header.header_end, need, (dest, src, compressed))
            if need > 3:
                self.assertEqual(parsed(data[:-1])[0], "bad_address")

    def test_sequence_number_may_be_suppressed_in_version_2(self):
        data = bytes((0x01, 0xE9, 0x07)) + bytes(20)
        _, header = parsed(data)
        self.assertEqual(header.seq, -1)


class Refuse(unittest.TestCase):
    def test_types_versions_and_address_modes_that_do_not_exist(self):
        for control in (0x0004, 0x0005, 0x0007, 0x3001):
            self.assertEqual(parsed(bytes((control & 255, control >> 8)) + bytes(30))[0], "bad_type")
        for control in (0x0401, 0x4001):
            self.assertEqual(parsed(bytes((control & 255, control >> 8)) + bytes(30))[0], "bad_address")

    def test_empty_short_and_too_long(self):
        for size in (0, 1, 2, 126, 127):
            self.assertEqual(parsed(bytes(size))[0], "bad_length")

    def test_security_of_level_0_and_4_and_of_2003(self):
        data = bytearray(psdu(SECURED["data_encmic64_fc5_v1"]))
        for level in (0, 4):
            data[21] = 0x08 | level
            self.assertEqual(parsed(data)[0], "bad_security")
        data[21] = 0x0E
        data[1] &= 0xCF
        self.assertEqual(parsed(data)[0], "bad_security")

    def test_every_truncation_of_every_header(self):
        for frames in (FRAMES, SECURED):
            for name in frames:
                data = psdu(frames[name])
                header = parsed(data)[1]
                end = header.header_end
                # A list of header IEs may be cut where an element begins: it is then an empty list.
                bare = end - 2 if header.payload_ies else end - 4 if name == "enh_ack_timecorr" else -1
                for size in range(end):
                    if size != bare:
                        self.assertTrue(parsed(data[:size])[0], (name, size))

    def test_header_ie_that_runs_past_the_end(self):
        head = psdu(FRAMES["eb_minimal_8180"])[:15]
        self.assertEqual(parsed(head + b"\x02\x0f\x00")[0], "bad_ie")
        self.assertEqual(parsed(head + b"\x02")[0], "bad_ie")
        self.assertEqual(parsed(head + b"\x02\x8f\x00\x00")[0], "bad_ie")
        self.assertIsNone(parsed(head + b"\x02\x0f\x00\x00")[0])

    def test_mic_longer_than_the_frame(self):
        data = psdu(SECURED["data_encmic64_fc5_v1"])
        self.assertEqual(parsed(data[:34])[0], "bad_length")


class Write(unittest.TestCase):
    def test_data_header_is_the_vectors(self):
        data = psdu(FRAMES["data_v1_iphc_udp_f0b1"])
        buf = bytearray(125)
        end = frame.put_data(buf, 3, PAN, PROXY, PLEDGE, True, False)
        self.assertEqual(end, frame.DATA_HEADER_LEN)
        self.assertEqual(bytes(buf[:end]), data[:end])

    def test_secured_data_header_is_the_vectors(self):
        data = psdu(SECURED["data_encmic64_fc5_v1"])
        buf = bytearray(125)
        end = frame.put_data(buf, 10, PAN, PROXY, PLEDGE, True, True)
        end = frame.put_aux(buf, end, 6, 5, 1)
        self.assertEqual(bytes(buf[:end]), data[:end])

    def test_broadcast_data_header(self):
        buf = bytearray(125)
        end = frame.put_data(buf, 4, PAN, None, PLEDGE, False, False)
        reason, header = parsed(bytes(buf[:end]))
        self.assertIsNone(reason)
        self.assertEqual((header.version, header.dest, header.src), (1, frame.BROADCAST, PLEDGE))
        self.assertEqual((header.dest_pan, header.header_end), (PAN, end))

    def test_beacon_header_and_acknowledgement_are_the_vectors(self):
        buf = bytearray(125)
        end = frame.put_beacon(buf, 1, PAN, PROXY, False)
        self.assertEqual(bytes(buf[:end]), psdu(FRAMES["eb_join_info"])[:end])
        self.assertEqual(bytes(buf[: frame.put_ack(buf, 7)]), psdu(FRAMES["imm_ack_seq7"]))


class InformationElements(unittest.TestCase):
    def test_header_list_ends(self):
        self.assertEqual(ie.header_end(b"\x02\x0f\x00\x00\x00\x3f\xff", 0, 7), (6, True))
        self.assertEqual(ie.header_end(b"\x02\x0f\x00\x00\x80\x3f\xff", 0, 7), (6, False))
        self.assertEqual(ie.header_end(b"\x02\x0f\x00\x00", 0, 4), (4, False))

    def test_payload_list_ends_at_termination(self):
        self.assertEqual(ie.payload_end(b"\x01\xa8\x02\x00\xf8DATA", 0, 9), 5)
        self.assertEqual(ie.payload_end(b"\x01\xa8\x02", 0, 3), 3)
        self.assertEqual(ie.payload_end(b"\x02\xa8\x02", 0, 3), -1)
        self.assertEqual(ie.payload_end(b"\x01\x28\x02", 0, 3), -1)

    def test_nested_heads_of_both_forms(self):
        self.assertEqual(ie.nested_head(b"\x01\x1c\x00", 0, 3), (False, 0x1C, 2, 3))
        self.assertEqual(ie.nested_head(b"\x01\xc8\x00", 0, 3), (True, 9, 2, 3))
        self.assertIsNone(ie.nested_head(b"\x02\x1c\x00", 0, 3))
        self.assertIsNone(ie.nested_head(b"\x02", 0, 1))

    def test_written_head_reads_back(self):
        buf = bytearray(2)
        ie.put_payload_head(buf, 0, ie.IETF, 13)
        self.assertEqual(bytes(buf), b"\x0d\xa8")


if __name__ == "__main__":
    unittest.main()
