"""Every backend against published vectors; tests/vectors/crypto.json names their sources."""

import json
import unittest

from backends import on_hardware, on_host, on_native

from microbrew import crypto
from microbrew.crypto import P256
from microbrew.errors import CryptoError

with open("tests/vectors/crypto.json") as _file:
    VECTORS = json.load(_file)

unhex = bytes.fromhex


class TestPure(unittest.TestCase):
    backend = "pure"

    def setUp(self):
        self.crypto = crypto.load(self.backend)

    def test_sha256_of_fips_180_4_and_cavp(self):
        for vector in VECTORS["sha256"]:
            self.assertEqual(self.crypto.sha256(unhex(vector["message"])), unhex(vector["digest"]))

    def test_sha256_of_parts_is_that_of_the_whole(self):
        for vector in VECTORS["sha256"]:
            message = unhex(vector["message"])
            digest = unhex(vector["digest"])
            for cut in (0, 1, len(message) // 2, len(message)):
                self.assertEqual(self.crypto.sha256(message[:cut], bytearray(message[cut:])), digest)
                self.assertEqual(self.crypto.sha256(message[:cut], b"", memoryview(message)[cut:]), digest)

    def test_hmac_of_rfc_4231(self):
        for vector in VECTORS["hmac"]:
            self.assertEqual(self.crypto.hmac(unhex(vector["key"]), unhex(vector["data"])), unhex(vector["mac"]))

    def test_hkdf_of_rfc_5869(self):
        for vector in VECTORS["hkdf"]:
            prk = self.crypto.hkdf_extract(unhex(vector["salt"]), unhex(vector["ikm"]))
            self.assertEqual(prk, unhex(vector["prk"]))
            okm = self.crypto.hkdf_expand(prk, unhex(vector["info"]), vector["length"])
            self.assertEqual(okm, unhex(vector["okm"]))

    def test_hkdf_expand_gives_255_blocks_and_no_more(self):
        prk = bytes(32)
        self.assertEqual(len(self.crypto.hkdf_expand(prk, b"", 255 * 32)), 255 * 32)
        with self.assertRaises(ValueError):
            self.crypto.hkdf_expand(prk, b"", 255 * 32 + 1)

    def test_ccm_seals_as_rfc_3610_and_nist(self):
        for vector in VECTORS["ccm"]:
            if vector["plaintext"] is None:
                continue
            sealed = self.crypto.ccm_seal(
                unhex(vector["key"]),
                unhex(vector["nonce"]),
                unhex(vector["aad"]),
                unhex(vector["plaintext"]),
                vector["tag_len"],
            )
            self.assertEqual(sealed, unhex(vector["ciphertext"]), vector["name"])

    def test_ccm_opens_as_rfc_3610_and_nist_and_refuses_what_nist_marks_as_forged(self):
        forged = 0
        for vector in VECTORS["ccm"]:
            arguments = (
                unhex(vector["key"]),
                unhex(vector["nonce"]),
                unhex(vector["aad"]),
                unhex(vector["ciphertext"]),
                vector["tag_len"],
            )
            if vector["plaintext"] is None:
                forged += 1
                self.assertRaises(CryptoError, self.crypto.ccm_open, *arguments)
            else:
                self.assertEqual(self.crypto.ccm_open(*arguments), unhex(vector["plaintext"]), vector["name"])
        self.assertTrue(forged > 5)

    def test_signatures_are_those_of_rfc_6979(self):
        vectors = VECTORS["ecdsa_rfc6979"]
        private = self.crypto.load_private(P256, unhex(vectors["private"]))
        self.assertEqual(private.public, unhex(vectors["public"]))
        for vector in vectors["signatures"]:
            message = unhex(vector["message"])
            self.assertEqual(self.crypto.sign(private, message), unhex(vector["signature"]))
            self.crypto.verify(P256, private.public, message, unhex(vector["signature"]))

    def test_verification_agrees_with_nist(self):
        for vector in VECTORS["ecdsa_nist"]:
            arguments = (P256, unhex(vector["public"]), unhex(vector["message"]), unhex(vector["signature"]))
            if vector["valid"]:
                self.crypto.verify(*arguments)
            else:
                self.assertRaises(CryptoError, self.crypto.verify, *arguments)

    def test_public_key_validation_agrees_with_nist(self):
        private = self.crypto.load_private(P256, bytes(31) + b"\x07")
        for vector in VECTORS["public_key_nist"]:
            public = unhex(vector["public"])
            if vector["valid"]:
                self.assertEqual(len(self.crypto.ecdh(private, public)), 32)
            else:
                self.assertRaises(CryptoError, self.crypto.ecdh, private, public)

    def test_ecdh_of_rfc_5903_with_whole_points_and_with_x_alone(self):
        vector = VECTORS["ecdh_rfc5903"]
        i = self.crypto.load_private(P256, unhex(vector["i"]))
        r = self.crypto.load_private(P256, unhex(vector["r"]))
        self.assertEqual(i.public, unhex(vector["g_i"]))
        self.assertEqual(r.public, unhex(vector["g_r"]))
        shared = unhex(vector["g_ir"])
        self.assertEqual(self.crypto.ecdh(i, r.public), shared)
        self.assertEqual(self.crypto.ecdh(r, i.public), shared)
        self.assertEqual(self.crypto.ecdh(i, r.public[:32]), shared)
        self.assertEqual(self.crypto.ecdh(r, i.public[:32]), shared)

    def test_y_recovery_of_rfc_9528(self):
        vector = VECTORS["y_recovery_rfc9528"]
        x = unhex(vector["x"])
        for y in vector["y"]:
            point = self.crypto.decompress(x, unhex(y)[31] & 1)
            self.assertEqual(point, x + unhex(y))

    def test_buffers_of_any_kind_are_taken(self):
        vector = VECTORS["ccm"][0]
        key, nonce, aad, plaintext, ciphertext = [
            memoryview(bytearray(unhex(vector[name]))) for name in ("key", "nonce", "aad", "plaintext", "ciphertext")
        ]
        self.assertEqual(self.crypto.ccm_seal(key, nonce, aad, plaintext, 8), unhex(vector["ciphertext"]))
        self.assertEqual(self.crypto.ccm_open(key, nonce, aad, ciphertext, 8), unhex(vector["plaintext"]))
        self.assertEqual(self.crypto.hmac(key, plaintext), self.crypto.hmac(bytes(key), bytes(plaintext)))
        vectors = VECTORS["ecdsa_rfc6979"]
        private = self.crypto.load_private(P256, memoryview(unhex(vectors["private"])))
        message = memoryview(unhex(vectors["signatures"][0]["message"]))
        signature = memoryview(unhex(vectors["signatures"][0]["signature"]))
        self.assertEqual(self.crypto.sign(private, message), bytes(signature))
        self.crypto.verify(P256, memoryview(private.public), message, signature)
        self.assertEqual(
            self.crypto.ecdh(private, memoryview(private.public)), self.crypto.ecdh(private, private.public)
        )


@on_host
class TestHost(TestPure):
    backend = "host"


@on_native
class TestNative(TestPure):
    backend = "native"


@on_hardware
class TestHardware(TestPure):
    backend = "hardware"
