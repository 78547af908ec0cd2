"""IPv6 over the link: what a node accepts, delivers, forwards and sends (RFC 8200, RFC 6554, RFC 9031 section 5).

A *pledge* has no key: it hears only its chosen proxy and only link-local unicast. A *joined* node takes from an
unsecured frame only UDP that is link-local unicast to one of its open ports; everything else must be secured.
It forwards upwards along its default route, the join parent, and downwards along source routes.

Left out: neighbour discovery (addresses come from EUI-64s), ICMPv6 errors, multicast, the RPL hop-by-hop option
(RFC 6553), tunnels, path MTU discovery.
"""

from microbrew.compat import const
from microbrew.errors import StateError
from microbrew.ip import addr, icmpv6, udp
from microbrew.lowpan import frag, iphc

MTU = 1280
# Traffic classes of join traffic (RFC 9031 section 6.1.1): AF43 towards the JRC, AF42 back.
AF43 = 0x98
AF42 = 0x90

_IPV6_HEADER = const(40)
_ROUTING = const(43)
_SOURCE_ROUTE = const(3)
_SRH_FIXED = const(8)
_HOP_LIMIT = const(64)
_LINK_HOP_LIMIT = const(255)
_DST = const(24)
_SHARED = const(8)


class Network:
    """One interface over a Link (mac/link.py) with the EUI-64 ``eui64``; ``random(n)`` gives n bytes.

    Settable: ``proxy`` (EUI-64 that a pledge listens to), ``open_ports`` (UDP ports that unsecured frames reach on
    a joined node), ``unsecured_max`` (longest unsecured datagram there, bytes),
    ``on_icmpv6(kind, code, src, dst, body, link_src, now)``, ``on_link_result(eui64, ok, now)`` and, on a root,
    ``source_route(dst)`` -> addresses of the hops to ``dst`` with it as the last, or None.
    """

    def __init__(self, link, eui64, random, buffers=3, size=MTU, queue=6, timeout_ms=10000):
        self.eui64 = bytes(eui64)
        self.link_local = addr.link_local(eui64)
        self.joined = False
        self.parent = None
        self.prefix = None
        self.address = None
        self.proxy = None
        self.open_ports = set()
        self.unsecured_max = 1024
        self.on_icmpv6 = None
        self.on_link_result = None
        self.source_route = None
        self.counters = {}
        self._ports = {}
        self._queue = queue
        self._size = size
        self._reassembler = frag.Reassembler(buffers, size, timeout_ms)
        tag = random(2)
        self._sender = frag.Sender(link.send, link.room, self.eui64, tag[0] << 8 | tag[1], self._link_result, queue)
        link.on_data = self._on_data

    def bind(self, port, handler):
        """Deliver UDP for ``port`` to ``handler(src, src_port, dst, dst_port, payload, link_src, secured, now)``.

        ``payload`` is a memoryview that is good during the call only. Raises StateError if the port is taken.
        """
        if port in self._ports:
            raise StateError("UDP port is bound")
        self._ports[port] = handler

    def unbind(self, port):
        """Give ``port`` back."""
        self._ports.pop(port, None)

    def join(self, parent):
        """Become a node with ``parent`` (EUI-64; None for the root) as default route; keys are the link's matter."""
        self.joined = True
        self.parent = parent
        self.proxy = None

    def configure(self, prefix, address=None):
        """Take an address under the 8-byte ``prefix``, by default the one of the EUI-64; None removes it."""
        if prefix is not None and not self.joined:
            raise StateError("not joined")
        self.prefix = prefix
        self.address = None
        if prefix is not None:
            self.address = addr.from_eui64(prefix, self.eui64) if address is None else bytes(address)

    def leave(self):
        """Become a pledge again; what waits to be sent is forgotten."""
        self._sender.clear()
        self.joined = False
        self.parent = None
        self.configure(None)

    def set_context(self, prefix):
        """Let 6LoWPAN context 0 stand for the 8-byte ``prefix`` on receipt (RFC 6282 section 3.1.2); None: unknown."""
        self._reassembler.context = prefix

    def send(self, src_port, dst, dst_port, payload, now, secured=None, traffic_class=0):
        """Send UDP to the unicast address ``dst``; ``secured`` defaults to what our state asks for.

        False if it does not fit, there is no route, or the queue is full; the reason is counted. Raises
        StateError for what the state does not allow: secured frames of a pledge, unsecured ones beyond the link.
        """
        packet = bytearray(_IPV6_HEADER + udp.HEADER + len(payload))
        udp.put_header(packet, _IPV6_HEADER, src_port, dst_port, udp.HEADER + len(payload))
        packet[_IPV6_HEADER + udp.HEADER :] = payload
        self._address(packet, udp.NEXT_HEADER, dst, traffic_class)
        udp.put_checksum(packet, _IPV6_HEADER, udp.checksum(packet, _IPV6_HEADER, len(packet), udp.NEXT_HEADER))
        return self._out(packet, dst, self.joined if secured is None else secured, now)

    def send_icmpv6(self, kind, code, dst, body, now):
        """Send a secured ICMPv6 message; results and errors as for ``send``."""
        packet = bytearray(_IPV6_HEADER) + icmpv6.message(kind, code, body)
        self._address(packet, icmpv6.NEXT_HEADER, dst, 0)
        icmpv6.put_checksum(packet, _IPV6_HEADER, len(packet))
        return self._out(packet, dst, True, now)

    def poll(self, now):
        """Do what is due: the next deadline in ms, or None."""
        overdue = self._reassembler.expire(now)
        if overdue:
            self._drop("frag_timeout", overdue)
        due = self._sender.poll(now)
        other = self._reassembler.deadline()
        return other if due is None or (other is not None and other < due) else due

    def _drop(self, reason, count=1):
        self.counters[reason] = self.counters.get(reason, 0) + count
        return False

    def _link_result(self, dst, ok, now):
        if not ok:
            self._drop("tx_link")
        if self.on_link_result is not None:
            self.on_link_result(dst, ok, now)

    # Outgoing

    def _address(self, packet, next_header, dst, traffic_class):
        local = addr.is_link_local(dst)
        if addr.is_multicast(dst):
            raise ValueError("multicast is not sent")
        if not local and self.address is None:
            raise StateError("no address beyond the link")
        length = len(packet) - _IPV6_HEADER
        packet[0] = 0x60 | traffic_class >> 4
        packet[1] = traffic_class << 4 & 0xF0
        packet[4] = length >> 8
        packet[5] = length & 0xFF
        packet[6] = next_header
        packet[7] = _LINK_HOP_LIMIT if local else _HOP_LIMIT
        packet[8:24] = self.link_local if local else self.address
        packet[24:40] = dst

    def _out(self, packet, dst, secured, now):
        local = addr.is_link_local(dst)
        if secured != self.joined and (secured or not local):
            raise StateError("frame security does not fit the state")
        if local:
            next_hop = addr.eui64_of(dst)
        elif self.source_route is not None:
            hops = self.source_route(dst)
            if not hops:
                return self._drop("tx_no_route")
            next_hop = addr.eui64_of(hops[0])
            if len(hops) > 1:
                packet = insert_source_route(packet, hops)
        else:
            next_hop = self.parent
        return self._enqueue(packet, next_hop, secured, now)

    def _enqueue(self, packet, next_hop, secured, now):
        if len(packet) > self._size:
            return self._drop("tx_size")
        # Join traffic may fill half of the queue, so that strangers cannot push out the network's own.
        join_traffic = packet[0] << 4 & 0xF0 | packet[1] >> 4
        if join_traffic == AF43 and self._sender.waiting() >= (self._queue + 1) // 2:
            return self._drop("tx_join_traffic")
        if not self._sender.put(packet, len(packet), next_hop, secured, now):
            return self._drop("tx_queue")
        return True

    # Incoming

    def _on_data(self, src, payload, secured, lqi, now):
        if not self.joined and src != self.proxy:
            self._drop("not_proxy")
            return
        if len(payload) == 0:
            self._drop("dispatch")
            return
        if frag.is_dispatch(payload[0]):
            if self.joined and not secured and len(payload) > 1:
                if (payload[0] & 7) << 8 | payload[1] > self.unsecured_max:
                    self._drop("unsecured_size")
                    return
            result = self._reassembler.add(payload, src, self.eui64, secured, now)
            if result is None:
                return
            if isinstance(result, str):
                self._drop(result)
                return
            packet, length = result
        elif iphc.is_dispatch(payload[0]):
            packet = self._reassembler.scratch
            length = iphc.decompress(payload, 0, len(payload), src, self.eui64, packet, 0, self._reassembler.context)
            if length <= 0:
                self._drop("iphc_malformed" if length == iphc.MALFORMED else "iphc_unsupported")
                return
        else:
            self._drop("dispatch")
            return
        self._packet(packet, length, src, secured, now)

    def _packet(self, packet, length, link_src, secured, now):
        if addr.is_multicast(packet, _DST) or addr.is_multicast(packet, 8):
            self._drop("multicast")
            return
        local = addr.is_link_local(packet, _DST)
        if addr.is_link_local(packet, 8):
            if not addr.same(packet, 16, addr.iid(link_src)):
                self._drop("source_not_neighbour")
                return
        elif local or not self._inside(packet, 8):
            self._drop("source_scope")
            return
        if not (self.joined and secured):
            self._unsecured(packet, length, local, link_src, secured, now)
            return
        if local:
            mine = addr.same(packet, _DST, self.link_local)
        else:
            mine = self.address is not None and addr.same(packet, _DST, self.address)
        if not mine:
            self._upwards(packet, length, local, link_src, now)
            return
        next_header = packet[6]
        at = _IPV6_HEADER
        if next_header == _ROUTING:
            if length - at < _SRH_FIXED or length - at < packet[at + 1] + 1 << 3:
                self._drop("srh_malformed")
                return
            if packet[at + 3]:
                self._along_source_route(packet, length, local, now)
                return
            next_header = packet[at]
            at += packet[at + 1] + 1 << 3
        if next_header == udp.NEXT_HEADER:
            self._deliver_udp(packet, at, length, link_src, True, now)
        elif next_header == icmpv6.NEXT_HEADER:
            self._deliver_icmpv6(packet, at, length, link_src, now)
        else:
            self._drop("next_header")

    def _unsecured(self, packet, length, local, link_src, secured, now):
        if not local or not addr.same(packet, _DST, self.link_local):
            self._drop("unsecured_not_to_us")
        elif packet[6] != udp.NEXT_HEADER:
            self._drop("unsecured_not_udp")
        else:
            self._deliver_udp(packet, _IPV6_HEADER, length, link_src, secured, now)

    def _deliver_udp(self, packet, at, length, link_src, secured, now):
        if not udp.valid(packet, at, length):
            self._drop("udp_malformed")
            return
        port = packet[at + 2] << 8 | packet[at + 3]
        if self.joined and not secured and port not in self.open_ports:
            self._drop("unsecured_port")
            return
        handler = self._ports.get(port)
        if handler is None:
            self._drop("udp_port")
            return
        handler(
            bytes(packet[8:24]),
            packet[at] << 8 | packet[at + 1],
            bytes(packet[24:40]),
            port,
            memoryview(packet)[at + udp.HEADER : length],
            link_src,
            secured,
            now,
        )

    def _deliver_icmpv6(self, packet, at, length, link_src, now):
        if not icmpv6.valid(packet, at, length):
            self._drop("icmpv6_malformed")
        elif self.on_icmpv6 is None:
            self._drop("icmpv6_type")
        else:
            self.on_icmpv6(
                packet[at],
                packet[at + 1],
                bytes(packet[8:24]),
                bytes(packet[24:40]),
                memoryview(packet)[at + icmpv6.HEADER : length],
                link_src,
                now,
            )

    # Forwarding

    def _inside(self, packet, at):
        return self.prefix is not None and addr.same(packet, at, self.prefix)

    def _upwards(self, packet, length, local, link_src, now):
        if local or self.address is None or not self._inside(packet, 8):
            self._drop("not_for_us")
        elif self.parent is None or link_src == self.parent:
            # What the parent sends down comes with a source route; going back up would be a loop.
            self._drop("no_route")
        else:
            self._forward(packet, length, self.parent, now)

    def _along_source_route(self, packet, length, local, now):
        at = _IPV6_HEADER
        size = packet[at + 1] << 3
        left = packet[at + 3]
        shared_i = packet[at + 4] >> 4
        shared_e = packet[at + 4] & 0x0F
        before_last = size - (packet[at + 5] >> 4) - (16 - shared_e)
        step = 16 - shared_i
        if local or packet[at + 2] != _SOURCE_ROUTE or before_last < 0 or before_last % step:
            self._drop("srh_malformed")
            return
        count = before_last // step + 1
        if left > count:
            self._drop("srh_malformed")
            return
        first = at + _SRH_FIXED
        for i in range(count):
            shared = shared_e if i == count - 1 else shared_i
            # Any address of ours among the others, travelled or to come, would make a loop (RFC 6554 section 4.2).
            if addr.same(packet, first + i * step, memoryview(self.address)[shared:]):
                self._drop("srh_loop")
                return
        i = count - left
        shared = shared_e if i == count - 1 else shared_i
        at = first + i * step
        for j in range(16 - shared):
            old = packet[_DST + shared + j]
            packet[_DST + shared + j] = packet[at + j]
            packet[at + j] = old
        packet[_IPV6_HEADER + 3] = left - 1
        if not self._inside(packet, _DST):
            self._drop("srh_scope")
            return
        self._forward(packet, length, addr.eui64_of(packet[24:40]), now)

    def _forward(self, packet, length, next_hop, now):
        if packet[7] <= 1:
            self._drop("hop_limit")
            return
        copy = bytearray(memoryview(packet)[:length])
        copy[7] -= 1
        if self._enqueue(copy, next_hop, True, now):
            self.counters["forwarded"] = self.counters.get("forwarded", 0) + 1


def insert_source_route(packet, hops):
    """``packet`` with an RFC 6554 routing header for ``hops`` (16 bytes each, the packet's destination last).

    All hops must share the 8-byte prefix of the packet's destination.
    """
    count = len(hops) - 1
    size = _SRH_FIXED + 8 * count
    out = bytearray(len(packet) + size)
    out[:_IPV6_HEADER] = memoryview(packet)[:_IPV6_HEADER]
    length = len(out) - _IPV6_HEADER
    out[4] = length >> 8
    out[5] = length & 0xFF
    out[6] = _ROUTING
    out[24:40] = hops[0]
    at = _IPV6_HEADER
    out[at] = packet[6]
    out[at + 1] = count
    out[at + 2] = _SOURCE_ROUTE
    out[at + 3] = count
    out[at + 4] = _SHARED << 4 | _SHARED
    at += _SRH_FIXED
    for hop in hops[1:]:
        out[at : at + 8] = memoryview(hop)[8:16]
        at += 8
    out[at:] = memoryview(packet)[_IPV6_HEADER:]
    return out
