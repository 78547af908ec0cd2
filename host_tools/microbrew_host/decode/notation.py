"""The tree that decoders build and its printed form: CBOR extended diagnostic notation with comments.

RFC 8949 section 8 and RFC 8610 appendix G: ``h'..'`` byte strings, ``<< .. >>`` embedded CBOR, ``/ .. /`` comments.
What is no CBOR (CoAP headers, frames) prints as ``name: value`` lines around it.
"""

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2

from microbrew import cbor
from microbrew.errors import DecodeError

MAX_NESTING = 32
MAX_EMBEDDED = 12  # byte strings that hold CBOR, one inside the other, that are looked into
MAX_ITEMS = 50_000
INLINE = 72


@dataclass(frozen=True)
class Options:
    """How to print. ``embedded`` counts how many more embedded items are looked into."""

    show_keys: bool = False
    embedded: int = MAX_EMBEDDED

    def deeper(self) -> "Options":
        """Options for an item inside a byte string. Raises DecodeError at the limit."""
        if self.embedded == 0:
            raise DecodeError(f"more than {MAX_EMBEDDED} items embedded in one another")
        return replace(self, embedded=self.embedded - 1)


@dataclass
class Node:
    """A line, its comment, the lines under it, and the bracket that closes them."""

    text: str
    children: list["Node"] = field(default_factory=list)
    close: str = ""
    note: str = ""

    def prefixed(self, prefix: str) -> "Node":
        self.text = prefix + self.text
        return self

    def noted(self, note: str) -> "Node":
        self.note = f"{self.note}; {note}" if self.note and note else self.note or note
        return self

    def lines(self, indent: int = 0) -> Iterable[str]:
        pad = "  " * indent
        # A slash would end the comment, and control characters would reach the terminal.
        note = "".join(c if c.isprintable() else "?" for c in self.note.replace(" /", " |"))
        yield pad + self.text + (f"  / {note} /" if note else "")
        for child in self.children:
            yield from child.lines(indent + 1)
        if self.close:
            yield pad + self.close


Describe = Callable[[Any], Node]


def heading(text: str, children: list[Node], note: str = "") -> Node:
    """A titled group of lines that is no CBOR."""
    return Node(text, children, note=note)


def read_items(data: bytes) -> tuple[list[Any], str]:
    """All items of a CBOR sequence, and why the firmware's strict decoder refuses it ("" if it does not).

    Raises DecodeError when the data are not well-formed.
    """
    reader = cbor.Reader(data, 0, None, MAX_NESTING, MAX_ITEMS)
    items = []
    try:
        while reader.more():
            items.append(reader.item())
    except DecodeError as error:
        if "truncated" in str(error):
            raise
        return _read_lenient(data), str(error)
    return items, ""


def read_item(data: bytes) -> tuple[Any, str]:
    """As ``read_items`` for data that are one item. Raises DecodeError."""
    items, complaint = read_items(data)
    if len(items) != 1:
        raise DecodeError(f"CBOR: one item expected, {len(items)} found")
    return items[0], complaint


def _read_lenient(data: bytes) -> list[Any]:
    stream = io.BytesIO(data)
    items = []
    while stream.tell() < len(data):
        try:
            items.append(_plain(cbor2.load(stream, allow_duplicate_keys=False, max_depth=MAX_NESTING)))
        except cbor2.CBORDecodeError as error:
            cause = error.__cause__ or error
            raise DecodeError(f"CBOR: {cause} (at or after byte {stream.tell()})") from None
        except (ValueError, OverflowError, TypeError) as error:
            raise DecodeError(f"CBOR: {error}") from None
    return items


def _plain(value: Any) -> Any:
    # cbor2's containers and tags in the form that the strict decoder gives.
    if isinstance(value, cbor2.CBORTag):
        return cbor.Tag(value.tag, _plain(value.value))
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value


def diag(value: Any) -> str:
    """A value in diagnostic notation, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return f"h'{value.hex()}'"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if isinstance(value, cbor.Tag):
        return f"{value.number}({diag(value.value)})"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(diag(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{diag(key)}: {diag(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (int, float)):
        return repr(value)
    return str(value)


def generic(value: Any) -> Node:
    """A value whose meaning is not known: plain diagnostic notation, broken into lines when it is long."""
    text = diag(value)
    if len(text) <= INLINE or not isinstance(value, (list, tuple, dict, cbor.Tag)):
        return Node(text)
    if isinstance(value, cbor.Tag):
        return tagged(value.number, generic(value.value))
    if isinstance(value, dict):
        return mapping(value, {})
    return array([generic(item) for item in value])


def _separated(nodes: list[Node]) -> list[Node]:
    for node in nodes[:-1]:
        if node.close:
            node.close += ","
        else:
            node.text += ","
    return nodes


def array(nodes: list[Node], note: str = "") -> Node:
    """``[ .. ]`` of prepared elements."""
    return Node("[", _separated(nodes), "]", note) if nodes else Node("[]", note=note)


def embedded(nodes: list[Node], note: str = "") -> Node:
    """``<< .. >>``: a byte string that holds these CBOR items."""
    return Node("<<", _separated(nodes), ">>", note)


def tagged(number: int, node: Node) -> Node:
    """``number(..)``."""
    node.text = f"{number}({node.text}"
    if node.close:
        node.close += ")"
    else:
        node.text += ")"
    return node


def mapping(value: dict[Any, Any], fields: Mapping[Any, tuple[str, Describe | None]], note: str = "") -> Node:
    """``{ .. }`` with the keys' names as comments; ``fields`` is key -> (name, how to describe the value)."""
    nodes = []
    for key, item in value.items():
        name, describe = fields.get(key, ("", None))
        node = (describe or generic)(item)
        node.note = f"{name}: {node.note}" if name and node.note else name or node.note
        nodes.append(node.prefixed(diag(key) + ": "))
    return Node("{", _separated(nodes), "}", note) if nodes else Node("{}", note=note)


def sequence(nodes: list[Node], title: str, complaint: str = "") -> Node:
    """A CBOR sequence as a titled group."""
    return heading(title, _separated(nodes), strictness(complaint))


def strictness(complaint: str) -> str:
    """The comment on CBOR that is well-formed but not in the strict form that the firmware accepts."""
    return f"the firmware refuses this encoding: {complaint}" if complaint else ""


def named(names: Mapping[Any, str]) -> Describe:
    """Describes a number by its name."""

    def describe(value: Any) -> Node:
        return Node(diag(value), note=names.get(value, "unknown") if isinstance(value, (int, str)) else "")

    return describe


def secret(value: Any, options: Options) -> Node:
    """Key material: its length only, unless keys are to be shown."""
    if options.show_keys or not isinstance(value, bytes):
        return Node(diag(value))
    return Node("h'...'", note=f"{len(value)} bytes, hidden")
