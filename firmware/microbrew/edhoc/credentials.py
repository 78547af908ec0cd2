"""Credentials of EDHOC (RFC 9528 section 3.5): what each side shows, and what it was shown.

ID_CRED_x is an encoded COSE header map, CRED_x an encoded CBOR item. Both enter MACs and signatures, so
what came from a peer is used byte for byte. Forms: x5chain (certificates by value), kccs (a raw public key
in a CWT Claims Set, by value), kid and x5t (references that the application resolves). X.509 is not parsed
here: who trusts a certificate also reads the public key out of it. Left out: kcwt, C509, x5bag, x5u.
"""

from microbrew.cbor import Raw, Reader, encode
from microbrew.compat import const
from microbrew.cose.key import decode_ccs, encode_ccs
from microbrew.errors import DecodeError, EdhocError

# COSE header parameters (RFC 9052, RFC 9360, RFC 9528).
KID = 4
KCCS = 14
X5CHAIN = 33
X5T = 34

MAX_CERTIFICATE = 1024
MAX_CHAIN = 4

_COORDINATE_LEN = const(32)


class Own:
    """Our credential: encoded ``id_cred`` and ``cred`` (bytes-like), and the handle of the ``private`` key.

    For a reference, give the reference and what it stands for: ``Own(encode({KID: kid}), cred, private)``.
    """

    __slots__ = ("cred", "id_cred", "private")

    def __init__(self, id_cred, cred, private):
        self.id_cred = id_cred
        self.cred = cred
        self.private = private


class Peer:
    """A peer's credential: encoded ``cred``, and its ``public`` key as x || y.

    ``public`` of x alone will do where that peer authenticates by static DH.
    """

    __slots__ = ("cred", "public")

    def __init__(self, cred, public):
        if len(public) not in (_COORDINATE_LEN, 2 * _COORDINATE_LEN):
            raise ValueError("public key must be x or x || y")
        self.cred = cred
        self.public = public


def own_x5chain(der, private):
    """Own of one X.509 certificate (DER), sent by value."""
    if not 0 < len(der) <= MAX_CERTIFICATE:
        raise ValueError("certificate too long")
    id_cred = encode({X5CHAIN: der})
    # CRED is the certificate as a byte string, which is what the map ends in: one copy serves both.
    return Own(id_cred, memoryview(id_cred)[3:], private)


def own_kccs(private, subject=None):
    """Own of the raw public key of ``private``, sent by value; ``subject`` (str) becomes its sub claim."""
    id_cred = encode({KCCS: Raw(encode_ccs(private.public, subject))})
    return Own(id_cred, memoryview(id_cred)[2:], private)


def certificates(id_cred):
    """DER certificates of an x5chain, end entity first. Raises EdhocError for any other ID_CRED.

    They are not checked at all: validate the chain, then build the Peer by ``peer_x5chain``.
    """
    label, value = _header(id_cred)
    if label != X5CHAIN:
        raise EdhocError(1, "unsupported credential type")
    # RFC 9360: a single certificate stands alone, two and more are an array.
    chain = value if isinstance(value, list) and 2 <= len(value) <= MAX_CHAIN else [value]
    for der in chain:
        if not isinstance(der, bytes) or not 0 < len(der) <= MAX_CERTIFICATE:
            raise EdhocError(1, "malformed x5chain")
    return chain


def peer_x5chain(certificate, public):
    """Peer of a validated end entity certificate (DER) and the public key x || y that was read from it."""
    return Peer(encode(certificate), public)


def peer_kccs(id_cred):
    """Peer of a raw public key sent by value. Raises EdhocError unless it is one P-256 key.

    Nothing vouches for the key: trust comes from a voucher, from configuration or from nowhere.
    """
    label, _value = _header(id_cred)
    if label != KCCS:
        raise EdhocError(1, "unsupported credential type")
    # The map and its label take a byte each; what follows is the claims set as it was received.
    cred = bytes(id_cred[2:])
    try:
        return Peer(cred, decode_ccs(cred, None, True).public)
    except DecodeError:
        raise EdhocError(1, "malformed kccs") from None


def peer_reference(id_cred, lookup):
    """Peer behind a kid or an x5t: what ``lookup(label, value)`` returns.

    ``label`` is KID with ``value`` bytes, or X5T with ``value`` [hash algorithm, hash]. Raises EdhocError,
    with code 3 when ``lookup`` returns None, so that the other side may try again with a credential by
    value.
    """
    label, value = _header(id_cred)
    if label == KID:
        fits = isinstance(value, bytes)
    else:
        fits = label == X5T and isinstance(value, list) and len(value) == 2 and isinstance(value[1], bytes)
    if not fits:
        raise EdhocError(1, "unsupported credential type")
    peer = lookup(label, value)
    if peer is None:
        raise EdhocError(3, True)
    return peer


def _header(id_cred):
    """Label and decoded value of the only header parameter. Raises EdhocError unless there is one."""
    try:
        reader = Reader(id_cred)
        if reader.map() != 1:
            raise EdhocError(1, "unsupported credential type")
        label = reader.item()
        value = reader.item()
        reader.finish()
    except DecodeError:
        raise EdhocError(1, "malformed ID_CRED") from None
    return label, value
