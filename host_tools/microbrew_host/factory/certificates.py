"""The certificates that a factory issues.

An IDevID (802.1AR, RFC 8995 section 2.3, RFC 4108 section 5) goes over the air in every first join, so it holds
what is asked for and not a byte more: a subject of the serial number alone, no subject key identifier, a short
issuer name. Left out: certificate revocation, intermediate authorities.
"""

import ipaddress
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from microbrew_host.voucher import idevid

Random = Callable[[int], bytes]

# RFC 5280 section 4.1.2.5: "no well-defined expiration date".
NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
TLS_LIFETIME = timedelta(days=3650)

# Below the enterprise number that RFC 5612 sets aside for examples; a manufacturer puts its own arc here.
EXAMPLE_HARDWARE_TYPE = "1.3.6.1.4.1.32473.1"

_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
MAX_SERIAL = 64


def check_serial(serial: str) -> str:
    """``serial`` itself if a certificate and a voucher can carry it. Raises ValueError."""
    if not 0 < len(serial) <= MAX_SERIAL or not set(serial) <= _PRINTABLE:
        raise ValueError(f"a serial number is 1 to {MAX_SERIAL} of the characters A-Z a-z 0-9 and '()+,-./:=?")
    return serial


def authority(
    key: ec.EllipticCurvePrivateKey, name: str, now: datetime, random: Random = os.urandom
) -> x509.Certificate:
    """The self-signed certificate of the authority that signs IDevIDs."""
    subject = _name(name)
    return (
        _builder(subject, subject, key.public_key(), _number(random), now, NO_EXPIRY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )


def device(
    authority_key: ec.EllipticCurvePrivateKey,
    authority_certificate: x509.Certificate,
    public_key: ec.EllipticCurvePublicKey,
    number: int,
    serial: str,
    masa_url: str,
    mud_url: str | None,
    hardware_type: str,
    now: datetime,
) -> x509.Certificate:
    """An IDevID. ``number`` is the certificate's serial number, ``serial`` the device's."""
    subject = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, check_serial(serial))])
    issuer_id = authority_certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    hardware = x509.OtherName(idevid.OID_HARDWARE_MODULE_NAME, _hardware_module_name(hardware_type, serial))
    builder = (
        _builder(subject, authority_certificate.subject, public_key, number, now, NO_EXPIRY)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier(issuer_id.digest, None, None), critical=False)
        .add_extension(x509.SubjectAlternativeName([hardware]), critical=False)
        .add_extension(_url(idevid.OID_MASA_URL, masa_url), critical=False)
    )
    if mud_url is not None:
        builder = builder.add_extension(_url(idevid.OID_MUD_URL, mud_url), critical=False)
    return builder.sign(authority_key, hashes.SHA256(), ecdsa_deterministic=True)


def voucher_signer(
    key: ec.EllipticCurvePrivateKey, name: str, now: datetime, random: Random = os.urandom
) -> x509.Certificate:
    """The self-signed certificate around a MASA's bare signing key, for the x5bag of its vouchers."""
    subject = _name(name)
    return _builder(subject, subject, key.public_key(), _number(random), now, NO_EXPIRY).sign(
        key, hashes.SHA256(), ecdsa_deterministic=True
    )


def tls_server(
    key: ec.EllipticCurvePrivateKey, names: list[str], now: datetime, random: Random = os.urandom
) -> x509.Certificate:
    """A self-signed TLS server certificate for DNS names and IP addresses; it is its own trust anchor."""
    subject = _name(names[0])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(subject, subject, key.public_key(), _number(random), now, now + TLS_LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(digital_signature=True, key_cert_sign=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )


def _number(random: Random) -> int:
    # RFC 5280 section 4.1.2.2: positive, at most 20 octets.
    return int.from_bytes(random(20), "big") >> 1


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    number: int,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(number)
        .not_valid_before(not_before.replace(microsecond=0))
        .not_valid_after(not_after.replace(microsecond=0))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _url(oid: ObjectIdentifier, url: str) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(oid, _der(0x16, url.encode("ascii")))


def _hardware_module_name(hardware_type: str, serial: str) -> bytes:
    return _der(0x30, _oid(hardware_type) + _der(0x04, serial.encode("ascii")))


def _oid(dotted: str) -> bytes:
    arcs = [int(arc) for arc in ObjectIdentifier(dotted).dotted_string.split(".")]
    body = bytearray()
    for arc in [arcs[0] * 40 + arcs[1], *arcs[2:]]:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.insert(0, 0x80 | arc & 0x7F)
        body += bytes(septets)
    return _der(0x06, bytes(body))


def _der(tag: int, content: bytes) -> bytes:
    if len(content) >= 0x100:
        raise ValueError("a URL or name in a certificate must be shorter than 256 bytes")
    head = bytes((tag, len(content))) if len(content) < 0x80 else bytes((tag, 0x81, len(content)))
    return head + content
