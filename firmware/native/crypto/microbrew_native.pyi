"""Crypto in C over BearSSL, constant time: the one user is microbrew.crypto.native, which turns its errors into ours.

Arguments are positional. Data is anything with the buffer protocol (TypeError if not), results are fresh ``bytes``.
ValueError: a length that is not the one named here, a scalar that is not in 1 .. n - 1, a point that is not on the
curve. OSError(74), EBADMSG: a signature or tag that does not verify; nothing is released then. What is secret is
wiped from the stack; the caller's buffers and results are the caller's to wipe.
"""

from typing import Union

Buffer = Union[bytes, bytearray, memoryview]

def p256_public(secret: Buffer, /) -> bytes:
    """Public key ``x || y``, 64 bytes, of a 32-byte big-endian scalar."""

def p256_ecdh(secret: Buffer, peer: Buffer, /) -> bytes:
    """x-coordinate of the product, 32 bytes. ``peer`` is ``x || y`` or x alone."""

def p256_solve(x: Buffer, /) -> bytes:
    """One of the two y-coordinates that go with ``x``; 32 bytes each."""

def p256_sign(secret: Buffer, message: Buffer, /) -> bytes:
    """ES256 signature ``r || s`` over a message, with the nonce of RFC 6979."""

def p256_verify(public: Buffer, message: Buffer, signature: Buffer, /) -> None:
    """Returns if the ES256 signature ``r || s`` over the message holds for ``x || y``, else ValueError."""

def x25519(secret: Buffer, u: Buffer, /) -> bytes:
    """The function X25519 of RFC 7748 section 5, 32 bytes each. ValueError for a point of small order."""

def sha256(first: Buffer, second: Buffer = b"", third: Buffer = b"", /) -> bytes:
    """SHA-256 of what is given, one after another, 32 bytes."""

def hmac(key: Buffer, data: Buffer, /) -> bytes:
    """HMAC-SHA-256, 32 bytes."""

def hkdf_expand(prk: Buffer, info: Buffer, length: int, /) -> bytes:
    """HKDF-Expand with SHA-256; ``length`` is at most 8160."""

def ccm_seal(key: Buffer, nonce: Buffer, aad: Buffer, plaintext: Buffer, tag_len: int, /) -> bytes:
    """AES-CCM, L=2: ciphertext then tag. Key 16, nonce 13, tag 4, 8 or 16 bytes; aad < 65280, plaintext < 65536."""

def ccm_open(key: Buffer, nonce: Buffer, aad: Buffer, ciphertext: Buffer, tag_len: int, /) -> bytes:
    """Inverse of ``ccm_seal``: the plaintext. A ciphertext shorter than its tag is one that does not verify."""
