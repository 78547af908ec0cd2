"""A CBOR decoder for what registrars and MASAs must take from strangers (RFC 8949, RFC 9254).

More liberal than the device's: indefinite lengths, integers that are not in the shortest form, floats, tags as map
keys. As strict where it matters: size, depth and number of items are bounded, duplicate map keys and trailing
bytes are refused, and no tag is interpreted, so nothing is computed from what a tag says.
"""

import struct
from typing import Any

from microbrew.cbor import Tag
from microbrew.errors import DecodeError

MAX_DEPTH = 10
MAX_ITEMS = 512

_INDEFINITE = -1
_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


def decode(data: bytes) -> Any:
    """The one item that fills ``data``; tags come as ``microbrew.cbor.Tag``. Raises DecodeError."""
    reader = _Reader(data)
    item = reader.item(MAX_DEPTH)
    if reader.position != len(data):
        raise DecodeError("CBOR: trailing bytes")
    return item


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.items_left = MAX_ITEMS

    def item(self, depth: int, breakable: bool = False) -> Any:
        if self.items_left == 0:
            raise DecodeError("CBOR: too many items")
        if depth < 0:
            raise DecodeError("CBOR: nested too deeply")
        self.items_left -= 1
        initial = self._take(1)[0]
        major, info = initial >> 5, initial & 0x1F
        if major == 7:
            return self._simple(info, breakable)
        argument = self._argument(info)
        if argument == _INDEFINITE and major not in (2, 3, 4, 5):
            raise DecodeError("CBOR: this type has no indefinite length")
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major in (2, 3):
            return self._string(major, argument)
        if major == 4:
            return self._array(argument, depth)
        if major == 5:
            return self._map(argument, depth)
        return Tag(argument, self.item(depth - 1))

    def _take(self, length: int) -> bytes:
        chunk = self.data[self.position : self.position + length]
        if len(chunk) != length:
            raise DecodeError("CBOR: truncated")
        self.position += length
        return chunk

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        if info < 28:
            return int.from_bytes(self._take(1 << (info - 24)), "big")
        if info == 31:
            return _INDEFINITE
        raise DecodeError("CBOR: reserved encoding")

    def _simple(self, info: int, breakable: bool) -> Any:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info in _FLOATS:
            return struct.unpack(_FLOATS[info], self._take(1 << (info - 24)))[0]
        if info == 31 and breakable:
            return _BREAK
        raise DecodeError("CBOR: unknown simple value")

    def _string(self, major: int, length: int) -> bytes | str:
        octets = self._take(length) if length != _INDEFINITE else self._chunks(major)
        if major == 2:
            return octets
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            raise DecodeError("CBOR: text is not UTF-8") from None

    def _chunks(self, major: int) -> bytes:
        chunks = bytearray()
        while (initial := self._take(1)[0]) != 0xFF:
            length = self._argument(initial & 0x1F)
            if initial >> 5 != major or length == _INDEFINITE:
                raise DecodeError("CBOR: a chunk of another type")
            chunks += self._take(length)
        return bytes(chunks)

    def _array(self, length: int, depth: int) -> list[Any]:
        found: list[Any] = []
        while len(found) != length:
            item = self.item(depth - 1, breakable=length == _INDEFINITE)
            if item is _BREAK:
                break
            found.append(item)
        return found

    def _map(self, length: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while len(found) != length:
            key = self.item(depth - 1, breakable=length == _INDEFINITE)
            if key is _BREAK:
                break
            plain = key.value if isinstance(key, Tag) else key
            # Only such keys have a meaning here; others hash slowly, not at all, or equal to another key.
            if isinstance(plain, bool) or not isinstance(plain, int | str | bytes):
                raise DecodeError("CBOR: map key of this type")
            if key in found:
                raise DecodeError("CBOR: duplicate map key")
            found[key] = self.item(depth - 1)
        return found
