"""Signing keys of vouchers as SubjectPublicKeyInfo (RFC 7250 form) and as files.

Two kinds: P-256 (ES256) and Ed25519. A P-256 key is known by its 91-byte SPKI with an uncompressed point,
which is what a voucher pins byte for byte.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from microbrew.errors import VoucherError

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


def checked_public(key: object) -> PublicKey:
    """``key`` itself if it is of a kind that signs vouchers. Raises VoucherError("algorithm")."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise VoucherError("algorithm", "the key is neither P-256 nor Ed25519")


def spki(public_key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo DER: 91 bytes for P-256, 44 for Ed25519."""
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_from_spki(der: bytes) -> PublicKey:
    """Inverse of ``spki``. Raises VoucherError("format" or "algorithm")."""
    try:
        key = checked_public(serialization.load_der_public_key(der))
    except (ValueError, UnsupportedAlgorithm):
        raise VoucherError("format", "a public key is not a valid SubjectPublicKeyInfo") from None
    # Pins are compared byte for byte, so a second encoding of the same key would be a second identity.
    if spki(key) != der:
        raise VoucherError("format", "a public key is not in its canonical encoding")
    return key


def fingerprint(spki_der: bytes) -> bytes:
    """SHA-256 of the SPKI, 32 bytes: the name of a registrar in the audit log (RFC 8995 section 5.8.1)."""
    return hashlib.sha256(spki_der).digest()


def generate(random: Callable[[int], bytes] = os.urandom) -> ec.EllipticCurvePrivateKey:
    """A new P-256 key out of ``random(32)``, drawn again if it is out of range."""
    while True:
        try:
            return private_from_scalar(random(32))
        except ValueError:
            continue


def private_from_scalar(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """P-256 private key of a 32-byte big-endian scalar. Raises ValueError if it is out of range."""
    return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())


def scalar(private_key: ec.EllipticCurvePrivateKey) -> bytes:
    """The 32-byte big-endian scalar of a P-256 private key."""
    return private_key.private_numbers().private_value.to_bytes(32, "big")


def write_private(path: Path, data: bytes) -> None:
    """Create a file that only its owner can read, durably. Raises FileExistsError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def save_private_key(path: Path, key: PrivateKey) -> None:
    """Write ``key`` as unencrypted PKCS#8 PEM, mode 0600. Raises FileExistsError."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path, pem)


def load_private_key(path: Path) -> PrivateKey:
    """Read a PEM private key. Raises OSError, or ValueError with a sentence that names the file."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        checked_public(key.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm, VoucherError):
        raise ValueError(f"{path} is not an unencrypted P-256 or Ed25519 private key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError(f"{path} does not hold a signing key")
    return key


def load_public_key(path: Path) -> PublicKey:
    """Public key of a file: certificate or SubjectPublicKeyInfo, PEM or DER. Raises OSError, ValueError."""
    data = path.read_bytes()
    for read in (
        lambda: x509.load_pem_x509_certificate(data).public_key(),
        lambda: x509.load_der_x509_certificate(data).public_key(),
        lambda: serialization.load_pem_public_key(data),
        lambda: serialization.load_der_public_key(data),
    ):
        try:
            return checked_public(read())
        except (ValueError, UnsupportedAlgorithm, VoucherError):
            continue
    raise ValueError(f"{path} holds no P-256 or Ed25519 certificate or public key")
