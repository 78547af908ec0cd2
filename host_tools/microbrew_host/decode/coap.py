"""CoAP messages (RFC 7252, extended tokens of RFC 8974), with options by name and payloads by content-format."""

import json
from typing import Any

from microbrew.coap import message as coap_message
from microbrew.errors import DecodeError
from microbrew_host.decode import certificate, cojp, cose, edhoc, oscore, tables
from microbrew_host.decode.notation import (
    Node,
    Options,
    array,
    diag,
    generic,
    heading,
    mapping,
    named,
    read_item,
    read_items,
    sequence,
    strictness,
)

_OSCORE = 9
_URI_PATH = 11
_CONTENT_FORMAT = 12
_EDHOC = 21

# The block size exponents of RFC 7959; 7 is reserved on UDP.
_BLOCK_SIZES = (16, 32, 64, 128, 256, 512, 1024, 0)


class Message:
    """The fields of a message; ``options`` as (number, value)."""

    def __init__(self, data: bytes) -> None:
        """Raises DecodeError."""
        if len(data) < 4:
            raise DecodeError("CoAP: shorter than a header")
        if data[0] >> 6 != 1:
            raise DecodeError("CoAP: unknown version")
        self.type = data[0] >> 4 & 3
        self.code = data[1]
        self.mid = int.from_bytes(data[2:4], "big")
        position, length = _token_length(data)
        if position + length > len(data):
            raise DecodeError("CoAP: token truncated")
        self.token = data[position : position + length]
        if self.code == 0 and len(data) > 4:
            raise DecodeError("CoAP: Empty message with content")
        self.options: list[tuple[int, bytes]]
        self.options, self.payload = coap_message.decode_options(data, position + length)

    def option(self, number: int) -> bytes | None:
        return next((value for found, value in self.options if found == number), None)

    def content_format(self) -> int | None:
        value = self.option(_CONTENT_FORMAT)
        return None if value is None else int.from_bytes(value, "big")


def _token_length(data: bytes) -> tuple[int, int]:
    """Where the token starts and its length (RFC 8974 section 2.1)."""
    nibble = data[0] & 15
    if nibble < 13:
        return 4, nibble
    if nibble == 15 or len(data) < 4 + nibble - 12:
        raise DecodeError("CoAP: token length")
    if nibble == 13:
        return 5, data[4] + 13
    return 6, int.from_bytes(data[4:6], "big") + 269


def looks_like(data: bytes) -> bool:
    """Whether the data are a message whose code and options are all registered ones."""
    try:
        message = Message(data)
    except DecodeError:
        return False
    return message.code in tables.COAP_CODES and all(number in tables.COAP_OPTIONS for number, _ in message.options)


def describe(data: bytes, options: Options) -> Node:
    """A message. Raises DecodeError."""
    message = Message(data)
    code = f"{message.code >> 5}.{message.code & 31:02d}"
    title = f"CoAP {tables.COAP_TYPES[message.type]} {code} {tables.COAP_CODES.get(message.code, 'unknown code')}"
    lines = [
        Node(f"Message ID: {message.mid:#06x}"),
        Node(f"Token: {diag(message.token)}", note=f"{len(message.token)} bytes" if len(message.token) > 8 else ""),
    ]
    lines.extend(_option(number, value) for number, value in message.options)
    if message.payload:
        lines.append(_payload(message, options))
    return heading(title, lines)


def _option(number: int, value: bytes) -> Node:
    name, kind = tables.COAP_OPTIONS.get(number, ("unknown option", "opaque"))
    critical = "critical" if number & 1 else "elective"
    label = f"{name} ({number}): "
    if name == "unknown option":
        return Node(label + diag(value), note=critical)
    return _option_value(kind, value).prefixed(label)


def _option_value(kind: str, value: bytes) -> Node:
    if kind == "string":
        try:
            return Node(diag(value.decode()))
        except UnicodeDecodeError:
            return Node(diag(value), note="not UTF-8")
    if kind == "oscore":
        try:
            return Node(diag(value), note=oscore.summary(value))
        except DecodeError as error:
            return Node(diag(value), note=f"malformed: {error}")
    if kind == "empty":
        return Node(diag(value) if value else "(empty)")
    if kind == "opaque" or len(value) > 4:
        return Node(diag(value))
    number = int.from_bytes(value, "big")
    if kind == "content-format":
        return Node(str(number), note=tables.CONTENT_FORMATS.get(number, "unknown"))
    if kind == "block":
        size = _BLOCK_SIZES[number & 7]
        more = "more follow" if number & 8 else "last"
        return Node(f"{number >> 4}/{number >> 3 & 1}/{size}", note=f"block {number >> 4} of {size} bytes, {more}")
    return Node(str(number))


def _payload(message: Message, options: Options) -> Node:
    title = f"payload, {len(message.payload)} bytes"
    try:
        node = _payload_content(message, options.deeper())
    except DecodeError as error:
        # A block of a longer body, or damaged: the message around it is still worth showing.
        node = Node(diag(message.payload), note=str(error))
    return heading(title, [node])


def _payload_content(message: Message, options: Options) -> Node:
    payload = message.payload
    content_format = message.content_format()
    if message.option(_OSCORE) is not None:
        return _protected(message)
    if content_format in (64, 65):
        return edhoc.describe(payload, options, prefixed=content_format == 65)
    if content_format in (16, 18, 836):
        item, complaint = read_item(payload)
        return cose.message(item, options, complaint)
    if content_format == 287:
        return certificate.describe(payload)
    if content_format == 40:
        return _links(payload)
    if content_format in (60, 61, 63, 101) or (content_format is None and _path(message) == [b"j"]):
        return cbor(payload, options)
    if content_format == 62:
        return _multipart(payload, options)
    if content_format == 50:
        return _json(payload)
    if content_format in (None, 0):
        return _text(payload)
    return Node(diag(payload))


def _path(message: Message) -> list[bytes]:
    return [value for number, value in message.options if number == _URI_PATH]


def _protected(message: Message) -> Node:
    """OSCORE ciphertext; with the EDHOC option message_3 stands in front of it (RFC 9668 section 3.2)."""
    if message.option(_EDHOC) is None:
        return Node(f"OSCORE ciphertext: {diag(message.payload)}")
    head = message.payload[0]
    size = head & 31
    start = 1
    if head >> 5 == 2 and size in (24, 25):
        start = 2 if size == 24 else 3
        size = int.from_bytes(message.payload[1:start], "big")
    if head >> 5 != 2 or size > 255 * 32 or start + size >= len(message.payload):
        raise DecodeError("EDHOC option without message_3 and ciphertext")
    return heading(
        "EDHOC message_3 and OSCORE request",
        [
            Node(f"message_3: {diag(message.payload[: start + size])}", note=f"CIPHERTEXT_3, {size} bytes"),
            Node(f"OSCORE ciphertext: {diag(message.payload[start + size :])}"),
        ],
    )


def cbor(data: bytes, options: Options) -> Node:
    """CBOR of any kind, with what is known in it named. Raises DecodeError."""
    items, complaint = read_items(data)
    nodes = [cojp.describe(item, options) if cojp.is_cojp(item) else cose.anything(item, options) for item in items]
    if len(nodes) == 1:
        return nodes[0].noted(strictness(complaint))
    return sequence(nodes, f"CBOR sequence of {len(nodes)} items", complaint)


def _multipart(payload: bytes, options: Options) -> Node:
    items, complaint = read_item(payload)
    if not isinstance(items, list) or len(items) % 2:
        raise DecodeError("multipart-core: not pairs")
    nodes = []
    for content_format, body in zip(items[::2], items[1::2], strict=True):
        nodes.append(named(tables.CONTENT_FORMATS)(content_format))
        nodes.append(certificate.item(body) if content_format == 287 else generic(body))
    return array(nodes, "multipart-core").noted(strictness(complaint))


def _links(payload: bytes) -> Node:
    text = _utf8(payload)
    links = []
    for part in _split(text, ","):
        target, *attributes = _split(part, ";")
        links.append(Node(f"link: {target.strip()}", [Node(attribute.strip()) for attribute in attributes]))
    return heading(f"links: {diag(text)}", links)


def _split(text: str, separator: str) -> list[str]:
    """Splits outside of quotes and angle brackets (RFC 6690 section 2)."""
    parts = [""]
    closing = ""
    for character in text:
        if closing:
            closing = "" if character == closing else closing
        elif character in '"<':
            closing = ">" if character == "<" else '"'
        elif character == separator:
            parts.append("")
            continue
        parts[-1] += character
    return parts


def _json(payload: bytes) -> Node:
    try:
        value: Any = json.loads(payload)
    except (ValueError, RecursionError):
        raise DecodeError("JSON: malformed") from None
    return mapping(value, {}) if isinstance(value, dict) else generic(value)


def _text(payload: bytes) -> Node:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return Node(diag(payload))
    return Node(diag(text)) if text.isprintable() else Node(diag(payload))


def _utf8(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise DecodeError("text is not UTF-8") from None
