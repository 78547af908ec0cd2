"""Every backend against forged and malformed input, in the manner of Project Wycheproof."""

import unittest

from backends import on_hardware, on_host, on_native

from microbrew import crypto
from microbrew.crypto import P256
from microbrew.crypto.pure import p256
from microbrew.errors import CryptoError, StateError

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

KEY = bytes(range(16))
NONCE = bytes(range(0x40, 0x4D))
AAD = b"additional data"
PLAINTEXT = b"a plaintext that is longer than one block"
MESSAGE = b"message"


def _bytes(number):
    return number.to_bytes(32, "big")


def _flipped(data, bit):
    out = bytearray(data)
    out[bit >> 3] ^= 1 << (bit & 7)
    return bytes(out)


def _right_side(x):
    """x^3 - 3x + b of the curve's equation."""
    return (x * x * x - 3 * x + 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B) % P


class TestPure(unittest.TestCase):
    backend = "pure"

    def setUp(self):
        self.crypto = crypto.load(self.backend)
        self.private = self.crypto.load_private(P256, bytes(range(1, 33)))
        self.public = self.private.public

    def refused(self, signature, message=MESSAGE, public=None):
        with self.assertRaises(CryptoError):
            self.crypto.verify(P256, self.public if public is None else public, message, signature)

    # ECDSA

    def test_signature_with_r_or_s_out_of_range_is_refused(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        r, s = signature[:32], signature[32:]
        for bad in (0, N, N + 1, 2**256 - 1, P):
            self.refused(_bytes(bad) + s)
            self.refused(r + _bytes(bad))
            self.refused(_bytes(bad) + _bytes(bad))

    def test_signature_with_n_added_to_a_part_is_refused(self):
        # From r * Q = s * R - z * G a key is made for which small r and s, that leave room for n, are valid. R has
        # the x-coordinate 5, or one that is n or more.
        z = int.from_bytes(self.crypto.sha256(MESSAGE), "big") % N
        large = N
        while pow(_right_side(large), (P - 1) >> 1, P) != 1:
            large += 1
        for rx, s in ((5, 1), (5, 7), (large, 3)):
            r = rx % N
            inverse = pow(r, N - 2, N)
            x, y = p256.multiply(s * inverse % N, rx, p256.recover_y(rx))
            minus = p256.multiply_base(N - z * inverse % N)
            public = p256.encode_point(*p256._affine(p256._add((x, y, 1), *minus)))
            self.crypto.verify(P256, public, MESSAGE, _bytes(r) + _bytes(s))
            self.crypto.verify(P256, public, MESSAGE, _bytes(r) + _bytes(N - s))
            self.refused(_bytes(r + N) + _bytes(s), MESSAGE, public)
            self.refused(_bytes(r) + _bytes(s + N), MESSAGE, public)
            self.refused(_bytes(r + N) + _bytes(s + N), MESSAGE, public)
            self.refused(_bytes(r) + _bytes(2**256 - s), MESSAGE, public)

    def test_signature_with_swapped_or_constant_parts_is_refused(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        self.refused(signature[32:] + signature[:32])
        for r in (1, N - 1):
            for s in (1, N - 1):
                self.refused(_bytes(r) + _bytes(s))

    def test_signature_with_negated_s_verifies_as_ecdsa_allows_both(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        s = int.from_bytes(signature[32:], "big")
        self.crypto.verify(P256, self.public, MESSAGE, signature[:32] + _bytes(N - s))

    def test_signature_of_another_length_or_in_der_is_refused(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        for bad in (b"", signature[:63], signature + b"\x00", b"\x00" + signature, signature[:32]):
            self.refused(bad)
        self.refused(b"\x30\x44\x02\x20" + signature[:32] + b"\x02\x20" + signature[32:])

    def test_signature_with_any_bit_flipped_is_refused(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        for bit in range(0, 512, 37):
            self.refused(_flipped(signature, bit))

    def test_signature_of_another_message_or_key_is_refused(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        self.refused(signature, MESSAGE + b"\x00")
        self.refused(signature, b"")
        self.refused(signature, MESSAGE, self.crypto.load_private(P256, bytes(range(2, 34))).public)
        negative = self.public[:32] + _bytes(P - int.from_bytes(self.public[32:], "big"))
        self.refused(signature, MESSAGE, negative)

    def test_verification_needs_a_whole_valid_public_key(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        for bad in (
            self.public[:32],
            b"\x04" + self.public,
            self.public[:63],
            b"",
            bytes(64),
            _flipped(self.public, 0),
            _flipped(self.public, 511),
            self.public[32:] + self.public[:32],
        ):
            self.refused(signature, MESSAGE, bad)

    # ECDH

    def test_invalid_points_are_refused_by_ecdh(self):
        for bad in (
            bytes(64),  # where some encode infinity
            b"\x00",
            b"",
            bytes(63),
            self.public + b"\x00",
            b"\x04" + self.public,
            _flipped(self.public, 500),
            self.public[32:] + self.public[:32],
            _bytes(P) + self.public[32:],
            self.public[:32] + _bytes(P),
            b"\xff" * 64,
        ):
            with self.assertRaises(CryptoError):
                self.crypto.ecdh(self.private, bad)

    def test_coordinates_that_are_valid_only_after_reduction_are_refused(self):
        # (0, sqrt(b)) and (5, y) are on the curve; p and p + 5 name the same x modulo p.
        for x in (0, 5):
            self.assertEqual(len(self.crypto.ecdh(self.private, _bytes(x))), 32)
            point = self.crypto.decompress(_bytes(x), False)
            for bad in (_bytes(P + x), _bytes(P + x) + point[32:]):
                with self.assertRaises(CryptoError):
                    self.crypto.ecdh(self.private, bad)

    def test_x_of_the_twist_is_refused(self):
        # x^3 - 3x + b is no square for these, so the x-coordinates belong to the quadratic twist.
        for x in (1, 2, 3, 4, 7, 10, P - 4):
            on_twist = pow(_right_side(x), (P - 1) >> 1, P) != 1
            if on_twist:
                with self.assertRaises(CryptoError):
                    self.crypto.ecdh(self.private, _bytes(x))
                with self.assertRaises(CryptoError):
                    self.crypto.decompress(_bytes(x), False)
            else:
                self.assertEqual(len(self.crypto.ecdh(self.private, _bytes(x))), 32)

    def test_x_of_another_length_is_refused(self):
        for bad in (self.public[:31], self.public[:33], b"\x02" + self.public[:32], bytes(48)):
            with self.assertRaises(CryptoError):
                self.crypto.ecdh(self.private, bad)

    # Private keys

    def test_private_keys_out_of_range_are_refused(self):
        for bad in (bytes(32), _bytes(N), _bytes(N + 1), b"\xff" * 32, bytes(31), bytes(range(33)), b""):
            with self.assertRaises(CryptoError):
                self.crypto.load_private(P256, bad)

    def test_smallest_and_largest_private_keys_work(self):
        one = self.crypto.load_private(P256, _bytes(1))
        last = self.crypto.load_private(P256, _bytes(N - 1))
        self.assertEqual(one.public[:32], last.public[:32])
        self.assertEqual(self.crypto.ecdh(one, self.public), self.public[:32])
        self.assertEqual(self.crypto.ecdh(last, self.public), self.public[:32])
        for key in (one, last):
            self.crypto.verify(P256, key.public, MESSAGE, self.crypto.sign(key, MESSAGE))

    def test_wiped_private_key_is_not_used(self):
        secret = self.private.secret
        self.private.wipe()
        self.private.wipe()
        self.assertRaises(StateError, self.crypto.sign, self.private, MESSAGE)
        self.assertRaises(StateError, self.crypto.ecdh, self.private, self.public)
        if isinstance(secret, bytearray):
            self.assertEqual(secret, bytearray(32))

    def test_other_curves_are_the_callers_mistake(self):
        for curve in (2, 5, 7):
            self.assertRaises(ValueError, self.crypto.generate, curve)
            self.assertRaises(ValueError, self.crypto.load_private, curve, bytes(range(32)))
            self.assertRaises(ValueError, self.crypto.verify, curve, self.public, MESSAGE, bytes(64))

    # AES-CCM

    def test_any_change_to_a_sealed_message_is_refused(self):
        for tag_len in (4, 8, 16):
            sealed = self.crypto.ccm_seal(KEY, NONCE, AAD, PLAINTEXT, tag_len)
            self.assertEqual(len(sealed), len(PLAINTEXT) + tag_len)
            self.assertEqual(self.crypto.ccm_open(KEY, NONCE, AAD, sealed, tag_len), PLAINTEXT)
            for bit in range(0, 8 * len(sealed), 5):
                with self.assertRaises(CryptoError):
                    self.crypto.ccm_open(KEY, NONCE, AAD, _flipped(sealed, bit), tag_len)
            for key, nonce, aad in (
                (_flipped(KEY, 3), NONCE, AAD),
                (KEY, _flipped(NONCE, 103), AAD),
                (KEY, NONCE, _flipped(AAD, 0)),
                (KEY, NONCE, AAD[:-1]),
                (KEY, NONCE, AAD + b"\x00"),
                (KEY, NONCE, b""),
            ):
                with self.assertRaises(CryptoError):
                    self.crypto.ccm_open(key, nonce, aad, sealed, tag_len)

    def test_truncated_and_extended_ciphertexts_are_refused(self):
        sealed = self.crypto.ccm_seal(KEY, NONCE, AAD, PLAINTEXT, 8)
        for bad in (b"", sealed[:7], sealed[:8], sealed[:-1], sealed[1:], sealed + b"\x00"):
            with self.assertRaises(CryptoError):
                self.crypto.ccm_open(KEY, NONCE, AAD, bad, 8)

    def test_tag_of_one_length_does_not_serve_as_another(self):
        sealed = self.crypto.ccm_seal(KEY, NONCE, AAD, PLAINTEXT, 16)
        for tag_len in (4, 8):
            with self.assertRaises(CryptoError):
                self.crypto.ccm_open(KEY, NONCE, AAD, sealed[: len(PLAINTEXT) + tag_len], tag_len)

    def test_empty_plaintext_is_authenticated(self):
        for tag_len in (4, 8, 16):
            tag = self.crypto.ccm_seal(KEY, NONCE, AAD, b"", tag_len)
            self.assertEqual(len(tag), tag_len)
            self.assertEqual(self.crypto.ccm_open(KEY, NONCE, AAD, tag, tag_len), b"")
            with self.assertRaises(CryptoError):
                self.crypto.ccm_open(KEY, NONCE, AAD, _flipped(tag, 0), tag_len)

    def test_lengths_chosen_by_the_caller_are_checked(self):
        for key, nonce, tag_len in (
            (KEY[:15], NONCE, 8),
            (bytes(24), NONCE, 8),
            (bytes(32), NONCE, 8),
            (KEY, NONCE[:12], 8),
            (KEY, NONCE + b"\x00", 8),
            (KEY, b"", 8),
            (KEY, NONCE, 0),
            (KEY, NONCE, 2),
            (KEY, NONCE, 6),
            (KEY, NONCE, 17),
        ):
            with self.assertRaises(ValueError):
                self.crypto.ccm_seal(key, nonce, AAD, PLAINTEXT, tag_len)
            with self.assertRaises(ValueError):
                self.crypto.ccm_open(key, nonce, AAD, bytes(64), tag_len)
        with self.assertRaises(ValueError):
            self.crypto.ccm_seal(KEY, NONCE, bytes(0xFF00), b"", 8)
        with self.assertRaises(ValueError):
            self.crypto.ccm_seal(KEY, NONCE, b"", bytes(0x10000), 8)


@on_host
class TestHost(TestPure):
    backend = "host"


@on_native
class TestNative(TestPure):
    backend = "native"


@on_hardware
class TestHardware(TestPure):
    backend = "hardware"
