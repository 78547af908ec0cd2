"""COSE_Key and CCS: the RFC's credential, our encoding, and every malformed credential."""

import unittest

from microbrew import cbor, crypto
from microbrew.cose import key
from microbrew.crypto import P256
from microbrew.errors import CryptoError, DecodeError

# CRED_R of RFC 9529 section 3 (trace 2).
CRED_R = bytes.fromhex(
    "a2026b6578616d706c652e65647508a101a501020241322001215820bbc34960526ea4d32e940cad2a234148ddc21791a12afbcbac93"
    "622046dd44f02258204519e257236b2a0ce2023f0931f1f386ca7afda64fcde0108c224c51eabf6072"
)
PUBLIC = bytes.fromhex(
    "bbc34960526ea4d32e940cad2a234148ddc21791a12afbcbac93622046dd44f0"
    "4519e257236b2a0ce2023f0931f1f386ca7afda64fcde0108c224c51eabf6072"
)
X, Y = PUBLIC[:32], PUBLIC[32:]


class TestCcs(unittest.TestCase):
    def test_credential_of_rfc_9529_is_read(self):
        ccs = key.decode_ccs(CRED_R)
        self.assertEqual(ccs.public, PUBLIC)
        self.assertEqual(ccs.subject, "example.edu")
        self.assertEqual(ccs.kid, b"\x32")
        self.assertEqual(ccs.raw, CRED_R)

    def test_credential_of_rfc_9529_is_written(self):
        self.assertEqual(key.encode_ccs(PUBLIC, "example.edu", b"\x32"), CRED_R)

    def test_minimal_ccs_has_neither_subject_nor_kid(self):
        raw = key.encode_ccs(PUBLIC)
        self.assertEqual(raw[:5], b"\xa1\x08\xa1\x01\xa4")
        ccs = key.decode_ccs(raw)
        self.assertEqual((ccs.public, ccs.subject, ccs.kid), (PUBLIC, None, None))

    def test_bytes_received_are_kept_in_their_order(self):
        # cnf before sub, and y before x: not what our encoder writes.
        raw = b"\xa2\x08\xa1\x01\xa4\x01\x02\x20\x01\x22\x58\x20" + Y + b"\x21\x58\x20" + X + b"\x02\x63sub"
        ccs = key.decode_ccs(memoryview(raw))
        self.assertEqual((ccs.raw, ccs.public, ccs.subject), (raw, PUBLIC, "sub"))

    def test_other_claims_are_skipped(self):
        claims = cbor.decode(CRED_R)
        claims[1] = "issuer"
        claims[6] = 1700000000
        self.assertEqual(key.decode_ccs(cbor.encode(claims)).public, PUBLIC)

    def test_malformed_claims_are_refused(self):
        good = key.cose_key(PUBLIC)
        for claims in (
            None,
            [],
            b"",
            {},
            {2: "sub"},
            {8: None},
            {8: []},
            {8: {}},
            {8: {1: None}},
            {8: {1: PUBLIC}},
            {8: {2: good}},
            {8: {1: good, 3: b"kid"}},
            {2: None, 8: {1: good}},
            {2: b"sub", 8: {1: good}},
            {2: 5, 8: {1: good}},
        ):
            self.assertRaises(DecodeError, key.decode_ccs, cbor.encode(claims))
        self.assertRaises(DecodeError, key.decode_ccs, b"")
        self.assertRaises(DecodeError, key.decode_ccs, CRED_R + b"\x00")
        self.assertRaises(DecodeError, key.decode_ccs, CRED_R[:-1])


class TestCoseKey(unittest.TestCase):
    def changed(self, **changes):
        out = key.cose_key(PUBLIC, b"kid")
        for name, value in changes.items():
            label = {"kty": 1, "kid": 2, "crv": -1, "x": -2, "y": -3, "d": -4}[name]
            out[label] = value
            if value == "missing":
                del out[label]
        return out

    def refused(self, **changes):
        self.assertRaises(DecodeError, key.public_from_cose_key, self.changed(**changes), crypto.load())

    def test_both_coordinates_are_read(self):
        self.assertEqual(key.public_from_cose_key(self.changed()), PUBLIC)

    def test_other_keys_and_curves_are_refused(self):
        for kty in ("missing", None, 1, 3, 4, "EC2", True, b"\x02"):
            self.refused(kty=kty)
        for crv in ("missing", None, 2, 3, 8, "P-256", True, b"\x01"):
            self.refused(crv=crv)

    def test_coordinates_of_other_lengths_and_types_are_refused(self):
        for x in ("missing", None, 1, b"", X[:31], X + b"\x00", b"\x00" + X, PUBLIC, True, "x" * 32):
            self.refused(x=x)
        for y in ("missing", None, 1, b"", Y[:31], Y + b"\x00", "y" * 32):
            self.refused(y=y)

    def test_private_key_in_a_credential_is_refused(self):
        self.refused(d=bytes(32))

    def test_kid_that_is_no_byte_string_is_refused(self):
        self.refused(kid=5)

    def test_sign_bit_is_recovered_by_a_backend(self):
        odd = bool(Y[31] & 1)
        backend = crypto.load()
        self.assertEqual(key.public_from_cose_key(self.changed(y=odd), backend), PUBLIC)
        self.assertNotEqual(key.public_from_cose_key(self.changed(y=not odd), backend), PUBLIC)
        self.assertRaises(DecodeError, key.public_from_cose_key, self.changed(y=odd))

    def test_sign_bit_with_an_x_on_no_point_is_refused(self):
        for x in (b"\xff" * 32, bytes(31) + b"\x01"):
            changed = self.changed(x=x, y=True)
            self.assertRaises(CryptoError, key.public_from_cose_key, changed, crypto.load())

    def test_missing_y_is_taken_only_where_x_is_enough(self):
        without = self.changed(y="missing")
        self.assertEqual(key.public_from_cose_key(without, None, True), X)
        self.assertRaises(DecodeError, key.public_from_cose_key, without)
        self.assertRaises(DecodeError, key.public_from_cose_key, self.changed(y=None), None, True)
        self.assertEqual(key.public_from_cose_key(self.changed(), None, True), PUBLIC)

    def test_encoding_needs_both_coordinates(self):
        self.assertRaises(ValueError, key.cose_key, X)
        self.assertRaises(ValueError, key.encode_ccs, PUBLIC + b"\x00")

    def test_point_off_the_curve_is_refused_when_it_is_used(self):
        backend = crypto.load("pure")
        private = backend.load_private(P256, bytes(range(1, 33)))
        public = key.public_from_cose_key(self.changed(y=bytes(32)))
        self.assertRaises(CryptoError, backend.ecdh, private, public)
        self.assertRaises(CryptoError, backend.verify, P256, public, b"", bytes(31) + b"\x01" + bytes(31) + b"\x01")
