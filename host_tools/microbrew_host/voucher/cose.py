"""COSE_Sign1 around voucher data (RFC 9052 section 4.2, draft-ietf-anima-constrained-voucher).

ES256 and Ed25519, with the certificates of x5bag and x5chain (RFC 9360) in either header. What was signed is
never encoded again: it is carried as the bytes received. Left out: detached payloads, countersignatures, RSA.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from microbrew import cbor
from microbrew.errors import DecodeError, VoucherError
from microbrew_host.voucher import reader
from microbrew_host.voucher.keys import PrivateKey, PublicKey, checked_public

MEDIA_TYPE = "application/voucher+cose"
MEDIA_TYPE_ALIAS = "application/voucher-cose+cbor"

ES256 = -7
EDDSA = -8
# RFC 9864 gave the same signatures second numbers that name the curve as well.
_P256_ALGORITHMS = (ES256, -9)
_ED25519_ALGORITHMS = (EDDSA, -19)

ALG = 1
CRIT = 2
KID = 4
X5BAG = 32
X5CHAIN = 33

MAX_SIZE = 16384
MAX_CERTIFICATES = 8
_TAG_SIGN1 = 18
_UNDERSTOOD = (ALG, KID, X5BAG, X5CHAIN)


@dataclass(frozen=True)
class Signed:
    """A COSE_Sign1 taken apart, its signature not yet checked.

    ``protected`` is the encoded header as signed, ``header`` both headers in one map.
    """

    protected: bytes
    unprotected: dict[Any, Any]
    payload: bytes
    signature: bytes
    header: dict[Any, Any]
    x5bag: tuple[bytes, ...]
    x5chain: tuple[bytes, ...]

    @property
    def algorithm(self) -> int:
        """COSE algorithm number out of the protected header."""
        return int(self.header[ALG])

    @property
    def kid(self) -> bytes | None:
        """Key identifier, from either header."""
        value = self.header.get(KID)
        return value if isinstance(value, bytes) else None


def parse_signed(data: bytes) -> Signed:
    """Take a COSE_Sign1 apart (tag 18 or none). Raises VoucherError("format")."""
    protected, unprotected, payload, signature = _elements(data)
    try:
        signed_header = reader.decode(protected) if protected else {}
    except DecodeError as error:
        raise VoucherError("format", f"protected header: {error}") from None
    if not isinstance(signed_header, dict):
        raise VoucherError("format", "the protected header is not a map")
    if any(label in signed_header for label in unprotected):
        raise VoucherError("format", "a header label occurs in both headers")
    algorithm = signed_header.get(ALG)
    if not isinstance(algorithm, int) or isinstance(algorithm, bool):
        raise VoucherError("format", "the protected header names no algorithm")
    if CRIT in unprotected:
        raise VoucherError("format", "the crit label is not protected")
    critical = signed_header.get(CRIT, [])
    if not isinstance(critical, list) or any(label not in _UNDERSTOOD for label in critical):
        raise VoucherError("format", "a critical header label is not understood")
    header = {**unprotected, **signed_header}
    return Signed(
        protected=protected,
        unprotected=unprotected,
        payload=payload,
        signature=signature,
        header=header,
        x5bag=_certificates(header.get(X5BAG)),
        x5chain=_certificates(header.get(X5CHAIN)),
    )


def sign(
    payload: bytes,
    private_key: PrivateKey,
    x5bag: Sequence[bytes] = (),
    kid: bytes | None = None,
    protect_x5bag: bool = False,
) -> bytes:
    """Sign voucher data: an encoded COSE_Sign1 with tag 18.

    ``x5bag`` (DER certificates) goes to the unprotected header unless ``protect_x5bag``, ``kid`` always does.
    ES256 signatures are deterministic (RFC 6979).
    """
    protected_header: dict[int, Any] = {ALG: ES256 if _is_p256(private_key.public_key()) else EDDSA}
    unprotected: dict[int, Any] = {}
    if x5bag:
        # RFC 9360: one certificate stands alone, several are an array.
        bag = bytes(x5bag[0]) if len(x5bag) == 1 else [bytes(der) for der in x5bag]
        (protected_header if protect_x5bag else unprotected)[X5BAG] = bag
    if kid is not None:
        unprotected[KID] = kid
    protected = cbor.encode(protected_header)
    message = _to_be_signed(protected, payload)
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        der = private_key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = private_key.sign(message)
    return cbor.encode(cbor.Tag(_TAG_SIGN1, [protected, unprotected, payload, signature]))


def verify(signed: Signed, public_key: PublicKey) -> None:
    """Check the signature. Raises VoucherError("algorithm" for a key of another kind, else "signature")."""
    public_key = checked_public(public_key)
    wanted = _P256_ALGORITHMS if _is_p256(public_key) else _ED25519_ALGORITHMS
    if signed.algorithm not in wanted:
        raise VoucherError("algorithm", f"COSE algorithm {signed.algorithm} does not fit the key")
    if len(signed.signature) != 64:
        raise VoucherError("signature", "the signature is not 64 bytes long")
    message = _to_be_signed(signed.protected, signed.payload)
    try:
        if isinstance(public_key, ec.EllipticCurvePublicKey):
            r = int.from_bytes(signed.signature[:32], "big")
            s = int.from_bytes(signed.signature[32:], "big")
            public_key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        else:
            public_key.verify(signed.signature, message)
    except InvalidSignature:
        raise VoucherError("signature", "the signature does not verify") from None


def strip_unprotected_x5(data: bytes) -> bytes:
    """``data`` without x5bag and x5chain in its unprotected header, as a registrar forwards it to the pledge.

    The signature stays good. Raises VoucherError("format").
    """
    protected, unprotected, payload, signature = _elements(data)
    if X5BAG not in unprotected and X5CHAIN not in unprotected:
        return data
    rest = {label: value for label, value in unprotected.items() if label not in (X5BAG, X5CHAIN)}
    return cbor.encode(cbor.Tag(_TAG_SIGN1, [protected, rest, payload, signature]))


def _elements(data: bytes) -> tuple[bytes, dict[Any, Any], bytes, bytes]:
    if len(data) > MAX_SIZE:
        raise VoucherError("format", "a signed voucher or request is too large")
    try:
        item = reader.decode(data)
    except DecodeError as error:
        raise VoucherError("format", f"COSE_Sign1: {error}") from None
    if isinstance(item, cbor.Tag):
        if item.number != _TAG_SIGN1:
            raise VoucherError("format", f"CBOR tag {item.number} is not that of COSE_Sign1")
        item = item.value
    if not isinstance(item, list) or len(item) != 4:
        raise VoucherError("format", "COSE_Sign1 is not an array of four")
    protected, unprotected, payload, signature = item
    if not isinstance(protected, bytes) or not isinstance(unprotected, dict):
        raise VoucherError("format", "COSE_Sign1 has no proper headers")
    if not isinstance(payload, bytes) or not isinstance(signature, bytes):
        raise VoucherError("format", "COSE_Sign1 has no payload or no signature")
    return protected, unprotected, payload, signature


def _certificates(value: object) -> tuple[bytes, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    if len(items) > MAX_CERTIFICATES or not all(isinstance(item, bytes) for item in items):
        raise VoucherError("format", "a certificate header is not a short list of byte strings")
    return tuple(items)


def _is_p256(key: PublicKey) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey)


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    return cbor.encode(["Signature1", protected, b"", payload])
