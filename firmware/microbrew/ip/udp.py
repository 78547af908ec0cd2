"""UDP headers and the Internet checksum over the IPv6 pseudo header (RFC 768, RFC 8200 section 8.1).

A UDP checksum of zero is refused: RFC 8200 allows it for tunnels only.
"""

from microbrew.compat import const

NEXT_HEADER = 17
HEADER = 8

_SRC = const(8)


def checksum(packet, start, end, next_header, dst=_SRC + 16):
    """One's complement checksum of the upper-layer bytes ``packet[start:end]``, pseudo header included.

    ``packet`` begins with the IPv6 header; ``dst`` is where the final destination stands (RFC 8200: with a
    routing header whose segments are left, its last address). Yields 0 when a right checksum is among the bytes.
    """
    view = memoryview(packet)
    total = end - start + next_header + _sum(view[_SRC : _SRC + 16]) + _sum(view[dst : dst + 16])
    body = _sum(view[start:end])
    if end - start & 1:
        # As if a zero octet followed.
        body <<= 8
    # A sum that is not empty is never 0 but 0xFFFF, so it is 0 that is returned.
    rest = (total + body) % 0xFFFF
    return rest ^ 0xFFFF if rest else 0


def _sum(data):
    # 2**16 is 1 modulo 2**16 - 1, so the remainder of the whole number is the one's complement sum of its words; the
    # interpreter divides it in one go.
    return int.from_bytes(data, "big") % 0xFFFF


def put_header(packet, pos, src_port, dst_port, length):
    """Write a header with checksum 0 at ``pos``; ``length`` counts header and payload."""
    packet[pos] = src_port >> 8
    packet[pos + 1] = src_port & 0xFF
    packet[pos + 2] = dst_port >> 8
    packet[pos + 3] = dst_port & 0xFF
    packet[pos + 4] = length >> 8
    packet[pos + 5] = length & 0xFF
    packet[pos + 6] = packet[pos + 7] = 0


def put_checksum(packet, pos, value):
    """Write the checksum of the header at ``pos``; a computed zero goes out as all ones."""
    if value == 0:
        value = 0xFFFF
    packet[pos + 6] = value >> 8
    packet[pos + 7] = value & 0xFF


def valid(packet, pos, end):
    """True if a UDP datagram fills ``packet[pos:end]`` exactly and its checksum holds."""
    return (
        end - pos >= HEADER
        and (packet[pos + 4] << 8 | packet[pos + 5]) == end - pos
        and (packet[pos + 6] | packet[pos + 7]) != 0
        and checksum(packet, pos, end, NEXT_HEADER) == 0
    )
