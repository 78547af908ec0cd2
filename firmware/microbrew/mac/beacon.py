"""Enhanced Beacons: their content (RFC 8180 section 4.5.1, RFC 9032) and the table a pledge keeps of them.

A beacon carries the MLME IE with TSCH synchronisation (ASN, join metric) and the minimal configuration of
RFC 8180, then the IETF IE of RFC 9032 that tells which network it is and how willing the proxy is. The ASN is
network time in steps of 10 ms; this MAC has no slots. Left out: reading timeslot, hopping and slotframe IEs,
which a node on a fixed channel does not follow.
"""

from microbrew.compat import const
from microbrew.mac import ie

# RFC 9032: the highest proxy priority says "never use me".
NEVER = const(0x7F)

_SUBTYPE_JOIN = const(2)
_MAX_NETWORK_ID = const(16)
_SYNC = const(0x1A)
_SYNC_LEN = const(6)
_ASN_LEN = const(5)

# RFC 8180 figures 5 to 9 behind the synchronisation IE: timeslot template 0, hopping sequence 0, and one
# slotframe of 101 slots with one shared cell.
_MINIMAL = b"\x01\x1c\x00\x01\xc8\x00\x0a\x1b\x01\x00\x65\x00\x01\x00\x00\x00\x00\x0f"


class Beacon:
    """What one beacon says. ``network_id`` None: it has no RFC 9032 element, so nothing below it is meant.

    pan_id: int; asn: int < 2**40; join_metric, pan_priority: 0..255; proxy_priority: 0..0x7f; rank_priority:
    0..0xfff (a pledge must ignore it); network_id: up to 16 bytes; iid: 8 bytes, or None when the proxy's
    interface identifier follows from its EUI-64; solicit: unicast router solicitations are answered;
    key_index: index of the key that secured a received beacon, or None.
    """

    __slots__ = (
        "asn",
        "iid",
        "join_metric",
        "key_index",
        "network_id",
        "pan_id",
        "pan_priority",
        "proxy_priority",
        "rank_priority",
        "solicit",
    )

    def __init__(
        self,
        pan_id=0xFFFF,
        asn=0,
        network_id=None,
        proxy_priority=NEVER,
        pan_priority=0,
        rank_priority=0,
        join_metric=0,
        iid=None,
        solicit=False,
    ):
        self.pan_id = pan_id
        self.asn = asn
        self.network_id = network_id
        self.proxy_priority = proxy_priority
        self.pan_priority = pan_priority
        self.rank_priority = rank_priority
        self.join_metric = join_metric
        self.iid = iid
        self.solicit = solicit
        self.key_index = None


# RFC 9032 draws the octets 1 to 3 of its IE with two rulers that disagree. This is the layout of the label
# row: R 1 bit, P 1, reserved 3, proxy priority 7, rank priority 12. Nothing else in the code knows it.
def _join_word(word, beacon=None):
    """Without ``beacon`` unpack the 24 bits: (solicit, has iid, proxy priority, rank). With it, pack them."""
    if beacon is None:
        return word & 0x800000 != 0, word & 0x400000 != 0, word >> 12 & 0x7F, word & 0xFFF
    return (
        (0x800000 if beacon.solicit else 0)
        | (0x400000 if beacon.iid is not None else 0)
        | (beacon.proxy_priority & 0x7F) << 12
        | (beacon.rank_priority & 0xFFF)
    )


def encode(beacon, buf, pos):
    """Write the IEs of ``beacon`` from ``pos`` on, header termination first; the position behind them.

    Raises ValueError for a network id or interface id of a wrong length.
    """
    pos = _put(buf, pos, ie.HEADER_END)
    pos = ie.put_payload_head(buf, pos, ie.MLME, 2 + _SYNC_LEN + len(_MINIMAL))
    buf[pos] = _SYNC_LEN
    buf[pos + 1] = _SYNC
    pos += 2
    for i in range(_ASN_LEN):
        buf[pos + i] = beacon.asn >> 8 * i & 0xFF
    pos += _ASN_LEN
    buf[pos] = beacon.join_metric
    pos = _put(buf, pos + 1, _MINIMAL)
    if beacon.network_id is None:
        return pos
    iid = beacon.iid
    if len(beacon.network_id) > _MAX_NETWORK_ID or (iid is not None and len(iid) != 8):
        raise ValueError("network id of at most 16, interface id of 8 bytes")
    length = 5 + (8 if iid is not None else 0) + len(beacon.network_id)
    pos = ie.put_payload_head(buf, pos, ie.IETF, length)
    word = _join_word(0, beacon)
    buf[pos] = _SUBTYPE_JOIN
    buf[pos + 1] = word >> 16
    buf[pos + 2] = word >> 8 & 0xFF
    buf[pos + 3] = word & 0xFF
    buf[pos + 4] = beacon.pan_priority
    pos += 5
    if iid is not None:
        pos = _put(buf, pos, iid)
    return _put(buf, pos, beacon.network_id)


def _put(buf, pos, data):
    end = pos + len(data)
    buf[pos:end] = data
    return end


def parse(buf, pos, end):
    """The Beacon in the payload IEs ``buf[pos:end]``, without PAN id, or None if it is malformed."""
    beacon = Beacon()
    beacon.asn = None
    while pos < end:
        head = ie.payload_head(buf, pos, end)
        if head is None:
            return None
        group, start, pos = head
        if group == ie.TERMINATION:
            break
        if group == ie.MLME and not _parse_mlme(beacon, buf, start, pos):
            return None
        if group == ie.IETF and not _parse_ietf(beacon, buf, start, pos):
            return None
    return None if beacon.asn is None else beacon


def _parse_mlme(beacon, buf, pos, end):
    while pos < end:
        head = ie.nested_head(buf, pos, end)
        if head is None:
            return False
        is_long, sub_id, start, pos = head
        if sub_id == _SYNC and not is_long:
            if pos - start != _SYNC_LEN:
                return False
            asn = 0
            for i in range(_ASN_LEN):
                asn |= buf[start + i] << 8 * i
            beacon.asn = asn
            beacon.join_metric = buf[start + _ASN_LEN]
    return True


def _parse_ietf(beacon, buf, pos, end):
    if pos >= end:
        return False
    if buf[pos] != _SUBTYPE_JOIN:
        return True
    if end - pos < 5:
        return False
    beacon.solicit, has_iid, beacon.proxy_priority, beacon.rank_priority = _join_word(
        buf[pos + 1] << 16 | buf[pos + 2] << 8 | buf[pos + 3]
    )
    beacon.pan_priority = buf[pos + 4]
    pos += 5
    beacon.iid = None
    if has_iid:
        if end - pos < 8:
            return False
        beacon.iid = bytes(buf[pos : pos + 8])
        pos += 8
    if end - pos > _MAX_NETWORK_ID:
        return False
    beacon.network_id = bytes(buf[pos:end])
    return True


class Candidate:
    """A proxy (EUI-64) of a network that a pledge may try: its last ``beacon``, ``lqi``, when ``heard``."""

    __slots__ = ("beacon", "heard", "lqi", "proxy")

    def __init__(self, beacon, proxy, lqi, heard):
        self.beacon = beacon
        self.proxy = proxy
        self.lqi = lqi
        self.heard = heard

    def rank(self):
        """Smaller is better: PAN priority, then proxy priority, then link quality."""
        return self.beacon.pan_priority << 16 | self.beacon.proxy_priority << 8 | (255 - self.lqi)


class Listener:
    """Collects beacons while a pledge waits for one, and ranks who sent them.

    Keeps at most ``limit`` proxies, and at most half of them of one network, so that one crowded network does
    not hide the others. Nothing here is authenticated: a forger can only make the pledge try a wrong network,
    which the voucher check ends; ``best`` then gives the next one. When the table is full a newcomer replaces
    the worst entry if it ranks better, or an entry not heard for ``max_age_ms``.
    """

    def __init__(self, limit=8, max_age_ms=180000):
        self.limit = limit
        self.max_age_ms = max_age_ms
        self.candidates = []

    def hear(self, beacon, proxy, lqi, now):
        """Take note of a beacon from the EUI-64 ``proxy``. True if it is (still) a candidate."""
        kept = self.candidates
        for i in range(len(kept)):
            if kept[i].proxy == proxy and kept[i].beacon.network_id == beacon.network_id:
                if beacon.proxy_priority == NEVER:
                    kept.pop(i)
                    return False
                kept[i].beacon = beacon
                kept[i].lqi = lqi
                kept[i].heard = now
                return True
        if beacon.network_id is None or beacon.proxy_priority == NEVER:
            return False
        candidate = Candidate(beacon, proxy, lqi, now)
        same = 0
        for other in kept:
            if other.beacon.network_id == beacon.network_id:
                same += 1
        crowded = same >= self.limit // 2
        if crowded or len(kept) >= self.limit:
            worst = self._worst(beacon.network_id if crowded else None, now)
            if not self._stale(kept[worst], now) and kept[worst].rank() <= candidate.rank():
                return False
            kept[worst] = candidate
        else:
            kept.append(candidate)
        return True

    def _stale(self, candidate, now):
        return now - candidate.heard > self.max_age_ms

    def _worst(self, network_id, now):
        worst = -1
        for i in range(len(self.candidates)):
            candidate = self.candidates[i]
            if network_id is not None and candidate.beacon.network_id != network_id:
                continue
            if self._stale(candidate, now):
                return i
            if worst < 0 or candidate.rank() > self.candidates[worst].rank():
                worst = i
        return worst

    def best(self, exclude=(), now=None):
        """The best Candidate that is not excluded, or None.

        ``exclude`` holds what failed before: ``(network_id, eui64)`` for one proxy of a network,
        ``(network_id, None)`` for the whole network. With ``now`` entries that are too old are skipped.
        """
        best = None
        for candidate in self.candidates:
            network_id = candidate.beacon.network_id
            if (network_id, None) in exclude or (network_id, candidate.proxy) in exclude:
                continue
            if now is not None and self._stale(candidate, now):
                continue
            if best is None or candidate.rank() < best.rank():
                best = candidate
        return best

    def clear(self):
        """Forget everything heard."""
        self.candidates = []
