"""Deterministic CBOR encoder and strict, bounded decoder (RFC 8949 section 4.2.1).

Only what our protocols use: integers, byte and text strings, arrays, maps, tags, false, true, nil. Floats,
indefinite lengths, other simple values, encodings that are not the shortest, duplicate map keys and invalid
UTF-8 are refused, so bytes that decode here have one meaning. Map order is not checked: vouchers may come in
any order (RFC 9254), and what enters a hash is always the received bytes, never a re-encoding.
"""

from microbrew.compat import const
from microbrew.errors import DecodeError

MAX_DEPTH = 8
MAX_ITEMS = 256

_UINT = const(0)
_NINT = const(1)
_BSTR = const(2)
_TSTR = const(3)
_ARRAY = const(4)
_MAP = const(5)
_TAG = const(6)
_SIMPLE = const(7)


class Tag:
    """A tagged item: ``Tag(18, [...])``."""

    __slots__ = ("number", "value")

    def __init__(self, number, value):
        self.number = number
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Tag) and self.number == other.number and self.value == other.value

    def __hash__(self):
        return hash(self.number)

    def __repr__(self):
        return "Tag(%d, %r)" % (self.number, self.value)


class Raw:
    """Bytes that already are one encoded item; the encoder copies them as they are."""

    __slots__ = ("encoded",)

    def __init__(self, encoded):
        self.encoded = encoded


def head(major, argument):
    """The shortest encoding of major type and argument."""
    major <<= 5
    if argument < 24:
        return bytes((major | argument,))
    if argument < 0x100:
        return bytes((major | 24, argument))
    if argument < 0x10000:
        return bytes((major | 25, argument >> 8, argument & 0xFF))
    if argument < 0x100000000:
        return bytes((major | 26,)) + argument.to_bytes(4, "big")
    if argument < 1 << 64:
        return bytes((major | 27,)) + argument.to_bytes(8, "big")
    raise ValueError("integer too large for CBOR")


def _put(out, value):
    if value is None:
        out.append(0xF6)
    elif value is False:
        out.append(0xF4)
    elif value is True:
        out.append(0xF5)
    elif isinstance(value, int):
        out.extend(head(_UINT, value) if value >= 0 else head(_NINT, -1 - value))
    elif isinstance(value, (bytes, bytearray, memoryview)):
        out.extend(head(_BSTR, len(value)))
        out.extend(value)
    elif isinstance(value, str):
        text = value.encode()
        out.extend(head(_TSTR, len(text)))
        out.extend(text)
    elif isinstance(value, (list, tuple)):
        out.extend(head(_ARRAY, len(value)))
        for item in value:
            _put(out, item)
    elif isinstance(value, dict):
        pairs = []
        for key in value:
            pairs.append((encode(key), value[key]))
        pairs.sort(key=_first)
        out.extend(head(_MAP, len(pairs)))
        for key, item in pairs:
            out.extend(key)
            _put(out, item)
    elif isinstance(value, Tag):
        out.extend(head(_TAG, value.number))
        _put(out, value.value)
    elif isinstance(value, Raw):
        out.extend(value.encoded)
    else:
        raise ValueError("no CBOR encoding for %s" % type(value).__name__)


def _first(pair):
    return pair[0]


def encode(value):
    """One item as bytes, map keys in the bytewise order of their encodings. Raises ValueError."""
    out = bytearray()
    _put(out, value)
    return bytes(out)


def sequence(*values):
    """A CBOR sequence: the items one after another (RFC 8742)."""
    out = bytearray()
    for value in values:
        _put(out, value)
    return bytes(out)


def _text(data):
    """The text of UTF-8 bytes. Raises DecodeError."""
    try:
        text = str(data, "utf-8")
    except (UnicodeError, ValueError):
        raise DecodeError("CBOR: text is not UTF-8") from None
    if len(text) == len(data):
        return text
    # MicroPython takes overlong forms, surrogates and code points beyond the last one, so that one text would
    # have several encodings; each character has to need the bytes that it took.
    size = 0
    for character in text:
        code = ord(character)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise DecodeError("CBOR: text is not UTF-8")
        size += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
    if size != len(data):
        raise DecodeError("CBOR: text is not UTF-8")
    return text


class Reader:
    """Reads items one after another from a buffer.

    ``max_depth`` bounds nesting, ``max_items`` the number of items in all that one reader decodes. Byte
    strings come back as ``bytes``. Raises DecodeError; the position is then undefined.
    """

    __slots__ = ("buf", "end", "items_left", "max_depth", "pos")

    def __init__(self, buf, pos=0, end=None, max_depth=MAX_DEPTH, max_items=MAX_ITEMS):
        self.buf = buf
        self.pos = pos
        self.end = len(buf) if end is None else end
        self.max_depth = max_depth
        self.items_left = max_items

    def more(self):
        """True while bytes are left."""
        return self.pos < self.end

    def peek_major(self):
        """Major type of the next item."""
        if self.pos >= self.end:
            raise DecodeError("CBOR: truncated")
        return self.buf[self.pos] >> 5

    def item(self):
        """The next item."""
        return self._item(self.max_depth)

    def raw(self):
        """The bytes of the next item, checked as strictly as ``item`` does."""
        start = self.pos
        self._item(self.max_depth)
        return bytes(self.buf[start : self.pos])

    def array(self):
        """Enter an array: its number of items."""
        return self._container(_ARRAY, 1)

    def map(self):
        """Enter a map: its number of pairs. The caller reads the pairs and minds duplicate keys."""
        return self._container(_MAP, 2)

    def finish(self):
        """Raises DecodeError if bytes are left."""
        if self.pos != self.end:
            raise DecodeError("CBOR: trailing bytes")

    def _container(self, major, width):
        got, count = self._head()
        if got != major:
            raise DecodeError("CBOR: %s expected" % ("array" if major == _ARRAY else "map"))
        self._bound(count * width)
        return count

    def _bound(self, count):
        # Each item takes a byte at least, so a count beyond the rest of the buffer is a lie; checked before
        # anything is allocated for it.
        if count > self.end - self.pos:
            raise DecodeError("CBOR: truncated")
        if count > self.items_left:
            raise DecodeError("CBOR: too many items")

    def _head(self):
        buf = self.buf
        pos = self.pos
        if pos >= self.end:
            raise DecodeError("CBOR: truncated")
        first = buf[pos]
        pos += 1
        low = first & 0x1F
        if low < 24:
            value = low
        elif low > 27:
            raise DecodeError("CBOR: indefinite length" if low == 31 else "CBOR: reserved encoding")
        else:
            size = 1 << (low - 24)
            if self.end - pos < size:
                raise DecodeError("CBOR: truncated")
            value = 0
            for i in range(pos, pos + size):
                value = value << 8 | buf[i]
            pos += size
            # A one-byte argument must be 24 or more, a wider one must need its upper half.
            if first >> 5 != _SIMPLE and value < (24 if size == 1 else 1 << (4 * size)):
                raise DecodeError("CBOR: not the shortest encoding")
        self.pos = pos
        return first >> 5, value

    def _item(self, depth):
        if self.items_left <= 0:
            raise DecodeError("CBOR: too many items")
        self.items_left -= 1
        start = self.pos
        major, value = self._head()
        if major == _UINT:
            return value
        if major == _NINT:
            return -1 - value
        if major == _SIMPLE:
            if self.pos == start + 1:
                if value == 20:
                    return False
                if value == 21:
                    return True
                if value == 22:
                    return None
            raise DecodeError("CBOR: float or unknown simple value")
        if major == _BSTR or major == _TSTR:
            if value > self.end - self.pos:
                raise DecodeError("CBOR: truncated")
            data = bytes(self.buf[self.pos : self.pos + value])
            self.pos += value
            if major == _BSTR:
                return data
            return _text(data)
        if depth <= 0:
            raise DecodeError("CBOR: nested too deeply")
        if major == _ARRAY:
            self._bound(value)
            return [self._item(depth - 1) for _ in range(value)]
        if major == _TAG:
            return Tag(value, self._item(depth - 1))
        self._bound(2 * value)
        out = {}
        for _ in range(value):
            key = self._item(0)
            # True == 1 as a key in both interpreters, so bool keys would hide integer ones.
            if key is None or key is True or key is False:
                raise DecodeError("CBOR: map key of this type")
            if key in out:
                raise DecodeError("CBOR: duplicate map key")
            out[key] = self._item(depth - 1)
        return out


def decode(buf, max_depth=MAX_DEPTH, max_items=MAX_ITEMS):
    """The one item that fills ``buf``. Raises DecodeError."""
    reader = Reader(buf, 0, None, max_depth, max_items)
    value = reader.item()
    reader.finish()
    return value
