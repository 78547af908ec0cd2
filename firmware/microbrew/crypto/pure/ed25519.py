"""Ed25519 (RFC 8032 section 5.1, pure, no context) in Python integers.

Points are ``(x, y, z, t)`` in extended homogeneous coordinates (section 5.1.4), the identity (0, 1, 1, 0); its
addition is right for every pair of points. Those to be added lie ready as ``(y - x, y + x, 2 z, 2 d t)``. Secret
scalars are written with signed odd digits of four bits, never 0, so that each takes the same operations;
verification uses a sparse form (width-5 NAF) of its public ones. Big-integer operations themselves take a time
that depends on their values: not constant time.

Verification is strict: the public key and R must be in their only encoding, S below the group's order, and the
equation holds without the cofactor, which section 5.1.7 calls sufficient. A key of small order is a key like any
other there, though everybody can sign for some messages under it.
"""

from microbrew.compat import const
from microbrew.errors import CryptoError

try:
    from hashlib import sha512 as _sha512

    def sha512(data):
        return _sha512(data).digest()

except ImportError:
    from microbrew.crypto.pure.sha512 import sha512

P = (1 << 255) - 19
L = (1 << 252) + 27742317777372353535851937790883648493
D = 0x52036CEE2B6FFE738CC740797779E89800700A4D4141D8AB75EB4DCA135978A3
_SQRT_M1 = 0x2B8324804FC1DF0B2B4D00993DFBD7A72F431806AD2FE478C4EE1B274A0EA0B0
_B = (
    0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A,
    0x6666666666666666666666666666666666666666666666666666666666666658,
)
_IDENTITY = (0, 1, 1, 0)
_DIGITS = const(256)


def public(secret):
    """Public key, 32 bytes, of the 32-byte ``secret`` (section 5.1.5)."""
    return _encode(_multiply_base(_expand(secret)[0]))


def sign(secret, public_key, message):
    """Signature of ``message``, 64 bytes; ``public_key`` is that of ``secret``."""
    s, prefix = _expand(secret)
    r = _hash(prefix, message)
    big_r = _encode(_multiply_base(r))
    k = _hash(big_r, public_key, message)
    return big_r + ((r + k * s) % L).to_bytes(32, "little")


def verify(public_key, message, signature):
    """Raises CryptoError unless ``signature`` over ``message`` holds for ``public_key``."""
    if len(public_key) != 32:
        raise CryptoError("Ed25519 public key must be 32 bytes")
    if len(signature) != 64:
        raise CryptoError("signature must be 64 bytes")
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        raise CryptoError("signature out of range")
    x, y = decode_point(public_key)
    big_r = bytes(signature[:32])
    k = _hash(big_r, public_key, message)
    # R = S B - k A; what an R in another encoding than ours decodes to is of no interest.
    point = _sum(((_naf(s), _odd_multiples(_B[0], _B[1])), (_naf(k), _odd_multiples(P - x, y))))
    if _encode(point) != big_r:
        raise CryptoError("signature does not verify")


def decode_point(encoded):
    """Affine point of 32 bytes (section 5.1.3). Raises CryptoError for what ``_encode`` never gives."""
    y = int.from_bytes(encoded, "little")
    odd = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        raise CryptoError("coordinate out of range")
    u = y * y - 1
    v = (D * y * y + 1) % P
    v3 = v * v * v
    x = u * v3 * pow(u * v3 * v3 * v, (P - 5) >> 3, P) % P
    vxx = v * x * x
    if (vxx + u) % P == 0:
        # The other fourth root; both conditions hold for x = 0 only.
        x = x * _SQRT_M1 % P
    elif (vxx - u) % P:
        raise CryptoError("not a point on Ed25519")
    if x & 1 != odd:
        if not x:
            raise CryptoError("not the encoding of a point")
        x = P - x
    return x, y


def _encode(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


def _expand(secret):
    """The secret scalar, clamped, and the prefix that nonces come from."""
    h = sha512(secret)
    return int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254, h[32:]


def _hash(*parts):
    data = bytearray()
    for part in parts:
        data.extend(part)
    return int.from_bytes(sha512(data), "little") % L


def _double(point, with_t):
    """Twice a point; t, which only additions read, costs a product and is left 0 without ``with_t``."""
    x, y, z, _ = point
    a = x * x % P
    b = y * y % P
    h = a + b
    s = x + y
    e = h - s * s % P
    g = a - b
    f = 2 * z * z % P + g
    return e * f % P, g * h % P, f * g % P, e * h % P if with_t else 0


def _add(point, ready, negative):
    """``point`` plus, or with ``negative`` minus, a point in the ready form."""
    x, y, z, t = point
    minus, plus, zz, dt = ready
    if negative:
        minus, plus, dt = plus, minus, -dt
    a = (y - x) * minus % P
    b = (y + x) * plus % P
    c = t * dt % P
    d = z * zz % P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _ready(point):
    x, y, z, t = point
    return y - x, y + x, 2 * z, 2 * D * t % P


def _odd_multiples(x, y):
    """1, 3, 5, ... 15 times the affine point, in the ready form."""
    point = (x, y, 1, x * y % P)
    twice = _ready(_double(point, True))
    points = [_ready(point)]
    for _ in range(7):
        point = _add(point, twice, False)
        points.append(_ready(point))
    return points


def _sum(terms):
    """Sum of points times scalars, each given as its digits, biased by 16 (0 means no digit), and odd multiples."""
    point = _IDENTITY
    for i in range(_DIGITS - 1, -1, -1):
        wanted = False
        for digits, _ in terms:
            if digits[i]:
                wanted = True
        if point is not _IDENTITY:
            point = _double(point, wanted)
        if wanted:
            for digits, table in terms:
                if digits[i]:
                    digit = digits[i] - 16
                    point = _add(point, table[abs(digit) >> 1], digit < 0)
    return point


def _multiply_base(k):
    k %= L
    if not k & 1:
        k += L
    # Bit i of the sum is set for +2**i and clear for -2**i; four of those make an odd digit.
    signs = ((k + (1 << _DIGITS) - 1) >> 1).to_bytes(32, "little")
    digits = bytearray(_DIGITS)
    for i in range(0, _DIGITS, 4):
        digits[i] = 2 * (signs[i >> 3] >> (i & 4) & 15) + 1
    return _sum(((digits, _odd_multiples(_B[0], _B[1])),))


def _naf(k):
    """Width-5 non-adjacent form, its digits biased by 16. For public scalars."""
    out = bytearray(_DIGITS)
    i = 0
    while k:
        if k & 1:
            digit = k & 31
            if digit > 15:
                digit -= 32
            out[i] = digit + 16
            k = (k - digit) >> 5
            i += 5
        else:
            k >>= 1
            i += 1
    return out
