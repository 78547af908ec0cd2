"""Crypto backend in Python alone: for bring-up, for tests, and for boards without a native module.

The arithmetic of a curve is loaded when it is first used: a device that needs one curve holds no other.
"""

import os

from microbrew.crypto import ED25519, P256, X25519, Crypto, PrivateKey, check_ccm, need_curve, secret_of
from microbrew.crypto.pure import ccm, hashing
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

    def sha256(self, *parts):
        return hashing.sha256(*parts)

    def hmac(self, key, data):
        return hashing.hmac(key, data)

    def hkdf_expand(self, prk, info, length):
        return hashing.hkdf_expand(self.hmac, prk, info, length)

    def ccm_seal(self, key, nonce, aad, plaintext, tag_len):
        check_ccm(key, nonce, aad, len(plaintext), tag_len)
        return ccm.seal(key, nonce, aad, plaintext, tag_len)

    def ccm_open(self, key, nonce, aad, ciphertext, tag_len):
        check_ccm(key, nonce, aad, len(ciphertext) - tag_len, tag_len)
        return ccm.open_(key, nonce, aad, ciphertext, tag_len)

    def load_private(self, curve, secret):
        need_curve(curve, (P256, X25519, ED25519))
        if len(secret) != 32:
            raise CryptoError("private key must be 32 bytes")
        if curve == P256:
            from microbrew.crypto.pure import p256

            scalar = int.from_bytes(secret, "big")
            if not 0 < scalar < p256.N:
                raise CryptoError("private key out of range")
            x, y = p256.multiply_base(scalar)
            public = p256.encode_point(x, y)
        elif curve == X25519:
            from microbrew.crypto.pure import x25519

            public = x25519.public(secret)
        else:
            from microbrew.crypto.pure import ed25519

            public = ed25519.public(secret)
        return PrivateKey(curve, public, bytearray(secret))

    def decompress(self, x, odd):
        from microbrew.crypto.pure import p256

        if len(x) != 32:
            raise CryptoError("P-256 coordinate must be 32 bytes")
        px, y = p256.decode_point(x)
        return p256.encode_point(px, y if bool(y & 1) == bool(odd) else p256.P - y)

    def ecdh(self, private, peer):
        need_curve(private.curve, (P256, X25519))
        secret = secret_of(private)
        if private.curve == X25519:
            from microbrew.crypto.pure import x25519

            return x25519.exchange(secret, peer)
        from microbrew.crypto.pure import p256

        x, y = p256.decode_point(peer)
        # Never infinity: the scalar is in range and the point has the prime order n.
        return p256.multiply(int.from_bytes(secret, "big"), x, y)[0].to_bytes(32, "big")

    def sign(self, private, message):
        need_curve(private.curve, (P256, ED25519))
        secret = secret_of(private)
        if private.curve == ED25519:
            from microbrew.crypto.pure import ed25519

            return ed25519.sign(secret, private.public, message)
        from microbrew.crypto.pure import ecdsa

        return ecdsa.sign(secret, message)

    def verify(self, curve, public, message, signature):
        need_curve(curve, (P256, ED25519))
        if curve == ED25519:
            from microbrew.crypto.pure import ed25519

            ed25519.verify(public, message, signature)
        else:
            from microbrew.crypto.pure import ecdsa

            ecdsa.verify(public, message, signature)
