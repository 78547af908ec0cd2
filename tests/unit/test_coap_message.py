"""CoAP message format: RFC 7252 and RFC 7959 examples, bounds, and what is refused."""

import json
import unittest
from binascii import hexlify, unhexlify

from microbrew.coap import message, numbers
from microbrew.coap.message import Message
from microbrew.errors import DecodeError

OSCORE = json.load(open("tests/vectors/oscore.json"))["vectors"]  # noqa: SIM115
COJP = json.load(open("tests/vectors/cojp.json"))["coap"]  # noqa: SIM115


def refused(text):
    try:
        Message.decode(unhexlify(text))
    except DecodeError:
        return True
    return False


class Format(unittest.TestCase):
    def test_rfc7252_figure_16_request_and_response(self):
        # CON GET /temperature, MID 0x7d34, no token; ACK 2.05 "22.3 C".
        request = Message(numbers.CON, numbers.GET, 0x7D34, b"", []).add(numbers.URI_PATH, "temperature")
        self.assertEqual(hexlify(request.encode()), b"40017d34bb74656d7065726174757265")
        answer = Message(numbers.ACK, numbers.CONTENT, 0x7D34, b"", [], b"22.3 C")
        self.assertEqual(hexlify(answer.encode()), b"60457d34ff32322e332043")

    def test_rfc7252_figure_17_with_a_token(self):
        got = Message.decode(unhexlify("41017d3520bb74656d7065726174757265"))
        self.assertEqual((got.type, got.code, got.mid, got.token), (0, 1, 0x7D35, b"\x20"))
        self.assertEqual(got.path(), ("temperature",))

    def test_foreign_messages_survive_decoding_and_encoding(self):
        texts = [OSCORE[name]["unprotected"] for name in ("C.4", "C.5", "C.6", "C.7")]
        texts += [OSCORE[name]["protected"] for name in ("C.4", "C.5", "C.6", "C.7", "C.8")]
        texts += [COJP[name] for name in COJP if "ext_token" not in name]
        for text in texts:
            self.assertEqual(Message.decode(unhexlify(text)).encode(), unhexlify(text))

    def test_option_deltas_and_lengths_at_the_edges_of_their_forms(self):
        for number in (0, 12, 13, 14, 268, 269, 270, 65535):
            for length in (0, 12, 13, 268, 269, 300):
                sent = Message(numbers.CON, numbers.GET, 1, b"", [(number, bytes(length))], b"p")
                got = Message.decode(sent.encode())
                self.assertEqual(got.options, [(number, bytes(length))])
                self.assertEqual(got.payload, b"p")
        # Echo h'0102' right after Uri-Path: delta 241 is 13 + 0xe4.
        sent = Message(numbers.CON, numbers.GET, 1, b"", [(11, b""), (252, b"\x01\x02")])
        self.assertEqual(hexlify(sent.encode()[4:]), b"b0d2e40102")

    def test_options_are_sorted_and_equal_numbers_keep_their_order(self):
        sent = Message(numbers.CON, numbers.GET, 1, b"", [(15, b"z"), (11, b"b"), (3, b"h"), (11, b"a"), (11, b"c")])
        expected = [(3, b"h"), (11, b"b"), (11, b"a"), (11, b"c"), (15, b"z")]
        self.assertEqual(Message.decode(sent.encode()).options, expected)
        built = Message()
        for number, value in sent.options:
            built.add(number, value)
        self.assertEqual(built.options, expected)

    def test_uints_have_no_leading_zeros_and_are_read_with_them(self):
        self.assertEqual([message.uint_bytes(n) for n in (0, 1, 256, 65536)], [b"", b"\1", b"\1\0", b"\1\0\0"])
        got = Message(options=[(12, b"\x00\x3c"), (60, b""), (28, bytes(5))])
        self.assertEqual((got.uint(12), got.uint(60), got.uint(28, 7), got.uint(14)), (60, 0, 7, None))

    def test_decoding_accepts_a_memoryview(self):
        data = unhexlify(COJP["join_request_pledge_to_jp"])
        buffer = bytearray(b"xx" + data + b"yy")
        got = Message.decode(memoryview(buffer)[2:-2])
        self.assertEqual(got.encode(), data)
        self.assertTrue(isinstance(got.payload, bytes))

    def test_repr_shows_no_content(self):
        self.assertNotIn("secret", repr(Message(0, 2, 1, b"", [(11, b"secret")], b"secret")))


class Refused(unittest.TestCase):
    def test_headers(self):
        for text in ("", "40", "400100", "00010001", "80010001", "c0010001"):
            self.assertTrue(refused(text), text)

    def test_tokens_longer_than_eight_or_than_the_message(self):
        self.assertTrue(refused("49010001" + "00" * 9))
        self.assertTrue(refused(COJP["join_request_jp_to_jrc_ext_token24"]))
        self.assertTrue(refused("4f010001" + "00" * 40))
        self.assertTrue(refused("42010001aa"))

    def test_empty_messages_with_anything_after_the_message_id(self):
        for text in ("41000001aa", "4000000110", "40000001ff00", "6000000100"):
            self.assertTrue(refused(text), text)
        self.assertFalse(refused("60000001"))

    def test_a_reset_that_is_not_empty(self):
        self.assertTrue(refused("70450001"))

    def test_a_marker_without_payload(self):
        self.assertTrue(refused("40010001ff"))
        self.assertTrue(refused("40010001b161ff"))

    def test_options_that_are_truncated_or_use_reserved_nibbles(self):
        for text in ("b2", "b261", "bd", "d1", "e1", "e100", "be00", "f061", "bf61", "e0ffffe0ffff"):
            self.assertTrue(refused("40010001" + text), text)

    def test_bounds_on_options_and_length(self):
        self.assertFalse(refused("40010001" + "b0" + "00" * 31))
        self.assertTrue(refused("40010001" + "b0" + "00" * 32))
        self.assertFalse(refused("40010001ff" + "00" * (message.MAX_LENGTH - 5)))
        self.assertTrue(refused("40010001ff" + "00" * (message.MAX_LENGTH - 4)))

    def test_no_truncation_of_a_message_raises_anything_else(self):
        data = unhexlify(OSCORE["C.6"]["protected"])
        for end in range(len(data)):
            try:
                Message.decode(data[:end])
            except DecodeError:
                pass

    def test_text_options_that_are_not_utf8(self):
        got = Message(options=[(11, b"\xff"), (15, b"\xff")])
        self.assertRaises(DecodeError, got.path)
        self.assertRaises(DecodeError, got.queries)

    def test_fields_without_encoding_are_the_callers_mistake(self):
        self.assertRaises(ValueError, Message(0, 1, 1, bytes(9)).encode)
        self.assertRaises(ValueError, Message(0, 1, 65536).encode)
        self.assertRaises(ValueError, Message(0, 0, 1, b"a").encode)


class CriticalOptions(unittest.TestCase):
    def test_unknown_critical_options_are_found_and_elective_ones_are_not(self):
        self.assertIsNone(numbers.bad_critical([(11, b"a"), (12, b"<"), (2048, b"")]))
        self.assertEqual(numbers.bad_critical([(11, b"a"), (2049, b"")]), 2049)
        self.assertIsNone(numbers.bad_critical([(2049, b"")], (2049,)))
        self.assertEqual(numbers.bad_critical([(5, b"")]), 5)

    def test_wrong_lengths_and_repetitions_count_as_unknown(self):
        self.assertEqual(numbers.bad_critical([(3, b"")]), 3)
        self.assertEqual(numbers.bad_critical([(23, bytes(4))]), 23)
        self.assertEqual(numbers.bad_critical([(9, b""), (9, b"")]), 9)
        self.assertEqual(numbers.bad_critical([(21, b""), (21, b"")]), 21)
        # RFC 9668 section 3.1: a value, if there is one, is ignored.
        self.assertIsNone(numbers.bad_critical([(21, b"x")]))
        self.assertIsNone(numbers.bad_critical([(11, b"a"), (11, b"b"), (15, b""), (15, b"")]))
