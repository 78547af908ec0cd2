"""The crypto facade: choice of the backend, key handles, SPKI, comparison and wiping."""

import unittest

from backends import on_hardware, on_host, on_native, present

from microbrew import crypto
from microbrew.compat import MICROPYTHON
from microbrew.crypto import P256
from microbrew.errors import CryptoError

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class TestLoad(unittest.TestCase):
    def lacking(self, names, function):
        """Calls ``function`` as where the backends ``names`` cannot be imported."""
        real = crypto.load

        def load(name=None, release=False):
            if name in names:
                raise ImportError(name)
            return real(name, release)

        crypto.load = load
        try:
            return function()
        finally:
            crypto.load = real

    def test_named_backend_is_loaded(self):
        self.assertEqual(crypto.load("pure").name, "pure")
        self.assertEqual(crypto.load("pure", release=True).name, "pure")

    def test_unknown_name_is_the_callers_mistake(self):
        self.assertRaises(ValueError, crypto.load, "nonesuch")

    def test_named_backend_that_is_missing_is_an_import_error(self):
        self.assertRaises(ImportError, crypto.load, "host" if MICROPYTHON else "native")

    def test_pure_is_the_last_resort(self):
        self.assertEqual(self.lacking(("hardware", "native", "host"), crypto.load).name, "pure")

    def test_release_refuses_to_pick_a_backend_that_is_not_constant_time(self):
        self.assertRaises(CryptoError, self.lacking, ("hardware", "native", "host"), lambda: crypto.load(release=True))

    @on_hardware
    def test_hardware_is_preferred_to_everything(self):
        self.assertEqual(crypto.load().name, "hardware")
        self.assertEqual(self.lacking(("hardware",), crypto.load).name, "native")

    def test_constant_time_backend_is_preferred(self):
        if not present("native") and not present("host"):
            self.skipTest("no native module here: make native")
        self.assertTrue(crypto.load().constant_time)
        self.assertTrue(crypto.load(release=True).constant_time)

    def test_pure_says_that_it_is_not_constant_time(self):
        self.assertFalse(crypto.load("pure").constant_time)


class TestPureKeys(unittest.TestCase):
    backend = "pure"

    def setUp(self):
        self.crypto = crypto.load(self.backend)

    def drawing(self, *draws):
        """The backend with a random generator that gives these draws and repeats the last."""
        left = list(draws)
        return type(self.crypto)(lambda length: left.pop(0) if len(left) > 1 else left[0])

    def test_key_pair_comes_from_the_injected_generator(self):
        secret = bytes(range(3, 35))
        key = self.drawing(secret).generate(P256)
        self.assertEqual(key.public, self.crypto.load_private(P256, secret).public)
        self.assertEqual(key.curve, P256)

    def test_draws_out_of_range_are_skipped_and_not_reduced(self):
        secret = bytes(range(3, 35))
        key = self.drawing(bytes(32), b"\xff" * 32, (N + 1).to_bytes(32, "big"), secret).generate(P256)
        self.assertEqual(key.public, self.crypto.load_private(P256, secret).public)

    def test_broken_generator_is_noticed(self):
        self.assertRaises(CryptoError, self.drawing(bytes(32)).generate, P256)

    def test_two_fresh_keys_differ_and_agree_on_a_secret(self):
        a = self.crypto.generate(P256)
        b = self.crypto.generate(P256)
        self.assertNotEqual(a.public, b.public)
        self.assertEqual(self.crypto.ecdh(a, b.public), self.crypto.ecdh(b, a.public))
        self.assertEqual(self.crypto.ecdh(a, b.public[:32]), self.crypto.ecdh(b, a.public[:32]))

    def test_random_has_the_length_asked_for(self):
        for length in (0, 1, 13, 32):
            self.assertEqual(len(self.crypto.random(length)), length)
        self.assertNotEqual(self.crypto.random(16), self.crypto.random(16))

    def test_decompression_gives_the_point_of_the_asked_parity(self):
        public = self.crypto.load_private(P256, bytes(range(1, 33))).public
        odd = public[63] & 1
        self.assertEqual(self.crypto.decompress(public[:32], odd), public)
        other = self.crypto.decompress(public[:32], not odd)
        self.assertEqual(other[:32], public[:32])
        self.assertEqual(other[63] & 1, 1 - odd)
        self.assertRaises(CryptoError, self.crypto.decompress, public, odd)


@on_host
class TestHostKeys(TestPureKeys):
    backend = "host"


@on_native
class TestNativeKeys(TestPureKeys):
    backend = "native"


@on_hardware
class TestHardwareKeys(TestPureKeys):
    backend = "hardware"


class TestSpki(unittest.TestCase):
    PUBLIC = bytes(range(64))

    def test_round_trip(self):
        spki = crypto.spki_p256(self.PUBLIC)
        self.assertEqual(len(spki), 91)
        self.assertEqual(crypto.public_from_spki(spki), self.PUBLIC)
        self.assertEqual(crypto.public_from_spki(memoryview(spki)), self.PUBLIC)

    def test_other_forms_are_refused(self):
        spki = crypto.spki_p256(self.PUBLIC)
        compressed = spki[:26] + b"\x02" + self.PUBLIC[:32]
        for bad in (b"", spki[:-1], spki + b"\x00", compressed, spki[:26] + b"\x03" + spki[27:]):
            self.assertRaises(CryptoError, crypto.public_from_spki, bad)
        for i in range(27):
            bad = bytearray(spki)
            bad[i] ^= 1
            self.assertRaises(CryptoError, crypto.public_from_spki, bytes(bad))

    def test_public_key_of_another_length_is_the_callers_mistake(self):
        self.assertRaises(ValueError, crypto.spki_p256, self.PUBLIC[:32])


class TestHelpers(unittest.TestCase):
    def test_equal_compares_every_byte_and_the_length(self):
        self.assertTrue(crypto.equal(b"", b""))
        self.assertTrue(crypto.equal(b"abc", bytearray(b"abc")))
        self.assertTrue(crypto.equal(memoryview(b"abc"), b"abc"))
        for other in (b"abd", b"bbc", b"ab", b"abcd", b""):
            self.assertFalse(crypto.equal(b"abc", other))

    def test_wipe_overwrites_in_place(self):
        buf = bytearray(b"secret")
        crypto.wipe(buf)
        self.assertEqual(buf, bytearray(6))
