"""P-256 public keys as COSE_Key (RFC 9052 section 7, RFC 9053 section 7.1) and as CCS (RFC 8392, RFC 8747).

A CCS, the CWT Claims Set that EDHOC carries as ``kccs``, proves nothing by itself: trust in its key comes
from elsewhere. Left out: private keys, other key types and curves, and claims other than ``sub`` and ``cnf``,
which are skipped. That a point with both coordinates is on the curve is for the backend to check when it
uses it.
"""

from microbrew import cbor
from microbrew.compat import const
from microbrew.errors import DecodeError

_KTY = const(1)
_KID = const(2)
_ALG = const(3)
_CRV = const(-1)
_X = const(-2)
_Y = const(-3)
_D = const(-4)

_EC2 = const(2)
_P256 = const(1)
_LEN = const(32)

_SUB = const(2)
_CNF = const(8)
_CNF_COSE_KEY = const(1)


def cose_key(public, kid=None):
    """COSE_Key of ``x || y`` as a dict, for the CBOR encoder. ``kid`` is bytes."""
    if len(public) != 2 * _LEN:
        raise ValueError("P-256 public key must be x || y")
    out = {_KTY: _EC2, _CRV: _P256, _X: bytes(public[:_LEN]), _Y: bytes(public[_LEN:])}
    if kid is not None:
        out[_KID] = kid
    return out


def public_from_cose_key(key, crypto=None, x_only=False):
    """``x || y`` out of a decoded COSE_Key. Raises DecodeError, or CryptoError for an x that is on no point.

    ``y`` may be a byte string or, if ``crypto`` is given, the sign bit of a compressed point. With ``x_only``
    it may also be missing, and the answer is then the 32 bytes of x.
    """
    if not isinstance(key, dict):
        raise DecodeError("COSE_Key: map expected")
    if not _is_number(key.get(_KTY), _EC2) or not _is_number(key.get(_CRV), _P256):
        raise DecodeError("COSE_Key: not a P-256 key")
    if _D in key:
        # Whoever publishes a private key has leaked it; nothing may be built on such a credential.
        raise DecodeError("COSE_Key: holds a private key")
    if _KID in key and not isinstance(key[_KID], bytes):
        raise DecodeError("COSE_Key: kid must be a byte string")
    x = key.get(_X)
    y = key.get(_Y)
    if not isinstance(x, bytes) or len(x) != _LEN:
        raise DecodeError("COSE_Key: x must be 32 bytes")
    if isinstance(y, bytes) and len(y) == _LEN:
        return x + y
    if isinstance(y, bool) and crypto is not None:
        return crypto.decompress(x, y)
    if x_only and _Y not in key:
        return x
    raise DecodeError("COSE_Key: y must be 32 bytes")


def _is_number(value, number):
    # True == 1, and CPython's bool is an int.
    return not isinstance(value, bool) and value == number


class Ccs:
    """A decoded CCS: ``raw`` (its bytes as received), ``public`` (x || y), ``subject``, ``kid`` (or None)."""

    __slots__ = ("kid", "public", "raw", "subject")

    def __init__(self, raw, public, subject, kid):
        self.raw = raw
        self.public = public
        self.subject = subject
        self.kid = kid


def encode_ccs(public, subject=None, kid=None):
    """The encoded CCS of ``x || y``: ``{2: subject, 8: {1: COSE_Key}}``, without 2 if ``subject`` is None."""
    claims = {_CNF: {_CNF_COSE_KEY: cose_key(public, kid)}}
    if subject is not None:
        claims[_SUB] = subject
    return cbor.encode(claims)


def decode_ccs(raw, crypto=None, x_only=False):
    """A Ccs out of its encoding; for ``crypto`` and ``x_only`` see ``public_from_cose_key``.

    Raises DecodeError, or CryptoError for an x that is on no point.
    """
    claims = cbor.decode(raw)
    if not isinstance(claims, dict):
        raise DecodeError("CCS: map expected")
    subject = claims.get(_SUB)
    if _SUB in claims and not isinstance(subject, str):
        raise DecodeError("CCS: sub must be text")
    confirmation = claims.get(_CNF)
    if not isinstance(confirmation, dict) or len(confirmation) != 1 or _CNF_COSE_KEY not in confirmation:
        raise DecodeError("CCS: cnf must hold one COSE_Key")
    key = confirmation[_CNF_COSE_KEY]
    public = public_from_cose_key(key, crypto, x_only)
    return Ccs(bytes(raw), public, subject, key.get(_KID))
