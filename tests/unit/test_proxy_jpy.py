"""JPY of draft-ietf-anima-constrained-join-proxy-06: vectors, exact echo, hostile input."""

import json
import unittest

from microbrew import cbor
from microbrew.errors import DecodeError
from microbrew.proxy import jpy

IP = bytes.fromhex("fe8000000000000002124b0000000202")


def vector(name):
    with open("tests/vectors/jpy.json") as file:
        return bytes.fromhex(json.load(file)["vectors"][name])


class Parsing(unittest.TestCase):
    def test_request_vector(self):
        message = jpy.parse(vector("old_draft06_request"))
        self.assertEqual((message.ip, message.port, message.family, message.index), (IP, 0xBDA7, 2, 3))
        self.assertEqual(len(message.content), 0x1AB)
        self.assertEqual(message.content[:2], b"\x16\xfe")

    def test_encode_gives_the_request_vector(self):
        message = jpy.parse(vector("old_draft06_request"))
        out = jpy.encode(message.ip, message.port, message.family, message.index, message.content)
        self.assertEqual(out, vector("old_draft06_request"))

    def test_reply_to_the_request_vector_is_the_reply_vector(self):
        content = jpy.parse(vector("old_draft06_reply")).content
        self.assertEqual(jpy.parse(vector("old_draft06_request")).reply(content), vector("old_draft06_reply"))

    def test_extra_elements_are_echoed_bit_for_bit(self):
        request = vector("old_draft06_extra_element")
        message = jpy.parse(request)
        reply = message.reply(b"answer")
        self.assertEqual(reply, request[:23] + b"\x46answer" + b"\x66future")
        extra = cbor.encode([IP, 1, 2, 1, b"", {1: [2, None, True]}, cbor.Tag(40, "x"), -5])
        self.assertEqual(jpy.parse(extra).reply(b""), extra)

    def test_appendix_example_with_family_1_and_a_16_byte_address(self):
        message = jpy.parse(vector("old_draft06_appendixA_request_zero_content"))
        self.assertEqual((message.family, len(message.ip), message.index), (1, 16, 0))
        self.assertEqual(len(message.content), 45)

    def test_ipv4_address_has_four_bytes(self):
        self.assertEqual(jpy.parse(cbor.encode([b"\xc0\xa8\x01\x01", 1, 1, 0, b"x"])).ip, b"\xc0\xa8\x01\x01")


class Refusing(unittest.TestCase):
    def refuse(self, datagram):
        self.assertRaises(DecodeError, jpy.parse, datagram)

    def test_fewer_than_five_elements(self):
        self.refuse(vector("old_draft06_too_short_reject"))
        elements = [IP, 1, 2, 1]
        for count in range(5):
            self.refuse(cbor.encode(elements[:count]))

    def test_later_drafts_and_nested_headers(self):
        for name in (
            "new_draft20_request",
            "new_one_element_reject",
            "new_three_elements_accept",
            "nested_header_variant",
        ):
            self.refuse(vector(name))

    def test_wrong_types_and_ranges(self):
        good = [IP, 1, 2, 1, b"x"]
        for at, values in (
            (0, ("fe80::1", 5, None, b"", IP[:15], IP + b"\x00", [IP])),
            (1, (0, -1, 65536, b"\x01", True, None, "1")),
            (2, (-1, b"\x02", False, None, 1 << 40)),
            (3, (-1, b"\x01", True, None, 1 << 40)),
            (4, ("x", 1, None, [b"x"], {})),
        ):
            for value in values:
                bad = list(good)
                bad[at] = value
                self.refuse(cbor.encode(bad))

    def test_what_is_no_array(self):
        for item in (b"", b"\xa0", b"\x16\xfe\xfd", b"\x40", b"\xff", b"\x9f\xff", b"\x9b" + b"\xff" * 8):
            self.refuse(item)

    def test_trailing_bytes(self):
        self.refuse(vector("old_draft06_request") + b"\x00")

    def test_64_kilobytes(self):
        self.refuse(cbor.encode([IP, 1, 2, 1, bytes(65000)]))
        self.refuse(b"\x85" * 65535)

    def test_deep_and_many_extra_elements(self):
        head = cbor.encode([IP, 1, 2, 1, b"x"])[1:]
        self.refuse(b"\x86" + head + b"\x81" * 50 + b"\x00")
        self.refuse(b"\x98\xc8" + head + bytes(195))

    def test_every_truncation(self):
        request = vector("old_draft06_extra_element")
        for end in range(len(request)):
            self.refuse(request[:end])

    def test_mutations_raise_nothing_else(self):
        request = vector("old_draft06_reply")
        state = 5
        for _ in range(2000):
            state = (state * 1103515245 + 12345) & 0x3FFFFFFF
            changed = bytearray(request)
            changed[(state >> 8) % len(changed)] = state >> 20 & 0xFF
            try:
                self.assertTrue(len(jpy.parse(bytes(changed)).ip) in (4, 16))
            except DecodeError:
                pass


if __name__ == "__main__":
    unittest.main()
