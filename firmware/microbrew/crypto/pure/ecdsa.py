"""ECDSA with P-256 and SHA-256 (FIPS 186-5 section 6), nonces by RFC 6979; signatures are r || s, 64 bytes.

Not constant time. Either s is accepted, as COSE demands no low-s form.
"""

from microbrew.crypto.pure import p256
from microbrew.crypto.pure.hashing import hmac, sha256
from microbrew.errors import CryptoError


def _nonces(secret, digest):
    """The candidates of RFC 6979 section 3.2, steps b to h, as integers in range."""
    v = b"\x01" * 32
    k = bytes(32)
    # The octets of the digest as an integer modulo n; both have 256 bits.
    z = int.from_bytes(digest, "big") % p256.N
    seed = bytes(secret) + z.to_bytes(32, "big")
    for separator in (b"\x00", b"\x01"):
        k = hmac(k, v + separator + seed)
        v = hmac(k, v)
    while True:
        v = hmac(k, v)
        candidate = int.from_bytes(v, "big")
        if 0 < candidate < p256.N:
            yield candidate
        k = hmac(k, v + b"\x00")
        v = hmac(k, v)


def sign(secret, message):
    """Signature of ``message`` by the 32-byte scalar ``secret``, which is in range."""
    digest = sha256(message)
    z = int.from_bytes(digest, "big")
    d = int.from_bytes(secret, "big")
    nonces = _nonces(secret, digest)
    while True:
        k = next(nonces)
        r = p256.multiply_base(k)[0] % p256.N
        s = pow(k, p256.N - 2, p256.N) * (z + r * d) % p256.N
        if r and s:
            return p256.encode_point(r, s)


def verify(public, message, signature):
    """Raises CryptoError unless ``signature`` over ``message`` holds for ``public``, x || y."""
    if len(public) != 64:
        raise CryptoError("P-256 public key must be 64 bytes")
    if len(signature) != 64:
        raise CryptoError("signature must be 64 bytes")
    x, y = p256.decode_point(public)
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not (0 < r < p256.N and 0 < s < p256.N):
        raise CryptoError("signature out of range")
    w = pow(s, p256.N - 2, p256.N)
    z = int.from_bytes(sha256(message), "big")
    if not p256.combine_matches(z * w % p256.N, r * w % p256.N, x, y, r):
        raise CryptoError("signature does not verify")
