"""The checks of a registrar's voucher request (RVR), one per line, before the MASA does anything with it.

Order: what the request is, who asks, for which device, whether the device really asked (RFC 8995
section 5.5, draft-ietf-anima-constrained-voucher section 6, zero-touch join section 6.3). Left out: dates and
revocation of registrar certificates; a registrar is known by its key, which is what a voucher pins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ObjectIdentifier
from sqlalchemy import Connection

from microbrew.errors import MicrobrewError, VoucherError
from microbrew_host.masa import database
from microbrew_host.voucher import (
    Signed,
    VoucherRequest,
    fingerprint,
    idevid,
    parse_signed,
    parse_voucher_request,
    public_from_spki,
    spki,
    verify,
)
from microbrew_host.voucher.data import PROXIMITY, parse_timestamp
from microbrew_host.voucher.keys import PublicKey, checked_public

OID_CMC_RA = ObjectIdentifier("1.3.6.1.5.5.7.3.28")

# A replayed request stops being good after this; registrars have clocks, if rough ones.
MAX_AGE = timedelta(days=1)


class Refusal(MicrobrewError):
    """A request that the MASA does not serve: HTTP ``status``, stable ``reason``, a sentence for people."""

    def __init__(self, status: int, reason: str, text: str, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


@dataclass
class Case:
    """A request under examination, filled as far as the checks came; the log entry is made of it."""

    serial: str | None = None
    registrar: bytes | None = None
    nonce: bytes | None = None


@dataclass(frozen=True)
class Claim:
    """A voucher request that holds up.

    ``registrar``: SPKI of the asking key. ``bound``: the device itself named that key, with a nonce.
    ``allowed``: the key is known to the MASA. ``pin_digest``: the device wants the key's SHA-256 pinned.
    """

    request: VoucherRequest
    registrar: bytes
    bound: bool
    allowed: bool
    pin_digest: bool


def examine(tx: Connection, body: bytes, now: datetime, case: Case) -> Claim:
    """Check an RVR against the database. Raises Refusal."""
    try:
        return _examine(tx, body, now, case)
    except VoucherError as error:
        raise Refusal(400, error.reason, str(error)) from None


def _examine(tx: Connection, body: bytes, now: datetime, case: Case) -> Claim:
    signed = parse_signed(body)
    request = parse_voucher_request(signed.payload)
    case.serial = request.serial_number
    case.nonce = request.nonce
    prior_signed, prior = _prior(request)

    bag = _readable(signed.x5bag)
    candidates = [(c, k) for c in bag if (k := _key(c))] if bag else _bare_keys(tx, signed, prior)
    signer = next(((c, k) for c, k in candidates if _verifies(signed, k)), None)
    if signer is None:
        raise Refusal(403, "rvr-signature", "the request is not signed by a key that it names")
    certificate, key = signer
    registrar = spki(key)
    case.registrar = fingerprint(registrar)
    if certificate is not None:
        _require(_is_registrar(certificate), 403, "registrar-eku", "the certificate lacks the cmcRA usage")
        _require(_chain_holds(certificate, bag), 403, "registrar-chain", "the certificates form no chain")
    known = database.registrar(tx, case.registrar)
    standing = None if known is None else known.standing
    _require(standing != database.DENIED, 403, "registrar-denied", "this registrar key is on the deny list")
    _require(_fresh(request, now), 403, "stale", "created-on is too far from the MASA's time")

    device = database.device(tx, request.serial_number)
    if device is None:
        raise Refusal(404, "device-unknown", "no device with this serial number was made here")
    _require(not device.denied, 403, "device-denied", "no more vouchers are issued for this device")
    own = idevid.load(device.certificate)
    _require(_same_issuer(request, own), 403, "issuer", "idevid-issuer is missing or of another issuer")
    device_key = checked_public(own.public_key())
    _require(type(key) is type(device_key), 406, "key-type", "the device cannot use such a key")

    if prior is not None and prior_signed is not None:
        _require(_verifies(prior_signed, device_key), 403, "pvr-signature", "the device did not sign its part")
        _require(prior.serial_number == request.serial_number, 403, "serial", "the serial numbers differ")
        _require(prior.nonce == request.nonce, 403, "nonce", "the nonces differ")
        _require(_proximity_holds(prior, registrar), 403, "proximity", "the device saw another registrar key")
        _require(_pin_is_key(prior), 406, "pin", "the device wants a certificate pinned, not a key")
    return Claim(
        request=request,
        registrar=registrar,
        bound=prior is not None and prior.assertion == PROXIMITY and prior.nonce is not None,
        allowed=standing == database.ALLOWED,
        pin_digest=prior is not None and _wants_digest(prior),
    )


def _require(holds: bool, status: int, reason: str, text: str) -> None:
    if not holds:
        raise Refusal(status, reason, text)


def _prior(request: VoucherRequest) -> tuple[Signed | None, VoucherRequest | None]:
    if request.prior_signed_voucher_request is None:
        return None, None
    signed = parse_signed(request.prior_signed_voucher_request)
    return signed, parse_voucher_request(signed.payload)


def _readable(bag: Sequence[bytes]) -> list[x509.Certificate]:
    return [idevid.load(der) for der in bag]


def _key(certificate: x509.Certificate) -> PublicKey | None:
    try:
        return checked_public(certificate.public_key())
    except (VoucherError, ValueError, UnsupportedAlgorithm):
        return None


def _bare_keys(
    tx: Connection, signed: Signed, prior: VoucherRequest | None
) -> list[tuple[x509.Certificate | None, PublicKey]]:
    """A registrar without a certificate: its key is the one the device names, or one known by its kid."""
    if prior is not None and prior.proximity_registrar_pubk is not None:
        key = prior.proximity_registrar_pubk
        if signed.kid is None or signed.kid == fingerprint(key):
            return [(None, public_from_spki(key))]
    elif signed.kid is not None:
        known = database.registrar(tx, signed.kid)
        if known is not None and known.spki is not None:
            return [(None, public_from_spki(known.spki))]
    return []


def _verifies(signed: Signed, key: PublicKey) -> bool:
    try:
        verify(signed, key)
    except VoucherError:
        return False
    return True


def _is_registrar(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return OID_CMC_RA in usage


def _chain_holds(end: x509.Certificate, bag: list[x509.Certificate]) -> bool:
    """Whether each certificate from ``end`` upwards is signed by its issuer, where the bag has that."""
    certificate = end
    for _ in range(len(bag)):
        issuers = [c for c in bag if c.subject == certificate.issuer]
        if certificate.issuer == certificate.subject:
            return _issued(certificate, certificate)
        if not issuers:
            return True
        issuer = next((c for c in issuers if _is_ca(c) and _issued(certificate, c)), None)
        if issuer is None:
            return False
        certificate = issuer
    return True


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _fresh(request: VoucherRequest, now: datetime) -> bool:
    return request.created_on is None or abs(now - parse_timestamp(request.created_on)) <= MAX_AGE


def _same_issuer(request: VoucherRequest, own: x509.Certificate) -> bool:
    # Peers wrap the key identifier in different numbers of ASN.1 layers; the last 20 bytes are it.
    return request.idevid_issuer is not None and request.idevid_issuer[-20:] == idevid.issuer_aki(own)[-20:]


def _proximity_holds(prior: VoucherRequest, registrar: bytes) -> bool:
    """Every proximity leaf is this registrar's key, and a claim of proximity has at least one."""
    seen = []
    if prior.proximity_registrar_pubk is not None:
        seen.append(prior.proximity_registrar_pubk == registrar)
    if prior.proximity_registrar_pubk_sha256 is not None:
        seen.append(prior.proximity_registrar_pubk_sha256 == fingerprint(registrar))
    if prior.proximity_registrar_cert is not None:
        key = _key(idevid.load(prior.proximity_registrar_cert))
        seen.append(key is not None and spki(key) == registrar)
    return all(seen) and (bool(seen) or prior.assertion != PROXIMITY)


def _wants_digest(prior: VoucherRequest) -> bool:
    return prior.proximity_registrar_pubk is None and prior.proximity_registrar_pubk_sha256 is not None


def _pin_is_key(prior: VoucherRequest) -> bool:
    key = prior.proximity_registrar_pubk or prior.proximity_registrar_pubk_sha256
    return key is not None or prior.proximity_registrar_cert is None
