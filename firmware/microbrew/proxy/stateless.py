"""Stateless join proxy (draft-ietf-anima-constrained-join-proxy-06, RFC 9031 section 7): join-port <-> JRC.

A pledge's datagram goes to the registrar inside a JPY message that says where the answer belongs; nothing about a
pledge is remembered. Left out: the stateful mode, the protected header of later drafts (links and registrar path are
secured), and every service but the join-port.
"""

from microbrew.compat import const
from microbrew.errors import DecodeError
from microbrew.ip import addr, network
from microbrew.proxy import jpy

JOIN_PORT = 61617
# The JRC's own join-port in the mesh, and the port that a proxy sends from: both compress to four bits (RFC 6282).
JPY_PORT = 61619
UPLINK_PORT = 61618
INTERFACE = 1

_PACKETS_PER_S = const(10)
_PACKET_BURST = const(30)
_BYTES_PER_S = const(4000)
_MAX_CONTENT = const(1200)


class Bucket:
    """Token bucket: ``rate`` tokens per second, at most ``burst`` of them; integers only."""

    def __init__(self, rate, burst, now=0):
        self.set(rate, burst, now)

    def set(self, rate, burst, now):
        """New limits, bucket full."""
        self.rate = rate
        self.burst = burst
        self._level = burst * 1000
        self._at = now

    def refill(self, now):
        """Add what the time since the last call brought: tokens that can be taken."""
        if now > self._at:
            # Capped before multiplying, so that a long sleep makes no big integer.
            elapsed = min(now - self._at, 3600000)
            self._level = min(self.burst * 1000, self._level + elapsed * self.rate)
            self._at = now
        return self._level // 1000

    def take(self, count):
        """Spend tokens that ``refill`` said are there."""
        self._level -= count * 1000


class Relay:
    """What both ends of the proxy have in common, whatever carries JPY to the registrar.

    ``net`` is the side of the pledges. ``uplink(datagram, now)`` -> bool sends to the registrar; the owner hands
    what comes back from exactly there to ``from_registrar``. Limits hold for the whole interface.
    """

    def __init__(self, net, uplink, join_port=JOIN_PORT, index=INTERFACE):
        self.counters = {}
        self.join_port = join_port
        self._net = net
        self._uplink = uplink
        self._index = index
        self._silent = False
        self._packets = Bucket(_PACKETS_PER_S, _PACKET_BURST)
        self._bytes = Bucket(_BYTES_PER_S, 2 * _BYTES_PER_S)
        net.bind(join_port, self._from_pledge)
        net.open_ports.add(join_port)

    def close(self):
        """Give the join-port back."""
        self._net.unbind(self.join_port)
        self._net.open_ports.discard(self.join_port)

    @property
    def silent(self):
        """True while the join rate is zero: no join traffic passes, and nobody should be invited."""
        return self._silent

    def set_join_rate(self, rate, now):
        """Bytes per second towards the registrar (CoJP label 7): 0 is silence, None this proxy's own default."""
        self._silent = rate == 0
        rate = _BYTES_PER_S if rate is None else min(rate, 1000000)
        # One whole datagram must fit, however slow the rate.
        self._bytes.set(rate, max(2 * rate, network.MTU), now)

    def set_packet_rate(self, rate, burst, now):
        """Datagrams per second towards the registrar, and how many at once."""
        self._packets.set(rate, burst, now)

    def _count(self, reason):
        self.counters[reason] = self.counters.get(reason, 0) + 1

    def _from_pledge(self, src, src_port, dst, dst_port, payload, link_src, secured, now):
        if secured or not addr.is_link_local(src) or src_port == 0:
            self._count("jp_not_a_pledge")
        elif self._silent:
            self._count("jp_silent")
        elif len(payload) == 0 or len(payload) > _MAX_CONTENT:
            self._count("jp_size")
        elif self._packets.refill(now) < 1 or self._bytes.refill(now) < len(payload):
            self._count("jp_rate")
        else:
            self._packets.take(1)
            self._bytes.take(len(payload))
            message = jpy.encode(src, src_port, jpy.FAMILY_IPV6, self._index, payload)
            self._count("jp_up" if self._uplink(message, now) else "jp_uplink")

    def from_registrar(self, datagram, now):
        """Unwrap an answer and send it to its pledge."""
        try:
            message = jpy.parse(datagram)
        except DecodeError:
            self._count("jp_malformed")
            return
        if message.index != self._index or len(message.ip) != 16 or not addr.is_link_local(message.ip):
            self._count("jp_not_ours")
            return
        sent = self._net.send(self.join_port, message.ip, message.port, message.content, now, False, network.AF42)
        self._count("jp_down" if sent else "jp_downlink")


class StatelessProxy:
    """The Relay of a joined node: JPY goes to ``jrc_address`` (16 bytes), UDP port ``jpy_port``, over the mesh."""

    def __init__(self, net, jrc_address, jpy_port=JPY_PORT, join_port=JOIN_PORT, uplink_port=UPLINK_PORT):
        self._net = net
        self._jrc = bytes(jrc_address)
        self._jpy_port = jpy_port
        self._uplink_port = uplink_port
        self.relay = Relay(net, self._up, join_port)
        net.bind(uplink_port, self._from_mesh)

    def close(self):
        """Give both ports back."""
        self._net.unbind(self._uplink_port)
        self.relay.close()

    def _up(self, datagram, now):
        return self._net.send(self._uplink_port, self._jrc, self._jpy_port, datagram, now, True, network.AF43)

    def _from_mesh(self, src, src_port, dst, dst_port, payload, link_src, secured, now):
        if not secured or src != self._jrc or src_port != self._jpy_port or dst != self._net.address:
            self.relay._count("jp_not_registrar")
            return
        self.relay.from_registrar(payload, now)
