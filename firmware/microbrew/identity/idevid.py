"""The identity that the factory gave the device (IEEE 802.1AR IDevID, RFC 8995 section 2.3).

It is read from the record ``factory``: {1: serial, 2: EUI-64, 3: IDevID certificate (DER), 4: private key,
5: MASA's SubjectPublicKeyInfo, 6: one-touch PSK}. A zero-touch device has 3 to 5, a one-touch device (RFC
9031) has 6, a device may have both. The certificate is taken as it is: judging it is the registrar's part.
"""

from microbrew.compat import const
from microbrew.crypto import P256, public_from_spki
from microbrew.errors import CryptoError, StoreError

_MAX_SERIAL = const(64)

# Key, name for the installer, shortest and longest value.
_BYTES = (
    (2, "EUI-64", 8, 8),
    (3, "IDevID certificate", 1, 2048),
    (4, "private key", 32, 32),
    (5, "MASA public key", 91, 91),
    (6, "one-touch PSK", 16, 16),
)


class Identity:
    """``serial`` str, ``eui64`` 8 bytes; ``certificate`` DER bytes, ``private`` a PrivateKey, ``masa_public``
    x || y, ``psk`` 16 bytes, each ``None`` if the device has none."""

    __slots__ = ("certificate", "eui64", "masa_public", "private", "psk", "serial")

    def __init__(self, record, crypto):
        """From the content of the record. Raises StoreError with a sentence for the installer."""
        _check(record)
        self.serial = record[1]
        self.eui64 = record[2]
        self.certificate = record.get(3)
        self.psk = record.get(6)
        self.private = None
        self.masa_public = None
        if self.certificate is None:
            return
        try:
            self.masa_public = public_from_spki(record[5])
        except CryptoError:
            raise _fault("MASA public key is not a P-256 SubjectPublicKeyInfo") from None
        try:
            self.private = crypto.load_private(P256, record[4])
        except CryptoError:
            raise _fault("private key is not a P-256 scalar") from None
        if self.certificate.find(b"\x04" + self.private.public) < 0:
            raise _fault("IDevID certificate is not that of the private key")

    @staticmethod
    def load(store, crypto):
        """Identity of the device whose records are in ``store``. Raises StoreError."""
        record = store.read("factory")
        if record is None:
            raise _fault("record is missing; the factory step was left out")
        return Identity(record, crypto)

    def wipe(self):
        """Forget the private key and the PSK."""
        if self.private is not None:
            self.private.wipe()
        self.private = None
        self.psk = None


def _fault(text):
    return StoreError("Factory identity: %s." % text)


def _check(record):
    if not isinstance(record, dict):
        raise _fault("record is not a map")
    for key in record:
        if key not in (1, 2, 3, 4, 5, 6):
            raise _fault("record has an unknown field")
    serial = record.get(1)
    if not isinstance(serial, str) or not 0 < len(serial) <= _MAX_SERIAL:
        raise _fault("serial number is missing or not 1 to 64 characters")
    if 2 not in record:
        raise _fault("EUI-64 is missing")
    for key, name, shortest, longest in _BYTES:
        value = record.get(key)
        if key in record and not (isinstance(value, bytes) and shortest <= len(value) <= longest):
            raise _fault("%s has the wrong type or length" % name)
    held = (3 in record) + (4 in record) + (5 in record)
    if held != 3 and held != 0:
        raise _fault("certificate, private key and MASA public key go together")
    if not held and 6 not in record:
        raise _fault("neither an IDevID nor a one-touch PSK is there")
