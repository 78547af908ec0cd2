"""Who hears whom, and how badly: links between EUI-64s, from a TOML file or the command line.

A file says::

    loss = 0.05                   # of links that name no loss of their own

    [[link]]
    a = "00124b0000000101"
    b = "00124b0000000202"
    loss = 0.2                    # optional, 0 to 1
    one_way = true                # optional: only b hears a

``radio`` stands for the radio of ``--radio``. Where no link names it, it hears all and all hear it.
"""

import tomllib
from pathlib import Path
from typing import Any

# The node by which the real air takes part, if there is one.
RADIO = b"\x02\x00\x00radio"


def parse_node(text: str) -> bytes:
    """A node of a link: ``radio``, or as parse_eui64. Raises ValueError."""
    return RADIO if text.strip() == "radio" else parse_eui64(text)


def parse_eui64(text: str) -> bytes:
    """An EUI-64 from 16 hex digits, ``:`` and ``-`` allowed between. Raises ValueError."""
    digits = text.replace(":", "").replace("-", "").strip()
    try:
        eui64 = bytes.fromhex(digits)
    except ValueError:
        eui64 = b""
    if len(eui64) != 8:
        raise ValueError(f"not an EUI-64 of 16 hex digits: {text!r}")
    return eui64


def check_loss(loss: Any) -> float:
    """A loss probability. Raises ValueError unless it is a number from 0 to 1."""
    if isinstance(loss, bool) or not isinstance(loss, (int, float)) or not 0 <= loss <= 1:
        raise ValueError(f"loss must be a number from 0 to 1, not {loss!r}")
    return float(loss)


class Topology:
    """A set of directed links, each with the probability that a frame gets lost on it.

    ``everyone`` True: a fully meshed air; links then only give a loss of their own. ``loss`` is that of links
    without one.
    """

    def __init__(self, loss: float = 0.0, everyone: bool = True) -> None:
        self.loss = check_loss(loss)
        self.everyone = everyone
        self._links: dict[tuple[bytes, bytes], float | None] = {}
        # From the first link that names the radio on, it has its place, even if that link is cut again.
        self._is_radio_placed = False

    def link(self, a: bytes, b: bytes, loss: float | None = None, one_way: bool = False) -> None:
        """Let ``b`` hear ``a`` and, unless ``one_way``, ``a`` hear ``b``. The first link ends the full mesh."""
        if loss is not None:
            loss = check_loss(loss)
        self.everyone = False
        self._is_radio_placed = self._is_radio_placed or RADIO in (a, b)
        self._links[a, b] = loss
        if not one_way:
            self._links[b, a] = loss

    def unlink(self, a: bytes, b: bytes) -> bool:
        """Cut the link between ``a`` and ``b`` in both directions. False if there was none.

        Raises ValueError in a full mesh, which has no links to cut.
        """
        if self.everyone:
            raise ValueError("everyone hears everyone: name the links first")
        found = [pair for pair in ((a, b), (b, a)) if pair in self._links]
        for pair in found:
            del self._links[pair]
        return bool(found)

    def loss_between(self, sender: bytes, receiver: bytes) -> float | None:
        """Probability that ``receiver`` misses a frame of ``sender``; None if it never hears it."""
        if (sender, receiver) not in self._links:
            is_everywhere = not self._is_radio_placed and RADIO in (sender, receiver)
            return self.loss if self.everyone or is_everywhere else None
        loss = self._links[sender, receiver]
        return self.loss if loss is None else loss


def load(path: Path, loss: float | None = None) -> Topology:
    """The topology in a TOML file; ``loss`` overrides the file's default. Raises ValueError, OSError."""
    with path.open("rb") as file:
        try:
            table = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from None
    _known(table, {"loss", "link"}, f"{path}")
    links = table.get("link", [])
    if not isinstance(links, list):
        raise ValueError(f"{path}: write links as [[link]]")
    topology = Topology(table.get("loss", 0.0) if loss is None else loss, everyone=not links)
    for number, entry in enumerate(links, 1):
        where = f"{path}: link {number}"
        _known(entry, {"a", "b", "loss", "one_way"}, where)
        try:
            a, b = parse_node(str(entry["a"])), parse_node(str(entry["b"]))
            topology.link(a, b, entry.get("loss"), entry.get("one_way", False) is True)
        except KeyError as error:
            raise ValueError(f"{where} lacks {error}") from None
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return topology


def _known(table: Any, names: set[str], where: str) -> None:
    unknown = set(table) - names if isinstance(table, dict) else {str(table)}
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}")


def add_link(topology: Topology, text: str) -> None:
    """Add a link written as ``A,B`` or ``A,B,LOSS``. Raises ValueError."""
    parts = text.split(",")
    if len(parts) not in (2, 3):
        raise ValueError(f"a link is A,B or A,B,LOSS, not {text!r}")
    loss = None
    if len(parts) == 3:
        try:
            loss = float(parts[2])
        except ValueError:
            raise ValueError(f"loss must be a number from 0 to 1, not {parts[2]!r}") from None
    topology.link(parse_node(parts[0]), parse_node(parts[1]), loss)
