"""EDHOC messages: the one encoding of each field, the invalid messages of RFC 9529, errors and EAD."""

import json
import unittest
from binascii import unhexlify

from microbrew import crypto
from microbrew.crypto import P256
from microbrew.edhoc import ead, messages, responder, suites
from microbrew.edhoc.credentials import own_kccs
from microbrew.errors import DecodeError, EdhocError

FILE = json.load(open("tests/vectors/edhoc.json"))  # noqa: SIM115
TRACE_2 = FILE["rfc9529_trace_2"]
CRYPTO = crypto.load()
G_X = unhexlify(TRACE_2["G_X"])

# RFC 9528 section 3.3.2 and Appendix A: identifier and its encoding.
IDENTIFIERS = [
    ("", "40"),
    ("00", "00"),
    ("0d", "0d"),
    ("17", "17"),
    ("18", "4118"),
    ("1f", "411f"),
    ("20", "20"),
    ("21", "21"),
    ("37", "37"),
    ("38", "4138"),
    ("ff", "41ff"),
    ("abcd", "42abcd"),
    ("01020304050607", "4701020304050607"),
]


def invalid(object_name):
    return [v for v in FILE["rfc9529_invalid_messages"] if v["object"] == object_name]


def message_1(tail="", method="03", suites_i="02", g_x=None, c_i="37"):
    g_x = b"\x58\x20" + G_X if g_x is None else unhexlify(g_x)
    return unhexlify(method + suites_i) + g_x + unhexlify(c_i + tail)


class IdentifierTest(unittest.TestCase):
    def test_encoding(self):
        for raw, wire in IDENTIFIERS:
            self.assertEqual(messages.encode_identifier(unhexlify(raw)), unhexlify(wire))

    def test_splitting_off_a_payload(self):
        for raw, wire in IDENTIFIERS:
            identifier, rest = messages.split_identifier(unhexlify(wire + "4102"))
            self.assertEqual(identifier, unhexlify(raw))
            self.assertEqual(rest, b"\x41\x02")

    def test_other_encodings_are_refused(self):
        for wire in ("410e", "4100", "4137", "1805", "1818", "3818", "5801ff", "480102030405060708", "60", "f5", ""):
            with self.assertRaises(DecodeError):
                messages.split_identifier(unhexlify(wire))


class Message1Test(unittest.TestCase):
    def test_fields_of_trace_2(self):
        fields = messages.parse_message_1(unhexlify(TRACE_2["message_1"]))
        self.assertEqual(fields.method, 3)
        self.assertEqual(fields.suites_i, [6, 2])
        self.assertEqual(fields.g_x, G_X)
        self.assertEqual(fields.c_i, b"\x37")
        self.assertEqual(fields.ead_1, [])

    def test_fields_of_trace_1(self):
        trace = FILE["rfc9529_trace_1"]
        fields = messages.parse_message_1(unhexlify(trace["message_1"]))
        self.assertEqual(fields.method, 0)
        self.assertEqual(fields.suites_i, [0])
        self.assertEqual(fields.g_x, unhexlify(trace["G_X"]))
        self.assertEqual(fields.c_i, b"\x2d")

    def test_a_private_use_suite_number_is_read(self):
        self.assertEqual(messages.parse_message_1(message_1(suites_i="823702")).suites_i, [-24, 2])

    def test_invalid_messages_of_rfc9529(self):
        vectors = invalid("message_1")
        self.assertEqual(len(vectors), 7)
        private = CRYPTO.load_private(P256, unhexlify(TRACE_2["SK_R"]))
        ephemeral = unhexlify(TRACE_2["Y"])
        for vector in vectors:
            start = responder.Start(
                CRYPTO, (3,), (2,), {2: own_kccs(private)}, ephemeral=CRYPTO.load_private(P256, ephemeral)
            )
            with self.assertRaises(EdhocError) as caught:
                # Points are looked at by the step that uses them.
                start.receive(unhexlify(vector["hex"])).message_2(b"\x27")
            self.assertEqual(caught.exception.code, 1, vector["name"])

    def test_malformed_fields(self):
        malformed = [
            b"",
            message_1()[:-1],
            b"\xf5" + message_1(),
            message_1(method="f5"),
            message_1(method="4103"),
            message_1(suites_i="8102"),
            message_1(suites_i="80"),
            message_1(suites_i="9f0602ff"),
            message_1(suites_i="89" + "02" * 9),
            message_1(suites_i="82f502"),
            message_1(suites_i="1802"),
            message_1(g_x="f6"),
            message_1(c_i="410e"),
            message_1(c_i="480102030405060708"),
            message_1(c_i="f6"),
            message_1("41aa"),
            message_1("f5"),
            message_1("1801"),
            message_1("00" * 5),
            message_1("1a00010000"),
            message_1("0a5904b0" + "00" * 1200),
        ]
        for buf in malformed:
            with self.assertRaises(DecodeError):
                messages.parse_message_1(buf)

    def test_g_x_of_wrong_length_is_refused(self):
        own = own_kccs(CRYPTO.load_private(P256, unhexlify(TRACE_2["SK_R"])))
        for g_x in ("40", "581f" + "01" * 31, "5821" + "01" * 33, "5840" + "01" * 64):
            with self.assertRaises(EdhocError):
                responder.Start(CRYPTO, (3,), (2,), {2: own}).receive(message_1(g_x=g_x))

    def test_unsupported_method_is_error_1(self):
        own = own_kccs(CRYPTO.load_private(P256, unhexlify(TRACE_2["SK_R"])))
        for method in ("00", "04", "20"):
            with self.assertRaises(EdhocError) as caught:
                responder.Start(CRYPTO, (3,), (2,), {2: own}).receive(message_1(method=method))
            self.assertEqual(caught.exception.code, 1)


class PlaintextTest(unittest.TestCase):
    def test_fields_of_trace_2(self):
        fields = messages.parse_plaintext(unhexlify(TRACE_2["PLAINTEXT_2"]), True, 8)
        self.assertEqual(fields.c_r, b"\x27")
        self.assertEqual(fields.id_cred, unhexlify(TRACE_2["ID_CRED_R"]))
        self.assertEqual(fields.proof, unhexlify(TRACE_2["MAC_2"]))
        self.assertEqual(fields.ead, b"")
        fields = messages.parse_plaintext(unhexlify(TRACE_2["PLAINTEXT_3"]), False, 8)
        self.assertIsNone(fields.c_r)
        self.assertEqual(fields.id_cred, unhexlify(TRACE_2["ID_CRED_I"]))

    def test_fields_of_trace_1(self):
        trace = FILE["rfc9529_trace_1"]
        fields = messages.parse_plaintext(unhexlify(trace["PLAINTEXT_2"]), True, 64)
        self.assertEqual(fields.c_r, b"\x18")
        self.assertEqual(fields.id_cred, unhexlify(trace["ID_CRED_R"]))
        self.assertEqual(fields.proof, unhexlify(trace["Signature_or_MAC_2"]))

    def test_invalid_plaintexts_of_rfc9529(self):
        vectors = invalid("PLAINTEXT_2")
        self.assertEqual(len(vectors), 3)
        for vector in vectors:
            with self.assertRaises(DecodeError):
                messages.parse_plaintext(unhexlify(vector["hex"]), True, 8)

    def test_kid_stands_alone_for_its_map(self):
        for kid, wire in (("2b", "2b"), ("ff", "41ff"), ("", "40"), ("72656731", "4472656731")):
            kid = unhexlify(kid)
            id_cred = b"\xa1\x04" + bytes((0x40 + len(kid),)) + kid
            self.assertEqual(messages.compact_id_cred(id_cred), unhexlify(wire))
            fields = messages.parse_plaintext(unhexlify(wire) + b"\x48" + bytes(8), False, 8)
            self.assertEqual(fields.id_cred, id_cred)

    def test_other_maps_are_kept_as_received(self):
        # The second has its labels in no particular order, the third a kid among others.
        for id_cred in ("a11822822e48c24ab2fd7643c79f", "a21821410120410a", "a204412b0a4101"):
            id_cred = unhexlify(id_cred)
            self.assertEqual(messages.compact_id_cred(id_cred), id_cred)
            fields = messages.parse_plaintext(id_cred + b"\x48" + bytes(8), False, 8)
            self.assertEqual(fields.id_cred, id_cred)

    def test_malformed_plaintexts(self):
        for text in (
            "",
            "2b",
            "a0" + "48" + "00" * 8,
            "f6" + "48" + "00" * 8,
            "2b" + "47" + "00" * 7,
            "2b" + "49" + "00" * 9,
            "2b" + "68" + "61" * 8,
            "2b" + "48" + "00" * 8 + "41aa",
            "a1044132" + "48" + "00" * 8,
            "a118214100f6" + "48" + "00" * 8,
            "a200010002" + "48" + "00" * 8,
            "58" + "41" + "61" * 65 + "48" + "00" * 8,
        ):
            with self.assertRaises(DecodeError):
                messages.parse_plaintext(unhexlify(text), False, 8)

    def test_message_2_is_one_byte_string_and_no_more(self):
        self.assertEqual(messages.parse_bstr(b"\x42\x01\x02"), b"\x01\x02")
        for buf in (b"", b"\x42\x01\x02\x27", b"\x58\x02\x01\x02", b"\x81\x41\x00", b"\x62ab", b"\x43\x01"):
            with self.assertRaises(DecodeError):
                messages.parse_bstr(buf)

    def test_a_message_beyond_the_limit_is_refused(self):
        longest = b"\x59\x04\xad" + bytes(1197)
        self.assertEqual(len(longest), messages.MAX_MESSAGE)
        self.assertEqual(len(messages.parse_bstr(longest)), 1197)
        with self.assertRaises(DecodeError):
            messages.parse_bstr(b"\x59\x04\xae" + bytes(1198))


class ErrorTest(unittest.TestCase):
    def test_encodings(self):
        self.assertEqual(messages.error_message(1, "no"), unhexlify("01626e6f"))
        self.assertEqual(messages.error_message(2, [2]), unhexlify("0202"))
        self.assertEqual(messages.error_message(2, (2, 3)), unhexlify("02820203"))
        self.assertEqual(messages.error_message(3, True), unhexlify("03f5"))

    def test_limits_of_a_receiver_are_kept(self):
        for suites_r in ((), (2,) * 9):
            with self.assertRaises(ValueError):
                messages.error_message(2, suites_r)
        self.assertEqual(len(messages.error_message(1, "x" * 1000)), 1 + 2 + 128)

    def test_success_and_unknown_codes_are_never_sent(self):
        for code in (0, 4, 23, -1):
            with self.assertRaises(ValueError):
                messages.error_message(code, None)

    def test_what_is_received(self):
        for text, code, info in (
            ("01626e6f", 1, "no"),
            ("0202", 2, [2]),
            ("02820203", 2, [2, 3]),
            ("03f5", 3, True),
            ("00f6", 0, None),
            ("00", 0, None),
            ("1818a0", 24, None),
            ("20f6", -1, None),
        ):
            error = messages.parse_error(unhexlify(text))
            self.assertTrue(error.received)
            self.assertEqual(error.code, code, text)
            self.assertEqual(error.info, info, text)

    def test_what_is_malformed_is_an_error_all_the_same(self):
        for text in (
            "",
            "01",
            "0141aa",
            "02",
            "028102",
            "0280",
            "03f4",
            "0301",
            "0202ff",
            "020202",
            "01621f",
            "1801f6",
        ):
            error = messages.parse_error(unhexlify(text))
            self.assertTrue(error.received)
            self.assertEqual(error.code, 1)

    def test_text_of_the_peer_is_cut_and_made_printable(self):
        error = messages.parse_error(b"\x01\x65\x1b[2J\n")
        self.assertEqual(error.info, "?[2J?")
        error = messages.parse_error(b"\x01\x79\x01\x2c" + b"x" * 300)
        self.assertEqual(error.info, "x" * 128)

    def test_an_error_in_the_place_of_a_message_is_raised_as_received(self):
        with self.assertRaises(EdhocError) as caught:
            messages.parse_bstr(unhexlify("02820203"))
        self.assertTrue(caught.exception.received)
        self.assertEqual(caught.exception.info, [2, 3])


class EadTest(unittest.TestCase):
    def parse(self, text):
        return messages.parse_message_1(message_1(text)).ead_1

    def test_labels_with_and_without_values(self):
        self.assertEqual(self.parse("01"), [(1, None)])
        self.assertEqual(self.parse("2041aa"), [(-1, b"\xaa")])
        self.assertEqual(self.parse("182a19012c40"), [(42, None), (300, b"")])
        self.assertEqual(self.parse("3818420102"), [(-25, b"\x01\x02")])

    def test_padding_is_dropped(self):
        self.assertEqual(self.parse("00"), [])
        self.assertEqual(self.parse("0040"), [])
        self.assertEqual(self.parse("000041e901"), [(1, None)])

    def test_encoder_and_reader_agree(self):
        items = [(1, b"abc"), (-65535, None), (300, b"")]
        field = ead.encode_items(items)
        self.assertEqual(field, unhexlify("014361626339fffe19012c40"))
        self.assertEqual(messages.parse_plaintext_4(field), items)

    def test_padding_gives_any_length(self):
        for field in (b"", ead.encode_items([(-7, b"value")])):
            for length in list(range(len(field), len(field) + 300)) + [1000]:
                padded = ead.pad(field, length, lambda n: b"\xa5" * n)
                self.assertEqual(len(padded), length)
                self.assertEqual(messages.parse_plaintext_4(padded), messages.parse_plaintext_4(field))

    def test_padding_that_cannot_be(self):
        with self.assertRaises(ValueError):
            ead.pad(b"\x01\x02", 1, bytes)
        with self.assertRaises(ValueError):
            ead.pad(ead.encode_items([(1, None)] * 4), 10, bytes)

    def test_encoder_keeps_the_limits_of_the_reader(self):
        with self.assertRaises(ValueError):
            ead.encode_items([(0, None)] * 5)
        with self.assertRaises(ValueError):
            ead.encode_items([(65536, None)])

    def test_unknown_critical_items_are_refused(self):
        ead.refuse_unknown([(5, None), (-7, b"")], (7,))
        with self.assertRaises(EdhocError) as caught:
            ead.refuse_unknown([(-5, None)], (7,))
        self.assertEqual(caught.exception.code, 1)


class SuitesTest(unittest.TestCase):
    """The example of RFC 9528 section 6.3.2: an Initiator that prefers 5, 6, 7, 8, 9 in this order."""

    def test_offer_after_an_error(self):
        self.assertEqual(suites.offer([5, 6, 7, 8, 9], [6]), [5, 6])
        self.assertEqual(suites.offer([5, 6, 7, 8, 9], [9, 8]), [5, 6, 7, 8])

    def test_nothing_in_common(self):
        with self.assertRaises(EdhocError) as caught:
            suites.offer([2], [0, 1])
        self.assertEqual(caught.exception.code, 1)

    def test_selected_suite_is_the_first_common_one(self):
        self.assertEqual(suites.select([5, 6, 7, 8], (8, 9)), 8)
        self.assertEqual(suites.select([2], (2, 3)), 2)

    def test_any_other_choice_is_error_2(self):
        for suites_i, supported in (([5, 6], (5, 6)), ([5], (6,)), ([5, 6, 7], (6, 7)), ([6, 5], (6,))):
            with self.assertRaises(EdhocError) as caught:
                suites.select(suites_i, supported)
            self.assertEqual(caught.exception.code, 2)
            self.assertEqual(caught.exception.info, list(supported))

    def test_tags_and_curves(self):
        for number, tag_len, curve in ((0, 8, 4), (1, 16, 4), (2, 8, 1), (3, 16, 1)):
            suite = suites.describe(number)
            self.assertEqual((suite.tag_len, suite.ecdh_curve), (tag_len, curve))
        self.assertIsNone(suites.describe(4))
        self.assertIsNone(suites.describe(-1))


if __name__ == "__main__":
    unittest.main()
