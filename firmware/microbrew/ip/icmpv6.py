"""ICMPv6 messages as whole IPv6 packets (RFC 4443): only what carries RPL (RFC 6550 section 6).

Error messages are left out: nothing here acts on them and they would answer strangers.
"""

from microbrew.ip import udp

NEXT_HEADER = 58
HEADER = 4
RPL = 155


def message(kind, code, body):
    """Type, code, a checksum of zero, then ``body``: bytearray. ``put_checksum`` completes it in its packet."""
    out = bytearray(HEADER + len(body))
    out[0] = kind
    out[1] = code
    out[HEADER:] = body
    return out


def put_checksum(packet, pos, end, dst=24):
    """Write the checksum of the message ``packet[pos:end]``, whose checksum field is zero."""
    value = udp.checksum(packet, pos, end, NEXT_HEADER, dst)
    packet[pos + 2] = value >> 8
    packet[pos + 3] = value & 0xFF


def valid(packet, pos, end):
    """True if a message with a right checksum fills ``packet[pos:end]``."""
    return end - pos >= HEADER and udp.checksum(packet, pos, end, NEXT_HEADER) == 0
