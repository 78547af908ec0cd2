"""Public keys as COSE_Key (RFC 9052 section 7, RFC 9053 section 7) and as CCS (RFC 8392, RFC 8747).

Keys of P-256 (EC2), X25519 and Ed25519 (OKP), in the forms of the crypto facade. A CCS, the CWT Claims Set
that EDHOC carries as ``kccs``, proves nothing by itself: trust in its key comes from elsewhere. Left out:
private keys, other key types and curves, and claims other than ``sub`` and ``cnf``, which are skipped. That a
point is on the curve is for the backend to check when it uses it.
"""

from microbrew import cbor
from microbrew.compat import const
from microbrew.crypto import ED25519, P256, X25519
from microbrew.errors import DecodeError

_KTY = const(1)
_KID = const(2)
_ALG = const(3)
_CRV = const(-1)
_X = const(-2)
_Y = const(-3)
_D = const(-4)

_OKP = const(1)
_EC2 = const(2)
_LEN = const(32)

ALL_CURVES = (P256, X25519, ED25519)

_SUB = const(2)
_CNF = const(8)
_CNF_COSE_KEY = const(1)


def cose_key(public, kid=None, curve=P256):
    """COSE_Key of a public key as a dict, for the CBOR encoder. ``kid`` is bytes; ``curve`` a COSE number."""
    if curve not in ALL_CURVES or len(public) != (2 * _LEN if curve == P256 else _LEN):
        raise ValueError("public key must be x || y of P-256, or 32 bytes of X25519 or Ed25519")
    out = {_KTY: _EC2 if curve == P256 else _OKP, _CRV: curve, _X: bytes(public[:_LEN])}
    if curve == P256:
        out[_Y] = bytes(public[_LEN:])
    if kid is not None:
        out[_KID] = kid
    return out


def public_from_cose_key(key, crypto=None, x_only=False):
    """``x || y`` out of a decoded COSE_Key of P-256; see ``key_from_cose_key``."""
    return key_from_cose_key(key, crypto, x_only, (P256,))[1]


def key_from_cose_key(key, crypto=None, x_only=False, curves=ALL_CURVES):
    """Curve and public key out of a decoded COSE_Key of one of ``curves``.

    For P-256, ``y`` may be a byte string or, if ``crypto`` is given, the sign bit of a compressed point. With
    ``x_only`` it may also be missing, and the key is then the 32 bytes of x. Raises DecodeError, or
    CryptoError for an x that is on no point.
    """
    if not isinstance(key, dict):
        raise DecodeError("COSE_Key: map expected")
    curve = key.get(_CRV)
    # The type first: True == 1, and an unhashable item is no number.
    if isinstance(curve, bool) or not isinstance(curve, int) or curve not in curves:
        raise DecodeError("COSE_Key: curve not supported here")
    if not _is_number(key.get(_KTY), _EC2 if curve == P256 else _OKP):
        raise DecodeError("COSE_Key: key type does not fit the curve")
    if _D in key:
        # Whoever publishes a private key has leaked it; nothing may be built on such a credential.
        raise DecodeError("COSE_Key: holds a private key")
    if _KID in key and not isinstance(key[_KID], bytes):
        raise DecodeError("COSE_Key: kid must be a byte string")
    x = key.get(_X)
    y = key.get(_Y)
    if not isinstance(x, bytes) or len(x) != _LEN:
        raise DecodeError("COSE_Key: x must be 32 bytes")
    if curve != P256:
        return curve, x
    if isinstance(y, bytes) and len(y) == _LEN:
        return curve, x + y
    if isinstance(y, bool) and crypto is not None:
        return curve, crypto.decompress(x, y)
    if x_only and _Y not in key:
        return curve, x
    raise DecodeError("COSE_Key: y must be 32 bytes")


def _is_number(value, number):
    # True == 1, and CPython's bool is an int.
    return not isinstance(value, bool) and value == number


class Ccs:
    """A decoded CCS: ``raw`` (its bytes as received), ``curve``, ``public``, and ``subject``, ``kid`` or None."""

    __slots__ = ("curve", "kid", "public", "raw", "subject")

    def __init__(self, raw, curve, public, subject, kid):
        self.raw = raw
        self.curve = curve
        self.public = public
        self.subject = subject
        self.kid = kid


def encode_ccs(public, subject=None, kid=None, curve=P256):
    """The encoded CCS of a public key: ``{2: subject, 8: {1: COSE_Key}}``, without 2 if ``subject`` is None."""
    claims = {_CNF: {_CNF_COSE_KEY: cose_key(public, kid, curve)}}
    if subject is not None:
        claims[_SUB] = subject
    return cbor.encode(claims)


def decode_ccs(raw, crypto=None, x_only=False, curves=(P256,)):
    """A Ccs out of its encoding; for the other arguments see ``key_from_cose_key``.

    Raises DecodeError, or CryptoError for an x that is on no point.
    """
    return ccs_of_claims(cbor.decode(raw), bytes(raw), crypto, x_only, curves)


def ccs_of_claims(claims, raw, crypto=None, x_only=False, curves=(P256,)):
    """As ``decode_ccs``, of decoded ``claims``; ``raw`` is what the Ccs keeps as its bytes."""
    if not isinstance(claims, dict):
        raise DecodeError("CCS: map expected")
    subject = claims.get(_SUB)
    if _SUB in claims and not isinstance(subject, str):
        raise DecodeError("CCS: sub must be text")
    confirmation = claims.get(_CNF)
    if not isinstance(confirmation, dict) or len(confirmation) != 1 or _CNF_COSE_KEY not in confirmation:
        raise DecodeError("CCS: cnf must hold one COSE_Key")
    key = confirmation[_CNF_COSE_KEY]
    curve, public = key_from_cose_key(key, crypto, x_only, curves)
    return Ccs(raw, curve, public, subject, key.get(_KID))
