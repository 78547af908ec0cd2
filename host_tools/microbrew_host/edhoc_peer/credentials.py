"""Private keys and credentials as files or hex, and ID_CRED_x for our own (RFC 9528 section 3.5).

A key is 32 bytes, a COSE_Key with d, or PKCS #8. A credential is a CWT Claims Set (CCS), bare or as a kccs header map,
an X.509 certificate or chain (PEM, DER), or the CBOR byte string of a certificate, which is CRED_x as traces print it.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from microbrew import cbor
from microbrew.cose import key as cose_key
from microbrew.crypto import ED25519, P256, X25519, Crypto, PrivateKey
from microbrew.edhoc.credentials import KCCS, KID, X5CHAIN, X5T, Own
from microbrew.errors import CryptoError
from microbrew_host.decode import source

CURVES = {P256: "P-256", X25519: "X25519", ED25519: "Ed25519"}

# Hash algorithms of x5t (RFC 9054) -> length of the value.
X5T_HASHES = {-15: 8, -16: 32}

_OKP = 1
_EC2 = 2
_SECRET_LEN = 32


@dataclass(frozen=True)
class Key:
    """A private key; ``curve`` is None where the source does not tell it."""

    secret: bytes = field(repr=False)
    curve: int | None = None


@dataclass(frozen=True)
class Credential:
    """CRED_x as it enters MACs and signatures, its public key (x, x || y or the 32 bytes of OKP), and its names."""

    cred: bytes
    public: bytes
    curve: int
    kid: bytes | None = None
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def title(self) -> str:
        """What a person calls it."""
        if self.chain:
            return f"certificate {self.chain[0].subject.rfc4514_string() or '(empty subject)'}"
        subject = cbor.decode(self.cred).get(2)
        return f"raw public key {subject!r}" if subject else "raw public key"

    @property
    def ders(self) -> list[bytes]:
        """The certificates, end entity first; empty for a raw public key."""
        return [certificate.public_bytes(Encoding.DER) for certificate in self.chain]


def read_key(text: str) -> Key:
    """The private key that a file or hex digits hold. Raises ValueError, DecodeError or OSError."""
    data = source.read(text)
    if len(data) == _SECRET_LEN:
        return Key(data)
    if data.startswith(b"-----BEGIN") or data[:1] == b"\x30":
        return _pkcs8(data)
    value = cbor.decode(data)
    if not isinstance(value, dict) or not isinstance(value.get(-4), bytes) or len(value[-4]) != _SECRET_LEN:
        raise ValueError("a private key is 32 bytes, a COSE_Key with d, or PKCS #8")
    if value.get(-1) not in CURVES or value.get(1) != (_EC2 if value[-1] == P256 else _OKP):
        raise ValueError("the COSE_Key is neither of P-256, X25519 nor Ed25519")
    return Key(value[-4], value[-1])


def _pkcs8(data: bytes) -> Key:
    try:
        loaded = load_pem_private_key(data, None) if data[:1] == b"-" else load_der_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise ValueError(f"not an unencrypted private key: {error}") from None
    if isinstance(loaded, ec.EllipticCurvePrivateKey) and isinstance(loaded.curve, ec.SECP256R1):
        return Key(loaded.private_numbers().private_value.to_bytes(_SECRET_LEN, "big"), P256)
    raw = (Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    if isinstance(loaded, ed25519.Ed25519PrivateKey):
        return Key(loaded.private_bytes(*raw), ED25519)
    if isinstance(loaded, x25519.X25519PrivateKey):
        return Key(loaded.private_bytes(*raw), X25519)
    raise ValueError("the private key is neither of P-256, X25519 nor Ed25519")


def read_credential(text: str) -> Credential:
    """The credential that a file or hex digits hold. Raises ValueError, DecodeError, CryptoError or OSError."""
    return parse_credential(source.read(text))


def parse_credential(data: bytes) -> Credential:
    """As ``read_credential``, of bytes."""
    if data.startswith(b"-----BEGIN"):
        return _certificates(x509.load_pem_x509_certificates(data))
    if data[:1] == b"\x30":
        return of_der([data])
    value = cbor.decode(data)
    if isinstance(value, bytes):
        return of_der([value])
    if isinstance(value, dict) and list(value) == [KCCS]:
        # The label and the head of the map take a byte each.
        return of_ccs(data[2:])
    if isinstance(value, dict):
        return of_ccs(data)
    raise ValueError("a credential is a CWT Claims Set or an X.509 certificate")


def of_ccs(raw: bytes) -> Credential:
    """A CWT Claims Set as it is encoded. Raises DecodeError."""
    ccs = cose_key.decode_ccs(raw, None, True, cose_key.ALL_CURVES)
    return Credential(raw, ccs.public, ccs.curve, ccs.kid)


def of_der(ders: Sequence[bytes]) -> Credential:
    """A chain of DER certificates, end entity first. Raises ValueError for what cannot be read."""
    # Names that break X.509's rules draw a warning; they are compared as they are here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _certificates([x509.load_der_x509_certificate(der) for der in ders])


def _certificates(chain: list[x509.Certificate]) -> Credential:
    key = chain[0].public_key()
    cred = cbor.encode(chain[0].public_bytes(Encoding.DER))
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        public, curve = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:], P256
    elif isinstance(key, ed25519.Ed25519PublicKey):
        public, curve = key.public_bytes_raw(), ED25519
    elif isinstance(key, x25519.X25519PublicKey):
        public, curve = key.public_bytes_raw(), X25519
    else:
        raise ValueError("the certificate's key is neither of P-256, X25519 nor Ed25519")
    return Credential(cred, public, curve, None, tuple(chain))


def id_cred(credential: Credential, form: str) -> bytes:
    """ID_CRED_x in a form: ``kid``, ``kid:HEX``, ``kccs``, ``x5chain``, ``x5t``, hex of a header map, or "" (by value).

    Raises ValueError when the credential has no such form.
    """
    form = form or ("x5chain" if credential.chain else "kccs")
    if form == "kccs" and not credential.chain:
        return cbor.encode({KCCS: cbor.Raw(credential.cred)})
    if form == "x5chain" and credential.chain:
        ders = credential.ders
        return cbor.encode({X5CHAIN: ders[0] if len(ders) == 1 else ders})
    if form == "x5t" and credential.chain:
        return cbor.encode({X5T: [-15, thumbprint(credential, -15)]})
    if form == "kid":
        if credential.kid is None:
            raise ValueError("the credential has no kid: give one by kid:HEX")
        return cbor.encode({KID: credential.kid})
    if form.startswith("kid:"):
        return cbor.encode({KID: unhex(form[4:], "kid")})
    if form in ("kccs", "x5chain", "x5t"):
        raise ValueError(f"{form} does not fit: the credential is a {credential.title}")
    encoded = unhex(form, "ID_CRED")
    if not isinstance(cbor.decode(encoded), dict):
        raise ValueError("ID_CRED is not a COSE header map")
    return encoded


def thumbprint(credential: Credential, algorithm: int) -> bytes:
    """The x5t value of the end entity certificate; ``algorithm`` is a key of X5T_HASHES."""
    return hashlib.sha256(credential.ders[0]).digest()[: X5T_HASHES[algorithm]]


def build_own(crypto: Crypto, credential: Credential, key: Key, encoded_id_cred: bytes) -> Own:
    """Our credential for the firmware. Raises ValueError if the private key is not that of the credential."""
    if key.curve not in (None, credential.curve):
        raise ValueError(f"the key is of {CURVES[key.curve or 0]}, the credential of {CURVES[credential.curve]}")
    private = load_private(crypto, credential.curve, key.secret)
    if bytes(private.public[: len(credential.public)]) != credential.public:
        raise ValueError("the private key does not belong to the credential")
    return Own(encoded_id_cred, credential.cred, private)


def load_private(crypto: Crypto, curve: int, secret: bytes) -> PrivateKey:
    """Handle of a private key. Raises ValueError if it is none of the curve."""
    try:
        return crypto.load_private(curve, secret)
    except CryptoError as error:
        raise ValueError(str(error)) from None


def encode_private(curve: int, secret: bytes) -> bytes:
    """The COSE_Key of a private key, without its public key: the form that other EDHOC tools read."""
    return cbor.encode({1: _EC2 if curve == P256 else _OKP, -1: curve, -4: secret})


def unhex(text: str, name: str) -> bytes:
    """Bytes of hex digits, "" for none. Raises ValueError naming what was meant."""
    data = source.from_hex(text) if text else b""
    if data is None:
        raise ValueError(f"{name}: {text[:60]!r} is not hex")
    return data
