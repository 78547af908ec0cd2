"""The pledge's voucher checks against vectors made by another implementation."""

import json
import unittest

from microbrew import cbor, crypto
from microbrew.cose import sign1
from microbrew.errors import VoucherError
from microbrew.join.voucher import REASONS, verify_voucher, voucher_request

with open("tests/vectors/voucher-zsj.json") as _file:
    VECTORS = json.load(_file)


def vector(name):
    return bytes.fromhex(VECTORS["messages"][name])


def public(name):
    return crypto.public_from_spki(bytes.fromhex(VECTORS["spki"][name]))


CRYPTO = crypto.load()
SERIAL = VECTORS["serial"]
NONCE = bytes.fromhex(VECTORS["nonce"])


def check(encoded, serial=SERIAL, nonce=NONCE, registrar="registrar", masa="masa", offline=False):
    return verify_voucher(CRYPTO, encoded, public(masa), serial, nonce, public(registrar), offline=offline)


def resigned(change):
    """The good voucher with its leaves changed, signed again by the MASA's key."""
    outer = cbor.decode(sign1.decode(vector("zsj_voucher_rpk_nonced")).payload)
    change(outer[2451])
    private = CRYPTO.load_private(crypto.P256, bytes.fromhex(VECTORS["private"]["masa"]))
    return sign1.sign(CRYPTO, private, cbor.encode(outer))


class VoucherChecks(unittest.TestCase):
    def refused(self, reason, encoded, **known):
        with self.assertRaises(VoucherError) as caught:
            check(encoded, **known)
        self.assertEqual(caught.exception.reason, reason)
        self.assertEqual(str(caught.exception), REASONS[reason])

    def test_a_good_voucher_yields_its_join_process(self):
        voucher = check(vector("zsj_voucher_rpk_nonced"))
        self.assertEqual(voucher.join_process, "minimal")
        self.assertEqual(voucher.assertion, 2)

    def test_a_voucher_may_pin_the_hash_of_the_key(self):
        self.assertIsNone(check(vector("zsj_voucher_pubk_sha256")).join_process)

    def test_another_nonce_is_refused(self):
        self.refused("nonce", vector("neg_voucher_wrong_nonce"))

    def test_a_replayed_voucher_does_not_answer_a_new_nonce(self):
        self.refused("nonce", vector("zsj_voucher_rpk_nonced"), nonce=b"\x01" * 8)

    def test_another_serial_is_refused(self):
        self.refused("serial", vector("neg_voucher_wrong_serial"))

    def test_another_registrar_key_is_refused(self):
        self.refused("pin", vector("neg_voucher_wrong_pinned_key"))

    def test_a_registrar_that_swapped_its_key_after_the_handshake_is_refused(self):
        self.refused("pin", vector("zsj_voucher_rpk_nonced"), registrar="pledge")

    def test_another_signer_is_refused(self):
        self.refused("signature", vector("neg_voucher_signed_by_attacker"))

    def test_a_flipped_signature_bit_is_refused(self):
        self.refused("signature", vector("neg_voucher_bad_signature"))

    def test_another_manufacturers_masa_is_refused(self):
        self.refused("signature", vector("zsj_voucher_rpk_nonced"), masa="masa_ca")

    def test_a_voucher_without_a_pin_is_refused(self):
        self.refused("no-pin", vector("neg_voucher_no_pin"))

    def test_a_certificate_pin_is_not_understood(self):
        self.refused("no-pin", vector("cbrski_voucher_pinned_ca"))

    def test_another_algorithm_is_refused(self):
        self.refused("algorithm", vector("zsj_voucher_ed25519"))

    def test_names_instead_of_numbers_are_refused(self):
        self.refused("format", vector("voucher_string_keys"))

    def test_a_voucher_request_is_not_a_voucher(self):
        self.refused("signature", vector("zsj_pvr"))

    def test_a_nonceless_voucher_needs_permission(self):
        self.refused("offline", vector("zsj_voucher_rpk_nonceless"))
        self.assertEqual(check(vector("zsj_voucher_rpk_nonceless"), offline=True).assertion, 1)

    def test_an_expiring_voucher_is_refused_without_a_clock(self):
        self.refused("expires", resigned(lambda leaves: leaves.update({4: "2026-12-01T00:00:00Z"})))

    def test_an_unknown_assertion_is_refused(self):
        self.refused("assertion", resigned(lambda leaves: leaves.update({1: 7})))
        self.refused("assertion", resigned(lambda leaves: leaves.update({1: True})))

    def test_a_nonce_of_another_type_is_refused(self):
        self.refused("nonce", resigned(lambda leaves: leaves.update({7: "a1b2c3d4e5f60718"})))

    def test_truncated_and_oversized_vouchers_are_refused(self):
        good = vector("zsj_voucher_rpk_nonced")
        for length in range(0, len(good), 7):
            self.refused("format", good[:length])
        self.refused("format", good + b"\x00")
        self.refused("format", b"\x00" * 5000)

    def test_an_unknown_leaf_is_ignored(self):
        self.assertEqual(check(resigned(lambda leaves: leaves.update({99: b"x"}))).join_process, "minimal")


class VoucherRequests(unittest.TestCase):
    def test_the_request_equals_the_vector(self):
        private = CRYPTO.load_private(crypto.P256, bytes.fromhex(VECTORS["private"]["pledge"]))
        request = voucher_request(CRYPTO, private, SERIAL, NONCE, public("registrar"))
        self.assertEqual(sign1.decode(request).payload, sign1.decode(vector("zsj_pvr")).payload)
        sign1.decode(request).verify(CRYPTO, public("pledge"))
        self.assertEqual(len(request), len(vector("zsj_pvr")))


if __name__ == "__main__":
    unittest.main()
