"""CWT credentials of EDHOC: kcwt, a public key in a signed CWT, by value (RFC 8392, RFC 8747, RFC 9528 section 3.5).

The CWT is a COSE_Sign1 of an issuer whose key the application trusts. CRED_x is the untagged CWT. Left out:
CWTs that are encrypted or have a MAC, the CWT tag, and claims other than exp, nbf, sub and cnf.
"""

from microbrew.cbor import decode, encode
from microbrew.compat import const
from microbrew.cose import sign1
from microbrew.cose.key import ALL_CURVES, ccs_of_claims
from microbrew.edhoc.credentials import KCWT, Own, Peer, only
from microbrew.errors import CryptoError, DecodeError, EdhocError

_EXP = const(4)
_NBF = const(5)
_SIGN1_TAG = const(0xD2)


def own_kcwt(cwt, private):
    """Own of an untagged CWT over the public key of ``private``, sent by value."""
    if not len(cwt) or cwt[0] != 0x84:
        raise ValueError("not an untagged COSE_Sign1")
    id_cred = b"\xa1" + encode(KCWT) + bytes(cwt)
    return Own(id_cred, memoryview(id_cred)[2:], private)


def peer_kcwt(crypto, id_cred, issuer, now=None):
    """Peer of the key that ``issuer``, a public key of P-256 (x || y) or Ed25519, put its signature on.

    ``now`` is the time in seconds since 1970, where there is a clock: a CWT that has expired or is not valid yet
    is then refused. Raises EdhocError.
    """
    only(id_cred, KCWT)
    # The map and its label take a byte each.
    cwt = bytes(id_cred[2:])
    if cwt[0] == _SIGN1_TAG:
        cwt = cwt[1:]
    try:
        if cwt[:1] != b"\x84":
            raise DecodeError("CWT: untagged COSE_Sign1 expected")
        signed = sign1.decode(cwt)
        if signed.payload is None:
            raise DecodeError("CWT: no claims")
        signed.verify(crypto, issuer)
        claims = decode(signed.payload)
        ccs = ccs_of_claims(claims, cwt, crypto, True, ALL_CURVES)
        _check_time(claims, now)
    except DecodeError:
        raise EdhocError(1, "malformed kcwt") from None
    except CryptoError:
        raise EdhocError(1, "kcwt does not verify") from None
    return Peer(ccs.raw, ccs.public, ccs.curve, ccs.subject)


def _check_time(claims, now):
    for label in (_EXP, _NBF):
        time = claims.get(label, 0)
        if isinstance(time, bool) or not isinstance(time, int):
            raise DecodeError("CWT: time must be an integer")
        if now is not None and label in claims and (now >= time if label == _EXP else now < time):
            raise EdhocError(1, "kcwt not valid now")
