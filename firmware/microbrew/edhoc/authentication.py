"""Signature_or_MAC_2 and Signature_or_MAC_3 (RFC 9528 sections 5.3.2 and 5.4.2): making and checking.

The side that uses static DH shows the MAC itself, the side that signs a COSE_Sign1 signature over it.
"""

from microbrew.cose.sign1 import to_be_signed
from microbrew.crypto import equal
from microbrew.edhoc.key_schedule import put_bstr
from microbrew.edhoc.suites import HASH_LEN, SIGNATURE_LEN
from microbrew.errors import CryptoError


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


def prove(crypto, signs, own, th, ead_field, mac):
    """Signature_or_MAC_x of ``own``."""
    if not signs:
        return mac
    return crypto.sign(own.private, _to_be_signed(own.id_cred, th, own.cred, ead_field, mac))


def check(crypto, suite, signs, peer, th, fields, mac):
    """Raises CryptoError unless Signature_or_MAC_x in ``fields`` (messages.Plaintext) is that of ``peer``."""
    if not signs:
        if not equal(mac, fields.proof):
            raise CryptoError("MAC does not verify")
        return
    message = _to_be_signed(fields.id_cred, th, peer.cred, fields.ead, mac)
    crypto.verify(suite.signature_curve, peer.public, message, fields.proof)


def _to_be_signed(id_cred, th, cred, ead_field, mac):
    external_aad = bytearray()
    put_bstr(external_aad, th)
    external_aad.extend(cred)
    external_aad.extend(ead_field)
    return to_be_signed(id_cred, mac, external_aad)
