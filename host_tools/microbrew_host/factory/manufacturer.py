"""A manufacturer: the directory with its authority, its MASA's keys, its inventory and its choices.

Written once by ``create``, as a whole or not at all; what must stay secret has mode 0600. The files a
registrar needs are ``ca-cert.pem`` (anchor of the IDevIDs) and ``tls-cert.pem`` (anchor of the MASA's HTTPS).
"""

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from microbrew.errors import VoucherError
from microbrew_host.factory import certificates, eui64
from microbrew_host.factory.certificates import Random
from microbrew_host.masa import directory
from microbrew_host.masa.database import open_database
from microbrew_host.voucher import idevid, spki
from microbrew_host.voucher.keys import generate, load_private_key, load_public_key, save_private_key

SETTINGS = "manufacturer.json"
CA_KEY = "ca-key.pem"
CA_CERTIFICATE = "ca-cert.pem"
MASA_SPKI = "masa-spki.der"

# Locally administered (bit 1 of the first byte): belongs to nobody, so it collides with no bought block.
# Not 1, whose interface identifier is ::1, the border router's own.
DEFAULT_FIRST_EUI64 = "02-00-00-00-00-01-00-01"


@dataclass(frozen=True)
class Settings:
    """What every IDevID of a manufacturer has in common. ``first_eui64``: where automatic numbering starts."""

    name: str
    masa_url: str
    mud_url: str | None = None
    hardware_type: str = certificates.EXAMPLE_HARDWARE_TYPE
    first_eui64: str = DEFAULT_FIRST_EUI64

    def check(self) -> None:
        """Raises ValueError or VoucherError with a sentence."""
        if not 0 < len(self.name) <= 64 or not self.name.isprintable():
            raise ValueError("a manufacturer's name is 1 to 64 printable characters")
        idevid.base_url(self.masa_url)
        if self.mud_url is not None:
            parts = urlsplit(self.mud_url)
            if parts.scheme != "https" or not parts.hostname or not self.mud_url.isascii():
                raise ValueError("a MUD URL is an https URL (RFC 8520 section 11)")
        x509.ObjectIdentifier(self.hardware_type)
        eui64.parse(self.first_eui64)


@dataclass(frozen=True)
class Manufacturer:
    """What the production line works with; loaded from a directory."""

    path: Path
    settings: Settings
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    masa_spki: bytes

    @classmethod
    def load(cls, path: Path) -> "Manufacturer":
        """Raises OSError or ValueError with a sentence."""
        directory.require(path)
        try:
            settings = Settings(**json.loads((path / SETTINGS).read_text("utf-8")))
        except (TypeError, ValueError):
            raise ValueError(f"{path / SETTINGS} is not a manufacturer's settings file") from None
        settings.check()
        key = load_private_key(path / CA_KEY)
        certificate = x509.load_pem_x509_certificate((path / CA_CERTIFICATE).read_bytes())
        if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
            raise ValueError(f"{path / CA_CERTIFICATE} does not belong to {path / CA_KEY}")
        # From the key itself: a device with another key built in would never accept a voucher.
        masa_key = load_private_key(path / directory.SIGNING_KEY).public_key()
        if spki(load_public_key(path / MASA_SPKI)) != spki(masa_key):
            raise ValueError(f"{path / MASA_SPKI} does not belong to {path / directory.SIGNING_KEY}")
        return cls(path, settings, key, certificate, spki(masa_key))

    def issue(self, public_key: ec.EllipticCurvePublicKey, number: int, serial: str, now: datetime) -> x509.Certificate:
        """An IDevID. ``number`` is the certificate's serial number, ``serial`` the device's. Raises ValueError."""
        settings = self.settings
        return certificates.device(
            self.key,
            self.certificate,
            public_key,
            number,
            serial,
            settings.masa_url,
            settings.mud_url,
            settings.hardware_type,
            now,
        )

    def issued(self, der: bytes) -> bool:
        """Whether a certificate is an IDevID of this manufacturer."""
        try:
            idevid.load(der).verify_directly_issued_by(self.certificate)
        except (VoucherError, ValueError, TypeError, InvalidSignature):
            return False
        return True


def create(path: Path, settings: Settings, tls_names: list[str], now: datetime, random: Random = os.urandom) -> None:
    """Make a new manufacturer in ``path``; ``random`` makes its keys.

    Raises ValueError, also if something is there already.
    """
    settings.check()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{path} is there already; nothing was changed")
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".part-", dir=path.parent))
    try:
        _fill(work, settings, tls_names, now, random)
        # Onto an empty directory or nothing; anything that appeared meanwhile makes it fail.
        os.rename(work, path)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _fill(path: Path, settings: Settings, tls_names: list[str], now: datetime, random: Random) -> None:
    ca_key, masa_key, tls_key = (generate(random) for _ in range(3))
    save_private_key(path / CA_KEY, ca_key)
    save_private_key(path / directory.SIGNING_KEY, masa_key)
    save_private_key(path / directory.TLS_KEY, tls_key)
    host = urlsplit(idevid.base_url(settings.masa_url)).hostname or "localhost"
    names = list(dict.fromkeys([host, "localhost", "127.0.0.1", "::1", *tls_names]))
    for name, certificate in (
        (CA_CERTIFICATE, certificates.authority(ca_key, settings.name, now, random)),
        (directory.SIGNING_CERTIFICATE, certificates.voucher_signer(masa_key, f"{settings.name} MASA", now, random)),
        (directory.TLS_CERTIFICATE, certificates.tls_server(tls_key, names, now, random)),
    ):
        (path / name).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (path / MASA_SPKI).write_bytes(spki(masa_key.public_key()))
    open_database(path / directory.DATABASE, create=True).dispose()
    (path / SETTINGS).write_text(json.dumps(asdict(settings), indent=1) + "\n", "utf-8")
