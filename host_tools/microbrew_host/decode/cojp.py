"""CoJP objects: Join_Request, Configuration, Unsupported_Configuration (RFC 9031 section 8.4)."""

import ipaddress
from typing import Any

from microbrew.errors import DecodeError
from microbrew_host.decode import tables
from microbrew_host.decode.notation import Describe, Node, Options, array, diag, generic, mapping, named, secret


def is_cojp(value: Any) -> bool:
    """A Join_Request, a Configuration or an Unsupported_Configuration."""
    if isinstance(value, dict):
        return bool(value) and all(_fits(label, item) for label, item in value.items())
    return is_unsupported(value)


def is_unsupported(value: Any) -> bool:
    """An array of (code, label, addinfo) triples."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and len(value) % 3 == 0
        and all(isinstance(item, int) for i in range(0, len(value), 3) for item in value[i : i + 2])
        and all(value[i] in (0, 1) and value[i + 1] in tables.COJP_LABELS for i in range(0, len(value), 3))
    )


def _fits(label: Any, value: Any) -> bool:
    kinds = {1: int, 2: list, 3: list, 4: bytes, 5: bytes, 6: list, 7: int, 8: list}
    return isinstance(label, int) and isinstance(value, kinds.get(label, ()))


def describe(value: Any, options: Options) -> Node:
    """A CoJP object. Raises DecodeError."""
    if is_unsupported(value):
        return _unsupported(value).noted("CoJP Unsupported_Configuration")
    if not isinstance(value, dict):
        raise DecodeError("CoJP: neither a map nor an Unsupported_Configuration")
    special: dict[Any, Describe] = {
        1: named(tables.COJP_ROLES),
        2: lambda item: _key_set(item, options),
        3: _short_identifier,
        4: _address,
        7: lambda item: Node(diag(item), note="bytes/s"),
        8: _unsupported,
    }
    kind = "CoJP Join_Request" if 5 in value else "CoJP Configuration"
    fields = {label: (name, special.get(label)) for label, name in tables.COJP_LABELS.items()}
    return mapping(value, fields, kind)


def _key_set(value: Any, options: Options) -> Node:
    """The flat array of Link_Layer_Key members: key_id, ? key_usage, key_value, ? key_addinfo."""
    if not isinstance(value, list):
        return generic(value)
    nodes = []
    position = "key_id"
    usage_given = False
    for item in value:
        # A number after the key value, or after its addinfo, starts the next key.
        if isinstance(item, int) and not isinstance(item, bool):
            if position == "key_usage or key_value":
                nodes.append(Node(diag(item), note=f"key_usage: {tables.COJP_KEY_USAGES.get(item, 'unknown')}"))
                position = "key_value"
                usage_given = True
            else:
                nodes.append(Node(diag(item), note="key_id"))
                position = "key_usage or key_value"
                usage_given = False
        elif isinstance(item, bytes) and position in ("key_value", "key_usage or key_value"):
            note = "key_value" if usage_given else f"key_value, key_usage 0 by default: {tables.COJP_KEY_USAGES[0]}"
            nodes.append(secret(item, options))
            nodes[-1].note = f"{note}: {nodes[-1].note}" if nodes[-1].note else note
            position = "key_addinfo"
        elif isinstance(item, bytes) and position == "key_addinfo":
            nodes.append(Node(diag(item), note="key_addinfo"))
            position = "key_id"
        else:
            nodes.append(Node(diag(item), note=f"malformed: {position} expected"))
    return array(nodes)


def _short_identifier(value: Any) -> Node:
    if not isinstance(value, list) or not value:
        return generic(value)
    nodes = [Node(diag(value[0]), note="short address")]
    nodes.extend(Node(diag(item), note="lease time, hours") for item in value[1:])
    return array(nodes)


def _address(value: Any) -> Node:
    note = str(ipaddress.IPv6Address(value)) if isinstance(value, bytes) and len(value) == 16 else "not 16 bytes"
    return Node(diag(value), note=note)


def _unsupported(value: Any) -> Node:
    if not is_unsupported(value):
        return generic(value).noted("malformed")
    nodes = []
    for i in range(0, len(value), 3):
        nodes.append(named(tables.COJP_UNSUPPORTED_CODES)(value[i]))
        nodes.append(named(tables.COJP_LABELS)(value[i + 1]))
        nodes.append(generic(value[i + 2]).noted("offending value" if value[i + 2] is not None else ""))
    return array(nodes)
