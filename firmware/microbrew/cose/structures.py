"""What COSE feeds to its algorithms: additional data of COSE_Encrypt0, the signed bytes of COSE_Sign1 (RFC 9052).

EDHOC sends neither array, so these structures are all that it takes from COSE; messages of the second are sign1.py's.
"""

from microbrew import cbor

# An array of three that begins with the text "Encrypt0".
_PREFIX = b"\x83\x68Encrypt0"
# An array of four that begins with the text "Signature1".
_SIGNATURE1 = b"\x84\x6aSignature1"


def enc_structure(external_aad, protected=b""):
    """The encoded Enc_structure: the additional data for the AEAD.

    ``protected`` is the content of the protected byte string, empty in EDHOC message_3 and _4 and in OSCORE.
    """
    return _PREFIX + cbor.sequence(protected, external_aad)


def to_be_signed(protected_raw, payload, *external_aad):
    """The encoded Sig_structure (RFC 9052 section 4.4), a bytearray; ``external_aad`` may be in parts."""
    # In one piece from the start: EDHOC's holds a certificate twice, and a device has no room for a copy.
    out = bytearray(_SIGNATURE1)
    for parts in ((protected_raw,), external_aad, (payload,)):
        out.extend(cbor.head(2, sum([len(part) for part in parts])))
        for part in parts:
            out.extend(part)
    return out
