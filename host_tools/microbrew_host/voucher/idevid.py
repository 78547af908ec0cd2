"""What a registrar and a MASA read out of an IDevID certificate (802.1AR, RFC 8995 section 2.3).

Left out: path validation; a caller checks the issuer's signature itself.
"""

import hashlib
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID, ObjectIdentifier

from microbrew.errors import VoucherError

OID_MASA_URL = ObjectIdentifier("1.3.6.1.5.5.7.1.32")
OID_MUD_URL = ObjectIdentifier("1.3.6.1.5.5.7.1.25")
OID_HARDWARE_MODULE_NAME = ObjectIdentifier("1.3.6.1.5.5.7.8.4")

_AKI_WRAPPER = bytes.fromhex("041830168014")
_IA5_STRING = 0x16
_SEQUENCE = 0x30
_OCTET_STRING = 0x04
_OBJECT_IDENTIFIER = 0x06


def load(der: bytes) -> x509.Certificate:
    """A certificate of its DER bytes. Raises VoucherError("certificate")."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        # Parsed when asked for only; nobody else expects an error there.
        _ = certificate.extensions, certificate.subject, certificate.issuer
        certificate.public_key()
    except Exception as error:  # noqa: BLE001 the library's parser raises many types on hostile input
        raise VoucherError("certificate", f"a certificate cannot be read: {error}") from None
    return certificate


def serial_number(certificate: x509.Certificate) -> str:
    """The device's serial: subject serialNumber, else hwSerialNum as UTF-8 text or upper-case hex.

    Raises VoucherError("serial") if the certificate has neither.
    """
    attributes = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    if attributes:
        value = attributes[0].value
        return value if isinstance(value, str) else value.decode("utf-8", "replace")
    octets = hardware_serial(certificate)
    if octets is None:
        raise VoucherError("serial", "the certificate names no device serial number")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.hex().upper()


def hardware_serial(certificate: x509.Certificate) -> bytes | None:
    """hwSerialNum of the hardwareModuleName (RFC 4108 section 5), or None."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    for name in names.get_values_for_type(x509.OtherName):
        if name.type_id == OID_HARDWARE_MODULE_NAME:
            body = _value(name.value, 0, _SEQUENCE)[0]
            _, after_type = _value(body, 0, _OBJECT_IDENTIFIER)
            return _value(body, after_type, _OCTET_STRING)[0]
    return None


def masa_url(certificate: x509.Certificate) -> str | None:
    """The MASA-URL extension as written: an authority or a whole URL; None if there is none."""
    return _uri(certificate, OID_MASA_URL)


def masa_base_url(certificate: x509.Certificate) -> str | None:
    """The URL that resource names are appended to, without a trailing slash (RFC 8995 section 2.3.2)."""
    url = masa_url(certificate)
    return None if url is None else base_url(url)


def base_url(url: str) -> str:
    """Base of a MASA-URL: an authority stands for the well-known path there. Raises VoucherError("url")."""
    base = url.rstrip("/") if "/" in url else f"https://{url}/.well-known/brski"
    try:
        parts = urlsplit(base)
        named = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        valid = parts.scheme == "https" and named
    except ValueError:
        valid = False
    if not valid or not base.isascii() or any(character <= " " for character in base):
        raise VoucherError("url", "the MASA URL is neither an authority nor an https URL")
    return base


def mud_url(certificate: x509.Certificate) -> str | None:
    """The MUD-URL extension (RFC 8520 section 11), or None."""
    return _uri(certificate, OID_MUD_URL)


def issuer_aki(certificate: x509.Certificate) -> bytes:
    """The value of ``idevid-issuer``: 04 18 30 16 80 14 and the 20-byte authority key identifier.

    Without such an extension it is made of the SHA-1 of the certificate's own public key bits.
    """
    try:
        authority = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        key_id = authority.key_identifier
    except x509.ExtensionNotFound:
        key_id = None
    if key_id is None or len(key_id) != 20:
        key_id = public_key_sha1(certificate)
    return _AKI_WRAPPER + key_id


def public_key_sha1(certificate: x509.Certificate) -> bytes:
    """SHA-1 of the bits of the public key (RFC 5280 section 4.2.1.2 method 1), 20 bytes."""
    der = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = _value(der, 0, _SEQUENCE)[0]
    _, after_algorithm = _value(body, 0, _SEQUENCE)
    bits = _value(body, after_algorithm, 0x03)[0]
    return hashlib.sha1(bits[1:], usedforsecurity=False).digest()


def _uri(certificate: x509.Certificate, oid: ObjectIdentifier) -> str | None:
    for extension in certificate.extensions:
        if extension.oid == oid and isinstance(extension.value, x509.UnrecognizedExtension):
            body, end = _value(extension.value.value, 0, _IA5_STRING)
            if end != len(extension.value.value) or not body.isascii():
                raise VoucherError("certificate", "a URL extension is not an IA5String")
            return body.decode("ascii")
    return None


def _value(der: bytes, start: int, tag: int) -> tuple[bytes, int]:
    """Content and end of the DER element at ``start``, which must carry ``tag``."""
    try:
        if der[start] != tag:
            raise VoucherError("certificate", "a certificate extension has an unexpected type")
        length = der[start + 1]
        begin = start + 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 2:
                raise VoucherError("certificate", "a certificate extension is too long")
            length = int.from_bytes(der[begin : begin + size], "big")
            begin += size
    except IndexError:
        raise VoucherError("certificate", "a certificate extension is cut off") from None
    if begin + length > len(der):
        raise VoucherError("certificate", "a certificate extension is cut off")
    return der[begin : begin + length], begin + length
