"""Our CBOR codec against cbor2: what both write and read, and what only a strict decoder refuses."""

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from microbrew import cbor
from microbrew.errors import DecodeError

keys = st.one_of(
    st.integers(-(1 << 64), (1 << 64) - 1),
    st.text(max_size=12),
    st.binary(max_size=12),
)
scalars = st.one_of(keys, st.booleans(), st.none(), st.binary(max_size=300), st.text(max_size=300))
values = st.recursive(
    scalars,
    lambda children: st.one_of(
        st.lists(children, max_size=30),
        st.dictionaries(keys, children, max_size=8),
        st.builds(cbor.Tag, st.integers(1000000, (1 << 64) - 1), children),
    ),
    max_leaves=40,
)


def _theirs(value: object) -> object:
    """``value`` in cbor2's types."""
    if isinstance(value, cbor.Tag):
        return cbor2.CBORTag(value.number, _theirs(value.value))
    if isinstance(value, list):
        return [_theirs(item) for item in value]
    if isinstance(value, dict):
        return {key: _theirs(item) for key, item in value.items()}
    return value


def _depth(value: object) -> int:
    if isinstance(value, cbor.Tag):
        return 1 + _depth(value.value)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 0


def _ordered(value: object) -> object:
    """Maps in the bytewise order of encoded keys, which cbor2 then keeps; its canonical form is RFC 7049's."""
    if isinstance(value, cbor2.CBORTag):
        return cbor2.CBORTag(value.tag, _ordered(value.value))
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=cbor2.dumps)}
    return value


@settings(max_examples=150, deadline=None)
@given(values)
def test_encodings_are_those_of_cbor2_and_come_back(value: object) -> None:
    encoded = cbor.encode(value)
    assert encoded == cbor2.dumps(_ordered(_theirs(value)))
    assert cbor.decode(encoded, max_depth=_depth(value), max_items=10000) == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_decode_as_in_cbor2_or_are_refused(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except DecodeError:
        return
    # What we accept has one encoding, but for the order of maps.
    assert len(cbor.encode(value)) == len(data)
    if not _has_tag(value):
        assert cbor2.loads(data) == value


def _has_tag(value: object) -> bool:
    # cbor2 gives tags that it knows a type of their own.
    if isinstance(value, list):
        return any(map(_has_tag, value))
    if isinstance(value, dict):
        return any(map(_has_tag, value.values()))
    return isinstance(value, cbor.Tag)


@settings(max_examples=150, deadline=None)
@given(values, st.data())
def test_mutated_encodings_raise_nothing_but_decode_errors(value: object, data: st.DataObject) -> None:
    mutated = bytearray(cbor.encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    try:
        again = cbor.decode(bytes(mutated))
    except DecodeError:
        return
    assert cbor.decode(cbor.encode(again)) == again


@settings(max_examples=60, deadline=None)
@given(values)
def test_every_truncation_is_refused(value: object) -> None:
    encoded = cbor.encode(value)
    for end in range(0, len(encoded), max(1, len(encoded) // 20)):
        try:
            cbor.decode(encoded[:end], max_depth=50, max_items=10000)
        except DecodeError:
            continue
        raise AssertionError("a truncated item was accepted")
