"""COSE_Sign1: published and project vectors, strict parsing, and what must not verify."""

import json
import unittest

from backends import on_host, on_native

from microbrew import cbor, crypto
from microbrew.cose import sign1
from microbrew.crypto import ED25519, P256, X25519, public_from_spki
from microbrew.errors import CryptoError, DecodeError

with open("tests/vectors/voucher-zsj.json") as _file:
    ZSJ = json.load(_file)

# RFC 9052 appendix C.2.1 and the cose-wg examples (sign1-tests/sign-pass-01 to -03): one key, three ways to sign
# one text. The key is key "11" of appendix C.7.
WG_PUBLIC = bytes.fromhex(
    "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"
    "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"
)
WG_PAYLOAD = b"This is the content."
C_2_1 = bytes.fromhex(
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58fef"
    "5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
)

SIGNERS = {
    "zsj_pvr": "pledge",
    "zsj_rvr_rpk_no_x5bag": "registrar",
    "cbrski_rvr_x5bag": "registrar",
    "zsj_voucher_rpk_nonced": "masa",
    "zsj_voucher_rpk_nonceless": "masa",
    "zsj_voucher_pubk_sha256": "masa",
    "cbrski_voucher_pinned_ca": "masa",
    "voucher_string_keys": "masa",
    "neg_voucher_wrong_nonce": "masa",
    "neg_voucher_wrong_serial": "masa",
    "neg_voucher_wrong_pinned_key": "masa",
    "neg_voucher_no_pin": "masa",
}
FORGED = ("neg_voucher_signed_by_attacker", "neg_voucher_bad_signature")


def _message(name):
    return bytes.fromhex(ZSJ["messages"][name])


def _public(name):
    return public_from_spki(bytes.fromhex(ZSJ["spki"][name]))


class TestVectors(unittest.TestCase):
    backend = "pure"

    def setUp(self):
        self.crypto = crypto.load(self.backend)

    def test_message_of_rfc_9052_verifies(self):
        message = sign1.decode(C_2_1)
        self.assertEqual(message.payload, WG_PAYLOAD)
        self.assertEqual(message.header(sign1.KID), b"11")
        self.assertEqual(message.algorithm, sign1.ES256)
        message.verify(self.crypto, WG_PUBLIC)
        self.assertRaises(CryptoError, message.verify, self.crypto, WG_PUBLIC, b"aad")

    def test_every_signature_of_the_voucher_set_verifies(self):
        for name, signer in SIGNERS.items():
            message = sign1.decode(_message(name))
            self.assertEqual(message.protected, {sign1.ALG: sign1.ES256})
            message.verify(self.crypto, _public(signer))
            with self.assertRaises(CryptoError):
                message.verify(self.crypto, _public("domain_ca"))

    def test_forged_vouchers_do_not_verify(self):
        for name in FORGED:
            with self.assertRaises(CryptoError):
                sign1.decode(_message(name)).verify(self.crypto, _public("masa"))

    def test_algorithm_of_another_curve_is_not_tried(self):
        message = sign1.decode(_message("zsj_voucher_ed25519"))
        self.assertEqual(message.algorithm, -8)
        self.assertRaises(CryptoError, message.verify, self.crypto, _public("masa"))

    def test_ed25519_voucher_verifies_and_is_reproduced(self):
        message = sign1.decode(_message("zsj_voucher_ed25519"))
        message.verify(self.crypto, bytes.fromhex(ZSJ["masa_ed25519_public"]))
        self.assertRaises(CryptoError, message.verify, self.crypto, bytes(32))
        self.assertRaises(CryptoError, message.verify, self.crypto, b"")
        private = self.crypto.load_private(ED25519, bytes.fromhex(ZSJ["private"]["masa_ed25519_seed"]))
        again = sign1.sign(self.crypto, private, message.payload, None, message.unprotected)
        self.assertEqual(again, _message("zsj_voucher_ed25519"))

    def test_either_name_of_ed25519_will_do_and_no_other(self):
        private = self.crypto.load_private(ED25519, bytes(range(32)))
        for algorithm in (sign1.EDDSA, sign1.ALG_ED25519):
            message = sign1.decode(sign1.sign(self.crypto, private, b"payload", {sign1.ALG: algorithm}))
            message.verify(self.crypto, private.public)
            self.assertRaises(CryptoError, message.verify, self.crypto, private.public * 2)
        self.assertRaises(ValueError, sign1.sign, self.crypto, private, b"payload", {sign1.ALG: sign1.ES256})
        agreeing = self.crypto.load_private(X25519, bytes(range(32)))
        self.assertRaises(ValueError, sign1.sign, self.crypto, agreeing, b"payload")
        self.assertRaises(ValueError, sign1.sign, self.crypto, agreeing, b"payload", {sign1.ALG: None})

    def test_signing_reproduces_the_voucher_set(self):
        for name, signer in SIGNERS.items():
            message = sign1.decode(_message(name))
            private = self.crypto.load_private(P256, bytes.fromhex(ZSJ["private"][signer]))
            again = sign1.sign(self.crypto, private, message.payload, {sign1.ALG: sign1.ES256}, message.unprotected)
            self.assertEqual(again, _message(name))


@on_host
class TestVectorsOnHost(TestVectors):
    backend = "host"


@on_native
class TestVectorsOnNative(TestVectors):
    backend = "native"


class TestSign(unittest.TestCase):
    def setUp(self):
        self.crypto = crypto.load()
        self.private = self.crypto.load_private(P256, bytes(range(1, 33)))

    def sign(self, *args, **kwargs):
        return sign1.sign(self.crypto, self.private, *args, **kwargs)

    def verify(self, encoded, *args):
        message = sign1.decode(encoded)
        message.verify(self.crypto, self.private.public, *args)
        return message

    def test_algorithm_is_es256_unless_named(self):
        self.assertEqual(self.verify(self.sign(b"payload")).protected, {1: -7})
        self.assertEqual(self.verify(self.sign(b"payload", {1: -9})).protected, {1: -9})

    def test_tag_is_optional(self):
        tagged = self.sign(b"payload")
        untagged = self.sign(b"payload", tagged=False)
        self.assertEqual(tagged, b"\xd2" + untagged)
        self.assertEqual(self.verify(untagged).payload, b"payload")

    def test_headers_are_carried(self):
        message = self.verify(self.sign(b"payload", {3: 836}, {4: b"kid", 33: b"leaf"}))
        self.assertEqual(message.protected, {1: -7, 3: 836})
        self.assertEqual(message.unprotected, {4: b"kid", 33: b"leaf"})
        self.assertEqual((message.header(3), message.header(4), message.header(5)), (836, b"kid", None))

    def test_external_aad_is_signed(self):
        encoded = self.sign(b"payload", external_aad=b"aad")
        self.verify(encoded, b"aad")
        self.assertRaises(CryptoError, self.verify, encoded)
        self.assertRaises(CryptoError, self.verify, encoded, b"AAD")

    def test_detached_payload_is_given_by_the_verifier(self):
        encoded = self.sign(b"payload", detached=True)
        self.assertIsNone(self.verify(encoded, b"", b"payload").payload)
        self.assertRaises(CryptoError, self.verify, encoded, b"", b"other")
        self.assertRaises(ValueError, self.verify, encoded)
        self.assertRaises(ValueError, self.verify, self.sign(b"payload"), b"", b"payload")

    def test_empty_payload_is_not_a_missing_one(self):
        self.assertEqual(self.verify(self.sign(b"")).payload, b"")

    def test_callers_dicts_are_left_alone(self):
        protected = {3: 836}
        self.sign(b"payload", protected)
        self.assertEqual(protected, {3: 836})

    def test_headers_that_decode_would_refuse_are_the_callers_mistake(self):
        for protected, unprotected in (
            ({1: -8}, None),
            ({1: "ES256"}, None),
            ({1: True}, None),
            ({}, {1: -7}),
            ({4: b"a"}, {4: b"b"}),
            ({2: [4]}, None),
            ({2: []}, None),
            (None, {2: [1]}),
        ):
            self.assertRaises(ValueError, self.sign, b"payload", protected, unprotected)

    def test_critical_header_that_is_present_may_be_sent(self):
        encoded = self.sign(b"payload", {2: [70000], 70000: 1})
        self.assertRaises(DecodeError, sign1.decode, encoded)
        sign1.decode(encoded, (70000,)).verify(self.crypto, self.private.public)

    def test_changes_to_the_message_do_not_verify(self):
        protected, unprotected, payload, signature = cbor.decode(self.sign(b"payload", {3: 1}, tagged=False))
        for changed in (
            [cbor.encode({1: -7, 3: 2}), unprotected, payload, signature],
            [cbor.encode({1: -9, 3: 1}), unprotected, payload, signature],
            [cbor.encode({1: -7}), unprotected, payload, signature],
            [protected, unprotected, b"Payload", signature],
            [protected, unprotected, b"", signature],
            [protected, unprotected, payload, signature[:63]],
            [protected, unprotected, payload, b""],
            [protected, unprotected, payload, bytes(64)],
            [b"", {1: -7}, payload, signature],
            [b"", {}, payload, signature],
        ):
            self.assertRaises(CryptoError, self.verify, cbor.encode(changed))

    def test_alg_that_only_equals_a_number_is_refused(self):
        message = sign1.decode(self.sign(b"payload"))
        for alg in (True, None, "ES256", -8, -35, b"\x26"):
            message.protected = {1: alg}
            self.assertRaises(CryptoError, message.verify, self.crypto, self.private.public)


class TestDecode(unittest.TestCase):
    def decode(self, *items):
        return sign1.decode(cbor.encode(list(items)))

    def refused(self, *items):
        self.assertRaises(DecodeError, self.decode, *items)

    def test_both_forms_of_an_empty_protected_header_enter_the_signature_as_no_bytes(self):
        for protected in (b"", b"\xa0"):
            message = self.decode(protected, {}, b"payload", b"signature")
            self.assertEqual((message.protected, message.protected_raw), ({}, b""))
        self.assertEqual(sign1.to_be_signed(b"", b"payload"), b"\x84\x6aSignature1\x40\x40\x47payload")

    def test_external_data_of_several_parts_enter_the_signature_as_one_string(self):
        whole = sign1.to_be_signed(b"\xa0", b"payload", bytes(range(200)) + bytes(100))
        self.assertEqual(sign1.to_be_signed(b"\xa0", b"payload", bytes(range(200)), b"", bytes(100)), whole)
        self.assertEqual(whole, cbor.encode(("Signature1", b"\xa0", bytes(range(200)) + bytes(100), b"payload")))

    def test_protected_header_keeps_the_bytes_received(self):
        # Keys out of order: re-encoding would change what was signed.
        message = self.decode(b"\xa2\x04\x41a\x01\x26", {}, b"", b"")
        self.assertEqual(message.protected_raw, b"\xa2\x04\x41a\x01\x26")
        self.assertEqual(message.algorithm, sign1.ES256)

    def test_other_tags_and_shapes_are_refused(self):
        good = [b"", {}, b"", b""]
        for tag in (17, 16, 98, 61, 0):
            self.assertRaises(DecodeError, sign1.decode, cbor.encode(cbor.Tag(tag, good)))
        self.assertRaises(DecodeError, sign1.decode, cbor.encode(cbor.Tag(18, cbor.Tag(18, good))))
        for other in (None, 1, b"", {}, [], good[:3], good + [b""], cbor.Tag(18, {})):
            self.assertRaises(DecodeError, sign1.decode, cbor.encode(other))
        self.assertRaises(DecodeError, sign1.decode, b"")
        self.assertRaises(DecodeError, sign1.decode, cbor.encode(good) + b"\x00")

    def test_other_types_of_the_four_items_are_refused(self):
        for other in (None, 1, True, "text", [], {}):
            self.refused(other, {}, b"", b"")
            self.refused(b"", {}, b"", other)
            if other is not None:
                self.refused(b"", {}, other, b"")
        for other in (None, 1, b"", [], "text"):
            self.refused(b"", other, b"", b"")

    def test_protected_bytes_that_are_no_map_are_refused(self):
        for protected in (b"\x00", b"\x80", b"\xf6", b"\xa1\x01", b"\xa0\x00", b"\xa2\x01\x26\x01\x26", b"\xbf\xff"):
            self.refused(protected, {}, b"", b"")

    def test_label_in_both_headers_is_refused(self):
        self.refused(b"\xa1\x01\x26", {1: -7}, b"", b"")
        self.refused(b"\xa1\x04\x41a", {4: b"b"}, b"", b"")

    def test_labels_of_other_types_are_refused(self):
        self.refused(b"\xa1\x41a\x00", {}, b"", b"")
        self.refused(b"", {b"a": 0}, b"", b"")

    def test_crit_is_honoured(self):
        def protected(crit, **more):
            labels = {1: -7, 2: crit}
            labels.update(more)
            return cbor.encode(labels)

        self.decode(protected([1]), {}, b"", b"")
        for crit in ([], None, 1, {}, b"\x01", [99], [4], [True], [None], [[1]], [b"a"], ["name"], [1, 99]):
            self.refused(protected(crit), {}, b"", b"")
        self.refused(protected(["name"], name=1), {}, b"", b"")
        sign1.decode(cbor.encode([protected(["name"], name=1), {}, b"", b""]), ("name",))
        # A critical label has to be protected itself, and so has crit.
        self.refused(protected([4]), {4: b"a"}, b"", b"")
        self.refused(b"\xa1\x01\x26", {2: [1]}, b"", b"")
