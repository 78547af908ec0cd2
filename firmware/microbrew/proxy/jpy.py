"""JPY, the message between a stateless join proxy and the registrar: draft-ietf-anima-constrained-join-proxy-06.

One CBOR array ``[ip, port, family, index, content, ...]``. Elements after the fifth are not understood, yet a
reply repeats them, like the first four, byte for byte: the registrar must not need to know what they mean.
The two-element form of later drafts is left out.
"""

from microbrew import cbor
from microbrew.errors import DecodeError

MAX_MESSAGE = 1280
FAMILY_IPV4 = 1
FAMILY_IPV6 = 2

_ELEMENTS = 5


class Jpy:
    """A parsed message. ``head`` holds the bytes before the content, ``tail`` those after it, both as received."""

    __slots__ = ("content", "family", "head", "index", "ip", "port", "tail")

    def __init__(self, ip, port, family, index, content, head, tail):
        self.ip = ip
        self.port = port
        self.family = family
        self.index = index
        self.content = content
        self.head = head
        self.tail = tail

    def reply(self, content):
        """The answer that carries ``content``: everything else is the received header, bit for bit."""
        return self.head + cbor.encode(content) + self.tail


def encode(ip, port, family, index, content):
    """A message of five elements: ``ip`` 16 bytes (or 4), the others as the draft names them."""
    return cbor.encode([ip, port, family, index, content])


def parse(datagram):
    """A Jpy of one UDP payload (bytes-like). Raises DecodeError for anything but a well-formed message."""
    if len(datagram) > MAX_MESSAGE:
        raise DecodeError("JPY: too long")
    reader = cbor.Reader(datagram, 0, None, 2, 64)
    count = reader.array()
    if count < _ELEMENTS:
        raise DecodeError("JPY: fewer than five elements")
    ip = reader.item()
    port = _uint(reader.item(), 0xFFFF)
    family = _uint(reader.item(), 0xFFFF)
    index = _uint(reader.item(), 0xFFFFFFFF)
    # The length of ip is decisive: the draft's own example has family 1 with a 16-byte address.
    if not isinstance(ip, bytes) or len(ip) not in (4, 16) or port == 0:
        raise DecodeError("JPY: address or port")
    mark = reader.pos
    content = reader.item()
    if not isinstance(content, bytes):
        raise DecodeError("JPY: content is not a byte string")
    rest = reader.pos
    for _ in range(count - _ELEMENTS):
        reader.item()
    reader.finish()
    return Jpy(ip, port, family, index, content, bytes(datagram[:mark]), bytes(datagram[rest:]))


def _uint(value, limit):
    # False and True are ints on CPython, and only there.
    if value is True or value is False or not isinstance(value, int) or not 0 <= value <= limit:
        raise DecodeError("JPY: integer expected")
    return value
