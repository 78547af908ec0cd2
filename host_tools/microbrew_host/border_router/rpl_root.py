"""DODAG root in non-storing mode (RFC 6550 section 9.7, RFC 6554): knows every node's parent, makes source routes.

The table says target -> parent; a route is the walk from the target up to the root, reversed. Left out: several
parents per target, targets beyond the mesh, global repair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from microbrew.errors import DecodeError
from microbrew.ip import addr, icmpv6, rpl
from microbrew.ip.network import Network

REJECTED = 128


class Root:
    """Root of ``net``, whose prefix and address must be configured; at most ``capacity`` targets.

    ``lifetime`` is the default path lifetime in units of ``lifetime_unit`` seconds. ``on_route(target, parent)``
    is told of changes, with None for a target that is gone.
    """

    def __init__(
        self,
        net: Network,
        capacity: int = 256,
        lifetime: int = 2,
        lifetime_unit: int = 60,
        on_route: Callable[[bytes, bytes | None], None] | None = None,
    ) -> None:
        if not 0 < lifetime < 255 or not 0 < lifetime_unit <= 0xFFFF:
            raise ValueError("RPL lifetime: 1 to 254 units of 1 to 65535 seconds")
        self.counters: dict[str, int] = {}
        self._net = net
        self._capacity = capacity
        self._lifetime = lifetime
        self._lifetime_unit = lifetime_unit
        self._parents: dict[bytes, tuple[bytes, int]] = {}
        self._on_route = on_route
        self._dio_sender = rpl.DioSender(net)
        self._dio = rpl.Dio(1, rpl.ROOT_RANK, net.address, net.address, lifetime, lifetime_unit)
        net.on_icmpv6 = self._on_icmpv6
        net.source_route = self.route

    def __len__(self) -> int:
        return len(self._parents)

    def targets(self) -> list[tuple[bytes, bytes, int]]:
        """(target, parent, time of expiry in ms) of every known node."""
        return [(target, parent, expiry) for target, (parent, expiry) in self._parents.items()]

    def route(self, target: bytes) -> list[bytes] | None:
        """The hops to ``target``, which is the last; None if it is unknown, stranded or too far."""
        if target == self._net.address or target not in self._parents:
            return None
        hops = [target]
        for parent in self._walk(target):
            if parent == self._net.address:
                return hops[::-1]
            hops.append(parent)
        return None

    def poll(self, now: int) -> int | None:
        """Forget overdue targets: the time of the next expiry in ms, or None."""
        overdue = [target for target, (_, expiry) in self._parents.items() if now >= expiry]
        for target in overdue:
            self._remove(target)
            self._count("rpl_expired")
        return min((expiry for _, expiry in self._parents.values()), default=None)

    def _walk(self, target: bytes) -> Iterator[bytes]:
        for _ in range(rpl.MAX_HOPS):
            entry = self._parents.get(target)
            if entry is None:
                return
            target = entry[0]
            yield target

    def _count(self, reason: str) -> None:
        self.counters[reason] = self.counters.get(reason, 0) + 1

    def _on_icmpv6(
        self, kind: int, code: int, src: bytes, dst: bytes, body: memoryview, link_src: bytes, now: int
    ) -> None:
        if kind != icmpv6.RPL:
            self._count("rpl_unexpected")
        elif code == rpl.DIS and addr.is_link_local(src):
            if not self._dio_sender.answer(self._dio, link_src, now):
                self._count("rpl_dio_rate")
        elif code == rpl.DAO and dst == self._net.address:
            self._on_dao(src, body, now)
        else:
            self._count("rpl_unexpected")

    def _on_dao(self, src: bytes, body: memoryview, now: int) -> None:
        try:
            sequence, wants_ack, target, parent, lifetime = rpl.parse_dao(body)
        except DecodeError:
            self._count("rpl_malformed")
            return
        accepted = self._accept(src, target, parent, lifetime, now)
        if wants_ack and lifetime:
            status = 0 if accepted else REJECTED
            self._net.send_icmpv6(icmpv6.RPL, rpl.DAO_ACK, src, rpl.encode_dao_ack(sequence, status), now)

    def _accept(self, src: bytes, target: bytes, parent: bytes, lifetime: int, now: int) -> bool:
        prefix = self._net.prefix
        if target != src or target[:8] != prefix or target == self._net.address:
            self._count("rpl_foreign_target")
            return False
        if lifetime == 0:
            self._remove(target)
            return True
        if parent[:8] != prefix or parent == target or target in self._walk(parent):
            self._count("rpl_loop")
            return False
        if target not in self._parents and len(self._parents) >= self._capacity:
            self._count("rpl_full")
            return False
        # Nobody holds a place for longer than twice what the root offers.
        lifetime = min(lifetime, 2 * self._lifetime)
        known = self._parents.get(target)
        self._parents[target] = parent, now + lifetime * self._lifetime_unit * 1000
        if self._on_route is not None and (known is None or known[0] != parent):
            self._on_route(target, parent)
        return True

    def _remove(self, target: bytes) -> None:
        if self._parents.pop(target, None) is not None and self._on_route is not None:
            self._on_route(target, None)
