"""The registrar's own identity: a P-256 key, shown raw in EDHOC, and a self-signed certificate around it for the MASA.

Pledges see the raw public key by value (kccs, RFC 9528 section 3.5.3); the certificate goes into x5bag of the voucher
request and is the TLS client certificate, with the extended key usages of draft-ietf-anima-constrained-voucher.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from microbrew.crypto import P256
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import credentials
from microbrew_host.jrc.config import ConfigError
from microbrew_host.voucher import fingerprint, spki
from microbrew_host.voucher.keys import generate, load_private_key, save_private_key, scalar

CMC_RA = ObjectIdentifier("1.3.6.1.5.5.7.3.28")

_LIFETIME = datetime.timedelta(days=365 * 30)


class Registrar:
    """Key, certificate and EDHOC credential, read from two files. Raises ConfigError if they do not fit.

    ``crypto`` is for EDHOC; its ephemeral keys come out of ``random``.
    """

    def __init__(self, key_file: Path, certificate_file: Path, random: Callable[[int], bytes] = os.urandom) -> None:
        try:
            key = load_private_key(key_file)
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        except OSError as error:
            raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from None
        except ValueError as error:
            raise ConfigError(f"registrar: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ConfigError(f"registrar.key: {key_file} is not a P-256 key")
        self.key = key
        self.key_file = key_file
        self.certificate_file = certificate_file
        self.certificate = certificate
        self.certificate_der = certificate.public_bytes(serialization.Encoding.DER)
        self.spki = spki(key.public_key())
        if certificate.public_key() != key.public_key():
            raise ConfigError(f"registrar.certificate: {certificate_file} is not for the key in {key_file}")
        self.crypto = HostCrypto(random)
        self.own = credentials.own_kccs(self.crypto.load_private(P256, scalar(key)))

    def domain_ids(self) -> set[bytes]:
        """What a MASA's audit log may call this registrar (RFC 8995 section 5.8.1)."""
        ids = {fingerprint(self.spki)}
        with contextlib.suppress(x509.ExtensionNotFound):
            ids.add(self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest)
        return ids


def create(
    key_file: Path,
    certificate_file: Path,
    name: str,
    now: datetime.datetime,
    random: Callable[[int], bytes] = os.urandom,
) -> None:
    """Make a key (mode 0600) and its self-signed certificate. Raises FileExistsError."""
    key = generate(random)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usages = [CMC_RA, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(random(20), "big") >> 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    save_private_key(key_file, key)
    with certificate_file.open("xb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
