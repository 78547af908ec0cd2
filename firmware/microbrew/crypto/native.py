"""Crypto backend of devices: the C module ``microbrew_native``, built into the port or loaded as a .mpy.

P-256 and X25519, SHA-256, HMAC, HKDF and AES-CCM, all constant time. Ed25519, which the C library does not have, is in
native_ed25519.py.
"""

import os

from microbrew.crypto import P256, X25519, Crypto, PrivateKey, need_curve, secret_of
from microbrew.errors import CryptoError

try:
    import microbrew_native as native
except ValueError as error:
    # So MicroPython answers to a .mpy for another processor or version.
    raise ImportError("microbrew_native: " + str(error)) from None

_X25519_BASE = b"\x09" + bytes(31)
_P = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1


class NativeCrypto(Crypto):
    """Verbs in C; see ``Crypto`` for shapes and errors.

    ``random`` is a function of a length, ``os.urandom`` unless a test or a simulator injects another.
    """

    name = "native"
    constant_time = True

    # Called as they are: they check what ``Crypto`` promises to check, and a frame costs no call of Python.
    sha256 = staticmethod(native.sha256)
    hmac = staticmethod(native.hmac)
    hkdf_expand = staticmethod(native.hkdf_expand)
    ccm_seal = staticmethod(native.ccm_seal)

    def __init__(self, random=os.urandom):
        self._random = random

    def random(self, length):
        return self._random(length)

    def ccm_open(self, key, nonce, aad, ciphertext, tag_len):
        try:
            return native.ccm_open(key, nonce, aad, ciphertext, tag_len)
        except OSError:
            raise CryptoError("authentication tag does not verify") from None

    def load_private(self, curve, secret):
        need_curve(curve, (P256, X25519))
        if len(secret) != 32:
            raise CryptoError("private key must be 32 bytes")
        if curve == P256:
            try:
                public = native.p256_public(secret)
            except ValueError:
                raise CryptoError("private key out of range") from None
        else:
            public = native.x25519(secret, _X25519_BASE)
        return PrivateKey(curve, public, bytearray(secret))

    def ecdh(self, private, peer):
        need_curve(private.curve, (P256, X25519))
        secret = secret_of(private)
        try:
            return (native.p256_ecdh if private.curve == P256 else native.x25519)(secret, peer)
        except ValueError:
            raise CryptoError("no valid point on the curve") from None

    def sign(self, private, message):
        need_curve(private.curve, (P256,))
        return native.p256_sign(secret_of(private), message)

    def verify(self, curve, public, message, signature):
        need_curve(curve, (P256,))
        try:
            native.p256_verify(public, message, signature)
        except (OSError, ValueError):
            raise CryptoError("signature does not verify") from None

    def decompress(self, x, odd):
        try:
            y = native.p256_solve(x)
        except ValueError:
            raise CryptoError("no point on P-256 has this x-coordinate") from None
        if bool(y[31] & 1) != bool(odd):
            y = (_P - int.from_bytes(y, "big")).to_bytes(32, "big")
        return bytes(x) + y
