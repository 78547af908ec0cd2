"""Captures: pcap files of IEEE 802.15.4 or of ZEP in UDP, and single ZEP packets (Exegin ZEP v1 and v2)."""

import struct
from collections.abc import Iterator

from microbrew.errors import DecodeError
from microbrew_host.decode import frame
from microbrew_host.decode.notation import Node, Options, diag, heading

_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}

_ETHERNET = 1
_RAW_IP = (12, 101, 228, 229)
_LINUX_COOKED = 113
_WITH_FCS = 195
_WITHOUT_FCS = 230
_TAP = 283

_UDP = 17


def is_pcap(data: bytes) -> bool:
    """A classic pcap file."""
    return len(data) >= 24 and data[:4] in _MAGIC


def is_pcapng(data: bytes) -> bool:
    """A file of the newer format, which is not read."""
    return len(data) >= 12 and data[:4] == b"\x0a\x0d\x0d\x0a"


def is_zep(data: bytes) -> bool:
    """A ZEP packet."""
    return data[:2] == b"EX" and len(data) >= 8 and data[2] in (1, 2)


def packets(data: bytes, options: Options) -> Iterator[Node]:
    """Every packet of a pcap file, one node each; one that cannot be read says why. Raises DecodeError."""
    if is_pcapng(data):
        raise DecodeError("pcap: this is pcapng; convert it with `editcap -F pcap`")
    if not is_pcap(data):
        raise DecodeError("pcap: no pcap file, or its header is truncated")
    order, resolution = _MAGIC[data[:4]]
    link_type = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    position = 24
    number = 0
    start = None
    while position < len(data):
        if position + 16 > len(data):
            raise DecodeError(f"pcap: truncated after packet {number}")
        seconds, fraction, captured, _ = struct.unpack_from(order + "IIII", data, position)
        position += 16
        if captured > len(data) - position:
            raise DecodeError(f"pcap: truncated in packet {number + 1}")
        number += 1
        when = seconds + fraction / resolution
        start = when if start is None else start
        content = data[position : position + captured]
        position += captured
        try:
            node = _packet(link_type, content, options)
        except DecodeError as error:
            node = Node(diag(content), note=str(error))
        yield heading(f"packet {number}, {when - start:.6f} s", [node])


def _packet(link_type: int, content: bytes, options: Options) -> Node:
    if link_type == _WITH_FCS:
        return frame.describe(content, options, True)
    if link_type == _WITHOUT_FCS:
        return frame.describe(content, options, False)
    if link_type == _TAP:
        return _tap(content, options)
    if link_type == _ETHERNET:
        return _ip(content[14:], options)
    if link_type == _LINUX_COOKED:
        return _ip(content[16:], options)
    if link_type in _RAW_IP:
        return _ip(content, options)
    raise DecodeError(f"pcap: link type {link_type} is not supported")


def _tap(content: bytes, options: Options) -> Node:
    """IEEE 802.15.4 with metadata: TLV 0 tells the FCS, 7 the ASN."""
    if len(content) < 4:
        raise DecodeError("802.15.4 TAP: truncated")
    length = struct.unpack_from("<H", content, 2)[0]
    if not 4 <= length <= len(content):
        raise DecodeError("802.15.4 TAP: truncated")
    has_fcs = False
    lines = []
    position = 4
    while position + 4 <= length:
        kind, size = struct.unpack_from("<HH", content, position)
        value = content[position + 4 : min(position + 4 + size, length)]
        position += 4 + (size + 3 & ~3)
        if kind == 0 and value:
            # 1 is the CRC of 16 bits; frames of 2 (32 bits) do not occur at 2.4 GHz.
            has_fcs = value[0] == 1
        elif kind == 7:
            lines.append(Node(f"ASN: {int.from_bytes(value, 'little')}"))
    node = frame.describe(content[length:], options, has_fcs)
    node.children[:0] = lines
    return node


def _ip(packet: bytes, options: Options) -> Node:
    """The UDP payload of an IP packet, with ZEP taken apart."""
    if packet and packet[0] >> 4 == 4 and len(packet) >= 20:
        header = (packet[0] & 15) * 4
        if packet[9] != _UDP or header < 20 or len(packet) < header + 8:
            return Node(f"IPv4, protocol {packet[9]}: {diag(packet)}")
        total = int.from_bytes(packet[2:4], "big") or len(packet)
        udp = packet[header:total]
    elif packet and packet[0] >> 4 == 6 and len(packet) >= 48:
        if packet[6] != _UDP:
            return frame.ipv6(packet, options)
        udp = packet[40:]
    else:
        raise DecodeError("IP: no header")
    if len(udp) < 8:
        raise DecodeError("UDP: truncated")
    source, destination = struct.unpack_from(">HH", udp, 0)
    payload = udp[8:]
    node = zep(payload, options) if is_zep(payload) else frame.udp_payload(payload, options)
    return heading(f"UDP {source} -> {destination}, {len(payload)} bytes", [node])


def zep(data: bytes, options: Options) -> Node:
    """A ZEP packet. Raises DecodeError."""
    if not is_zep(data):
        raise DecodeError("ZEP: no preamble")
    if data[2] == 1:
        if len(data) < 16 or data[15] != len(data) - 16:
            raise DecodeError("ZEP: wrong length")
        return _zep_data("ZEP v1", data[3], data[6], data[7], None, data[16:], options)
    kind = data[3]
    if kind == 2:
        return heading("ZEP v2 acknowledgement", [Node(f"sequence: {int.from_bytes(data[4:8], 'big')}")])
    if len(data) < 32 or data[31] != len(data) - 32:
        raise DecodeError("ZEP: wrong length")
    if kind == 1:
        return _zep_data("ZEP v2 data", data[4], data[7], data[8], data[17:21], data[32:], options)
    if kind == 255 and data[21:26] == b"HELLO":
        return heading("ZEP v2 hello of RIOT", [Node(f"address: {diag(data[32:])}")])
    raise DecodeError(f"ZEP: unknown type {kind}")


def _zep_data(
    title: str, channel: int, mode: int, lqi: int, sequence: bytes | None, content: bytes, options: Options
) -> Node:
    lines = [Node(f"channel: {channel}"), Node(f"LQI: {lqi}")]
    if sequence is not None:
        lines.append(Node(f"sequence: {int.from_bytes(sequence, 'big')}"))
    lines.append(frame.describe(content, options, mode == 1 or None))
    return heading(title, lines)
