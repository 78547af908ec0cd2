"""X25519 (RFC 7748 section 5) in Python integers, by the Montgomery ladder.

Every scalar takes the same sequence of operations on field elements, yet big-integer operations take a time that
depends on their values: not constant time.
"""

from microbrew.compat import const
from microbrew.errors import CryptoError

P = (1 << 255) - 19

_A24 = const(121665)
_BASE = b"\x09" + bytes(31)


def public(secret):
    """Public key, 32 bytes, of 32 random ones."""
    return _ladder(secret, _BASE)


def exchange(secret, peer):
    """Shared secret, 32 bytes.

    ``peer`` is taken modulo p without its top bit, as section 5 wants. Raises CryptoError for a point of small
    order, whose product says nothing of ``secret`` (section 6.1: the all-zero value).
    """
    if len(peer) != 32:
        raise CryptoError("X25519 public key must be 32 bytes")
    shared = _ladder(secret, peer)
    if shared == bytes(32):
        raise CryptoError("X25519 point of small order")
    return shared


def _ladder(secret, u):
    # In the names of section 5; the clamped scalar has bit 254 set, bit 255 and the lowest three clear.
    k = bytearray(secret)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    x_1 = (int.from_bytes(u, "little") & ((1 << 255) - 1)) % P
    x_2 = 1
    z_2 = 0
    x_3 = x_1
    z_3 = 1
    swap = 0
    for t in range(254, -1, -1):
        bit = k[t >> 3] >> (t & 7) & 1
        if bit != swap:
            x_2, x_3 = x_3, x_2
            z_2, z_3 = z_3, z_2
            swap = bit
        a = x_2 + z_2
        b = x_2 - z_2
        aa = a * a % P
        bb = b * b % P
        e = aa - bb
        da = (x_3 - z_3) * a
        cb = (x_3 + z_3) * b
        x_3 = (da + cb) % P
        x_3 = x_3 * x_3 % P
        z_3 = (da - cb) % P
        z_3 = x_1 * (z_3 * z_3 % P) % P
        x_2 = aa * bb % P
        z_2 = e * (aa + _A24 * e) % P
    # Bit 0 of the scalar is clear, so the pair is in order here.
    for i in range(32):
        k[i] = 0
    return (x_2 * pow(z_2, P - 2, P) % P).to_bytes(32, "little")
