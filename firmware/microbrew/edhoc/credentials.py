"""Credentials of EDHOC (RFC 9528 section 3.5): what each side shows, and what it was shown.

ID_CRED_x is an encoded COSE header map, CRED_x an encoded CBOR item. Both enter MACs and signatures, so
what came from a peer is used byte for byte. Here: x5chain (certificates by value), kccs (a raw public key in a
CWT Claims Set, by value), kid and x5t (references that the application resolves). The rarer forms are in
x509.py (x5t, x5bag, x5u) and cwt.py (kcwt). X.509 is not parsed: who trusts a certificate also reads the public
key out of it. Left out: C509.
"""

from microbrew.cbor import Raw, Reader, decode, encode
from microbrew.cose.key import ALL_CURVES, ccs_of_claims, encode_ccs
from microbrew.edhoc.authentication import Own, Peer
from microbrew.errors import DecodeError, EdhocError

# COSE header parameters (RFC 9052, RFC 9360, RFC 9528).
KID = 4
KCWT = 13
KCCS = 14
X5BAG = 32
X5CHAIN = 33
X5T = 34
X5U = 35

MAX_CERTIFICATE = 1024
MAX_CHAIN = 4
MAX_KID = 64


def own_x5chain(der, private):
    """Own of one X.509 certificate (DER), sent by value."""
    if not 0 < len(der) <= MAX_CERTIFICATE:
        raise ValueError("certificate too long")
    id_cred = encode({X5CHAIN: der})
    # CRED is the certificate as a byte string, which is what the map ends in: one copy serves both.
    return Own(id_cred, memoryview(id_cred)[3:], private)


def own_kccs(private, subject=None):
    """Own of the raw public key of ``private``, sent by value; ``subject`` (str) becomes its sub claim."""
    id_cred = encode({KCCS: Raw(encode_ccs(private.public, subject, None, private.curve))})
    return Own(id_cred, memoryview(id_cred)[2:], private)


def own_kid(kid, cred, private):
    """Own of a credential that the peer has: ``kid`` (bytes) stands for the encoded ``cred``."""
    if len(kid) > MAX_KID:
        raise ValueError("kid too long")
    return Own(encode({KID: bytes(kid)}), cred, private)


def parameters(id_cred):
    """Label and decoded value of every header parameter, as a dict. Raises EdhocError.

    For an ID_CRED of several parameters, such as {kid, kid context}; it is up to the application which of them
    it needs, but ID_CRED enters the MACs as it was received.
    """
    try:
        reader = Reader(id_cred)
        found = reader.item()
        reader.finish()
    except DecodeError:
        raise EdhocError(1, "malformed ID_CRED") from None
    if not isinstance(found, dict) or not found:
        raise EdhocError(1, "malformed ID_CRED")
    return found


def only(id_cred, label):
    """Value of parameter ``label``. Raises EdhocError unless it is the only one."""
    found = parameters(id_cred)
    if len(found) != 1 or label not in found:
        raise EdhocError(1, "unsupported credential type")
    return found[label]


def certificates(id_cred):
    """DER certificates of an x5chain, end entity first. Raises EdhocError for any other ID_CRED.

    They are not checked at all: validate the chain, then build the Peer by ``peer_x5chain``.
    """
    return read_certificates(only(id_cred, X5CHAIN))


def read_certificates(value):
    """DER certificates of an x5chain or x5bag (RFC 9360 section 2). Raises EdhocError."""
    # A single certificate stands alone, two and more are an array.
    chain = value if isinstance(value, list) and 2 <= len(value) <= MAX_CHAIN else [value]
    for der in chain:
        if not isinstance(der, bytes) or not 0 < len(der) <= MAX_CERTIFICATE:
            raise EdhocError(1, "malformed certificates")
    return chain


def peer_x5chain(certificate, public, curve=None):
    """Peer of a validated end entity certificate (DER) and the public key that was read from it."""
    return Peer(encode(certificate), public, curve)


def peer_kccs(id_cred):
    """Peer of a raw public key sent by value. Raises EdhocError unless it is one key of a curve we know.

    Nothing vouches for the key: trust comes from a voucher, from configuration or from nowhere.
    """
    claims = only(id_cred, KCCS)
    # The map and its label take a byte each; what follows is the claims set as it was received.
    return _peer_of(claims, bytes(id_cred[2:]))


def peer_ccs(cred):
    """Peer of an encoded CWT Claims Set, our copy of what a kid stands for. Raises EdhocError."""
    try:
        claims = decode(cred)
    except DecodeError:
        raise EdhocError(1, "malformed kccs") from None
    return _peer_of(claims, cred)


def _peer_of(claims, cred):
    try:
        ccs = ccs_of_claims(claims, cred, None, True, ALL_CURVES)
    except DecodeError:
        raise EdhocError(1, "malformed kccs") from None
    return Peer(cred, ccs.public, ccs.curve, ccs.subject)


def peer_reference(id_cred, lookup):
    """Peer, or list of Peers, behind a kid or an x5t: what ``lookup(label, value)`` returns.

    ``label`` is KID with ``value`` bytes, or X5T with ``value`` [hash algorithm, hash]. A kid need not be
    unique: all that ``lookup`` returns, up to 4, may be given to ``verify``. Raises EdhocError, with code 3 when
    ``lookup`` returns nothing, so that the other side may try again with a credential by value.
    """
    found = parameters(id_cred)
    if len(found) != 1:
        raise EdhocError(1, "unsupported credential type")
    label = list(found)[0]
    value = found[label]
    if label == KID:
        fits = isinstance(value, bytes)
    else:
        fits = label == X5T and isinstance(value, list) and len(value) == 2 and isinstance(value[1], bytes)
    if not fits:
        raise EdhocError(1, "unsupported credential type")
    peer = lookup(label, value)
    if not peer:
        raise EdhocError(3, True)
    return peer
