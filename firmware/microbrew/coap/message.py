"""CoAP message format: encoder and strict, bounded decoder (RFC 7252 section 3).

Left out: extended tokens (RFC 8974); token lengths above 8 are a format error, as RFC 7252 has it.
"""

from microbrew.coap import numbers
from microbrew.compat import const
from microbrew.errors import DecodeError

MAX_LENGTH = 1280
MAX_TOKEN = 8
MAX_OPTIONS = 32

_MARKER = const(0xFF)


def uint_bytes(value):
    """A CoAP uint (RFC 7252 section 3.2): big-endian without leading zeros, empty for 0; below 2^32."""
    return value.to_bytes(4, "big").lstrip(b"\x00")


def _insert(options, option):
    # Not list.sort: it is not stable on MicroPython, and repeated options carry meaning by their order.
    i = len(options)
    while i and options[i - 1][0] > option[0]:
        i -= 1
    options.insert(i, option)


def ordered(options):
    """A copy of ``options`` in ascending order of number; equal numbers keep their order."""
    out = []
    for option in options:
        _insert(out, option)
    return out


def _nibble(value):
    return value if value < 13 else 13 if value < 269 else 14


def _extend(out, value):
    if value >= 269:
        value -= 269
        out.append(value >> 8)
        out.append(value & 0xFF)
    elif value >= 13:
        out.append(value - 13)


def encode_options(out, options, payload):
    """Append options and payload to the bytearray ``out``; also the form of an OSCORE plaintext."""
    previous = 0
    for number, value in ordered(options):
        delta = number - previous
        previous = number
        out.append(_nibble(delta) << 4 | _nibble(len(value)))
        _extend(out, delta)
        _extend(out, len(value))
        out.extend(value)
    if len(payload):
        out.append(_MARKER)
        out.extend(payload)


def decode_options(buf, pos):
    """(list of (number, bytes), payload) from ``pos`` to the end of ``buf``. Raises DecodeError."""
    end = len(buf)
    options = []
    number = 0
    while pos < end:
        first = buf[pos]
        pos += 1
        if first == _MARKER:
            if pos == end:
                raise DecodeError("CoAP: payload marker without payload")
            return options, bytes(buf[pos:end])
        pos, delta = _extended(buf, pos, end, first >> 4)
        pos, length = _extended(buf, pos, end, first & 15)
        number += delta
        if number > 0xFFFF:
            raise DecodeError("CoAP: option number above 65535")
        if length > end - pos:
            raise DecodeError("CoAP: option truncated")
        if len(options) == MAX_OPTIONS:
            raise DecodeError("CoAP: too many options")
        options.append((number, bytes(buf[pos : pos + length])))
        pos += length
    return options, b""


def _extended(buf, pos, end, nibble):
    if nibble < 13:
        return pos, nibble
    if nibble == 15:
        raise DecodeError("CoAP: reserved option nibble")
    if end - pos < nibble - 12:
        raise DecodeError("CoAP: option truncated")
    if nibble == 13:
        return pos + 1, buf[pos] + 13
    return pos + 2, (buf[pos] << 8 | buf[pos + 1]) + 269


class Message:
    """One CoAP message. ``options`` is a list of (number, bytes); order among equal numbers is kept.

    ``mid`` and ``token`` of a message to be sent are filled in by the Endpoint.
    """

    __slots__ = ("code", "mid", "options", "payload", "token", "type")

    def __init__(self, type=numbers.CON, code=numbers.EMPTY, mid=0, token=b"", options=None, payload=b""):
        self.type = type
        self.code = code
        self.mid = mid
        self.token = token
        self.options = [] if options is None else options
        self.payload = payload

    def __repr__(self):
        # No payload and no option values: they may be secrets.
        return "Message(%d %s mid=%d, %d options, %d bytes)" % (
            self.type,
            numbers.code_text(self.code),
            self.mid,
            len(self.options),
            len(self.payload),
        )

    def add(self, number, value):
        """Put an option in its place; ``value`` is bytes, str or an unsigned int. Returns the message."""
        if isinstance(value, str):
            value = value.encode()
        elif isinstance(value, int):
            value = uint_bytes(value)
        _insert(self.options, (number, value))
        return self

    def remove(self, number):
        """Take out every option with this number."""
        self.options = [option for option in self.options if option[0] != number]

    def option(self, number):
        """Value of the first option with this number, or ``None``."""
        for option in self.options:
            if option[0] == number:
                return option[1]
        return None

    def options_of(self, number):
        """Values of all options with this number, in order."""
        return [option[1] for option in self.options if option[0] == number]

    def uint(self, number, default=None):
        """Value of a uint option; ``default`` where it is absent or longer than 4 bytes."""
        value = self.option(number)
        if value is None or len(value) > 4:
            return default
        return int.from_bytes(value, "big")

    def path(self):
        """Uri-Path as a tuple of str. Raises DecodeError if a segment is not UTF-8."""
        return tuple(self._texts(numbers.URI_PATH))

    def queries(self):
        """Uri-Query options as a list of str. Raises DecodeError if one is not UTF-8."""
        return self._texts(numbers.URI_QUERY)

    def _texts(self, number):
        try:
            return [str(value, "utf-8") for value in self.options_of(number)]
        except (UnicodeError, ValueError):
            raise DecodeError("CoAP: option is not UTF-8") from None

    def encode(self):
        """The datagram. Raises ValueError for fields that have no encoding."""
        if len(self.token) > MAX_TOKEN or not 0 <= self.mid <= 0xFFFF:
            raise ValueError("CoAP: token or message ID out of range")
        if self.code == numbers.EMPTY and (self.token or self.options or self.payload):
            raise ValueError("CoAP: an Empty message is a header only")
        out = bytearray((0x40 | self.type << 4 | len(self.token), self.code, self.mid >> 8, self.mid & 0xFF))
        out.extend(self.token)
        encode_options(out, self.options, self.payload)
        return bytes(out)

    @staticmethod
    def decode(buf, max_length=MAX_LENGTH):
        """The message in ``buf``. Raises DecodeError."""
        end = len(buf)
        if end < 4:
            raise DecodeError("CoAP: shorter than a header")
        if end > max_length:
            raise DecodeError("CoAP: message too long")
        first = buf[0]
        code = buf[1]
        if first >> 6 != 1:
            raise DecodeError("CoAP: unknown version")
        token_end = 4 + (first & 15)
        if token_end > 4 + MAX_TOKEN:
            raise DecodeError("CoAP: token longer than 8")
        if token_end > end:
            raise DecodeError("CoAP: token truncated")
        kind = first >> 4 & 3
        if code == numbers.EMPTY:
            if end != 4:
                raise DecodeError("CoAP: Empty message with content")
        elif kind == numbers.RST:
            raise DecodeError("CoAP: Reset that is not Empty")
        options, payload = decode_options(buf, token_end)
        return Message(kind, code, buf[2] << 8 | buf[3], bytes(buf[4:token_end]), options, payload)


def request(code, path, payload=b"", content_format=None):
    """A confirmable request to hand to the Endpoint; ``path`` is a tuple of str."""
    message = Message(numbers.CON, code, 0, b"", [], payload)
    for segment in path:
        message.add(numbers.URI_PATH, segment)
    if content_format is not None:
        message.add(numbers.CONTENT_FORMAT, content_format)
    return message


def response(code, payload=b"", content_format=None):
    """A response to hand to the Endpoint, which fills in type, message ID and token."""
    message = Message(numbers.ACK, code, 0, b"", [], payload)
    if content_format is not None:
        message.add(numbers.CONTENT_FORMAT, content_format)
    return message
