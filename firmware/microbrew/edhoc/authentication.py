"""Signature_or_MAC_2 and Signature_or_MAC_3 (RFC 9528 sections 5.3.2 and 5.4.2): making and checking.

The side that uses static DH shows the MAC itself, the side that signs a COSE_Sign1 signature over it.
"""

from microbrew.cbor import encode
from microbrew.cose.structures import to_be_signed
from microbrew.crypto import equal, wipe
from microbrew.edhoc import key_schedule, messages
from microbrew.edhoc.suites import G_LEN, HASH_LEN, SIGNATURE_LEN, describe
from microbrew.errors import CryptoError

# Credentials that may share one kid; each costs a signature or a Diffie-Hellman operation to try.
MAX_PEERS = 4


class Own:
    """Our credential: encoded ``id_cred`` and ``cred`` (bytes-like), and the handle of the ``private`` key.

    ``private.curve`` tells what the credential can do: a P-256 key signs and does static DH, Ed25519 signs,
    X25519 does static DH.
    """

    __slots__ = ("cred", "id_cred", "private")

    def __init__(self, id_cred, cred, private):
        self.id_cred = id_cred
        self.cred = cred
        self.private = private


class Peer:
    """A peer's credential: encoded ``cred``, and its ``public`` key: x || y, or 32 bytes of the other curves.

    x of P-256 alone will do where that peer authenticates by static DH. With ``curve``, its COSE number, a key
    of another curve than the method and suite ask for is refused; without it the application answers for that.
    ``subject`` is the name in a CWT, or None.
    """

    __slots__ = ("cred", "curve", "public", "subject")

    def __init__(self, cred, public, curve=None, subject=None):
        if len(public) not in (G_LEN, 2 * G_LEN):
            raise ValueError("public key must have 32 or 64 bytes")
        self.cred = cred
        self.public = public
        self.curve = curve
        self.subject = subject


def initiator_signs(method):
    """True for methods 0 and 1."""
    return method < 2


def responder_signs(method):
    """True for methods 0 and 2."""
    return method % 2 == 0


def mac_length(suite, signs):
    """Bytes of MAC_2 or MAC_3, ``signs`` telling how its maker authenticates."""
    return HASH_LEN if signs else suite.tag_len


def proof_length(suite, signs):
    """Bytes of Signature_or_MAC_2 or Signature_or_MAC_3."""
    return SIGNATURE_LEN if signs else suite.tag_len


def fits(own, number, signs):
    """True if the private key of ``own`` is one that signs, or does static DH, in suite ``number``."""
    suite = describe(number)
    return own.private.curve == (suite.signature_curve if signs else suite.ecdh_curve)


def prove(crypto, signs, own, th, ead_field, mac):
    """Signature_or_MAC_x of ``own``."""
    if not signs:
        return mac
    return crypto.sign(own.private, to_be_signed(own.id_cred, mac, encode(th), own.cred, ead_field))


def candidates(peer):
    """One Peer or several as a tuple. ValueError for none or more than MAX_PEERS."""
    peers = tuple(peer) if isinstance(peer, (list, tuple)) else (peer,)
    if not 1 <= len(peers) <= MAX_PEERS:
        raise ValueError("1 to %d peers, please" % MAX_PEERS)
    return peers


def authenticate(session, peers, by_responder):
    """The one of ``peers`` that made Signature_or_MAC_x of what was received, and the PRK that it leads to.

    That is PRK_3e2m ``by_responder``, else PRK_4e3m. All are tried, whichever fits, so that the time does not
    tell which one it was. Raises CryptoError if none fits.
    """
    signs = responder_signs(session.method) if by_responder else initiator_signs(session.method)
    found = None
    prk_found = None
    reason = None
    try:
        for peer in peers:
            try:
                prk = _check(session, peer, signs, by_responder)
            except CryptoError as error:
                reason = error
                continue
            if found is None:
                found = peer
                prk_found = prk
            else:
                wipe(prk)
        if found is None:
            raise reason
        return found, prk_found
    finally:
        # An error that a frame holds holds the frame, and with it what the frame computed.
        reason = None


def _check(session, peer, signs, by_responder):
    """The PRK with which Signature_or_MAC_x holds for ``peer``. Raises CryptoError."""
    crypto = session.crypto
    suite = session.suite
    fields = session.received
    if equal(peer.public[:G_LEN], session.own.private.public[:G_LEN]):
        raise CryptoError("own credential: someone mirrors us")
    if peer.curve is not None and peer.curve != (suite.signature_curve if signs else suite.ecdh_curve):
        raise CryptoError("key of another curve")
    g_static = None if signs else crypto.ecdh(session.ephemeral, peer.public)
    length = mac_length(suite, signs)
    if by_responder:
        prk = key_schedule.prk_3e2m(crypto, session.prk, session.th, g_static)
        c_r = messages.encode_identifier(fields.c_r)
        mac = key_schedule.mac_2(crypto, prk, c_r, fields.id_cred, session.th, peer.cred, fields.ead, length)
    else:
        prk = key_schedule.prk_4e3m(crypto, session.prk, session.th, g_static)
        mac = key_schedule.mac_3(crypto, prk, fields.id_cred, session.th, peer.cred, fields.ead, length)
    try:
        if signs:
            message = to_be_signed(fields.id_cred, mac, encode(session.th), peer.cred, fields.ead)
            crypto.verify(suite.signature_curve, peer.public, message, fields.proof)
        elif not equal(mac, fields.proof):
            raise CryptoError("MAC does not verify")
    except CryptoError:
        wipe(prk)
        raise
    return prk
