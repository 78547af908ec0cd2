"""Every decoder on what hypothesis makes of the vectors: its own errors and no other.

A short, repeatable part of what tests/fuzz does for longer with coverage as its guide.
"""

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("unit", "fuzz")]

import decoder_targets  # noqa: E402
import host_targets  # noqa: E402

from microbrew import cbor  # noqa: E402
from microbrew.errors import DecodeError  # noqa: E402

TARGETS = {**decoder_targets.TARGETS, **host_targets.TARGETS}
EXAMPLES = 80
# A registrar with a database behind each request.
FEWER = {"host-jrc-inner": 25, "host-decode": 40}

KEYS = st.integers(-260, 300) | st.text(max_size=3) | st.binary(max_size=3)
LEAVES = KEYS | st.binary(max_size=70) | st.booleans() | st.none() | st.integers(-(2**64), 2**64 - 1)
ITEMS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.builds(cbor.Tag, st.integers(0, 300), inner)
    ),
    max_leaves=10,
)


def encoded(items: list) -> bytes:
    """A CBOR sequence."""
    return b"".join(cbor.encode(item) for item in items)


def replaced(draw: st.DrawFn, value: object) -> object:
    """The item with another one somewhere inside, also inside byte strings that hold CBOR."""
    if not draw(st.integers(0, 3)):
        return draw(ITEMS)
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], replaced(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from(list(value)))
        return {**value, key: replaced(draw, value[key])}
    if isinstance(value, cbor.Tag):
        return cbor.Tag(value.number, replaced(draw, value.value))
    if isinstance(value, bytes):
        with contextlib.suppress(DecodeError):
            return cbor.encode(replaced(draw, cbor.decode(value)))
    return draw(ITEMS)


def items_of(data: bytes) -> list:
    """The items of a CBOR sequence, or none."""
    reader = cbor.Reader(data)
    found = []
    with contextlib.suppress(DecodeError):
        while reader.more():
            found.append(reader.item())
        return found
    return []


@st.composite
def hostile(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with a few bytes or one item changed, well-formed CBOR, or anything."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=200))
    if kind <= 2:
        return encoded(draw(st.lists(ITEMS, max_size=4)))
    seed = draw(st.sampled_from(seeds))
    items = items_of(seed) if kind <= 5 else []
    if items:
        at = draw(st.integers(0, len(items) - 1))
        items[at] = replaced(draw, items[at])
        return encoded(items)
    data = bytearray(seed)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.integers(0, 3))
        if change == 0:
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif change == 1:
            data[at:at] = draw(st.binary(max_size=5))
        elif change == 2:
            del data[at : at + draw(st.integers(1, 40))]
        else:
            data[at:] = draw(st.sampled_from(seeds))
    return bytes(data[:1500])


@pytest.mark.filterwarnings("ignore:Attribute's length:UserWarning")
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_decoder(name: str) -> None:
    function, seeds = TARGETS[name]

    @settings(
        max_examples=FEWER.get(name, EXAMPLES),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(hostile(seeds()))
    def run(data: bytes) -> None:
        function(data)

    run()


def test_seeds_reach_every_decoder() -> None:
    for name, (function, seeds) in TARGETS.items():
        assert len(seeds()) > 3, name
        for seed in seeds():
            function(seed)
