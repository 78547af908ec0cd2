"""Who may come in: trusted manufacturers, denied devices, and what an audit log may show.

Nothing here talks to anybody; every refusal is a ``Refusal`` that says why in an installer's words.
"""

from __future__ import annotations

import base64
import binascii
import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiocoap.numbers.codes import Code
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from microbrew.crypto import public_from_spki
from microbrew.errors import CryptoError, VoucherError
from microbrew_host.jrc.config import REFUSE, ConfigError, Manufacturer, Policy
from microbrew_host.jrc.refusal import Refusal
from microbrew_host.voucher import idevid, spki

MAX_SERIAL = 64
MAX_AUDIT_EVENTS = 1000


@dataclass(frozen=True)
class IDevID:
    """A device's certificate (IEEE 802.1AR) as read, with nothing about it believed yet. ``public`` is x || y."""

    certificate: x509.Certificate
    public: bytes
    serial: str
    issuer: str


def read_idevid(der: bytes) -> IDevID:
    """Parse an IDevID of an unknown peer. Raises VoucherError for anything that is not one with a P-256 key."""
    certificate = idevid.load(der)
    try:
        key = certificate.public_key()
        issuer = certificate.issuer.rfc4514_string()
        serial = idevid.serial_number(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise VoucherError("certificate", "the certificate cannot be read") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise VoucherError("algorithm", "the certificate is not for a P-256 key")
    if not 1 <= len(serial) <= MAX_SERIAL or not serial.isprintable():
        raise VoucherError("serial", "the serial number is not a short text")
    try:
        return IDevID(certificate, public_from_spki(spki(key)), serial, issuer)
    except CryptoError:
        raise VoucherError("algorithm", "the certificate's key is not an uncompressed point") from None


class Manufacturers:
    """The manufacturers of the configuration with their CA certificates. Raises ConfigError."""

    def __init__(self, manufacturers: Iterable[Manufacturer]) -> None:
        self._trusted: list[tuple[Manufacturer, x509.Certificate]] = []
        for manufacturer in manufacturers:
            try:
                found = x509.load_pem_x509_certificates(manufacturer.ca.read_bytes())
            except (OSError, ValueError):
                raise ConfigError(f"{manufacturer.ca} holds no certificates in PEM") from None
            self._trusted.extend((manufacturer, certificate) for certificate in found)

    def issuer_of(self, device: IDevID, now: datetime.datetime) -> Manufacturer:
        """The manufacturer whose CA issued this IDevID directly. Raises Refusal."""
        for manufacturer, ca in self._trusted:
            try:
                device.certificate.verify_directly_issued_by(ca)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue
            _check_contents(device, now)
            return manufacturer
        raise Refusal(
            Code.FORBIDDEN,
            "manufacturer not trusted",
            f"the manufacturer that issued its certificate ({device.issuer}) is not configured here",
            "manufacturer",
        )


def _check_contents(device: IDevID, now: datetime.datetime) -> None:
    certificate = device.certificate
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refusal(Code.FORBIDDEN, "certificate not valid now", "its certificate is outside its period of validity")
    try:
        if certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise Refusal(Code.FORBIDDEN, "not a device certificate", "it showed the certificate of a CA")
    except x509.ExtensionNotFound:
        pass
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not usage.digital_signature:
        raise Refusal(Code.FORBIDDEN, "certificate not for signing", "its certificate's key may not sign")


def eui64_of_serial(serial: str) -> bytes | None:
    """The EUI-64 that a serial number is the text of ("00-12-4B-..." or 16 hexadecimal digits), or None."""
    digits = serial
    for separator in ("-", ":"):
        if len(serial) == 23 and serial[2::3] == separator * 7:
            digits = serial.replace(separator, "")
    if len(digits) != 16:
        return None
    try:
        return bytes.fromhex(digits) if digits.isalnum() else None
    except ValueError:
        return None


def eui64_of_address(link_local: bytes | None) -> bytes | None:
    """The EUI-64 inside a link-local address (RFC 4291 Appendix A), or None."""
    if link_local is None:
        return None
    iid = link_local[8:]
    # An IID made of a short address has ff:fe in its middle and is nobody's EUI-64.
    if iid[:6] == b"\x00\x00\x00\xff\xfe\x00":
        return None
    return bytes((iid[0] ^ 2,)) + iid[1:]


def judge_audit_log(log: Any, own: set[bytes], policy: Policy, vouchers: int) -> list[str]:
    """Read a MASA's audit log (RFC 8995 section 5.8.1): warnings for the installer.

    ``own`` are the names that this registrar has there, ``vouchers`` how many it was given for the device. Raises
    Refusal for entries of strangers unless the policy says to warn only.
    """
    events = log.get("events") if isinstance(log, dict) else None
    if not isinstance(events, list) or len(events) > MAX_AUDIT_EVENTS:
        raise Refusal(Code.BAD_GATEWAY, "audit log unreadable", "the MASA's audit log cannot be read", "audit")
    known = own | {name for name in map(_domain_id, policy.known_domains) if name}
    strangers = 0
    nonceless = 0
    ours = 0
    for entry in events:
        name = _domain_id(entry.get("domainID")) if isinstance(entry, dict) else None
        if name in own:
            ours += 1
        elif name is None or name not in known:
            strangers += 1
            if not isinstance(entry, dict) or entry.get("nonce") is None:
                nonceless += 1
    warnings = []
    if nonceless:
        text = f"a registrar unknown here holds a voucher for it that never expires ({nonceless} in the MASA's log)"
        if policy.nonceless == REFUSE:
            raise Refusal(Code.NOT_ACCEPTABLE, "audit log refused", text, "audit")
        warnings.append(text)
    if strangers:
        text = f"it was claimed by a registrar unknown here before ({strangers} in the MASA's log)"
        if policy.unknown_domain == REFUSE:
            raise Refusal(Code.NOT_ACCEPTABLE, "audit log refused", text, "audit")
        warnings.append(text)
    if ours > vouchers:
        warnings.append(
            f"the MASA issued {ours} vouchers for it in our name, this registrar received {vouchers}: "
            "has the registrar key been copied?"
        )
    return warnings


def _domain_id(value: Any) -> bytes | None:
    if not isinstance(value, str) or len(value) > 128:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
