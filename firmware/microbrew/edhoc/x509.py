"""Certificates of EDHOC by reference and in bags: x5t, x5bag, x5u (RFC 9360 section 2, RFC 9528 section 3.5.3).

A certificate by value in a chain is in credentials.py. As there, X.509 is not parsed and nothing is trusted:
what comes out is DER for the application to validate and to read the key of; then ``peer_x5chain`` makes the
Peer, as CRED_x of every form is the end entity certificate as a byte string.
"""

from microbrew.cbor import Tag, encode
from microbrew.compat import const
from microbrew.crypto import equal
from microbrew.edhoc.credentials import (
    MAX_CERTIFICATE,
    MAX_CHAIN,
    X5BAG,
    X5T,
    X5U,
    Own,
    only,
    parameters,
    read_certificates,
)
from microbrew.errors import EdhocError

# COSE hash algorithms (RFC 9054), each with the length of its value.
SHA256_64 = -15
SHA256 = -16

MAX_URI = 128

_TAG_URI = const(32)


def thumbprint(crypto, der, algorithm=SHA256_64):
    """x5t of a certificate: [hash algorithm, hash]."""
    if algorithm not in (SHA256_64, SHA256):
        raise ValueError("hash algorithm not supported")
    digest = crypto.sha256(der)
    return [algorithm, digest[:8] if algorithm == SHA256_64 else digest]


def matches(crypto, x5t, der):
    """True if ``x5t``, as received, is that of ``der``. Raises EdhocError for a hash that we do not know."""
    if not isinstance(x5t, list) or len(x5t) != 2 or not isinstance(x5t[1], bytes):
        raise EdhocError(1, "malformed x5t")
    # Type and number: True or an unhashable item would not compare as a number does.
    if isinstance(x5t[0], bool) or x5t[0] not in (SHA256_64, SHA256):
        raise EdhocError(1, "hash of x5t not supported")
    return equal(thumbprint(crypto, der, x5t[0])[1], x5t[1])


def find(crypto, x5t, ders):
    """All certificates of ``ders`` that ``x5t`` stands for; SHA-256/64 is short enough for two to share it.

    Raises EdhocError for a hash that we do not know.
    """
    return [der for der in ders if matches(crypto, x5t, der)]


def own_x5t(crypto, der, private, algorithm=SHA256_64):
    """Own of a certificate that the peer has, by its thumbprint."""
    return Own(encode({X5T: thumbprint(crypto, der, algorithm)}), encode(der), private)


def own_x5u(crypto, uri, der, private):
    """Own of a certificate to be fetched at ``uri``, with its thumbprint for who has it or fetched it."""
    if not 0 < len(uri) <= MAX_URI:
        raise ValueError("URI too long")
    id_cred = encode({X5T: thumbprint(crypto, der), X5U: Tag(_TAG_URI, uri)})
    return Own(id_cred, encode(der), private)


def own_x5bag(ders, private):
    """Own of certificates in no particular order but that ours comes first here; the peer finds it by its key."""
    if not 1 <= len(ders) <= MAX_CHAIN or max([len(der) for der in ders]) > MAX_CERTIFICATE:
        raise ValueError("too many certificates, or too long")
    return Own(encode({X5BAG: ders[0] if len(ders) == 1 else list(ders)}), encode(ders[0]), private)


def bag(id_cred):
    """DER certificates of an x5bag: the application decides which is the end entity. Raises EdhocError."""
    return read_certificates(only(id_cred, X5BAG))


def refuse(uri):
    """The policy of who fetches nothing: an attacker chose the URI, and names a host to load and to tell."""
    return None


def fetched(crypto, id_cred, fetch=refuse):
    """DER of an x5u, alone or with an x5t that it must match: what ``fetch(uri)`` returns.

    ``fetch`` decides whether it may, and returns the end entity certificate or None. It is called while a
    stranger waits, so bound its time and size. Raises EdhocError, with code 3 for None.
    """
    found = parameters(id_cred)
    uri = found.get(X5U)
    if len(found) != (2 if X5T in found else 1) or uri is None:
        raise EdhocError(1, "unsupported credential type")
    if not isinstance(uri, Tag) or uri.number != _TAG_URI or not isinstance(uri.value, str):
        raise EdhocError(1, "malformed x5u")
    if not 0 < len(uri.value) <= MAX_URI:
        raise EdhocError(1, "URI too long")
    der = fetch(uri.value)
    if der is None:
        raise EdhocError(3, True)
    if not 0 < len(der) <= MAX_CERTIFICATE or (X5T in found and not matches(crypto, found[X5T], der)):
        raise EdhocError(1, "not the certificate of x5u")
    return der
