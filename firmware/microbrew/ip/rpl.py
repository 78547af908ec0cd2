"""RPL in non-storing mode, the part that a node needs (RFC 6550; docs/decisions/0002).

A node asks its join parent for a DIO (unicast DIS), takes prefix, rank and DODAG from it, and tells the root who
its parent is (DAO, acknowledged, refreshed at half of its lifetime). It answers the DIS of its own children.

Left out: choice among parents (the join parent stays), multicast DIO and Trickle, poisoning, the RPL option in
data packets, secure RPL messages (the link secures them), local instances, MOPs other than 1.
"""

from microbrew.compat import const
from microbrew.errors import DecodeError
from microbrew.ip import addr, icmpv6

IDLE = "IDLE"
WAIT_DIO = "WAIT_DIO"
WAIT_DAO_ACK = "WAIT_DAO_ACK"
ROUTED = "ROUTED"

# Events of Rpl.on_event.
EVENT_ROUTED = "routed"
EVENT_PARENT_LOST = "parent_lost"

DIS = 0
DIO = 1
DAO = 2
DAO_ACK = 3

ROOT_RANK = 256
MIN_HOP_RANK_INCREASE = 256
INFINITE_RANK = 0xFFFF
MAX_HOPS = 16
# Of a node MAX_HOPS away from the root; a source route reaches no further.
_MAX_RANK = const((16 + 1) * 256)

_MOP_NON_STORING = const(1)
_GROUNDED = const(0x80)
_INSTANCE = const(0)

_PAD1 = const(0)
_OPT_CONFIGURATION = const(4)
_OPT_TARGET = const(5)
_OPT_TRANSIT = const(6)
_OPT_PREFIX = const(8)
_FLAG_AUTONOMOUS = const(0x40)
_FLAG_ROUTER_ADDRESS = const(0x20)
_FLAG_ACK_WANTED = const(0x80)

_FIRST_MS = const(200)
_RETRY_MS = const(2000)
_MAX_RETRY_MS = const(60000)
# About a minute. Whoever has missed a rekey is not heard by anybody, and joins again after that.
_DIS_TRIES = const(5)
_DAO_TRIES = const(5)
_LOST_AFTER = const(5)
_DIO_GAP_MS = const(100)
_DIO_BURST = const(8)


class Dio:
    """Content of a DIO. ``prefix`` is 8 bytes, ``router`` the sender's own 16-byte address; lifetimes in units."""

    __slots__ = ("dodag_id", "lifetime", "lifetime_unit", "prefix", "rank", "router", "version")

    def __init__(self, version, rank, dodag_id, router, lifetime, lifetime_unit):
        self.version = version
        self.rank = rank
        self.dodag_id = dodag_id
        self.router = router
        self.prefix = router[:8]
        self.lifetime = lifetime
        self.lifetime_unit = lifetime_unit

    def encode(self):
        """Body after the ICMPv6 header (RFC 6550 sections 6.3.1, 6.7.6, 6.7.10)."""
        out = bytearray(24 + 16 + 32)
        out[0] = _INSTANCE
        out[1] = self.version
        out[2] = self.rank >> 8
        out[3] = self.rank & 0xFF
        out[4] = _GROUNDED | _MOP_NON_STORING << 3
        out[8:24] = self.dodag_id
        out[24] = _OPT_CONFIGURATION
        out[25] = 14
        out[32] = MIN_HOP_RANK_INCREASE >> 8
        out[33] = MIN_HOP_RANK_INCREASE & 0xFF
        out[37] = self.lifetime
        out[38] = self.lifetime_unit >> 8
        out[39] = self.lifetime_unit & 0xFF
        out[40] = _OPT_PREFIX
        out[41] = 30
        out[42] = 64
        out[43] = _FLAG_AUTONOMOUS | _FLAG_ROUTER_ADDRESS
        for i in range(44, 52):
            out[i] = 0xFF
        out[56:72] = self.router
        return bytes(out)


def _options(body, pos):
    # (type, start, end) of each option; every round consumes an octet at least.
    found = []
    end = len(body)
    while pos < end:
        if body[pos] == _PAD1:
            pos += 1
            continue
        if end - pos < 2 or body[pos + 1] > end - pos - 2:
            raise DecodeError("RPL: truncated option")
        found.append((body[pos], pos + 2, pos + 2 + body[pos + 1]))
        pos += 2 + body[pos + 1]
    return found


def parse_dio(body):
    """A Dio of what follows the ICMPv6 header. Raises DecodeError for what we cannot join."""
    if len(body) < 24:
        raise DecodeError("RPL: short DIO")
    if body[0] != _INSTANCE or body[4] >> 3 & 7 != _MOP_NON_STORING:
        raise DecodeError("RPL: another instance or mode of operation")
    router = None
    lifetime = unit = 0
    for kind, at, end in _options(body, 24):
        if kind == _OPT_CONFIGURATION and end - at == 14:
            lifetime = body[at + 11]
            unit = body[at + 12] << 8 | body[at + 13]
            if body[at + 6] << 8 | body[at + 7] != MIN_HOP_RANK_INCREASE:
                raise DecodeError("RPL: another MinHopRankIncrease")
        elif kind == _OPT_PREFIX and end - at == 30:
            flags = _FLAG_AUTONOMOUS | _FLAG_ROUTER_ADDRESS
            if body[at] == 64 and body[at + 1] & flags == flags:
                router = bytes(body[at + 14 : at + 30])
    if router is None or not lifetime or not unit:
        raise DecodeError("RPL: DIO without prefix or configuration")
    dodag_id = bytes(body[8:24])
    if not addr.is_routable(router) or not addr.is_routable(dodag_id):
        raise DecodeError("RPL: prefix or DODAG is not routable")
    return Dio(body[1], body[2] << 8 | body[3], dodag_id, router, lifetime, unit)


def encode_dao(sequence, target, parent, path_sequence, lifetime):
    """DAO with one Target and its Transit Information, acknowledgement wanted (sections 6.4, 6.7.7, 6.7.8)."""
    out = bytearray(4 + 20 + 22)
    out[0] = _INSTANCE
    out[1] = _FLAG_ACK_WANTED
    out[3] = sequence
    out[4] = _OPT_TARGET
    out[5] = 18
    out[7] = 128
    out[8:24] = target
    out[24] = _OPT_TRANSIT
    out[25] = 20
    out[28] = path_sequence
    out[29] = lifetime
    out[30:46] = parent
    return bytes(out)


def parse_dao(body):
    """``(sequence, ack wanted, target, parent, lifetime in units)``. Raises DecodeError."""
    if len(body) < 4 or body[0] != _INSTANCE or body[1] & 0x40:
        raise DecodeError("RPL: DAO of another instance")
    target = parent = None
    lifetime = 0
    for kind, at, end in _options(body, 4):
        if kind == _OPT_TARGET:
            if target is not None or end - at != 18 or body[at + 1] != 128:
                raise DecodeError("RPL: one target of 128 bits is taken")
            target = bytes(body[at + 2 : at + 18])
        elif kind == _OPT_TRANSIT:
            if target is None or parent is not None or end - at != 20:
                raise DecodeError("RPL: transit information without target or parent")
            lifetime = body[at + 3]
            parent = bytes(body[at + 4 : at + 20])
    if parent is None:
        raise DecodeError("RPL: DAO without a route")
    return body[3], bool(body[1] & _FLAG_ACK_WANTED), target, parent, lifetime


def encode_dao_ack(sequence, status):
    """DAO-ACK (section 6.5); status 0 accepts, 128 and more reject."""
    return bytes((_INSTANCE, 0, sequence, status))


class DioSender:
    """Answers DIS with a unicast DIO, a bounded number of times per second."""

    def __init__(self, net):
        self._net = net
        self._credit = _DIO_BURST
        self._refilled = 0

    def answer(self, dio, link_src, now):
        """Send ``dio`` to the neighbour ``link_src`` if the rate allows."""
        self._credit = min(_DIO_BURST, self._credit + (now - self._refilled) // _DIO_GAP_MS)
        self._refilled += (now - self._refilled) // _DIO_GAP_MS * _DIO_GAP_MS
        if self._credit <= 0:
            return False
        self._credit -= 1
        return self._net.send_icmpv6(icmpv6.RPL, DIO, addr.link_local(link_src), dio.encode(), now)


class Rpl:
    """A node's routing: start it once joined; ``on_event(name, now)`` tells the layer above.

    EVENT_ROUTED: the root acknowledged our route, ``dodag_id`` and ``rank`` hold. EVENT_PARENT_LOST: the parent
    does not answer any more; routing has stopped and the node should look for a network again.
    """

    def __init__(self, net, random, on_event):
        self.state = IDLE
        self.rank = INFINITE_RANK
        self.dodag_id = None
        self.counters = {}
        self._net = net
        self._random = random
        self._on_event = on_event
        self._dio = None
        self._dio_sender = DioSender(net)
        self._tries = 0
        self._cycles = 0
        self._failures = 0
        self._deadline = None
        # Lollipop counters start in the linear part (section 7.2): after a reboot the root takes what is new.
        self._sequence = 240
        net.on_icmpv6 = self._on_icmpv6
        net.on_link_result = self._on_link_result

    @property
    def join_metric(self):
        """DAGRank - 1, as beacons carry it (RFC 8180 section 4.5.1); None without a rank, or too deep for children."""
        if self.rank >= _MAX_RANK:
            return None
        return self.rank // MIN_HOP_RANK_INCREASE - 1

    def start(self, now):
        """Ask the network's parent for the way."""
        self._cycles = 0
        self._failures = 0
        self._solicit(now)

    def stop(self):
        """Forget rank and route, silently."""
        self.state = IDLE
        self.rank = INFINITE_RANK
        self.dodag_id = None
        self._dio = None
        self._deadline = None

    def poll(self, now):
        """Do what is due: the next deadline in ms, or None."""
        if self._deadline is None or now < self._deadline:
            return self._deadline
        if self.state == WAIT_DIO:
            self._send_dis(now)
        elif self.state == WAIT_DAO_ACK:
            self._send_dao(now)
        elif self.state == ROUTED:
            self._announce(now)
        return self._deadline

    def _solicit(self, now):
        self.state = WAIT_DIO
        self._tries = 0
        self._deadline = now + self._random(1)[0] * _FIRST_MS // 256

    def _back_off(self, now):
        delay = min(_RETRY_MS << self._tries, _MAX_RETRY_MS)
        self._tries += 1
        self._deadline = now + delay * 3 // 4 + self._random(1)[0] * delay // 512

    def _send_dis(self, now):
        if self._tries >= _DIS_TRIES:
            self._lost(now)
            return
        self._net.send_icmpv6(icmpv6.RPL, DIS, addr.link_local(self._net.parent), b"\x00\x00", now)
        self._back_off(now)

    def _announce(self, now):
        self.state = WAIT_DAO_ACK
        self._tries = 0
        # Counters above 127 run to 255 and then on in the circular part 0..127 (section 7.2).
        self._sequence = 0 if self._sequence in (127, 255) else self._sequence + 1
        self._send_dao(now)

    def _send_dao(self, now):
        if self._tries >= _DAO_TRIES:
            # The way up may have changed or the parent restarted: ask it again, a few times.
            self._cycles += 1
            if self._cycles > 2:
                self._lost(now)
            else:
                self._solicit(now)
            return
        dio = self._dio
        body = encode_dao(self._sequence, self._net.address, dio.router, self._sequence, dio.lifetime)
        self._net.send_icmpv6(icmpv6.RPL, DAO, dio.dodag_id, body, now)
        self._back_off(now)

    def _lost(self, now):
        self.stop()
        self._on_event(EVENT_PARENT_LOST, now)

    def _on_link_result(self, dst, ok, now):
        if self.state == IDLE or dst != self._net.parent:
            return
        self._failures = 0 if ok else self._failures + 1
        if self._failures >= _LOST_AFTER:
            self._lost(now)

    def _count(self, reason):
        self.counters[reason] = self.counters.get(reason, 0) + 1

    def _on_icmpv6(self, kind, code, src, dst, body, link_src, now):
        if kind != icmpv6.RPL or self.state == IDLE:
            self._count("rpl_unexpected")
        elif code == DIS:
            self._on_dis(src, body, link_src, now)
        elif code == DIO:
            self._on_dio(src, body, link_src, now)
        elif code == DAO_ACK:
            self._on_dao_ack(src, body, now)
        else:
            self._count("rpl_unexpected")

    def _on_dis(self, src, body, link_src, now):
        # The parent's DIS would make a loop of two.
        if not addr.is_link_local(src) or len(body) < 2 or link_src == self._net.parent:
            self._count("rpl_malformed")
        elif self.state == ROUTED or (self.state == WAIT_DAO_ACK and self._dio is not None):
            dio = self._dio
            own = Dio(dio.version, self.rank, dio.dodag_id, self._net.address, dio.lifetime, dio.lifetime_unit)
            if not self._dio_sender.answer(own, link_src, now):
                self._count("rpl_dio_rate")

    def _on_dio(self, src, body, link_src, now):
        if link_src != self._net.parent or not addr.is_link_local(src):
            self._count("rpl_not_parent")
            return
        try:
            dio = parse_dio(body)
        except DecodeError:
            self._count("rpl_malformed")
            return
        if dio.rank < ROOT_RANK or dio.rank >= _MAX_RANK:
            self._count("rpl_rank")
            return
        if self.state != WAIT_DIO:
            return
        self._dio = dio
        self.rank = dio.rank + MIN_HOP_RANK_INCREASE
        self.dodag_id = dio.dodag_id
        self._net.configure(dio.prefix)
        self._announce(now)

    def _on_dao_ack(self, src, body, now):
        if len(body) < 4 or src != self.dodag_id:
            self._count("rpl_malformed")
        elif self.state == WAIT_DAO_ACK and body[2] == self._sequence:
            if body[3] >= 128:
                self._count("rpl_dao_rejected")
                return
            self.state = ROUTED
            self._cycles = 0
            seconds = self._dio.lifetime * self._dio.lifetime_unit
            # Half of the lifetime, less up to an eighth, so that nodes that joined together spread.
            self._deadline = now + seconds * 500 - seconds * 125 * self._random(1)[0] // 256
            self._on_event(EVENT_ROUTED, now)
