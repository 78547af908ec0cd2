"""Voucher data: vouchers and voucher requests in CBOR with SIDs or names (RFC 9254, draft-ietf-anima-rfc8366bis)."""

from typing import Any

from microbrew import cbor
from microbrew.errors import DecodeError
from microbrew_host.decode import certificate, tables
from microbrew_host.decode.notation import Describe, Node, generic, mapping, named

_SID_TAG = 47
_BY_NAME = {name: sid for sid, name in tables.VOUCHER_CONTAINERS.items()}
_LEAVES = {
    tables.VOUCHER_SID: tables.VOUCHER_LEAVES,
    tables.VOUCHER_REQUEST_SID: tables.VOUCHER_REQUEST_LEAVES,
}


def _container(key: Any) -> int | None:
    """SID of the container that an outer key stands for, or None."""
    if isinstance(key, cbor.Tag) and key.number == _SID_TAG:
        key = key.value
    if isinstance(key, str):
        return _BY_NAME.get(key)
    return key if isinstance(key, int) and key in tables.VOUCHER_CONTAINERS else None


def is_voucher(value: Any) -> bool:
    """A map whose one key is the container of a voucher or of a voucher request."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((key, inner),) = value.items()
    return _container(key) is not None and isinstance(inner, dict)


def data(value: Any, signed: Describe) -> Node:
    """Voucher data before signing; ``signed`` describes the bytes of a signed request inside. Raises DecodeError."""
    if not is_voucher(value):
        raise DecodeError("voucher: no map with the one key 2451 or 2501, or its name")
    ((outer, leaves),) = value.items()
    sid = _container(outer)
    if sid is None:
        raise DecodeError("voucher: unknown container")
    # Under a name the inner keys have reference 0, so that bare integers are absolute SIDs (RFC 9254 section 4.2).
    base = 0 if isinstance(outer, str) else sid
    fields: dict[Any, tuple[str, Describe | None]] = {}
    for inner in leaves:
        name = _leaf(inner, sid, base)
        fields[inner] = (name, _leaf_describer(name, signed))
    container = tables.VOUCHER_CONTAINERS[sid]
    kind = "voucher request" if sid == tables.VOUCHER_REQUEST_SID else "voucher"
    return mapping(value, {outer: (container, lambda item: mapping(item, fields))}, kind)


def _leaf(key: Any, sid: int, base: int) -> str:
    """Name of a leaf: its own for a string key, by SID for an integer or tag 47, "unknown" otherwise."""
    leaves = _LEAVES[sid]
    if isinstance(key, str):
        return key if key in leaves.values() else "extension" if key.startswith("extension:") else "unknown leaf"
    if isinstance(key, cbor.Tag) and key.number == _SID_TAG and isinstance(key.value, int):
        return leaves.get(key.value - sid, "unknown SID")
    if isinstance(key, int):
        return leaves.get(base + key - sid, "unknown SID")
    return "no SID"


def _leaf_describer(name: str, signed: Describe) -> Describe:
    if name == "assertion":
        return named(tables.VOUCHER_ASSERTIONS)
    if name == "prior-signed-voucher-request":
        return signed
    if name.endswith("-cert"):
        return certificate.item
    if name.endswith("-pubk"):
        return certificate.public_key
    return generic
