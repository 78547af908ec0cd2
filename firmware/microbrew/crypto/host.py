"""Crypto backend of the host tools: the ``cryptography`` package (OpenSSL). CPython only."""

import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from microbrew.crypto import ED25519, P256, X25519, Crypto, PrivateKey, check_ccm, need_curve, secret_of
from microbrew.crypto.pure import hashing
from microbrew.errors import CryptoError

_ES256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


_P25519 = (1 << 255) - 19


def _p256(public, odd=False):
    if len(public) != 64 and len(public) != 32:
        raise CryptoError("P-256 public key must be 32 or 64 bytes")
    prefix = (b"\x03" if odd else b"\x02") if len(public) == 32 else b"\x04"
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), prefix + bytes(public))
    except ValueError:
        raise CryptoError("not a point on P-256") from None


def _x25519(public):
    if len(public) != 32:
        raise CryptoError("X25519 public key must be 32 bytes")
    return x25519.X25519PublicKey.from_public_bytes(bytes(public))


def _ed25519(public):
    if len(public) != 32:
        raise CryptoError("Ed25519 public key must be 32 bytes")
    y = int.from_bytes(public, "little")
    odd = y >> 255
    y &= (1 << 255) - 1
    # RFC 8032 section 5.1.3: OpenSSL reduces y, and takes the sign of x = 0, which has none.
    if y >= _P25519 or (odd and y in (1, _P25519 - 1)):
        raise CryptoError("not the encoding of a point")
    return ed25519.Ed25519PublicKey.from_public_bytes(bytes(public))


def _p256_handle(key):
    return PrivateKey(P256, _encoded(key.public_key()), key)


def _encoded(public):
    numbers = public.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


class HostCrypto(Crypto):
    """Verbs over OpenSSL; see ``Crypto`` for shapes and errors.

    ``random`` is a function of a length, ``os.urandom`` unless a test or a simulator injects another.
    """

    name = "host"
    constant_time = True

    def __init__(self, random=os.urandom):
        self._random = random

    def random(self, length):
        return self._random(length)

    def sha256(self, *parts):
        return hashing.sha256(*parts)

    def hmac(self, key, data):
        return hmac.digest(bytes(key), bytes(data), "sha256")

    def hkdf_expand(self, prk, info, length):
        return hashing.hkdf_expand(self.hmac, prk, info, length)

    def ccm_seal(self, key, nonce, aad, plaintext, tag_len):
        check_ccm(key, nonce, aad, len(plaintext), tag_len)
        return AESCCM(bytes(key), tag_len).encrypt(bytes(nonce), bytes(plaintext), bytes(aad))

    def ccm_open(self, key, nonce, aad, ciphertext, tag_len):
        check_ccm(key, nonce, aad, len(ciphertext) - tag_len, tag_len)
        try:
            return AESCCM(bytes(key), tag_len).decrypt(bytes(nonce), bytes(ciphertext), bytes(aad))
        except InvalidTag:
            raise CryptoError("authentication tag does not verify") from None

    def load_private(self, curve, secret):
        need_curve(curve, (P256, X25519, ED25519))
        if len(secret) != 32:
            raise CryptoError("private key must be 32 bytes")
        if curve == P256:
            try:
                return _p256_handle(ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))
            except ValueError:
                raise CryptoError("private key out of range") from None
        kind = x25519.X25519PrivateKey if curve == X25519 else ed25519.Ed25519PrivateKey
        key = kind.from_private_bytes(bytes(secret))
        return PrivateKey(curve, key.public_key().public_bytes_raw(), key)

    def decompress(self, x, odd):
        if len(x) != 32:
            raise CryptoError("P-256 coordinate must be 32 bytes")
        return _encoded(_p256(x, odd))

    def ecdh(self, private, peer):
        need_curve(private.curve, (P256, X25519))
        key = secret_of(private)
        if private.curve == P256:
            return key.exchange(ec.ECDH(), _p256(peer))
        try:
            return key.exchange(_x25519(peer))
        except ValueError:
            raise CryptoError("X25519 point of small order") from None

    def sign(self, private, message):
        need_curve(private.curve, (P256, ED25519))
        key = secret_of(private)
        if private.curve == ED25519:
            return key.sign(bytes(message))
        r, s = decode_dss_signature(key.sign(bytes(message), _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verify(self, curve, public, message, signature):
        need_curve(curve, (P256, ED25519))
        if curve == P256 and len(public) != 64:
            raise CryptoError("P-256 public key must be 64 bytes")
        if len(signature) != 64:
            raise CryptoError("signature must be 64 bytes")
        try:
            if curve == ED25519:
                _ed25519(public).verify(bytes(signature), bytes(message))
                return
            r = int.from_bytes(signature[:32], "big")
            s = int.from_bytes(signature[32:], "big")
            _p256(public).verify(encode_dss_signature(r, s), bytes(message), _ES256)
        except InvalidSignature:
            raise CryptoError("signature does not verify") from None
