"""Certification request (PKCS#10, RFC 2986) for a key of this device: proof that whoever asks holds the key.

Written, never read. The subject is what an IDevID has, a serial number alone.
"""

from microbrew.crypto import spki_p256

_SEQUENCE = b"\x30"
_SET = b"\x31"
_INTEGER = b"\x02"
_BIT_STRING = b"\x03"
_PRINTABLE_STRING = b"\x13"

_OID_SERIAL_NUMBER = b"\x06\x03\x55\x04\x05"
_ECDSA_WITH_SHA256 = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
_VERSION_1 = b"\x02\x01\x00"
_NO_ATTRIBUTES = b"\xa0\x00"


def _der(tag, content):
    """One element, its content shorter than 64 KiB."""
    length = len(content)
    if length < 0x80:
        head = bytes((length,))
    elif length < 0x100:
        head = bytes((0x81, length))
    else:
        head = bytes((0x82, length >> 8, length & 0xFF))
    return tag + head + content


def _integer(magnitude):
    """INTEGER of big-endian bytes without a sign."""
    start = 0
    while start < len(magnitude) - 1 and magnitude[start] == 0:
        start += 1
    magnitude = magnitude[start:]
    return _der(_INTEGER, b"\x00" + magnitude if magnitude[0] & 0x80 else magnitude)


def certification_request(crypto, private, serial):
    """DER of a request for the P-256 key ``private``, signed by it. ``serial``: PrintableString characters."""
    name = _der(_SEQUENCE, _OID_SERIAL_NUMBER + _der(_PRINTABLE_STRING, serial.encode()))
    subject = _der(_SEQUENCE, _der(_SET, name))
    info = _der(_SEQUENCE, _VERSION_1 + subject + spki_p256(private.public) + _NO_ATTRIBUTES)
    signature = crypto.sign(private, info)
    value = _der(_SEQUENCE, _integer(signature[:32]) + _integer(signature[32:]))
    return _der(_SEQUENCE, info + _ECDSA_WITH_SHA256 + _der(_BIT_STRING, b"\x00" + value))
