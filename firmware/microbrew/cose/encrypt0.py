"""Additional data of COSE_Encrypt0 (RFC 9052 section 5.3), as EDHOC and OSCORE use it.

Neither sends the COSE_Encrypt0 array, so this structure is all that they take from it.
"""

from microbrew import cbor

# An array of three that begins with the text "Encrypt0".
_PREFIX = b"\x83\x68Encrypt0"


def enc_structure(external_aad, protected=b""):
    """The encoded Enc_structure: the additional data for the AEAD.

    ``protected`` is the content of the protected byte string, empty in EDHOC message_3 and _4 and in OSCORE.
    """
    return _PREFIX + cbor.sequence(protected, external_aad)
