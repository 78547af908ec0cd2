"""The pledge's voucher request, and the checks of the voucher that answers it.

Voucher data are CBOR with SIDs (RFC 9254, draft-ietf-anima-rfc8366bis), signed by COSE_Sign1
(draft-ietf-anima-constrained-voucher). The pledge speaks SIDs only and pins the registrar's raw public key as a
91-byte SubjectPublicKeyInfo. Certificates as pins, dates and offline renewal are left out: a device here has
neither a PKI nor a clock.

``verify_voucher`` has one check per line; each failure carries its own reason out of REASONS.
"""

from microbrew import cbor
from microbrew.compat import const
from microbrew.cose import sign1
from microbrew.crypto import equal, spki_p256
from microbrew.errors import CryptoError, DecodeError, VoucherError

_VOUCHER = const(2451)
_VOUCHER_REQUEST = const(2501)

_ASSERTION = const(1)
_EXPIRES_ON = const(4)
_IDEVID_ISSUER = const(5)
_NONCE = const(7)
_PINNED_PUBK = const(9)
_PINNED_PUBK_SHA256 = const(10)
_SERIAL_NUMBER = const(11)
_EXTENSIONS = const(15)

_REQUEST_PROXIMITY_PUBK = const(12)
_REQUEST_SERIAL_NUMBER = const(13)

PROXIMITY = 2
NONCE_LEN = 8

_JOIN_EXTENSION = "zsj-join"
_MAX_VOUCHER = const(1024)

REASONS = {
    "format": "the answer is not a signed voucher",
    "algorithm": "the voucher's algorithm is not that of the MASA key",
    "signature": "the voucher is not signed by this device's MASA",
    "serial": "the voucher is for another device",
    "issuer": "the voucher is for a device of another issuer",
    "nonce": "the voucher does not answer this request",
    "offline": "the voucher has no nonce, which this device wants",
    "expires": "the voucher expires and this device has no clock",
    "assertion": "the voucher's assertion is not acceptable",
    "no-pin": "the voucher pins nothing that this device can check",
    "pin": "the voucher is for another registrar",
}


def voucher_request(crypto, private, serial, nonce, registrar_public):
    """The signed voucher request (PVR).

    ``private``: IDevID key handle; ``serial``: text; ``nonce``: 8 to 32 fresh random bytes; ``registrar_public``:
    x || y of the key that the registrar showed in the EDHOC handshake.
    """
    payload = cbor.encode(
        {
            _VOUCHER_REQUEST: {
                _ASSERTION: PROXIMITY,
                _NONCE: nonce,
                _REQUEST_PROXIMITY_PUBK: spki_p256(registrar_public),
                _REQUEST_SERIAL_NUMBER: serial,
            }
        }
    )
    return sign1.sign(crypto, private, payload)


class Voucher:
    """What a verified voucher says: ``assertion`` (RFC 8366 enumeration) and ``join_process``.

    ``join_process`` is "minimal" when the network wants CoJP (zero-touch join section 6.7), None for a
    certificate enrolment.
    """

    __slots__ = ("assertion", "join_process")

    def __init__(self, assertion, join_process):
        self.assertion = assertion
        self.join_process = join_process


def verify_voucher(crypto, encoded, masa_public, serial, nonce, registrar_public, idevid_issuer=None, offline=False):
    """The Voucher in ``encoded`` if every check holds. Raises VoucherError and changes nothing otherwise.

    ``masa_public``: x || y built in at the factory; ``serial``: own serial number; ``nonce``: the one sent in this
    attempt; ``registrar_public``: x || y of the live channel; ``idevid_issuer``: own AKI extension value where
    known; ``offline``: whether a voucher without nonce is taken.
    """
    signed = _parse(encoded)
    _check_signature(crypto, signed, masa_public)
    leaves = _leaves(signed.payload)
    _require(leaves.get(_SERIAL_NUMBER) == serial, "serial")
    _require(idevid_issuer is None or leaves.get(_IDEVID_ISSUER) in (None, idevid_issuer), "issuer")
    _require(offline or _NONCE in leaves, "offline")
    _require(_NONCE not in leaves or _same(leaves[_NONCE], nonce), "nonce")
    _require(_EXPIRES_ON not in leaves, "expires")
    assertion = leaves.get(_ASSERTION)
    _require(_is_assertion(assertion), "assertion")
    _check_pin(crypto, leaves, spki_p256(registrar_public))
    return Voucher(assertion, _join_process(leaves))


def _require(condition, reason):
    if not condition:
        raise VoucherError(reason, REASONS[reason])


def _parse(encoded):
    _require(len(encoded) <= _MAX_VOUCHER, "format")
    try:
        signed = sign1.decode(encoded)
    except DecodeError:
        raise VoucherError("format", REASONS["format"]) from None
    _require(signed.payload is not None, "format")
    return signed


def _check_signature(crypto, signed, masa_public):
    _require(signed.algorithm in sign1.P256_ALGORITHMS, "algorithm")
    try:
        signed.verify(crypto, masa_public)
    except CryptoError:
        raise VoucherError("signature", REASONS["signature"]) from None


def _leaves(payload):
    try:
        outer = cbor.decode(payload)
    except DecodeError:
        raise VoucherError("format", REASONS["format"]) from None
    _require(isinstance(outer, dict) and len(outer) == 1, "format")
    leaves = outer.get(_VOUCHER)
    _require(isinstance(leaves, dict), "format")
    return leaves


def _is_assertion(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2


def _same(value, expected):
    return isinstance(value, bytes) and equal(value, expected)


def _check_pin(crypto, leaves, spki):
    # The raw key is the kind that was asked for; a voucher that has it is judged by it alone.
    if _PINNED_PUBK in leaves:
        _require(_same(leaves[_PINNED_PUBK], spki), "pin")
    elif _PINNED_PUBK_SHA256 in leaves:
        _require(_same(leaves[_PINNED_PUBK_SHA256], crypto.sha256(spki)), "pin")
    else:
        _require(False, "no-pin")


def _join_process(leaves):
    names = leaves.get(_EXTENSIONS)
    extension = leaves.get("extension:" + _JOIN_EXTENSION)
    if not isinstance(names, list) or _JOIN_EXTENSION not in names or not isinstance(extension, dict):
        return None
    return extension.get("join-process")
