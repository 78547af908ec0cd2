"""Crypto backend of the host tools: the ``cryptography`` package (OpenSSL). CPython only."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from microbrew.crypto import P256, Crypto, PrivateKey, check_ccm, need_p256, secret_of
from microbrew.errors import CryptoError

_ES256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def _public(public):
    if len(public) != 64 and len(public) != 32:
        raise CryptoError("P-256 public key must be 32 or 64 bytes")
    prefix = b"\x02" if len(public) == 32 else b"\x04"
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), prefix + bytes(public))
    except ValueError:
        raise CryptoError("not a point on P-256") from None


def _handle(key):
    numbers = key.public_key().public_numbers()
    return PrivateKey(P256, numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"), key)


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

    def sha256(self, data):
        return hashlib.sha256(data).digest()

    def hmac(self, key, data):
        return hmac.digest(bytes(key), bytes(data), "sha256")

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
        need_p256(curve)
        if len(secret) != 32:
            raise CryptoError("private key must be 32 bytes")
        try:
            return _handle(ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))
        except ValueError:
            raise CryptoError("private key out of range") from None

    def ecdh(self, private, peer):
        return secret_of(private).exchange(ec.ECDH(), _public(peer))

    def sign(self, private, message):
        r, s = decode_dss_signature(secret_of(private).sign(bytes(message), _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verify(self, curve, public, message, signature):
        need_p256(curve)
        if len(public) != 64:
            raise CryptoError("P-256 public key must be 64 bytes")
        if len(signature) != 64:
            raise CryptoError("signature must be 64 bytes")
        r = int.from_bytes(signature[:32], "big")
        s = int.from_bytes(signature[32:], "big")
        der = encode_dss_signature(r, s)
        try:
            _public(public).verify(der, bytes(message), _ES256)
        except InvalidSignature:
            raise CryptoError("signature does not verify") from None
