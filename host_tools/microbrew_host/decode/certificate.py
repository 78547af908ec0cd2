"""X.509 certificates and SubjectPublicKeyInfo in a few lines each (RFC 5280; IDevID fields of 802.1AR, RFC 8995)."""

import warnings

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from microbrew.errors import DecodeError
from microbrew_host.decode import tables
from microbrew_host.decode.notation import Node, diag, heading


def describe(der: bytes) -> Node:
    """A certificate summarised. Raises DecodeError."""
    try:
        # Old test certificates break rules that the library warns of; what they say is wanted all the same.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _describe(x509.load_der_x509_certificate(der), len(der))
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise DecodeError(f"X.509: {_first_line(error)}") from None


def item(value: object) -> Node:
    """A byte string that should hold a certificate: its summary, or the bytes if it does not."""
    if isinstance(value, bytes):
        try:
            summary = describe(value)
        except DecodeError as error:
            return Node(diag(value), note=str(error))
        return Node(f"h'{value[:4].hex()}...{value[-4:].hex()}'", summary.children, note=summary.text)
    return Node(diag(value))


def public_key(value: object) -> Node:
    """A DER SubjectPublicKeyInfo: the bytes and the kind of key."""
    if not isinstance(value, bytes):
        return Node(diag(value))
    try:
        key = load_der_public_key(value)
    except Exception as error:  # the library raises many types for bad keys; all mean the same here
        return Node(diag(value), note=f"no SubjectPublicKeyInfo: {_first_line(error)}")
    return Node(diag(value), note=f"SubjectPublicKeyInfo, {_kind(key)}")


def _kind(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def _describe(certificate: x509.Certificate, size: int) -> Node:
    subject = certificate.subject.rfc4514_string() or "(empty)"
    lines = [
        Node(f"issuer: {certificate.issuer.rfc4514_string() or '(empty)'}"),
        Node(f"certificate serial number: {certificate.serial_number:#x}"),
        Node(f"validity: {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ} to "
             f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"),
    ]  # fmt: skip
    try:
        lines.append(Node(f"public key: {_kind(certificate.public_key())}"))
    except Exception as error:  # an unknown curve must not hide the rest
        lines.append(Node(f"public key: {_first_line(error)}"))
    for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER):
        lines.append(Node(f"device serial number: {diag(attribute.value)}"))
    for extension in certificate.extensions:
        critical = " (critical)" if extension.critical else ""
        lines.append(Node(f"{_name(extension.oid)}{critical}: {_value(extension)}"))
    return heading(f"certificate, {size} bytes, {subject}", lines)


def _name(oid: x509.ObjectIdentifier) -> str:
    known = tables.CERTIFICATE_EXTENSIONS.get(oid.dotted_string)
    # The library keeps the registered names in an attribute without a public spelling.
    return known or getattr(oid, "_name", None) or oid.dotted_string


def _value(extension: x509.Extension[x509.ExtensionType]) -> str:
    value = extension.value
    if isinstance(value, x509.UnrecognizedExtension):
        text = value.value
        # An IA5String of fewer than 128 bytes.
        if len(text) > 2 and text[0] == 0x16 and text[1] == len(text) - 2 and text.isascii():
            return diag(text[2:].decode("ascii"))
        return diag(text)
    if isinstance(value, x509.BasicConstraints):
        return f"CA {str(value.ca).lower()}" + ("" if value.path_length is None else f", path {value.path_length}")
    if isinstance(value, x509.KeyUsage):
        # encipher_only and decipher_only are defined with key_agreement alone.
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                 "key_agreement", "key_cert_sign", "crl_sign")  # fmt: skip
        return ", ".join(name for name in names if getattr(value, name)) or "none"
    if isinstance(value, x509.ExtendedKeyUsage):
        return ", ".join(tables.EXTENDED_KEY_USAGES.get(oid.dotted_string, oid.dotted_string) for oid in value)
    if isinstance(value, x509.SubjectKeyIdentifier):
        return diag(value.digest)
    if isinstance(value, x509.AuthorityKeyIdentifier):
        return diag(value.key_identifier)
    if isinstance(value, x509.SubjectAlternativeName):
        return ", ".join(_general_name(name) for name in value)
    return str(value)


def _general_name(name: x509.GeneralName) -> str:
    if isinstance(name, x509.OtherName):
        if name.type_id.dotted_string == tables.HARDWARE_MODULE_NAME:
            return f"hardwareModuleName {_hardware_module_name(name.value)}"
        return f"{name.type_id.dotted_string} {diag(name.value)}"
    return str(name.value)


def _hardware_module_name(der: bytes) -> str:
    # SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }, all lengths below 128.
    if len(der) > 4 and der[0] == 0x30 and der[1] == len(der) - 2 and der[2] == 0x06:
        serial = der[4 + der[3] :]
        if len(serial) > 2 and serial[0] == 0x04 and serial[1] == len(serial) - 2:
            text = serial[2:]
            return diag(text.decode("ascii")) if text.isascii() and text.decode().isprintable() else diag(text)
    return diag(der)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
