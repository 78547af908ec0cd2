"""The module microbrew_native by itself: its functions are those of its .pyi, its errors too, its sums those of pure.

What every backend has to do is in test_crypto_vectors.py, test_crypto_negative.py and their neighbours.
"""

import unittest

from microbrew import crypto
from microbrew.crypto import ED25519, P256, X25519
from microbrew.errors import CryptoError

try:
    import microbrew_native as native
except (ImportError, ValueError):
    native = None

PYI = "firmware/native/crypto/microbrew_native.pyi"
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
EBADMSG = 74
SECRET = bytes(range(1, 33))
KEY = bytes(range(16))
NONCE = bytes(range(13))


def declared():
    """{name: types of its parameters, with " = " and a default behind if it has one} of the .pyi."""
    functions = {}
    with open(PYI) as file:
        for line in file:
            if not line.startswith("def "):
                continue
            name, rest = line[4:].split("(", 1)
            parameters = rest.split(")", 1)[0].split(", ")
            if parameters.pop() != "/":
                raise ValueError("not positional: " + name)
            functions[name] = [parameter.split(": ")[1] for parameter in parameters]
    return functions


def stream(length, seed):
    """Bytes that look random and repeat."""
    out = bytearray(length)
    state = seed * 2 + 1
    for i in range(length):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out[i] = state >> 16 & 0xFF
    return bytes(out)


def error_of(function, *arguments):
    """The exception that a call raises, or None."""
    try:
        function(*arguments)
    except Exception as error:
        return error
    return None


@unittest.skipIf(native is None, "no native module here: make native")
class TestInterface(unittest.TestCase):
    def test_functions_are_those_declared(self):
        found = [name for name in dir(native) if not name.startswith("__")]
        self.assertEqual(sorted(found), sorted(declared()))

    def test_arity_is_the_declared_one(self):
        sample = {"Buffer": b"", "int": 8}
        for name, types in declared().items():
            function = getattr(native, name)
            arguments = [sample[kind.split(" = ")[0]] for kind in types]
            needed = len([kind for kind in types if " = " not in kind])
            for count in range(needed, len(types) + 1):
                self.assertFalse(isinstance(error_of(function, *arguments[:count]), TypeError), name)
            self.assertTrue(isinstance(error_of(function, *arguments[: needed - 1]), TypeError), name)
            self.assertTrue(isinstance(error_of(function, *(arguments + [8])), TypeError), name)

    def test_types_are_the_declared_ones(self):
        sample = {"Buffer": b"", "int": 8}
        wrong = {"Buffer": 8, "int": b""}
        for name, types in declared().items():
            for i, kind in enumerate(types):
                arguments = [sample[other.split(" = ")[0]] for other in types]
                arguments[i] = wrong[kind.split(" = ")[0]]
                # A length that is wrong may be seen first.
                error = error_of(getattr(native, name), *arguments)
                self.assertTrue(isinstance(error, (TypeError, ValueError)), name)

    def test_any_buffer_will_do_and_is_left_as_it_is(self):
        data = bytearray(SECRET)
        self.assertEqual(native.p256_public(memoryview(data)), native.p256_public(SECRET))
        self.assertEqual(data, SECRET)
        plaintext = bytearray(b"plaintext")
        sealed = native.ccm_seal(KEY, NONCE, b"", plaintext, 8)
        self.assertEqual(plaintext, b"plaintext")
        self.assertEqual(native.ccm_open(KEY, NONCE, b"", memoryview(sealed), 8), b"plaintext")

    def test_results_are_bytes_like_any_others(self):
        digest = native.sha256(b"abc")
        self.assertTrue(isinstance(digest, bytes))
        # A hash that was filled in before the content would make equal keys different ones.
        self.assertEqual({digest: 1}[native.sha256(b"abc")], 1)
        self.assertEqual({bytes(bytearray(digest)): 1}[digest], 1)
        self.assertEqual(digest + b"x", bytes(bytearray(digest)) + b"x")
        self.assertEqual(native.hkdf_expand(b"", b"", 0), b"")


@unittest.skipIf(native is None, "no native module here: make native")
class TestErrors(unittest.TestCase):
    def test_scalars_out_of_range(self):
        public = native.p256_public(SECRET)
        for scalar in (0, N, N + 1, 2**256 - 1):
            secret = scalar.to_bytes(32, "big")
            self.assertRaises(ValueError, native.p256_public, secret)
            self.assertRaises(ValueError, native.p256_ecdh, secret, public)
            self.assertRaises(ValueError, native.p256_sign, secret, b"")
        for scalar in (1, N - 1):
            native.p256_public(scalar.to_bytes(32, "big"))

    def test_points_that_are_none(self):
        public = native.p256_public(SECRET)
        for point in (bytes(64), public[:63] + bytes((public[63] ^ 1,)), b"\xff" * 64, b"\xff" * 32):
            self.assertRaises(ValueError, native.p256_ecdh, SECRET, point)
        self.assertRaises(ValueError, native.p256_solve, b"\xff" * 32)
        self.assertRaises(ValueError, native.x25519, SECRET, bytes(32))

    def test_lengths(self):
        for length in (0, 31, 33, 63, 65):
            data = bytes(length)
            self.assertRaises(ValueError, native.p256_public, data)
            self.assertRaises(ValueError, native.p256_ecdh, SECRET, data)
            self.assertRaises(ValueError, native.p256_solve, data)
            self.assertRaises(ValueError, native.p256_verify, data, b"", bytes(64))
            self.assertRaises(ValueError, native.p256_verify, bytes(64), b"", data)
            self.assertRaises(ValueError, native.x25519, data, SECRET)
            self.assertRaises(ValueError, native.x25519, SECRET, data)
        for length in (-1, 255 * 32 + 1, 1 << 30):
            self.assertRaises(ValueError, native.hkdf_expand, b"", b"", length)

    def test_forgeries_have_an_error_of_their_own(self):
        public = native.p256_public(SECRET)
        signature = native.p256_sign(SECRET, b"message")
        sealed = native.ccm_seal(KEY, NONCE, b"", b"plaintext", 8)
        for error in (
            error_of(native.p256_verify, public, b"another", signature),
            error_of(native.p256_verify, bytes(64), b"message", signature),
            error_of(native.ccm_open, KEY, NONCE, b"x", sealed, 8),
            error_of(native.ccm_open, KEY, NONCE, b"", b"short", 8),
        ):
            self.assertTrue(isinstance(error, OSError))
            self.assertEqual(error.args[0], EBADMSG)


@unittest.skipIf(native is None, "no native module here: make native")
class TestAgainstPure(unittest.TestCase):
    def setUp(self):
        self.native = crypto.load("native")
        self.pure = crypto.load("pure")

    def test_keys_secrets_and_signatures_agree(self):
        scalars = [1, 2, 3, N - 1, N - 2, 1 << 255, (1 << 128) - 1] + [
            int.from_bytes(stream(32, seed), "big") % N for seed in range(4)
        ]
        peer = self.pure.load_private(P256, SECRET).public
        for scalar in scalars:
            secret = scalar.to_bytes(32, "big")
            ours = self.native.load_private(P256, secret)
            theirs = self.pure.load_private(P256, secret)
            self.assertEqual(ours.public, theirs.public)
            self.assertEqual(self.native.ecdh(ours, peer), self.pure.ecdh(theirs, peer))
            self.assertEqual(self.native.ecdh(ours, peer[:32]), self.pure.ecdh(theirs, peer))
            self.assertEqual(self.native.sign(ours, secret), self.pure.sign(theirs, secret))
            self.native.verify(P256, ours.public, secret, self.pure.sign(theirs, secret))
            self.assertEqual(self.native.decompress(ours.public[:32], ours.public[63] & 1), ours.public)

    def test_x_coordinates_have_a_point_or_not_as_in_python(self):
        there = 0
        for seed in range(16):
            x = stream(32, seed + 100)
            try:
                self.assertEqual(self.native.decompress(x, 1), self.pure.decompress(x, 1))
                there += 1
            except CryptoError:
                self.assertRaises(CryptoError, self.pure.decompress, x, 1)
        self.assertTrue(3 < there < 13)

    def test_x25519_agrees(self):
        for seed in range(3):
            secret, u = stream(32, seed), stream(32, seed + 50)
            self.assertEqual(
                self.native.ecdh(self.native.load_private(X25519, secret), u),
                self.pure.ecdh(self.pure.load_private(X25519, secret), u),
            )

    def test_symmetric_verbs_agree_around_every_block_boundary(self):
        for length in (0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 55, 56, 63, 64, 65, 119, 127, 128, 300):
            data = stream(length, length)
            for aad_length in (0, 1, 13, 14, 15, 30, 31):
                aad = stream(aad_length, 7)
                for tag_len in (4, 8, 16):
                    sealed = self.native.ccm_seal(KEY, NONCE, aad, data, tag_len)
                    self.assertEqual(sealed, self.pure.ccm_seal(KEY, NONCE, aad, data, tag_len))
                    self.assertEqual(self.native.ccm_open(KEY, NONCE, aad, sealed, tag_len), data)
            self.assertEqual(self.native.sha256(data), self.pure.sha256(data))
            self.assertEqual(self.native.hmac(data, SECRET), self.pure.hmac(data, SECRET))
            self.assertEqual(self.native.hmac(SECRET, data), self.pure.hmac(SECRET, data))
            self.assertEqual(self.native.hkdf_expand(data, SECRET, length), self.pure.hkdf_expand(data, SECRET, length))


@unittest.skipIf(native is None, "no native module here: make native")
class TestRelease(unittest.TestCase):
    def test_a_release_picks_what_is_in_c(self):
        # Hardware takes AES over from it; the rest is this one's.
        self.assertIn(crypto.load(release=True).name, ("hardware", "native"))

    def test_a_release_refuses_the_curve_that_is_done_in_python(self):
        release = crypto.load(release=True)
        key = crypto.load("native").load_private(ED25519, SECRET)
        self.assertRaises(ValueError, release.load_private, ED25519, SECRET)
        self.assertRaises(ValueError, release.sign, key, b"")
        self.assertRaises(ValueError, release.verify, ED25519, key.public, b"", bytes(64))
        release.load_private(P256, SECRET)
        release.load_private(X25519, SECRET)


if __name__ == "__main__":
    unittest.main()
