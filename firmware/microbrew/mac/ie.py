"""Information elements of IEEE 802.15.4-2015: walk header, payload and nested lists, write their heads.

The walkers check every length against the end of the frame and always advance, so a list of n octets ends
after n / 2 elements at most. Malformed lists give -1 or None, nothing is raised. What an element means is for
the caller (mac/beacon.py); left out is everything that no part of this project reads.
"""

from microbrew.compat import const

MLME = const(1)
IETF = const(5)
TERMINATION = const(15)

_HEADER_TERMINATION_1 = const(0x7E)
_HEADER_TERMINATION_2 = const(0x7F)

# Header termination 1: the header IEs end and payload IEs follow.
HEADER_END = b"\x00\x3f"


def header_end(buf, pos, end):
    """Walk the header IEs from ``pos``: (position behind them, or -1; whether payload IEs follow)."""
    while pos < end:
        if pos + 2 > end:
            return -1, False
        head = buf[pos] | buf[pos + 1] << 8
        if head & 0x8000:
            return -1, False
        element = head >> 7
        pos += 2 + (head & 0x7F)
        if pos > end:
            return -1, False
        if element == _HEADER_TERMINATION_1:
            return pos, True
        if element == _HEADER_TERMINATION_2:
            return pos, False
    return pos, False


def payload_head(buf, pos, end):
    """Head of the payload IE at ``pos``: (group, start, stop) of its content, or None if malformed."""
    if pos + 2 > end:
        return None
    head = buf[pos] | buf[pos + 1] << 8
    stop = pos + 2 + (head & 0x7FF)
    if not head & 0x8000 or stop > end:
        return None
    return head >> 11 & 15, pos + 2, stop


def payload_end(buf, pos, end):
    """Position behind the payload IEs that start at ``pos``, or -1 if malformed."""
    while pos < end:
        head = payload_head(buf, pos, end)
        if head is None:
            return -1
        pos = head[2]
        if head[0] == TERMINATION:
            break
    return pos


def nested_head(buf, pos, end):
    """Head of the nested IE at ``pos``: (long form?, sub-id, start, stop of content); None if malformed."""
    if pos + 2 > end:
        return None
    head = buf[pos] | buf[pos + 1] << 8
    if head & 0x8000:
        stop = pos + 2 + (head & 0x7FF)
        sub_id = head >> 11 & 15
    else:
        stop = pos + 2 + (head & 0xFF)
        sub_id = head >> 8 & 0x7F
    if stop > end:
        return None
    return head & 0x8000 != 0, sub_id, pos + 2, stop


def put_payload_head(buf, pos, group, length):
    """Write the head of a payload IE with ``length`` octets of content; the position behind it."""
    head = 0x8000 | group << 11 | length
    buf[pos] = head & 0xFF
    buf[pos + 1] = head >> 8
    return pos + 2
