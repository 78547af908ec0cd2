"""JPY: what a stateless join proxy and the registrar exchange (draft-ietf-anima-constrained-join-proxy).

The five elements of version -06, which this project speaks, and the two of later versions.
"""

import ipaddress
from typing import Any

from microbrew.errors import DecodeError
from microbrew_host.decode import coap, tables
from microbrew_host.decode.notation import Node, Options, array, diag, generic, read_item, strictness


def _is_uint(value: Any) -> bool:
    return type(value) is int and value >= 0


def is_jpy(value: Any) -> bool:
    """A message of five or more elements, of the later form of two, or nested as -06's prose may be read."""
    return _is_five(value) or _is_two(value) or _is_nested(value)


def _is_five(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 5
        and isinstance(value[0], bytes)
        and len(value[0]) in (4, 16)
        and all(_is_uint(item) for item in value[1:4])
        and isinstance(value[4], bytes)
    )


def _is_two(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and isinstance(value[0], bytes)
        and isinstance(value[1], bytes)
        and len(value[1]) >= 4
    )


def _is_nested(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], list)
        and isinstance(value[1], bytes)
        and _is_five([*value[0], value[1]])
        and len(value[0]) == 4
    )


def describe(data: bytes, options: Options) -> Node:
    """A datagram. Raises DecodeError."""
    value, complaint = read_item(data)
    return item(value, options, complaint)


def item(value: Any, options: Options, complaint: str = "") -> Node:
    """A message already read as CBOR. Raises DecodeError."""
    if _is_five(value):
        nodes = [*_header(value[:4]), _content(value[4], options)]
        nodes.extend(generic(extra).noted("not understood, echoed") for extra in value[5:])
        return array(nodes, "JPY").noted(strictness(complaint))
    if _is_nested(value):
        nodes = [array(_header(value[0])), _content(value[1], options)]
        return array(nodes, "JPY with a nested header").noted(strictness(complaint))
    if _is_two(value):
        nodes = [Node(diag(value[0]), note="header, opaque"), _content(value[1], options)]
        nodes.extend(generic(extra).noted("not understood") for extra in value[2:])
        return array(nodes, "JPY of two elements, draft 12 and later").noted(strictness(complaint))
    raise DecodeError("JPY: neither [ip, port, family, index, content, ...] nor [header, content]")


def _header(elements: list[Any]) -> list[Node]:
    ip, port, family, index = elements
    return [
        Node(diag(ip), note=f"ip: {ipaddress.ip_address(ip)}"),
        Node(diag(port), note="port"),
        Node(diag(family), note=f"family: {tables.ADDRESS_FAMILIES.get(family, 'unknown')}"),
        Node(diag(index), note="index"),
    ]


def _content(content: bytes, options: Options) -> Node:
    size = f"content, {len(content)} bytes"
    # The first octet tells CoAP (version 1) from the DTLS records that the draft has in mind.
    if content and content[0] >> 6 == 1:
        try:
            return Node("<<", [coap.describe(content, options.deeper())], ">>", size)
        except DecodeError as error:
            return Node(diag(content), note=f"{size}: {error}")
    if content and (20 <= content[0] <= 26 or content[0] >> 5 == 1):
        return Node(diag(content), note=f"{size}: DTLS record")
    return Node(diag(content), note=size)
