"""Ed25519 in both backends and SHA-512 in Python: RFC 8032, FIPS 180-4, and every kind of encoding to refuse."""

import json
import sys
import unittest
from binascii import unhexlify

from backends import on_host

from microbrew import crypto
from microbrew.compat import MICROPYTHON
from microbrew.crypto import ED25519, P256, X25519
from microbrew.crypto.pure.sha512 import sha512
from microbrew.errors import CryptoError, StateError

VECTORS = json.load(open("tests/vectors/curve25519.json"))  # noqa: SIM115
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
SECRET = bytes(range(32))
MESSAGE = b"message"
IDENTITY = b"\x01" + bytes(31)


def little(value):
    return value.to_bytes(32, "little")


def flipped(data, bit):
    out = bytearray(data)
    out[bit >> 3] ^= 1 << (bit & 7)
    return bytes(out)


class TestSha512(unittest.TestCase):
    def test_fips180_and_lengths_around_the_block(self):
        for vector in VECTORS["sha512"]:
            self.assertEqual(sha512(unhexlify(vector["message"])), unhexlify(vector["digest"]))

    def test_any_buffer_will_do(self):
        data = unhexlify(VECTORS["sha512"][-1]["message"])
        digest = unhexlify(VECTORS["sha512"][-1]["digest"])
        self.assertEqual(sha512(bytearray(data)), digest)
        self.assertEqual(sha512(memoryview(data)), digest)


class TestPure(unittest.TestCase):
    backend = "pure"

    def setUp(self):
        self.crypto = crypto.load(self.backend)
        self.private = self.crypto.load_private(ED25519, SECRET)
        self.public = self.private.public

    def refused(self, signature, public=None, message=MESSAGE):
        public = self.public if public is None else public
        self.assertRaises(CryptoError, self.crypto.verify, ED25519, public, message, signature)

    def test_rfc8032(self):
        for vector in VECTORS["ed25519"]:
            private = self.crypto.load_private(ED25519, unhexlify(vector["secret"]))
            message = unhexlify(vector["message"])
            self.assertEqual(private.public, unhexlify(vector["public"]))
            signature = self.crypto.sign(private, message)
            self.assertEqual(signature, unhexlify(vector["signature"]))
            self.crypto.verify(ED25519, private.public, message, signature)

    def test_buffers_of_every_kind(self):
        signature = self.crypto.sign(self.private, bytearray(MESSAGE))
        self.assertEqual(signature, self.crypto.sign(self.private, MESSAGE))
        self.crypto.verify(ED25519, memoryview(self.public), memoryview(MESSAGE), bytearray(signature))

    def test_long_messages(self):
        for length in (200, 1300):
            message = bytes(length)
            self.crypto.verify(ED25519, self.public, message, self.crypto.sign(self.private, message))

    def test_any_change_is_refused(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        for bit in range(0, 512, 37):
            self.refused(flipped(signature, bit))
        for bit in (0, 100, 254, 255):
            self.refused(signature, flipped(self.public, bit))
        self.refused(signature, None, MESSAGE + b"\x00")
        self.refused(signature, None, b"")
        self.refused(signature[32:] + signature[:32])
        self.refused(bytes(64))
        self.refused(signature, self.crypto.load_private(ED25519, bytes(32)).public)

    def test_s_must_be_below_the_order(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        s = int.from_bytes(signature[32:], "little")
        while s + L < 1 << 256:
            s += L
            self.refused(signature[:32] + little(s))
        # With A and R the identity any S that is a multiple of L fits the equation; only 0 is in range.
        self.crypto.verify(ED25519, IDENTITY, MESSAGE, IDENTITY + bytes(32))
        self.refused(IDENTITY + little(L), IDENTITY)

    def test_lengths(self):
        signature = self.crypto.sign(self.private, MESSAGE)
        for bad in (b"", signature[:63], signature + b"\x00", signature[:32]):
            self.refused(bad)
        for public in (b"", self.public[:31], self.public + b"\x00", self.public * 2):
            self.refused(signature, public)
        for length in (0, 31, 33, 64):
            self.assertRaises(CryptoError, self.crypto.load_private, ED25519, bytes(length))

    def test_a_public_key_off_the_curve_is_refused(self):
        # (y * y - 1) / (d * y * y + 1) is no square for y = 2.
        self.refused(self.crypto.sign(self.private, MESSAGE), little(2))

    def test_a_public_key_has_one_encoding(self):
        # What y + p, or a sign of x = 0, decodes to elsewhere: A is then 1, -1 or of order 4, and R fits it.
        for a in (little(P), little(P + 1), little(P + 1 | 1 << 255), little(1 | 1 << 255), little(P - 1 | 1 << 255)):
            for r in VECTORS["small_order_a"]:
                self.refused(unhexlify(r) + bytes(32), a)

    def test_r_has_one_encoding(self):
        self.crypto.verify(ED25519, IDENTITY, MESSAGE, IDENTITY + bytes(32))
        for r in (little(P + 1), little(1 | 1 << 255), little(P + 1 | 1 << 255)):
            self.refused(r + bytes(32), IDENTITY)

    def test_points_of_small_order_verify_by_the_equation_without_cofactor(self):
        # With S = 0 and the cofactor every pair would hold for every message; without it R must be the one of
        # the eight that the hash asks for.
        points = [unhexlify(point) for point in VECTORS["small_order_a"]]
        a = points[3]
        for r in points:
            holds = 0
            for i in range(16):
                try:
                    self.crypto.verify(ED25519, a, bytes((i,)), r + bytes(32))
                    holds += 1
                except CryptoError:
                    pass
            self.assertLess(holds, 16)

    def test_other_curves_are_the_callers_mistake(self):
        self.assertRaises(ValueError, self.crypto.generate, 2)
        self.assertRaises(ValueError, self.crypto.load_private, 5, bytes(32))
        self.assertRaises(ValueError, self.crypto.verify, 7, self.public, MESSAGE, bytes(64))
        self.assertRaises(ValueError, self.crypto.sign, self.crypto.load_private(X25519, SECRET), MESSAGE)

    def test_keys_of_the_curves_do_not_stand_for_each_other(self):
        p256 = self.crypto.load_private(P256, bytes(range(1, 33)))
        self.refused(self.crypto.sign(p256, MESSAGE))
        self.refused(self.crypto.sign(p256, MESSAGE), p256.public)
        signature = self.crypto.sign(self.private, MESSAGE)
        self.assertRaises(CryptoError, self.crypto.verify, P256, p256.public, MESSAGE, signature)
        self.assertRaises(CryptoError, self.crypto.verify, P256, self.public, MESSAGE, signature)

    def test_a_wiped_key_is_gone(self):
        private = self.crypto.generate(ED25519)
        private.wipe()
        self.assertRaises(StateError, self.crypto.sign, private, MESSAGE)


@on_host
class TestHost(TestPure):
    backend = "host"


class TestLoading(unittest.TestCase):
    @unittest.skipUnless(MICROPYTHON, "an interpreter that runs this file alone")
    def test_sha512_is_ours_where_hashlib_has_none(self):
        import hashlib

        self.assertFalse(hasattr(hashlib, "sha512"))
        self.assertIn("microbrew.crypto.pure.sha512", sys.modules)


if __name__ == "__main__":
    unittest.main()
