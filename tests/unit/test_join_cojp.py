"""CoJP objects against RFC 9031 appendix A and its rules for what is malformed."""

import json
import unittest

from microbrew import cbor
from microbrew.errors import DecodeError
from microbrew.join import cojp

with open("tests/vectors/cojp.json") as _file:
    VECTORS = json.load(_file)

KEY = b"\x11" * 16


class JoinRequests(unittest.TestCase):
    def test_the_request_equals_the_vector(self):
        self.assertEqual(cojp.encode_join_request(b"\xca\xfe").hex(), VECTORS["join_request_cbor"])

    def test_role_and_unsupported_survive(self):
        encoded = cojp.encode_join_request(b"\xca\xfe", cojp.ROLE_6LBR, [(0, 7, None)])
        self.assertEqual(cojp.parse_join_request(encoded), (b"\xca\xfe", 1, [(0, 7, None)]))

    def test_malformed_requests_are_refused(self):
        pan = b"\xca\xfe"
        for bad in ({}, {5: b""}, {5: b"x" * 17}, {5: "cafe"}, {5: pan, 1: 2}, {5: pan, 1: True}, [], 5):
            with self.assertRaises(DecodeError):
                cojp.parse_join_request(cbor.encode(bad))


class Configurations(unittest.TestCase):
    def test_the_configuration_of_the_vector(self):
        config = cojp.parse_configuration(bytes.fromhex(VECTORS["configuration_cbor"]))
        self.assertEqual(config.keys, [(1, 0, bytes.fromhex("e6bf4287c2d7618d6a9687445ffd33e6"))])
        self.assertEqual(config.short_address, b"\xaf\x93")
        self.assertEqual(config.unsupported, [])
        self.assertEqual(cojp.encode_configuration(config).hex(), VECTORS["configuration_cbor"])

    def test_the_parameter_update_of_the_vector(self):
        config = cojp.parse_configuration(bytes.fromhex(VECTORS["param_update_cbor"]))
        self.assertEqual(config.keys, [(3, 6, b"\x11" * 16), (4, 12, b"\x22" * 16)])
        self.assertEqual(config.join_rate, 0)
        self.assertEqual(cojp.encode_configuration(config).hex(), VECTORS["param_update_cbor"])

    def test_unusable_keys_are_dropped_and_reported(self):
        cases = (
            ([0, KEY], cojp.MALFORMED),
            ([255, KEY], cojp.MALFORMED),
            ([1, KEY[:15]], cojp.MALFORMED),
            ([1, 15, KEY], cojp.MALFORMED),
            ([1, -1, KEY], cojp.MALFORMED),
            ([1], cojp.MALFORMED),
            ([], cojp.MALFORMED),
            ({}, cojp.MALFORMED),
            ([1, KEY, b"abcd"], cojp.UNSUPPORTED),
        )
        for value, code in cases:
            config = cojp.parse_configuration(cbor.encode({2: value}))
            self.assertEqual(config.keys, [])
            self.assertEqual(config.unsupported, [(code, 2, None)])

    def test_a_bad_key_does_not_spoil_its_neighbours(self):
        config = cojp.parse_configuration(cbor.encode({2: [1, KEY, 255, KEY, 2, KEY]}))
        self.assertEqual([key[0] for key in config.keys], [1, 2])

    def test_invalid_short_identifiers_are_ignored_silently(self):
        for value in ([b"\xff\xfe"], [b"\xff\xff"], [b"\x01"], [], [1], b"\x00\x01", [b"\x00\x01", -1]):
            config = cojp.parse_configuration(cbor.encode({3: value}))
            self.assertIsNone(config.short_address)
            self.assertEqual(config.unsupported, [])

    def test_a_jrc_address_of_a_wrong_length_is_discarded(self):
        self.assertIsNone(cojp.parse_configuration(cbor.encode({4: b"x" * 15})).jrc_address)

    def address_of(self, value):
        return cojp.parse_configuration(cbor.encode({4: value})).jrc_address

    def test_a_jrc_address_that_nothing_can_be_sent_to_is_discarded(self):
        for start in (b"\xff\x02", b"\xff\x0e", b"\xfe\x80"):
            self.assertIsNone(self.address_of(start + bytes(13) + b"\x01"))
        self.assertIsNone(self.address_of(bytes(16)))
        self.assertEqual(self.address_of(b"\xfd" + bytes(15)), b"\xfd" + bytes(15))

    def test_unknown_labels_are_reported(self):
        self.assertEqual(cojp.parse_configuration(cbor.encode({42: 1})).unsupported, [(cojp.UNSUPPORTED, 42, None)])

    def test_blacklists_are_bounded_and_typed(self):
        self.assertEqual(cojp.parse_configuration(cbor.encode({6: [b"12345678"]})).blacklist, [b"12345678"])
        for value in ([b"1"], [b"12345678"] * 33, b""):
            self.assertIsNone(cojp.parse_configuration(cbor.encode({6: value})).blacklist)

    def test_the_diagnostic_equals_the_vector(self):
        self.assertEqual(cojp.encode_unsupported([(0, 7, None)]).hex(), VECTORS["diag_cbor"])
        self.assertEqual(cojp.parse_unsupported(bytes.fromhex(VECTORS["diag_cbor"])), [(0, 7, None)])


if __name__ == "__main__":
    unittest.main()
