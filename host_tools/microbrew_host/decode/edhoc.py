"""EDHOC messages as far as they can be read without keys (RFC 9528), and ID_CRED and plaintexts.

message_2's plaintext, message_3 and message_4 are encrypted; their lengths are shown.
"""

from typing import Any

from microbrew.errors import DecodeError
from microbrew_host.decode import tables
from microbrew_host.decode.notation import Node, Options, array, diag, generic, named, read_items, sequence

_KINDS = ("message_1", "message_2", "message_3", "message_4", "error")


def _is_identifier(item: Any) -> bool:
    return isinstance(item, bytes) or (type(item) is int and -24 <= item <= 23)


def is_message_1(items: list[Any]) -> bool:
    """METHOD, SUITES_I, G_X, C_I, ? EAD_1."""
    return (
        len(items) >= 4
        and type(items[0]) is int
        and 0 <= items[0] <= 3
        and (type(items[1]) is int or (isinstance(items[1], list) and all(type(s) is int for s in items[1])))
        and isinstance(items[2], bytes)
        and len(items[2]) in (32, 48, 56)
        and _is_identifier(items[3])
    )


def is_error(items: list[Any]) -> bool:
    """ERR_CODE, ERR_INFO."""
    if len(items) != 2 or type(items[0]) is not int or items[0] not in tables.EDHOC_ERRORS:
        return False
    info = items[1]
    return {
        0: True,
        1: isinstance(info, str),
        2: type(info) is int or isinstance(info, list),
        3: info is True,
    }[items[0]]


def guess(items: list[Any]) -> str:
    """Which message the items are: a name of _KINDS, or "" if none."""
    if is_message_1(items):
        return "message_1"
    if is_error(items):
        return "error"
    if len(items) == 1 and isinstance(items[0], bytes):
        # message_2 starts with G_Y, so it is longer than that; the others are told apart by their place only.
        return "message_2" if len(items[0]) > 32 else "message_3" if len(items[0]) > 16 else "message_4"
    return ""


def describe(data: bytes, options: Options, kind: str = "", prefixed: bool | None = None) -> Node:
    """An EDHOC message; ``kind`` names it, else it is guessed.

    ``prefixed``: a connection identifier, or ``true`` before message_1, comes first, as in CoAP requests (RFC
    9528 appendix A.2); None looks whether it does. Raises DecodeError.
    """
    items, complaint = read_items(data)
    nodes = []
    if prefixed is None:
        prefixed = _looks_prefixed(items, kind)
    if prefixed:
        if not items or not (items[0] is True or _is_identifier(items[0])):
            raise DecodeError("EDHOC: no connection identifier in front")
        note = "message_1 follows" if items[0] is True else "connection identifier of the receiver"
        nodes.append(Node(diag(items[0]), note=note))
        items = items[1:]
    kind = kind or guess(items)
    if kind not in _KINDS:
        raise DecodeError("EDHOC: neither message_1, 2, 3, 4 nor an error")
    nodes.extend(_DESCRIBERS[kind](items))
    return sequence(nodes, f"EDHOC {kind}", complaint)


def _looks_prefixed(items: list[Any], kind: str) -> bool:
    if items[:1] == [True] and items[0] is True:
        return True
    # An identifier of the form 0..3 and a suite look like the start of message_1, so whole messages come first.
    if kind == "message_1" or guess(items) in ("message_1", "error"):
        return False
    return len(items) == 2 and _is_identifier(items[0]) and isinstance(items[1], bytes)


def looks_like(items: list[Any]) -> bool:
    """Whether items, with or without prefix, have the shape of an EDHOC message."""
    return bool(guess(items)) or (len(items) >= 2 and _looks_prefixed(items, "") and bool(guess(items[1:])))


def _message_1(items: list[Any]) -> list[Node]:
    if not is_message_1(items):
        raise DecodeError("EDHOC message_1: METHOD, SUITES_I, G_X, C_I expected")
    method, suites, g_x, c_i = items[:4]
    nodes = [named(tables.EDHOC_METHODS)(method).noted("METHOD"), _suites(suites)]
    selected = suites[-1] if isinstance(suites, list) and suites else suites
    expected = tables.EDHOC_SUITES.get(selected, ("", len(g_x)))[1] if isinstance(selected, int) else len(g_x)
    nodes.append(
        Node(diag(g_x), note="G_X" if len(g_x) == expected else f"G_X, but {expected} bytes belong to the suite")
    )
    nodes.append(_identifier(c_i, "C_I"))
    return nodes + _ead(items[4:], "EAD_1")


def _suites(value: Any) -> Node:
    if isinstance(value, list):
        nodes = [_suite(item) for item in value]
        if nodes:
            nodes[-1].noted("selected")
        return array(nodes, "SUITES_I" if len(value) > 1 else "SUITES_I: a single suite must not be in an array")
    return _suite(value).noted("SUITES_I, selected")


def _suite(value: Any) -> Node:
    known = tables.EDHOC_SUITES.get(value) if isinstance(value, int) else None
    return Node(diag(value), note=known[0] if known else "unknown suite")


def _identifier(value: Any, name: str) -> Node:
    if isinstance(value, int):
        raw = bytes((value if value >= 0 else 0x20 | (-1 - value),))
        return Node(diag(value), note=f"{name}, bytes h'{raw.hex()}'")
    return Node(diag(value), note=name)


def _ead(items: list[Any], name: str) -> list[Node]:
    nodes = []
    previous_label = False
    for item in items:
        if type(item) is int:
            critical = "critical" if item < 0 else "not critical"
            known = tables.EDHOC_EAD.get(abs(item), "")
            nodes.append(Node(diag(item), note=f"{name} label, {critical}" + (f", {known}" if known else "")))
            previous_label = True
        elif isinstance(item, bytes) and previous_label:
            nodes.append(Node(diag(item), note=f"{name} value"))
            previous_label = False
        else:
            raise DecodeError(f"EDHOC: {name} is not pairs of label and byte string")
    return nodes


def _one_bstr(items: list[Any], kind: str) -> bytes:
    if len(items) != 1 or not isinstance(items[0], bytes):
        raise DecodeError(f"EDHOC {kind}: one byte string expected")
    return items[0]


def _message_2(items: list[Any]) -> list[Node]:
    content = _one_bstr(items, "message_2")
    if len(content) <= 32:
        raise DecodeError("EDHOC message_2: shorter than G_Y and a ciphertext")
    # The split is that of the suites with 32-byte points, which are all but 24 and 25.
    return [
        Node(
            diag(content),
            [Node(f"G_Y: {diag(content[:32])}"), Node(f"CIPHERTEXT_2: {len(content) - 32} bytes")],
            note="G_Y_CIPHERTEXT_2",
        )
    ]


def _message_3(items: list[Any]) -> list[Node]:
    content = _one_bstr(items, "message_3")
    return [Node(diag(content), note=f"CIPHERTEXT_3, {len(content)} bytes")]


def _message_4(items: list[Any]) -> list[Node]:
    content = _one_bstr(items, "message_4")
    return [Node(diag(content), note=f"CIPHERTEXT_4, {len(content)} bytes")]


def _error(items: list[Any]) -> list[Node]:
    if len(items) != 2 or type(items[0]) is not int:
        raise DecodeError("EDHOC error: ERR_CODE, ERR_INFO expected")
    code, info = items
    nodes = [named(tables.EDHOC_ERRORS)(code).noted("ERR_CODE")]
    if code == 2:
        suites = info if isinstance(info, list) else [info]
        shown = [_suite(suite) for suite in suites]
        nodes.append(array(shown, "SUITES_R") if isinstance(info, list) else shown[0].noted("SUITES_R"))
    else:
        nodes.append(generic(info).noted("ERR_INFO"))
    return nodes


_DESCRIBERS = {
    "message_1": _message_1,
    "message_2": _message_2,
    "message_3": _message_3,
    "message_4": _message_4,
    "error": _error,
}
