"""IPv6 header compression for IEEE 802.15.4 (RFC 6282).

Reads every stateless form of LOWPAN_IPHC, context 0 when it is known, UDP with an inline checksum (section
4.3) and the routing header (section 4.2). Writes the shortest stateless form. Left out: contexts 1 to 15,
unicast-prefix-based multicast, elided UDP checksums, NHC of other extension headers. Link addresses are EUI-64s.
"""

from microbrew.compat import const

MALFORMED = 0
UNSUPPORTED = -1

_IPV6_HEADER = const(40)
_UDP_HEADER = const(8)
_UDP = const(17)
_ROUTING = const(43)
# A longer routing header is sent as it is: with it compressed, the headers might not fit the first fragment.
_MAX_ROUTING = const(64)

_DISPATCH_IPV6 = const(0x41)
_HOP_LIMITS = b"\x00\x01\x40\xff"


def is_dispatch(octet):
    """True if a frame that starts with ``octet`` is a whole datagram for ``decompress``."""
    return octet == _DISPATCH_IPV6 or octet & 0xE0 == 0x60


def decompress(frame, pos, end, src, dst, out, size=0, context=None):
    """Expand ``frame[pos:end]`` to the start of ``out``: the number of bytes written.

    ``src`` and ``dst`` are the EUI-64s of the frame, ``dst`` may be None (broadcast); ``context`` is the 8-byte
    prefix of context 0. ``size`` is the length of the whole datagram if this is its first fragment. A result
    <= 0 is a drop: MALFORMED or UNSUPPORTED.
    """
    if end - pos < 1:
        return MALFORMED
    if frame[pos] == _DISPATCH_IPV6:
        length = end - pos - 1
        if length < _IPV6_HEADER or length > len(out):
            return MALFORMED
        out[0:length] = frame[pos + 1 : end]
        total = size or length
        if out[0] >> 4 != 6 or (out[4] << 8 | out[5]) != total - _IPV6_HEADER:
            return MALFORMED
        return length
    if end - pos < 2 or frame[pos] & 0xE0 != 0x60:
        return MALFORMED
    first = frame[pos]
    second = frame[pos + 1]
    pos += 2
    if second & 0x80:
        if pos >= end:
            return MALFORMED
        if frame[pos]:
            return UNSUPPORTED
        pos += 1
    if second & 0x44 and context is None:
        return UNSUPPORTED
    for i in range(8):
        out[i] = 0
    pos = _traffic_class(frame, pos, end, first >> 3 & 3, out)
    if pos < 0:
        return MALFORMED
    compressed = first & 4
    if not compressed:
        if pos >= end:
            return MALFORMED
        out[6] = frame[pos]
        pos += 1
    if first & 3:
        out[7] = _HOP_LIMITS[first & 3]
    else:
        if pos >= end:
            return MALFORMED
        out[7] = frame[pos]
        pos += 1
    prefix = None
    if second & 0x40:
        if second & 0x30 == 0:
            prefix = b""
        else:
            prefix = context
    pos = _unicast(frame, pos, end, second >> 4 & 3, prefix, src, out, 8)
    if pos < 0:
        return MALFORMED
    if second & 8:
        if second & 4:
            return UNSUPPORTED
        pos = _multicast(frame, pos, end, second & 3, out)
    else:
        if second & 7 == 4:
            return MALFORMED
        pos = _unicast(frame, pos, end, second & 3, context if second & 4 else None, dst, out, 24)
    if pos < 0:
        return MALFORMED
    at = _IPV6_HEADER
    chain = 6
    udp_at = 0
    while compressed:
        # Each round either ends the chain or consumes two octets at least, so the frame bounds it.
        if pos >= end:
            return MALFORMED
        octet = frame[pos]
        if octet & 0xFE == 0xE2:
            compressed = octet & 1
            out[chain] = _ROUTING
            pos += 1
            if at + 2 > len(out):
                return MALFORMED
            out[at] = 0
            if not compressed:
                if pos >= end:
                    return MALFORMED
                out[at] = frame[pos]
                pos += 1
            if pos >= end:
                return MALFORMED
            length = frame[pos]
            pos += 1
            if length + 2 & 7 or length > end - pos or at + 2 + length > len(out):
                return MALFORMED
            out[at + 1] = (length + 2 >> 3) - 1
            out[at + 2 : at + 2 + length] = frame[pos : pos + length]
            chain = at
            at += 2 + length
            pos += length
        elif octet & 0xF8 == 0xF0:
            if octet & 4:
                return UNSUPPORTED
            if at + _UDP_HEADER > len(out):
                return MALFORMED
            out[chain] = _UDP
            pos = _udp_ports(frame, pos + 1, end, octet & 3, out, at)
            if pos < 0:
                return MALFORMED
            udp_at = at
            at += _UDP_HEADER
            compressed = 0
        else:
            return UNSUPPORTED
    rest = end - pos
    if at + rest > len(out):
        return MALFORMED
    out[at : at + rest] = frame[pos:end]
    length = at + rest
    total = size or length
    if total < length:
        return MALFORMED
    out[4] = total - _IPV6_HEADER >> 8
    out[5] = total - _IPV6_HEADER & 0xFF
    if udp_at:
        out[udp_at + 4] = total - udp_at >> 8
        out[udp_at + 5] = total - udp_at & 0xFF
    return length


def _traffic_class(frame, pos, end, form, out):
    # The wire has ECN before DSCP, the IPv6 header DSCP before ECN (RFC 6282 section 3.1.1).
    if end - pos < (4, 3, 1, 0)[form]:
        return -1
    dscp_ecn = 0
    if form == 0 or form == 2:
        dscp_ecn = (frame[pos] << 2 | frame[pos] >> 6) & 0xFF
        pos += 1
    elif form == 1:
        dscp_ecn = frame[pos] >> 6
    out[0] = 0x60 | dscp_ecn >> 4
    out[1] = dscp_ecn << 4 & 0xF0
    if form < 2:
        out[1] |= frame[pos] & 0x0F
        out[2] = frame[pos + 1]
        out[3] = frame[pos + 2]
        pos += 3
    return pos


def _unicast(frame, pos, end, mode, prefix, eui64, out, at):
    # ``prefix``: None is stateless, b"" the unspecified address, else the context's 8 bytes.
    if prefix == b"":
        for i in range(at, at + 16):
            out[i] = 0
        return pos
    if mode == 0:
        if end - pos < 16:
            return -1
        out[at : at + 16] = frame[pos : pos + 16]
        return pos + 16
    for i in range(at, at + 8):
        out[i] = 0
    if prefix is None:
        out[at] = 0xFE
        out[at + 1] = 0x80
    else:
        out[at : at + 8] = prefix
    at += 8
    if mode == 1:
        if end - pos < 8:
            return -1
        out[at : at + 8] = frame[pos : pos + 8]
        return pos + 8
    if mode == 2:
        if end - pos < 2:
            return -1
        out[at] = out[at + 1] = out[at + 2] = out[at + 5] = 0
        out[at + 3] = 0xFF
        out[at + 4] = 0xFE
        out[at + 6] = frame[pos]
        out[at + 7] = frame[pos + 1]
        return pos + 2
    if eui64 is None:
        return -1
    out[at : at + 8] = eui64
    out[at] ^= 2
    return pos


def _multicast(frame, pos, end, mode, out):
    size = (16, 6, 4, 1)[mode]
    if end - pos < size:
        return -1
    for i in range(24, 40):
        out[i] = 0
    if mode == 0:
        out[24:40] = frame[pos : pos + 16]
        return pos + 16
    out[24] = 0xFF
    out[25] = 2
    if mode < 3:
        out[25] = frame[pos]
        pos += 1
        size -= 1
    out[40 - size : 40] = frame[pos : pos + size]
    return pos + size


def _udp_ports(frame, pos, end, form, out, at):
    if end - pos < (4, 3, 3, 1)[form] + 2:
        return -1
    if form == 3:
        out[at] = out[at + 2] = 0xF0
        out[at + 1] = 0xB0 | frame[pos] >> 4
        out[at + 3] = 0xB0 | frame[pos] & 0x0F
        pos += 1
    else:
        if form == 2:
            out[at] = 0xF0
        else:
            out[at] = frame[pos]
            pos += 1
        out[at + 1] = frame[pos]
        pos += 1
        if form == 1:
            out[at + 2] = 0xF0
        else:
            out[at + 2] = frame[pos]
            pos += 1
        out[at + 3] = frame[pos]
        pos += 1
    out[at + 6] = frame[pos]
    out[at + 7] = frame[pos + 1]
    return pos + 2


def compress(packet, length, src, dst, out, pos, nhc=True):
    """Write the compressed headers of ``packet[:length]`` to ``out`` at ``pos``: (end in out, headers' length).

    ``src`` and ``dst`` are the EUI-64s of the frame, ``dst`` may be None. The second number counts bytes of
    ``packet`` that the headers stand for; the rest follows as it is. ``out`` must have room for 112 bytes.
    Without ``nhc`` only the IPv6 header is compressed. Lengths inside the headers must be consistent with
    ``length``, as Network makes them.
    """
    start = pos
    pos += 2
    traffic = (packet[0] << 4 | packet[1] >> 4) & 0xFF
    flow = packet[1] & 0x0F | packet[2] | packet[3]
    ecn_dscp = (traffic >> 2 | traffic << 6) & 0xFF
    if flow == 0:
        first = 0x70 if traffic else 0x78
        if traffic:
            out[pos] = ecn_dscp
            pos += 1
    else:
        first = 0x60
        out[pos] = ecn_dscp
        out[pos + 1] = packet[1] & 0x0F
        out[pos + 2] = packet[2]
        out[pos + 3] = packet[3]
        pos += 4
        if traffic & 0xFC == 0:
            first = 0x68
            out[pos - 4] = ecn_dscp | packet[1] & 0x0F
            out[pos - 3] = packet[2]
            out[pos - 2] = packet[3]
            pos -= 1
    next_header = packet[6]
    if nhc and _has_nhc(packet, length, next_header, _IPV6_HEADER, True):
        first |= 4
    else:
        out[pos] = next_header
        pos += 1
    hop_limit = packet[7]
    if hop_limit in (1, 64, 255):
        first |= 1 if hop_limit == 1 else (2 if hop_limit == 64 else 3)
    else:
        out[pos] = hop_limit
        pos += 1
    mode = _unicast_mode(packet, 8, src)
    second = mode << 4
    pos = _put_unicast(packet, 8, mode, out, pos)
    if packet[24] == 0xFF:
        mode = _multicast_mode(packet)
        second |= 8 | mode
        if mode == 0:
            out[pos : pos + 16] = packet[24:40]
            pos += 16
        else:
            if mode < 3:
                out[pos] = packet[25]
                pos += 1
            size = (0, 5, 3, 1)[mode]
            out[pos : pos + size] = packet[40 - size : 40]
            pos += size
    else:
        mode = _unicast_mode(packet, 24, dst)
        second |= mode
        pos = _put_unicast(packet, 24, mode, out, pos)
    out[start] = first
    out[start + 1] = second
    at = _IPV6_HEADER
    compressed = first & 4
    while compressed:
        if next_header == _UDP:
            return _put_udp(packet, at, out, pos), at + _UDP_HEADER
        next_header = packet[at]
        size = packet[at + 1] + 1 << 3
        compressed = _has_nhc(packet, length, next_header, at + size, False)
        out[pos] = 0xE2 | compressed
        pos += 1
        if not compressed:
            out[pos] = next_header
            pos += 1
        out[pos] = size - 2
        pos += 1
        out[pos : pos + size - 2] = packet[at + 2 : at + size]
        pos += size - 2
        at += size
    return pos, at


def _has_nhc(packet, length, next_header, at, routing):
    if next_header == _UDP:
        return 1 if length - at >= _UDP_HEADER else 0
    if routing and next_header == _ROUTING and length - at >= 8:
        size = packet[at + 1] + 1 << 3
        return 1 if size <= _MAX_ROUTING and length - at >= size else 0
    return 0


def _unicast_mode(packet, at, eui64):
    if packet[at] != 0xFE or packet[at + 1] != 0x80:
        return 0
    for i in range(at + 2, at + 8):
        if packet[i]:
            return 0
    at += 8
    if eui64 is not None:
        i = 1
        while i < 8 and packet[at + i] == eui64[i]:
            i += 1
        if i == 8 and packet[at] == eui64[0] ^ 2:
            return 3
    if packet[at] | packet[at + 1] | packet[at + 2] | packet[at + 5]:
        return 1
    return 2 if packet[at + 3] == 0xFF and packet[at + 4] == 0xFE else 1


def _put_unicast(packet, at, mode, out, pos):
    size = (16, 8, 2, 0)[mode]
    out[pos : pos + size] = packet[at + 16 - size : at + 16]
    return pos + size


def _multicast_mode(packet):
    zeros = 26
    while zeros < 40 and packet[zeros] == 0:
        zeros += 1
    if zeros >= 39 and packet[25] == 2:
        return 3
    if zeros >= 37:
        return 2
    return 1 if zeros >= 35 else 0


def _put_udp(packet, at, out, pos):
    mark = pos
    pos += 1
    src_high = packet[at]
    dst_high = packet[at + 2]
    if src_high == 0xF0 and dst_high == 0xF0 and packet[at + 1] >> 4 == 0xB and packet[at + 3] >> 4 == 0xB:
        out[mark] = 0xF3
        out[pos] = (packet[at + 1] & 0x0F) << 4 | packet[at + 3] & 0x0F
        pos += 1
    elif dst_high == 0xF0:
        out[mark] = 0xF1
        out[pos] = src_high
        out[pos + 1] = packet[at + 1]
        out[pos + 2] = packet[at + 3]
        pos += 3
    elif src_high == 0xF0:
        out[mark] = 0xF2
        out[pos] = packet[at + 1]
        out[pos + 1] = dst_high
        out[pos + 2] = packet[at + 3]
        pos += 3
    else:
        out[mark] = 0xF0
        out[pos : pos + 4] = packet[at : at + 4]
        pos += 4
    out[pos] = packet[at + 6]
    out[pos + 1] = packet[at + 7]
    return pos + 2
