"""X25519 in both backends: RFC 7748, points of small order, other encodings, misuse."""

import json
import unittest
from binascii import unhexlify

from backends import on_hardware, on_host, on_native

from microbrew import crypto
from microbrew.compat import MICROPYTHON
from microbrew.crypto import ED25519, P256, X25519
from microbrew.errors import CryptoError, StateError

VECTORS = json.load(open("tests/vectors/curve25519.json"))  # noqa: SIM115
P = 2**255 - 19
SECRET = bytes(range(32))


class TestPure(unittest.TestCase):
    backend = "pure"

    def setUp(self):
        self.crypto = crypto.load(self.backend)

    def exchange(self, scalar, u):
        return self.crypto.ecdh(self.crypto.load_private(X25519, scalar), u)

    def test_rfc7748_scalars_and_points(self):
        # The second point has its top bit set, which does not count.
        for vector in VECTORS["x25519"]:
            shared = self.exchange(unhexlify(vector["scalar"]), unhexlify(vector["u"]))
            self.assertEqual(shared, unhexlify(vector["out"]))

    def test_rfc7748_iteration(self):
        k = u = b"\x09" + bytes(31)
        for count in range(1, (10 if MICROPYTHON or self.backend == "pure" else 1000) + 1):
            k, u = self.exchange(k, u), k
            if str(count) in VECTORS["x25519_iterated"]:
                self.assertEqual(k, unhexlify(VECTORS["x25519_iterated"][str(count)]))

    def test_rfc7748_key_agreement(self):
        vector = VECTORS["x25519_dh"]
        a = self.crypto.load_private(X25519, unhexlify(vector["a"]))
        b = self.crypto.load_private(X25519, unhexlify(vector["b"]))
        self.assertEqual(a.public, unhexlify(vector["a_public"]))
        self.assertEqual(b.public, unhexlify(vector["b_public"]))
        self.assertEqual(self.crypto.ecdh(a, b.public), unhexlify(vector["shared"]))
        self.assertEqual(self.crypto.ecdh(b, a.public), unhexlify(vector["shared"]))

    def test_fresh_keys_differ_and_agree(self):
        a = self.crypto.generate(X25519)
        b = self.crypto.generate(X25519)
        self.assertEqual((a.curve, len(a.public)), (X25519, 32))
        self.assertNotEqual(a.public, b.public)
        self.assertEqual(self.crypto.ecdh(a, b.public), self.crypto.ecdh(b, a.public))

    def test_every_point_of_small_order_is_refused(self):
        private = self.crypto.load_private(X25519, SECRET)
        for u in VECTORS["small_order_u"]:
            u = bytearray(unhexlify(u))
            self.assertRaises(CryptoError, self.crypto.ecdh, private, u)
            u[31] |= 0x80
            self.assertRaises(CryptoError, self.crypto.ecdh, private, bytes(u))

    def test_a_point_is_taken_modulo_p(self):
        # RFC 7748 section 5 asks for it; 9 + p is the largest but one that fits.
        private = self.crypto.load_private(X25519, SECRET)
        self.assertEqual(self.crypto.ecdh(private, (9 + P).to_bytes(32, "little")), private.public)
        self.assertEqual(self.crypto.ecdh(private, memoryview(b"\x09" + bytes(31))), private.public)

    def test_a_point_on_the_twist_is_a_point(self):
        # u = 2 has no y on the curve itself; the ladder needs none.
        self.assertEqual(pow(8 + 486662 * 4 + 2, (P - 1) // 2, P), P - 1)
        self.assertEqual(len(self.exchange(SECRET, b"\x02" + bytes(31))), 32)

    def test_bits_that_clamping_sets_do_not_count(self):
        clamped = bytearray(SECRET)
        clamped[0] &= 248
        clamped[31] = clamped[31] & 127 | 64
        public = self.crypto.load_private(X25519, SECRET).public
        self.assertEqual(self.crypto.load_private(X25519, bytes(clamped)).public, public)
        for scalar in (bytes(32), b"\xff" * 32):
            self.assertEqual(len(self.crypto.load_private(X25519, scalar).public), 32)

    def test_other_lengths_are_refused(self):
        private = self.crypto.load_private(X25519, SECRET)
        for length in (0, 31, 33, 64):
            self.assertRaises(CryptoError, self.crypto.load_private, X25519, bytes(length))
            self.assertRaises(CryptoError, self.crypto.ecdh, private, b"\x09" * length)

    def test_an_x25519_key_does_not_sign_and_an_ed25519_key_does_not_agree(self):
        private = self.crypto.load_private(X25519, SECRET)
        self.assertRaises(ValueError, self.crypto.sign, private, b"message")
        self.assertRaises(ValueError, self.crypto.verify, X25519, private.public, b"message", bytes(64))
        signing = self.crypto.load_private(ED25519, SECRET)
        self.assertRaises(ValueError, self.crypto.ecdh, signing, private.public)

    def test_a_key_of_p256_does_not_meet_a_point_of_x25519_by_length_alone(self):
        # 32 bytes are the x of a P-256 point there, so the answer is that of P-256 or a refusal.
        private = self.crypto.load_private(P256, bytes(range(1, 33)))
        self.assertRaises(CryptoError, self.crypto.ecdh, private, b"\xff" * 32)

    def test_a_wiped_key_is_gone(self):
        private = self.crypto.generate(X25519)
        secret = private.secret
        private.wipe()
        self.assertRaises(StateError, self.crypto.ecdh, private, b"\x09" + bytes(31))
        if self.backend == "pure":
            self.assertEqual(secret, bytearray(32))


@on_host
class TestHost(TestPure):
    backend = "host"


@on_native
class TestNative(TestPure):
    backend = "native"


@on_hardware
class TestHardware(TestPure):
    backend = "hardware"


if __name__ == "__main__":
    unittest.main()
