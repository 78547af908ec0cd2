"""External Authorization Data (RFC 9528 section 3.8): the items behind the fixed fields of each message.

An item is ``(label, value)``: the label with its sign as on the wire (negative is critical), the value
bytes or None. Padding (label 0) is dropped on reading. What an item means is its owner's matter.
"""

from microbrew.cbor import Reader, encode
from microbrew.errors import DecodeError, EdhocError

MAX_ITEMS = 4
MAX_LABEL = 65535

PADDING = 0


def encode_items(items):
    """EAD field of ``(label, value or None)`` pairs. Raises ValueError beyond the limits of a receiver."""
    if len(items) > MAX_ITEMS:
        raise ValueError("too many EAD items")
    out = bytearray()
    for label, value in items:
        if not -MAX_LABEL <= label <= MAX_LABEL:
            raise ValueError("EAD label out of range")
        out.extend(encode(label))
        if value is not None:
            out.extend(encode(bytes(value)))
    return bytes(out)


def pad(field, length, random):
    """``field`` with padding items in front, ``length`` bytes in all; ``random`` is a function of a length.

    Raises ValueError if it is longer already or the items become too many for a receiver.
    """
    missing = length - len(field)
    if missing < 0:
        raise ValueError("EAD field is longer than that")
    out = bytearray()
    # One byte more or less moves a value past 23 or 255 bytes, where the head of its length grows: 26 and 259
    # bytes are no item, so a bare label goes first.
    if missing in (26, 259):
        out.append(PADDING)
        missing -= 1
    if missing:
        out.append(PADDING)
    if missing > 1:
        out.extend(encode(bytes(random(missing - (2 if missing < 26 else 3 if missing < 259 else 4)))))
    out.extend(field)
    check(out)
    return bytes(out)


def check(field):
    """Raises ValueError for an EAD field of our own that a receiver would refuse."""
    try:
        read(Reader(field))
    except DecodeError as error:
        raise ValueError(str(error)) from None


def read(reader):
    """All that is left in ``reader``, as items without padding. Raises DecodeError."""
    items = []
    count = 0
    while reader.more():
        if reader.peek_major() > 1:
            raise DecodeError("EAD: label expected")
        label = reader.item()
        if not -MAX_LABEL <= label <= MAX_LABEL:
            raise DecodeError("EAD: label out of range")
        value = reader.item() if reader.more() and reader.peek_major() == 2 else None
        count += 1
        if count > MAX_ITEMS:
            raise DecodeError("EAD: too many items")
        if label != PADDING:
            items.append((label, value))
    return items


def refuse_unknown(items, known):
    """Raises EdhocError for a critical item whose number is not in ``known``."""
    for label, _value in items:
        if label < 0 and -label not in known:
            raise EdhocError(1, "unknown critical EAD item")
