"""Crypto backend in Python alone: for bring-up, for tests, and for boards without a native module."""

import os

from microbrew.crypto import P256, Crypto, PrivateKey, check_ccm, need_p256, secret_of
from microbrew.crypto.pure import ccm, ecdsa, hashing, p256
from microbrew.errors import CryptoError


class PureCrypto(Crypto):
    """Verbs in Python; see ``Crypto`` for shapes and errors.

    NOT constant time: who can measure how long this backend takes, or share the processor with it, may learn
    secret keys. ``load(release=True)`` refuses to pick it. ``random`` is a function of a length,
    ``os.urandom`` unless a test injects another.
    """

    name = "pure"
    constant_time = False

    def __init__(self, random=os.urandom):
        self._random = random

    def random(self, length):
        return self._random(length)

    def sha256(self, data):
        return hashing.sha256(data)

    def hmac(self, key, data):
        return hashing.hmac(key, data)

    def ccm_seal(self, key, nonce, aad, plaintext, tag_len):
        check_ccm(key, nonce, aad, len(plaintext), tag_len)
        return ccm.seal(key, nonce, aad, plaintext, tag_len)

    def ccm_open(self, key, nonce, aad, ciphertext, tag_len):
        check_ccm(key, nonce, aad, len(ciphertext) - tag_len, tag_len)
        return ccm.open_(key, nonce, aad, ciphertext, tag_len)

    def load_private(self, curve, secret):
        need_p256(curve)
        if len(secret) != 32:
            raise CryptoError("private key must be 32 bytes")
        scalar = int.from_bytes(secret, "big")
        if not 0 < scalar < p256.N:
            raise CryptoError("private key out of range")
        x, y = p256.multiply_base(scalar)
        return PrivateKey(P256, p256.encode_point(x, y), bytearray(secret))

    def ecdh(self, private, peer):
        x, y = p256.decode_point(peer)
        # Never infinity: the scalar is in range and the point has the prime order n.
        return p256.multiply(int.from_bytes(secret_of(private), "big"), x, y)[0].to_bytes(32, "big")

    def sign(self, private, message):
        return ecdsa.sign(secret_of(private), message)

    def verify(self, curve, public, message, signature):
        need_p256(curve)
        ecdsa.verify(public, message, signature)
