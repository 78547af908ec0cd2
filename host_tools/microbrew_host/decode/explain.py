"""Finds out what some bytes are, and describes them."""

from collections.abc import Callable
from typing import Any

from microbrew.errors import DecodeError
from microbrew_host.decode import capture, certificate, coap, cojp, cose, edhoc, frame, jpy, oscore, voucher
from microbrew_host.decode.notation import Node, Options, generic, read_item, read_items, sequence, strictness


def _edhoc(kind: str) -> Callable[[bytes, Options], Node]:
    return lambda data, options: edhoc.describe(data, options, kind)


def _cose(data: bytes, options: Options) -> Node:
    value, complaint = read_item(data)
    if cose.is_key(value) or cose.is_ccs(value) or cose.is_headers(value):
        return cose.anything(value, options).noted(strictness(complaint))
    return cose.message(value, options, complaint)


def _voucher(data: bytes, options: Options) -> Node:
    """A voucher or voucher request, signed or not."""
    value, complaint = read_item(data)
    if voucher.is_voucher(value):
        return cose.voucher_data(value, options).noted(strictness(complaint))
    return cose.message(value, options, complaint)


def _cojp(data: bytes, options: Options) -> Node:
    value, complaint = read_item(data)
    return cojp.describe(value, options).noted(strictness(complaint))


def _cbor(data: bytes, options: Options) -> Node:
    items, complaint = read_items(data)
    if not items:
        raise DecodeError("CBOR: empty")
    nodes = [generic(item) for item in items]
    if len(nodes) == 1:
        return nodes[0].noted(strictness(complaint))
    return sequence(nodes, f"CBOR sequence of {len(nodes)} items", complaint)


def _oscore(data: bytes, options: Options) -> Node:
    """An option value, or a whole message: the first octets of the two never agree."""
    return coap.describe(data, options) if data and data[0] >> 6 == 1 else oscore.describe(data)


def _certificate(data: bytes, options: Options) -> Node:
    return certificate.describe(data)


def _frame(data: bytes, options: Options) -> Node:
    return frame.describe(data, options)


KINDS: dict[str, Callable[[bytes, Options], Node]] = {
    "jpy": jpy.describe,
    "coap": coap.describe,
    "edhoc": _edhoc(""),
    "edhoc1": _edhoc("message_1"),
    "edhoc2": _edhoc("message_2"),
    "edhoc3": _edhoc("message_3"),
    "edhoc4": _edhoc("message_4"),
    "edhoc-error": _edhoc("error"),
    "cose": _cose,
    "voucher": _voucher,
    "cojp": _cojp,
    "oscore": _oscore,
    "certificate": _certificate,
    "beacon": _frame,
    "frame": _frame,
    "zep": capture.zep,
    "cbor": _cbor,
}


def detect(data: bytes) -> str:
    """The kind, by structure alone: a key of KINDS, or "pcap". Raises DecodeError if nothing fits.

    The order matters: what carries a checksum or a magic number first, bare CBOR last.
    """
    if capture.is_pcap(data) or capture.is_pcapng(data):
        return "pcap"
    if capture.is_zep(data):
        return "zep"
    if frame.fcs_holds(data):
        return "frame"
    if coap.looks_like(data):
        return "coap"
    if data[:1] == b"\x30" and _is_certificate(data):
        return "certificate"
    try:
        items, _ = read_items(data)
    except DecodeError as error:
        raise DecodeError(
            f"no CoAP, no frame with a right FCS, no certificate, no capture, no well-formed CBOR ({error}); see --as"
        ) from None
    return _detect_cbor(items)


def _is_certificate(data: bytes) -> bool:
    try:
        certificate.describe(data)
    except DecodeError:
        return False
    return True


def _detect_cbor(items: list[Any]) -> str:
    if len(items) == 1:
        item = items[0]
        inner = getattr(item, "value", item)
        for kind, fits in (
            ("jpy", jpy.is_jpy(item)),
            ("voucher", voucher.is_voucher(item)),
            ("cose", cose.is_sign1(inner) or cose.is_encrypt0(inner)),
            ("cose", cose.is_ccs(item) or cose.is_key(item) or cose.is_headers(item)),
            ("cojp", cojp.is_cojp(item)),
        ):
            if fits:
                return kind
    return "edhoc" if edhoc.looks_like(items) else "cbor"


def explain(data: bytes, kind: str, options: Options) -> list[Node]:
    """Describes ``data`` as ``kind``, a key of KINDS, "pcap" or "auto". Raises DecodeError."""
    if not data:
        raise DecodeError("nothing to decode")
    if kind == "auto":
        kind = detect(data)
    if kind == "pcap":
        return list(capture.packets(data, options))
    return [KINDS[kind](data, options)]
