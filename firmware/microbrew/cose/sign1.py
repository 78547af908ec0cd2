"""COSE_Sign1 (RFC 9052 section 4.2) with ECDSA on P-256 or Ed25519: make, parse strictly, verify.

``alg`` is ES256 (-7, RFC 9053) or ESP256 (-9, RFC 9864), which sign alike on P-256, or EdDSA (-8) or Ed25519
(-19), which sign alike on Ed25519. Left out: other algorithms, countersignatures, and any use of certificates
in the headers, which is the caller's policy.
"""

from microbrew import cbor
from microbrew.compat import const
from microbrew.cose.structures import to_be_signed
from microbrew.crypto import ED25519, P256
from microbrew.errors import CryptoError, DecodeError

ES256 = -7
ESP256 = -9
EDDSA = -8
# COSE calls this algorithm as its curve, whose number is another.
ALG_ED25519 = -19
P256_ALGORITHMS = (ES256, ESP256)
ED25519_ALGORITHMS = (EDDSA, ALG_ED25519)

ALG = 1
CRIT = 2
CONTENT_TYPE = 3
KID = 4
X5BAG = 32
X5CHAIN = 33
X5T = 34

_TAG = const(18)
# Parameters that any reader of this module handles, so they may be named in crit.
_UNDERSTOOD = (ALG, CRIT, CONTENT_TYPE, KID)


class Sign1:
    """A COSE_Sign1 as received; nothing in it is verified until ``verify`` returns.

    ``protected_raw`` is the content of the protected byte string as it enters the signature: b"" for an empty
    map, whichever way that was sent. ``protected`` and ``unprotected`` are dicts, ``payload`` bytes or None
    (detached), ``signature`` bytes.
    """

    __slots__ = ("payload", "protected", "protected_raw", "signature", "unprotected")

    def __init__(self, protected_raw, protected, unprotected, payload, signature):
        self.protected_raw = protected_raw
        self.protected = protected
        self.unprotected = unprotected
        self.payload = payload
        self.signature = signature

    @property
    def algorithm(self):
        """``alg`` of the protected header, or None."""
        return self.protected.get(ALG)

    def header(self, label):
        """A header parameter from either map, or None. One of the unprotected map is not signed."""
        if label in self.protected:
            return self.protected[label]
        return self.unprotected.get(label)

    def verify(self, crypto, public, external_aad=b"", payload=None):
        """Raises CryptoError unless the signature holds for ``public``: x || y of P-256, or Ed25519's 32 bytes.

        ``payload`` is the detached one; giving it for a message that carries its own, or not giving it for
        one that does not, is a ValueError.
        """
        if (payload is None) == (self.payload is None):
            raise ValueError("COSE_Sign1 needs one payload, attached or detached")
        # The key decides what is tried, never the message.
        if len(public) == 64:
            curve = P256
            algorithms = P256_ALGORITHMS
        else:
            curve = ED25519
            algorithms = ED25519_ALGORITHMS
        if self.algorithm not in algorithms:
            raise CryptoError("signature algorithm does not fit the key")
        tbs = to_be_signed(self.protected_raw, self.payload if payload is None else payload, external_aad)
        crypto.verify(curve, public, tbs, self.signature)


def sign(crypto, private, payload, protected=None, unprotected=None, external_aad=b"", tagged=True, detached=False):
    """An encoded COSE_Sign1 over ``payload``, signed by a P-256 or Ed25519 key.

    ``protected`` and ``unprotected`` are dicts; ``alg`` becomes ES256 or EdDSA unless ``protected`` names one. With
    ``detached`` the message carries nil for the payload. Raises ValueError for headers that ``decode`` would
    refuse or an algorithm that does not fit the key.
    """
    protected = dict(protected or {})
    unprotected = unprotected or {}
    algorithms = {P256: P256_ALGORITHMS, ED25519: ED25519_ALGORITHMS}.get(private.curve, (None,))
    protected.setdefault(ALG, algorithms[0])
    if private.curve not in (P256, ED25519) or protected[ALG] not in algorithms:
        raise ValueError("algorithm does not fit the key")
    if ALG in unprotected:
        raise ValueError("alg must be protected")
    try:
        _check_headers(protected, unprotected, tuple(protected))
    except DecodeError as error:
        raise ValueError(str(error)) from None
    protected_raw = cbor.encode(protected)
    signature = crypto.sign(private, to_be_signed(protected_raw, payload, external_aad))
    message = (protected_raw, unprotected, None if detached else payload, signature)
    return cbor.encode(cbor.Tag(_TAG, message) if tagged else message)


def decode(encoded, understood=()):
    """A Sign1 out of its encoding, tagged or not. Raises DecodeError.

    ``understood`` are the labels beyond those of this module that the caller handles when they are critical.
    """
    message = cbor.decode(encoded)
    if isinstance(message, cbor.Tag):
        if message.number != _TAG:
            raise DecodeError("COSE: not a COSE_Sign1")
        message = message.value
    if not isinstance(message, list) or len(message) != 4:
        raise DecodeError("COSE: not a COSE_Sign1")
    protected_raw, unprotected, payload, signature = message
    if not isinstance(protected_raw, bytes) or not isinstance(signature, bytes):
        raise DecodeError("COSE: byte string expected")
    if payload is not None and not isinstance(payload, bytes):
        raise DecodeError("COSE: byte string expected")
    protected = cbor.decode(protected_raw) if protected_raw else {}
    if not isinstance(protected, dict) or not isinstance(unprotected, dict):
        raise DecodeError("COSE: map expected")
    if not protected:
        # RFC 9052 section 3: senders may write an empty map, but it enters the signature as no bytes.
        protected_raw = b""
    _check_headers(protected, unprotected, _UNDERSTOOD + tuple(understood))
    return Sign1(protected_raw, protected, unprotected, payload, signature)


def _check_headers(protected, unprotected, understood):
    """RFC 9052 sections 3 and 3.1: each label once, and crit protected, not empty and understood."""
    for labels in (protected, unprotected):
        for label in labels:
            if not isinstance(label, (int, str)):
                raise DecodeError("COSE: header label of this type")
    for label in unprotected:
        if label in protected:
            raise DecodeError("COSE: label in both headers")
    if CRIT in unprotected:
        raise DecodeError("COSE: crit must be protected")
    if CRIT not in protected:
        return
    critical = protected[CRIT]
    if not isinstance(critical, (list, tuple)) or not critical:
        raise DecodeError("COSE: crit must be a list of labels")
    for label in critical:
        # The type first: True or an unhashable item would not compare as a label does.
        if isinstance(label, bool) or not isinstance(label, (int, str)):
            raise DecodeError("COSE: crit must be a list of labels")
        if label not in understood or label not in protected:
            raise DecodeError("COSE: critical header not understood")
