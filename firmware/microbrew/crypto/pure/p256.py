"""Point arithmetic on NIST P-256 (SP 800-186 section 3.2.1.3) in Python integers.

Scalars are written with 260 digits of +1 and -1 (never 0), so that multiplying by a secret takes the same
operations for every scalar: a comb of five rows for the generator, windows of four bits for any other point.
Verification interleaves the comb with a sparse recoding (width-5 NAF) of the other, public, scalar in one
chain of doublings. Points are affine ``(x, y)`` at the edges and Jacobian ``(x, y, z)`` inside, z = 0 at
infinity. Coordinates go through ``%``: one division costs the interpreter less than the five or more
operations of the reduction by shifts.

Big-integer operations themselves take a time that depends on their values: not constant time.
"""

from microbrew.compat import const
from microbrew.errors import CryptoError

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

_DIGITS = const(260)
_COLUMNS = const(52)
_INFINITY = (1, 1, 0)

# The comb of the generator: 16 points of 64 bytes, built at the first use (1 kB of heap from then on).
_comb = None


def _double(point):
    # dbl-2001-b of the Explicit-Formulas Database, with the factors of two moved so that 8 products need 7
    # reductions.
    x, y, z = point
    zz = z * z % P
    g = 2 * y * y % P
    b = 2 * x * g % P
    a = 3 * (x - zz) * (x + zz) % P
    x = (a * a - 2 * b) % P
    return x, (a * (b - x) - 2 * g * g) % P, 2 * y * z % P


def _add(point, x2, y2):
    """Jacobian plus affine; right for every pair of points, also equal and opposite ones."""
    x1, y1, z1 = point
    if not z1:
        return x2, y2, 1
    zz = z1 * z1 % P
    h = (x2 * zz - x1) % P
    r = (y2 * (z1 * zz % P) - y1) % P
    if not h:
        return _INFINITY if r else _double(point)
    hh = h * h % P
    v = x1 * hh % P
    hhh = h * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - y1 * hhh) % P, z1 * h % P


def _normalise(points):
    """Affine forms of Jacobian points, none at infinity, for the price of one inversion."""
    product = 1
    before = []
    for point in points:
        before.append(product)
        product = product * point[2] % P
    inverse = pow(product, P - 2, P)
    out = []
    for i in range(len(points) - 1, -1, -1):
        x, y, z = points[i]
        w = inverse * before[i] % P
        inverse = inverse * z % P
        ww = w * w % P
        out.append((x * ww % P, y * (ww * w % P) % P))
    out.reverse()
    return out


def _affine(point):
    if not point[2]:
        return None
    return _normalise((point,))[0]


def _signs(k):
    """Digits of k (0 <= k < n) modulo n as 33 bytes, least first: bit i set for +2**i, clear for -2**i."""
    if not k & 1:
        k += N
    return ((k + (1 << _DIGITS) - 1) >> 1).to_bytes(33, "little")


def _windows(k):
    """Signed odd digits of k at every fourth place, each biased by 16; 0 means no digit."""
    signs = _signs(k)
    out = bytearray(_DIGITS)
    for i in range(0, _DIGITS, 4):
        out[i] = 2 * (signs[i >> 3] >> (i & 4) & 15) + 1
    return out


def _naf(k):
    """Width-5 non-adjacent form of k, in the form of ``_windows``. For public scalars."""
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


def _odd_multiples(x, y):
    """Affine 1, 3, 5, ... 15 times the point (x, y)."""
    # Twice the point is affine on the isomorphic curve that is scaled by u = 2y; additions do not use the
    # curve's coefficients, so the multiples are summed there and only their z is scaled back.
    dx, dy, u = _double((x, y, 1))
    uu = u * u % P
    point = (x * uu % P, y * (uu * u % P) % P, 1)
    points = []
    for _ in range(8):
        points.append((point[0], point[1], point[2] * u % P))
        point = _add(point, dx, dy)
    return _normalise(points)


def _build_comb():
    """Point m of the comb is 2**208 G plus or minus 2**156 G, 2**104 G, 2**52 G, G, by the bits of m."""
    bases = []
    point = (G[0], G[1], 1)
    for i in range(4 * _COLUMNS + 1):
        # Of every row the base, and twice the base, which is what changing one sign adds.
        if i % _COLUMNS < 2:
            bases.append(point)
        point = _double(point)
    bases = _normalise(bases)
    point = (bases[8][0], bases[8][1], 1)
    for row in range(4):
        point = _add(point, bases[2 * row][0], P - bases[2 * row][1])
    gray = 0
    points = {gray: point}
    for i in range(1, 16):
        # The next Gray code differs in the bit that is the number of trailing zeros of i.
        row = 0
        while not i >> row & 1:
            row += 1
        gray ^= 1 << row
        x, y = bases[2 * row + 1]
        point = _add(point, x, y if gray >> row & 1 else P - y)
        points[gray] = point
    out = bytearray()
    for x, y in _normalise([points[i] for i in range(16)]):
        out.extend(x.to_bytes(32, "big"))
        out.extend(y.to_bytes(32, "big"))
    return out


def _chain(signs, digits, table):
    """The generator times ``signs``, plus the point of ``table`` times ``digits``; each may be None."""
    global _comb
    if signs is not None:
        if _comb is None:
            _comb = _build_comb()
        comb = memoryview(_comb)
    point = _INFINITY
    for i in range(_COLUMNS - 1 if digits is None else _DIGITS - 1, -1, -1):
        if point[2]:
            point = _double(point)
        if digits is not None and digits[i]:
            digit = digits[i] - 16
            if digit > 0:
                x, y = table[digit >> 1]
            else:
                x, y = table[-digit >> 1]
                y = P - y
            point = _add(point, x, y)
        if signs is not None and i < _COLUMNS:
            index = 0
            for j in range(i + 4 * _COLUMNS, i - 1, -_COLUMNS):
                index = index << 1 | (signs[j >> 3] >> (j & 7) & 1)
            # A column whose highest sign is minus is the negative of the one with all signs changed.
            negative = index < 16
            index = (~index if negative else index) & 15
            x = int.from_bytes(comb[64 * index : 64 * index + 32], "big")
            y = int.from_bytes(comb[64 * index + 32 : 64 * index + 64], "big")
            point = _add(point, x, P - y if negative else y)
    return point


def multiply_base(k):
    """Affine k * G for 0 <= k < n, or None at infinity."""
    return _affine(_chain(_signs(k), None, None))


def multiply(k, x, y):
    """Affine k * (x, y) for 0 <= k < n and a point that was validated, or None at infinity."""
    return _affine(_chain(None, _windows(k), _odd_multiples(x, y)))


def combine_matches(u1, u2, x, y, r):
    """True if the x-coordinate of u1 * G + u2 * (x, y), modulo n, is r. Only for public scalars."""
    px, _, pz = _chain(_signs(u1), _naf(u2), _odd_multiples(x, y))
    if not pz:
        return False
    # Compare in Jacobian form, which spares the inversion; p > n, so r + n may be the coordinate as well.
    zz = pz * pz % P
    return r * zz % P == px or (r + N < P and (r + N) * zz % P == px)


def recover_y(x):
    """A y with (x, y) on the curve, for an integer x. Raises CryptoError if there is none."""
    if not 0 <= x < P:
        raise CryptoError("coordinate out of range")
    t = (x * x * x - 3 * x + B) % P
    y = pow(t, (P + 1) >> 2, P)
    if y * y % P != t:
        raise CryptoError("not a point on P-256")
    return y


def decode_point(public):
    """Affine point of ``x || y`` (64 bytes) or ``x`` (32 bytes, either y). Raises CryptoError.

    The group has prime order, so a point in range and on the curve needs no further check; infinity has no
    such encoding.
    """
    if len(public) != 64 and len(public) != 32:
        raise CryptoError("P-256 public key must be 32 or 64 bytes")
    x = int.from_bytes(public[:32], "big")
    if len(public) == 32:
        return x, recover_y(x)
    y = int.from_bytes(public[32:], "big")
    if x >= P or y >= P:
        raise CryptoError("coordinate out of range")
    if (y * y - (x * x * x - 3 * x + B)) % P:
        raise CryptoError("not a point on P-256")
    return x, y


def encode_point(x, y):
    """``x || y``, 64 bytes."""
    return x.to_bytes(32, "big") + y.to_bytes(32, "big")
