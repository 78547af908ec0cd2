"""IPv6 addresses as 16 ``bytes``: made from EUI-64s, compared, shown as text (RFC 4291, RFC 4862, RFC 5952).

Every node's interface identifier is its EUI-64 with the universal/local bit flipped (RFC 4944 section 6), so an
address of a neighbour and its link address can be computed from each other and no neighbour cache is kept.
Interface identifiers from short addresses are left out: our links use extended addresses.
"""

LINK_LOCAL_PREFIX = b"\xfe\x80\x00\x00\x00\x00\x00\x00"
UNSPECIFIED = bytes(16)


def iid(eui64):
    """Interface identifier (8 bytes) of an EUI-64; its own inverse."""
    return bytes((eui64[0] ^ 2,)) + bytes(eui64[1:8])


def from_eui64(prefix, eui64):
    """Address (16 bytes) under an 8-byte prefix."""
    return bytes(prefix) + iid(eui64)


def link_local(eui64):
    """The fe80::/64 address of an EUI-64."""
    return LINK_LOCAL_PREFIX + iid(eui64)


def eui64_of(address):
    """EUI-64 whose interface identifier ends ``address``."""
    return iid(address[8:16])


def same(buf, pos, value):
    """True if ``value`` stands in ``buf`` at ``pos``; takes no copy."""
    for i in range(len(value)):
        if buf[pos + i] != value[i]:
            return False
    return True


def is_link_local(buf, pos=0):
    """True for an address in fe80::/64 (RFC 4291 section 2.5.6: the 54 bits after fe80::/10 are zero)."""
    return same(buf, pos, LINK_LOCAL_PREFIX)


def is_multicast(buf, pos=0):
    """True for ff00::/8."""
    return buf[pos] == 0xFF


def is_routable(address):
    """True for a unicast address that more than one link may know: not multicast, link-local or unspecified."""
    if is_multicast(address) or (address[0] == 0xFE and address[1] & 0xC0 == 0x80):
        return False
    return bytes(address) != bytes(16)


def text(address):
    """Canonical text form (RFC 5952), without an embedded IPv4 form."""
    groups = [address[i] << 8 | address[i + 1] for i in range(0, 16, 2)]
    best = length = 0
    for start in range(8):
        end = start
        while end < 8 and groups[end] == 0:
            end += 1
        if end - start > length:
            best, length = start, end - start
    if length < 2:
        return ":".join(["%x" % group for group in groups])
    return "%s::%s" % (
        ":".join(["%x" % group for group in groups[:best]]),
        ":".join(["%x" % group for group in groups[best + length :]]),
    )


def parse(string):
    """Inverse of ``text``; takes any form of RFC 4291 section 2.2 without IPv4 or zone. Raises ValueError."""
    halves = string.split("::")
    if len(halves) > 2:
        raise ValueError("two gaps in an IPv6 address")
    head, tail = _groups(halves[0]), _groups(halves[-1]) if len(halves) == 2 else []
    missing = 8 - len(head) - len(tail)
    if missing < 0 or (missing == 0) != (len(halves) == 1):
        raise ValueError("an IPv6 address has eight groups")
    out = bytearray()
    for group in head + [0] * missing + tail:
        out.append(group >> 8)
        out.append(group & 0xFF)
    return bytes(out)


def _groups(string):
    if not string:
        return []
    out = []
    for part in string.split(":"):
        if not 1 <= len(part) <= 4:
            raise ValueError("a group of an IPv6 address has one to four digits")
        for char in part:
            if char not in "0123456789abcdefABCDEF":
                raise ValueError("not a hexadecimal digit in an IPv6 address")
        out.append(int(part, 16))
    return out
