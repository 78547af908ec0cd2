"""The OSCORE option value: compressed COSE header (RFC 8613 section 6.1)."""

from microbrew.compat import const
from microbrew.errors import DecodeError

MAX_PIV = 5

_RESERVED = const(0xE0)
_KID_CONTEXT = const(0x10)
_KID = const(0x08)
_PIV_LENGTH = const(0x07)


def encode(piv=b"", kid=None, kid_context=None):
    """Option value. ``piv`` is 0 to 5 bytes; ``kid`` and ``kid_context`` are bytes or ``None`` for absent."""
    if len(piv) > MAX_PIV or (kid_context is not None and len(kid_context) > 255):
        raise ValueError("OSCORE option: field too long")
    flags = len(piv)
    if kid_context is not None:
        flags |= _KID_CONTEXT
    if kid is not None:
        flags |= _KID
    if not flags:
        return b""
    out = bytearray((flags,))
    out.extend(piv)
    if kid_context is not None:
        out.append(len(kid_context))
        out.extend(kid_context)
    if kid is not None:
        out.extend(kid)
    return bytes(out)


def decode(value):
    """(piv, kid, kid_context) of an option value; absent is ``b""`` for piv, ``None`` for the others.

    Raises DecodeError, also for encodings that are not canonical: a flag byte of zero, a Partial IV with
    leading zeros, bytes after the end where no kid is announced. Two spellings of one Partial IV would be
    two AADs.
    """
    size = len(value)
    if not size:
        return b"", None, None
    if size > 255:
        raise DecodeError("OSCORE option: too long")
    flags = value[0]
    if flags & _RESERVED or not flags:
        raise DecodeError("OSCORE option: flag bits")
    pos = 1 + (flags & _PIV_LENGTH)
    if pos > 1 + MAX_PIV:
        raise DecodeError("OSCORE option: Partial IV length")
    if pos > size:
        raise DecodeError("OSCORE option: truncated")
    piv = bytes(value[1:pos])
    if len(piv) > 1 and not piv[0]:
        raise DecodeError("OSCORE option: Partial IV with leading zero")
    kid_context = None
    if flags & _KID_CONTEXT:
        if pos == size or pos + 1 + value[pos] > size:
            raise DecodeError("OSCORE option: truncated")
        end = pos + 1 + value[pos]
        kid_context = bytes(value[pos + 1 : end])
        pos = end
    if flags & _KID:
        return piv, bytes(value[pos:]), kid_context
    if pos != size:
        raise DecodeError("OSCORE option: bytes after the end")
    return piv, None, kid_context
