"""IEEE 802.15.4 frames: header, information elements, RFC 9032 join information, and the datagram inside.

Headers are read by the firmware's own parser (microbrew.mac). Protected parts are shown as bytes.
"""

import ipaddress
import struct

from microbrew.errors import DecodeError
from microbrew.lowpan import iphc
from microbrew.mac import frame as mac_frame
from microbrew.mac import ie
from microbrew.radio.zep import fcs
from microbrew_host.decode import coap, jpy, tables
from microbrew_host.decode.notation import Node, Options, diag, heading

_UDP = 17
_ENCRYPTED = 4  # bit of the security level


def fcs_holds(data: bytes) -> bool:
    """Whether the last two bytes are the frame check sequence of the others."""
    return 5 <= len(data) <= 127 and fcs(data, 0, len(data) - 2) == int.from_bytes(data[-2:], "little")


def describe(data: bytes, options: Options, has_fcs: bool | None = None) -> Node:
    """A frame; ``has_fcs`` None: it has one if the last two bytes happen to be right. Raises DecodeError."""
    if len(data) > 127:
        raise DecodeError("802.15.4: longer than 127 bytes")
    right = fcs_holds(data)
    if has_fcs is None:
        has_fcs = right
    psdu = data[:-2] if has_fcs else data
    header = mac_frame.Frame()
    reason = header.parse(psdu, len(psdu))
    if reason is not None:
        raise DecodeError(f"802.15.4: {reason.replace('_', ' ')}")
    version = tables.FRAME_VERSIONS[header.version]
    title = f"IEEE 802.15.4-{version} {tables.FRAME_TYPES[header.kind]}, {len(data)} bytes"
    lines = _header(header, psdu)
    lines.extend(_information_elements(header, psdu))
    lines.extend(_payload(header, psdu, options))
    if header.level:
        lines.append(Node(f"MIC: {diag(psdu[header.end :])}"))
    if has_fcs:
        lines.append(Node(f"FCS: {diag(data[-2:])}", note="right" if right else "WRONG"))
    else:
        lines.append(Node("FCS: none, or wrong"))
    return heading(title, lines)


def _header(header: mac_frame.Frame, psdu: bytes) -> list[Node]:
    control = int.from_bytes(psdu[:2], "little")
    flags = [
        name
        for bit, name in ((3, "secured"), (4, "frame pending"), (5, "ack request"), (6, "PAN ID compression"))
        if control >> bit & 1
    ]
    lines = [Node(f"frame control: {control:#06x}", note=", ".join(flags))]
    lines.append(Node("sequence number: " + ("suppressed" if header.seq < 0 else str(header.seq))))
    for name, pan, address in (
        ("destination", header.dest_pan, header.dest),
        ("source", header.src_pan, header.src),
    ):
        if address is not None:
            shown = "broadcast" if address == b"\xff\xff" else "-".join(f"{octet:02x}" for octet in address)
            lines.append(Node(f"{name}: {shown}", note="" if pan < 0 else f"PAN {pan:#06x}"))
    if header.level:
        counter = "suppressed, the ASN is in the nonce" if header.counter < 0 else str(header.counter)
        lines.append(Node(f"security: {tables.SECURITY_LEVELS[header.level]}", note=f"level {header.level}"))
        lines.append(Node(f"frame counter: {counter}"))
        key_index = f"{header.key_index}" if header.key_mode else "implicit"
        lines.append(Node(f"key index: {key_index}", note=f"key identifier mode {header.key_mode}"))
    return lines


def _information_elements(header: mac_frame.Frame, psdu: bytes) -> list[Node]:
    lines = []
    if header.version == 2 and psdu[1] & 2:
        lines.extend(_header_ies(psdu, header.header_end))
    if header.payload_ies:
        if header.level & _ENCRYPTED:
            lines.append(Node("payload IEs: encrypted with the payload"))
        else:
            lines.extend(_payload_ies(psdu, header.header_end, header.end))
    return lines


def _header_ies(psdu: bytes, end: int) -> list[Node]:
    # The parser tells where header IEs end; read as a frame without any, the same header ends where they start.
    without = mac_frame.Frame()
    without.parse(bytes((psdu[0], psdu[1] & ~2)) + psdu[2:], len(psdu))
    position = without.header_end
    nodes = []
    while position + 2 <= end:
        head = int.from_bytes(psdu[position : position + 2], "little")
        length = head & 0x7F
        nodes.append(_header_ie(head >> 7 & 0xFF, psdu[position + 2 : position + 2 + length]))
        position += 2 + length
    return nodes


def _header_ie(element: int, content: bytes) -> Node:
    name = tables.HEADER_IES.get(element, "unknown")
    if element == 0x1E and len(content) == 2:
        value = int.from_bytes(content, "little")
        correction = (value & 0xFFF) - (0x1000 if value & 0x800 else 0)
        return Node(f"header IE {name}: {correction} us", note="NACK" if value & 0x8000 else "ACK")
    return Node(f"header IE {element:#04x}" + (f": {diag(content)}" if content else ""), note=name)


def _payload_ies(psdu: bytes, position: int, end: int) -> list[Node]:
    nodes = []
    while position < end:
        head = ie.payload_head(psdu, position, end)
        if head is None:
            raise DecodeError("802.15.4: payload IE truncated")
        group, start, position = head
        content = psdu[start:position]
        title = f"payload IE {tables.PAYLOAD_IES.get(group, 'unknown')} ({group})"
        if group == ie.TERMINATION:
            nodes.append(Node(title))
            break
        if group == ie.MLME:
            nodes.append(heading(title, _nested_ies(psdu, start, position)))
        elif group == ie.IETF and content:
            nodes.append(heading(title, _ietf(content)))
        else:
            nodes.append(heading(title, [Node(diag(content))]))
    return nodes


def _nested_ies(psdu: bytes, position: int, end: int) -> list[Node]:
    nodes = []
    while position < end:
        head = ie.nested_head(psdu, position, end)
        if head is None:
            raise DecodeError("802.15.4: nested IE truncated")
        long_form, sub_id, start, position = head
        names = tables.MLME_LONG_IES if long_form else tables.MLME_SHORT_IES
        name = names.get(sub_id, f"unknown nested IE {sub_id:#04x}")
        nodes.append(_nested(name, psdu[start:position]))
    return nodes


def _nested(name: str, content: bytes) -> Node:
    if name == "TSCH synchronization" and len(content) == 6:
        asn = int.from_bytes(content[:5], "little")
        return Node(f"{name}: ASN {asn}, join metric {content[5]}", note=f"network time {asn / 100:.2f} s")
    if name == "TSCH timeslot" and len(content) == 1:
        return Node(f"{name}: template {content[0]}")
    if name == "channel hopping" and len(content) == 1:
        return Node(f"{name}: sequence {content[0]}")
    if name == "TSCH slotframe and link":
        return heading(f"{name}:", _slotframes(content))
    return Node(f"{name}: {diag(content)}")


def _slotframes(content: bytes) -> list[Node]:
    nodes = []
    try:
        position = 1
        for _ in range(content[0]):
            handle, size, links = struct.unpack_from("<BHB", content, position)
            position += 4
            cells = []
            for _ in range(links):
                timeslot, offset, options = struct.unpack_from("<HHB", content, position)
                position += 5
                names = [name for bit, name in enumerate(tables.LINK_OPTIONS) if options >> bit & 1]
                cells.append(Node(f"link: timeslot {timeslot}, channel offset {offset}", note=", ".join(names)))
            nodes.append(heading(f"slotframe {handle}: {size} slots", cells))
    except (struct.error, IndexError):
        raise DecodeError("802.15.4: slotframe IE truncated") from None
    return nodes


def _ietf(content: bytes) -> list[Node]:
    subtype = content[0]
    name = tables.IETF_SUBTYPES.get(subtype, "unknown")
    if subtype != 2:
        return [Node(f"subtype {subtype}: {diag(content[1:])}", note=name)]
    if len(content) < 5 or (content[1] & 0x40 and len(content) < 13):
        raise DecodeError("RFC 9032: join information truncated")
    # Octets 1 to 3 in the layout of the label row of the RFC's figure.
    word = int.from_bytes(content[1:4], "big")
    priority = word >> 12 & 0x7F
    lines = [
        Node(f"subtype 2: {name}", note="RFC 9032"),
        Node(f"router solicitation: {'answered' if word >> 23 else 'not answered'}"),
        Node(f"proxy priority: {priority:#04x}", note="never use this proxy" if priority == 0x7F else ""),
        Node(f"rank priority: {word & 0xFFF}", note="ignored by pledges"),
        Node(f"PAN priority: {content[4]:#04x}"),
    ]
    position = 5
    if word >> 22 & 1:
        iid = content[5:13]
        position = 13
        address = ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + iid)
        lines.append(Node(f"interface identifier: {diag(iid)}", note=f"proxy address {address}"))
    lines.append(Node(f"network identifier: {diag(content[position:])}"))
    return lines


def _payload(header: mac_frame.Frame, psdu: bytes, options: Options) -> list[Node]:
    start = header.header_end
    if header.payload_ies:
        if not header.level & _ENCRYPTED:
            start = ie.payload_end(psdu, start, header.end)
    content = psdu[start : header.end]
    if not content:
        return []
    if header.level & _ENCRYPTED:
        return [Node(f"encrypted payload: {diag(content)}", note=f"{len(content)} bytes")]
    if header.kind != mac_frame.DATA:
        return [Node(f"payload: {diag(content)}")]
    return [_lowpan(content, header, options)]


def _lowpan(content: bytes, header: mac_frame.Frame, options: Options) -> Node:
    dispatch = content[0]
    if dispatch & 0xF8 in (0xC0, 0xE0):
        return _fragment(content)
    if iphc.is_dispatch(dispatch):
        datagram = bytearray(1280)
        # Compression of short link addresses is left out by the firmware, which uses EUI-64s only.
        if header.src is not None and len(header.src) == 8:
            destination = header.dest if header.dest is not None and len(header.dest) == 8 else None
            size = iphc.decompress(content, 0, len(content), header.src, destination, datagram)
            if size > 0:
                return heading("6LoWPAN", [ipv6(bytes(datagram[:size]), options)])
    return Node(f"6LoWPAN payload: {diag(content)}", note=f"{len(content)} bytes, dispatch {dispatch:#04x}")


def _fragment(content: bytes) -> Node:
    first = content[0] & 0xF8 == 0xC0
    if len(content) < (4 if first else 5):
        raise DecodeError("6LoWPAN: fragment truncated")
    size = int.from_bytes(content[:2], "big") & 0x7FF
    tag = int.from_bytes(content[2:4], "big")
    offset = 0 if first else content[4] * 8
    body = content[4:] if first else content[5:]
    return Node(
        f"6LoWPAN fragment: datagram of {size} bytes, tag {tag:#06x}, offset {offset}",
        [Node(diag(body))],
        note=f"{len(body)} bytes",
    )


def ipv6(packet: bytes, options: Options) -> Node:
    """An IPv6 packet with UDP inside where it has that. Raises DecodeError."""
    if len(packet) < 40 or packet[0] >> 4 != 6:
        raise DecodeError("IPv6: no header")
    source = ipaddress.IPv6Address(packet[8:24])
    destination = ipaddress.IPv6Address(packet[24:40])
    title = f"IPv6 {source} -> {destination}"
    note = f"hop limit {packet[7]}"
    if packet[6] != _UDP or len(packet) < 48:
        return Node(title, [Node(f"next header {packet[6]}: {diag(packet[40:])}")], note=note)
    source_port, destination_port = struct.unpack_from(">HH", packet, 40)
    payload = packet[48:]
    inner = udp_payload(payload, options)
    return Node(title, [heading(f"UDP {source_port} -> {destination_port}, {len(payload)} bytes", [inner])], note=note)


def udp_payload(payload: bytes, options: Options) -> Node:
    """CoAP or JPY where the payload is that, else its bytes."""
    for decode in (coap.describe, jpy.describe):
        try:
            return decode(payload, options.deeper())
        except DecodeError:
            continue
    return Node(diag(payload))
