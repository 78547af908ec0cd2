"""The CBOR codec against RFC 8949 appendix A and against every class of input that it has to refuse."""

import unittest

from microbrew import cbor
from microbrew.cbor import Raw, Reader, Tag, decode, encode
from microbrew.errors import DecodeError

# RFC 8949 appendix A, as far as supported and deterministic: no floats, no indefinite lengths.
APPENDIX_A = (
    ("00", 0),
    ("01", 1),
    ("0a", 10),
    ("17", 23),
    ("1818", 24),
    ("1819", 25),
    ("1864", 100),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("29", -10),
    ("3863", -100),
    ("3903e7", -1000),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("c074323031332d30332d32315432303a30343a30305a", Tag(0, "2013-03-21T20:04:00Z")),
    ("c11a514b67b0", Tag(1, 1363896240)),
    ("d74401020304", Tag(23, b"\x01\x02\x03\x04")),
    ("d818456449455446", Tag(24, b"dIETF")),
    (
        "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
        Tag(32, "http://www.example.com"),
    ),
    ("40", b""),
    ("4401020304", b"\x01\x02\x03\x04"),
    ("60", ""),
    ("6161", "a"),
    ("6449455446", "IETF"),
    ("62225c", '"\\'),
    ("62c3bc", "\u00fc"),
    ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    (
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        list(range(1, 26)),
    ),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("826161a161626163", ["a", {"b": "c"}]),
    (
        "a56161614161626142616361436164614461656145",
        {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
    ),
)

# The rest of appendix A: valid CBOR that our protocols never send.
UNSUPPORTED = (
    "f90000 f98000 f93c00 fb3ff199999999999a f97bff fa47c35000 fb7e37e43c8800759c f97c00 f97e00 fa7f800000 "
    "fb7ff8000000000000 f7 f0 f818 f8ff 5f42010243030405ff 7f657374726561646d696e67ff 9fff "
    "9f018202039f0405ffff 83018202039f0405ff bf61610161629f0203ffff bf6346756ef563416d7421ff"
)

NOT_SHORTEST = (
    "1800 1817 190000 1900ff 1a00000000 1a0000ffff 1b0000000000000000 1b00000000ffffffff "
    "3800 3817 3900ff 3a0000ffff 3b00000000ffffffff "
    "5800 580100 590001ff 5a00000001ff 5b0000000000000001ff 780161 7900016161 "
    "980100 99000100 9a0000000100 9b000000000000000100 b8010000 b900010000 d80100 d9000100 db000000000000000100"
)

TRUNCATED = (
    "18 19 1901 1a 1a010203 1b01020304050607 38 41 4201 58 5818 5819ff 590100 61 81 8201 818182 a1 a101 a20102 "
    "a2010203 c0 d8 d818 5a7fffffff 7a7fffffff 5bffffffffffffffff 7bffffffffffffffff f8"
)

MALFORMED = (
    # Additional information 28 to 30, in every major type.
    "1c 1d 1e 3c 5c 7c 9c bc dc fc fd fe "
    # Indefinite lengths, and a break on its own.
    "5fff 7fff 9fff bfff ff 1f 3f df"
)


class TestAppendixA(unittest.TestCase):
    def test_values_encode_as_the_rfc_says(self):
        for text, value in APPENDIX_A:
            self.assertEqual(encode(value), bytes.fromhex(text))

    def test_encodings_decode_as_the_rfc_says(self):
        for text, value in APPENDIX_A:
            got = decode(bytes.fromhex(text))
            self.assertEqual(got, value)
            # 1 == True and 0 == False, so compare their kinds as well.
            self.assertEqual(type(got), type(value))

    def test_every_buffer_kind_decodes(self):
        for kind in (bytes, bytearray, memoryview):
            self.assertEqual(decode(kind(b"\x82\x41a\x61b")), [b"a", "b"])


class TestRefusals(unittest.TestCase):
    def refused(self, text, **limits):
        try:
            value = decode(bytes.fromhex(text), **limits)
        except DecodeError:
            return
        self.fail("%s decoded as %r" % (text, value))

    def test_floats_and_unknown_simple_values(self):
        for text in UNSUPPORTED.split():
            self.refused(text)

    def test_simple_values_in_two_bytes(self):
        for value in range(256):
            self.refused("f8%02x" % value)

    def test_other_simple_values_in_one_byte(self):
        for value in range(0xE0, 0x100):
            if value not in (0xF4, 0xF5, 0xF6):
                self.refused("%02x" % value)

    def test_encodings_that_are_not_the_shortest(self):
        for text in NOT_SHORTEST.split():
            self.refused(text)

    def test_truncated_input(self):
        self.refused("")
        for text in TRUNCATED.split():
            self.refused(text)

    def test_every_prefix_of_a_valid_item(self):
        for text, _ in APPENDIX_A:
            for end in range(2, len(text), 2):
                self.refused(text[:end])

    def test_reserved_and_indefinite_lengths(self):
        for text in MALFORMED.split():
            self.refused(text)

    def test_trailing_bytes(self):
        for text, _ in APPENDIX_A:
            self.refused(text + "00")

    def test_duplicate_map_keys(self):
        for text in ("a201000100", "a2616100616100", "a2410000410000", "a30100020001f6", "a220002000"):
            self.refused(text)

    def test_map_keys_that_compare_equal_to_others_or_hash_badly(self):
        for text in ("a1f400", "a1f500", "a1f600", "a18000", "a1a000", "a1c10000"):
            self.refused(text)

    def test_keys_of_different_types_with_the_same_look_are_different(self):
        self.assertEqual(decode(bytes.fromhex("a3010061310241310 3".replace(" ", ""))), {1: 0, "1": 2, b"1": 3})

    def test_text_that_is_not_utf_8(self):
        for text in ("61ff", "62c328", "61c3", "63e282ff", "64f0288cbc", "63c3bcc3"):
            self.refused(text)

    def test_utf_8_that_is_overlong_or_names_no_character(self):
        for text in (
            "62c080",
            "62c1bf",
            "62c1a1",
            "63e08080",
            "63e09fbf",
            "64f0808080",
            "64f08fbfbf",
            "63eda080",
            "63edbfbf",
            "64f4908080",
            "64f7bfbfbf",
        ):
            self.refused(text)
        for text in ("62c280", "63e0a080", "63ed9fbf", "63ee8080", "64f0908080", "64f48fbfbf", "63efbfbf"):
            decode(bytes.fromhex(text))

    def test_counts_beyond_the_buffer_allocate_nothing(self):
        for text in (
            "9bffffffffffffffff",
            "9b0000000100000000",
            "9a7fffffff00",
            "99ffff00",
            "bbffffffffffffffff",
            "bb7fffffffffffffff0000",
            "bb80000000000000000000",
            "ba7fffffff0000",
            "8a00",
            "a80000",
        ):
            self.refused(text)

    def test_counts_beyond_the_limit(self):
        self.refused("98ff" + "00" * 255, max_items=255)
        self.assertEqual(len(decode(bytes.fromhex("98ff" + "00" * 255))), 255)
        self.refused("990100" + "00" * 256)
        self.refused("b881" + "".join("18%02x00" % key for key in range(24, 153)))

    def test_limit_of_items_counts_all_levels(self):
        # 16 arrays of 16 items and the outer one: 273 items.
        nested = "90" + ("90" + "00" * 16) * 16
        self.refused(nested)
        self.assertEqual(len(decode(bytes.fromhex(nested), max_items=273)), 16)
        self.refused(nested, max_items=272)

    def test_depth_is_limited_for_arrays_maps_and_tags(self):
        for opening in ("81", "a100", "c1"):
            decode(bytes.fromhex(opening * 8 + "00"))
            self.refused(opening * 9 + "00")
            self.refused(opening * 200 + "00")
            self.refused(opening + "00", max_depth=0)

    def test_depth_is_limited_in_map_keys(self):
        self.refused("a1" * 8 + "00" * 8)


class TestEncoder(unittest.TestCase):
    def test_maps_are_ordered_by_the_bytes_of_their_keys(self):
        value = {"aa": 0, 100: 1, -1: 2, b"a": 3, 10: 4, "z": 5, 1000: 6}
        self.assertEqual(
            encode(value),
            bytes.fromhex("a7 0a04 186401 1903e806 2002 41 6103 617a05 62616100".replace(" ", "")),
        )

    def test_integers_beyond_64_bits_are_the_callers_mistake(self):
        self.assertRaises(ValueError, encode, 1 << 64)
        self.assertRaises(ValueError, encode, -(1 << 64) - 1)

    def test_other_types_are_the_callers_mistake(self):
        for value in (1.5, object(), {1, 2}, [1.0], {1: 1.0}):
            self.assertRaises(ValueError, encode, value)

    def test_lengths_take_their_shortest_form(self):
        for length, head in ((23, "57"), (24, "5818"), (255, "58ff"), (256, "590100"), (65536, "5a00010000")):
            self.assertEqual(encode(bytes(length))[: len(head) // 2], bytes.fromhex(head))

    def test_raw_items_are_copied(self):
        self.assertEqual(encode([1, Raw(b"\x19\x00\x01")]), b"\x82\x01\x19\x00\x01")

    def test_sequence_is_the_items_one_after_another(self):
        self.assertEqual(cbor.sequence(), b"")
        self.assertEqual(cbor.sequence(1, b"a", None), b"\x01\x41a\xf6")

    def test_buffers_and_tuples_encode_as_bytes_and_arrays(self):
        for kind in (bytes, bytearray, memoryview):
            self.assertEqual(encode(kind(b"ab")), b"\x42ab")
        self.assertEqual(encode((1, (2,))), b"\x82\x01\x81\x02")


class TestReader(unittest.TestCase):
    def test_sequence_is_read_item_by_item(self):
        reader = Reader(b"\x01\x41a\x82\x02\x03")
        self.assertTrue(reader.more())
        self.assertEqual(reader.peek_major(), 0)
        self.assertEqual([reader.item(), reader.item(), reader.item()], [1, b"a", [2, 3]])
        self.assertFalse(reader.more())
        reader.finish()
        self.assertRaises(DecodeError, reader.peek_major)
        self.assertRaises(DecodeError, reader.item)

    def test_raw_gives_the_received_bytes_of_an_item(self):
        reader = Reader(b"\x00\xa2\x02\x00\x01\x81\x05\xf6", 1)
        self.assertEqual(reader.raw(), b"\xa2\x02\x00\x01\x81\x05")
        self.assertIsNone(reader.item())

    def test_raw_is_as_strict_as_item(self):
        for text in ("1800", "a201000100", "9fff", "82 00".replace(" ", ""), "f90000", "81" * 9 + "00"):
            self.assertRaises(DecodeError, Reader(bytes.fromhex(text)).raw)

    def test_end_bounds_the_reader_inside_a_longer_buffer(self):
        buf = b"\x00\x42ab\x00"
        reader = Reader(buf, 1, 4)
        self.assertEqual(reader.item(), b"ab")
        reader.finish()
        self.assertRaises(DecodeError, Reader(buf, 1, 3).item)

    def test_containers_are_entered(self):
        reader = Reader(b"\x82\xa1\x01\x02\x05")
        self.assertEqual(reader.array(), 2)
        self.assertEqual(reader.map(), 1)
        self.assertEqual([reader.item(), reader.item(), reader.item()], [1, 2, 5])
        reader.finish()

    def test_entering_the_wrong_kind_or_a_lying_count_is_refused(self):
        self.assertRaises(DecodeError, Reader(b"\xa0").array)
        self.assertRaises(DecodeError, Reader(b"\x80").map)
        self.assertRaises(DecodeError, Reader(b"\x00").map)
        self.assertRaises(DecodeError, Reader(b"\x83\x00").array)
        self.assertRaises(DecodeError, Reader(b"\xa2\x00\x00\x00").map)
        self.assertRaises(DecodeError, Reader(b"\x83\x00\x00\x00", max_items=2).array)
        self.assertRaises(DecodeError, Reader(b"\xa1\x00\x00", max_items=1).map)
        self.assertRaises(DecodeError, Reader(b"\x9b" + b"\xff" * 8).array)
        self.assertRaises(DecodeError, Reader(b"\xbb" + b"\xff" * 8).map)

    def test_unread_bytes_are_noticed(self):
        self.assertRaises(DecodeError, Reader(b"\x00").finish)


class TestTag(unittest.TestCase):
    def test_tags_compare_by_number_and_value(self):
        self.assertEqual(Tag(18, [1]), Tag(18, [1]))
        self.assertNotEqual(Tag(18, [1]), Tag(17, [1]))
        self.assertNotEqual(Tag(18, [1]), Tag(18, [2]))
        self.assertNotEqual(Tag(18, [1]), [1])
        self.assertEqual(repr(Tag(18, 1)), "Tag(18, 1)")
        self.assertEqual(len({Tag(1, 1), Tag(1, 1)}), 1)
