"""What can be told about a device's store without telling its secrets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from microbrew.errors import StoreError
from microbrew.identity.store import Store
from microbrew_host.factory import eui64, line
from microbrew_host.voucher import fingerprint, idevid, spki
from microbrew_host.voucher.keys import private_from_scalar

NETWORK = "network"

# Addresses and identifiers are at most this long; keys, which are never shown, are at least 16 bytes.
_MAX_SHOWN = 8


def describe(path: Path) -> Iterator[tuple[str, str]]:
    """Name and value of everything worth knowing. Raises StoreError with a sentence."""
    if not path.is_dir():
        raise StoreError(f"{path} is not a directory")
    store = Store(str(path))
    record = store.read(line.RECORD)
    if not isinstance(record, dict):
        raise StoreError(f"{path} is not a device store: it has no record `{line.RECORD}`")
    yield "serial number", str(record.get(line.SERIAL))
    yield "EUI-64", eui64.text(record.get(line.EUI64, b""))
    certificate = line.certificate_of(record)
    if certificate is not None:
        yield from _certificate(certificate, len(record[line.CERTIFICATE]))
        yield "private key", _private_key(record.get(line.PRIVATE_KEY), certificate)
    if line.MASA_SPKI in record:
        yield "MASA key, SHA-256", fingerprint(record[line.MASA_SPKI]).hex()
    yield "one-touch key", "present" if line.PSK in record else "none"
    yield from _network(store.read(NETWORK))


def _certificate(certificate: x509.Certificate, size: int) -> Iterator[tuple[str, str]]:
    yield "IDevID", f"{size} bytes, number {certificate.serial_number}"
    yield "subject", certificate.subject.rfc4514_string()
    yield "issuer", certificate.issuer.rfc4514_string()
    yield "not before", certificate.not_valid_before_utc.isoformat()
    yield "not after", certificate.not_valid_after_utc.isoformat()
    yield "authority key", idevid.issuer_aki(certificate)[-20:].hex()
    hardware = idevid.hardware_serial(certificate)
    yield "hwSerialNum", "none" if hardware is None else hardware.decode("utf-8", "replace")
    yield "MASA URL", idevid.masa_url(certificate) or "none"
    yield "MUD URL", idevid.mud_url(certificate) or "none"


def _private_key(secret: object, certificate: x509.Certificate) -> str:
    if not isinstance(secret, bytes):
        return "missing"
    public = certificate.public_key()
    try:
        matches = isinstance(public, ec.EllipticCurvePublicKey) and spki(public) == spki(
            private_from_scalar(secret).public_key()
        )
    except ValueError:
        matches = False
    return "present, fits the certificate" if matches else "present, does NOT fit the certificate"


def _network(record: Any) -> Iterator[tuple[str, str]]:
    yield "joined", "no" if record is None else "yes"
    if isinstance(record, dict):
        for key, value in record.items():
            yield f"network, field {key}", _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= _MAX_SHOWN else f"({len(value)} bytes)"
    if isinstance(value, int | str) or value is None:
        return str(value)
    return f"({len(value)} entries)" if isinstance(value, list | dict) else "(not shown)"
