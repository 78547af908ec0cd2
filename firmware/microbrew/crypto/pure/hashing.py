"""SHA-256, HMAC-SHA-256 (RFC 2104) and HKDF-Expand over ``hashlib``; MicroPython has no ``hmac`` module."""

from hashlib import sha256 as _sha256

from microbrew.compat import const

_BLOCK = const(64)
_HASH_LEN = const(32)
_IPAD = int.from_bytes(b"\x36" * 64, "big")
_OPAD = int.from_bytes(b"\x5c" * 64, "big")


def sha256(*parts):
    """SHA-256 of ``parts``, one after another, 32 bytes."""
    state = _sha256()
    for part in parts:
        state.update(part)
    return state.digest()


def hmac(key, data):
    """HMAC-SHA-256 of ``data``, 32 bytes."""
    if len(key) > _BLOCK:
        key = sha256(key)
    # One exclusive or of two integers instead of 64 of two bytes.
    padded = int.from_bytes(key, "big") << (8 * (_BLOCK - len(key)))
    inner = _sha256((padded ^ _IPAD).to_bytes(_BLOCK, "big"))
    inner.update(data)
    outer = _sha256((padded ^ _OPAD).to_bytes(_BLOCK, "big"))
    outer.update(inner.digest())
    return outer.digest()


def hkdf_expand(hmac, prk, info, length):
    """HKDF-Expand (RFC 5869 section 2.3) by ``hmac(key, data)``, up to 8160 bytes."""
    if length > 255 * _HASH_LEN:
        raise ValueError("HKDF-Expand: too long")
    out = bytearray()
    block = b""
    counter = 1
    while len(out) < length:
        block = hmac(prk, block + info + bytes((counter,)))
        out.extend(block)
        counter += 1
    return bytes(out[:length])
