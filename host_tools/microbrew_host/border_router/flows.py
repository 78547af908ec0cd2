"""Which host socket stands for which node: the border router's translation table, without any socket in it.

A flow is a node's (address, port); whatever that node says to the JRC, on either port, leaves through the flow's one
host socket, and whatever the JRC sends to that socket reaches the node. So the mapping does not depend on the
far end, and the JRC can start a conversation as long as the flow lives.
"""

from __future__ import annotations

from collections.abc import Callable

FlowKey = tuple[bytes, int]
HostAddress = tuple[str, int]

FIRST_DYNAMIC = 49152


class FlowTable:
    """At most ``capacity`` flows, ``per_node`` of one address. Times in ms."""

    def __init__(self, capacity: int = 256, per_node: int = 8, idle_ms: int = 300000) -> None:
        self._capacity = capacity
        self._per_node = per_node
        self._idle_ms = idle_ms
        self._used: dict[FlowKey, int] = {}

    def __len__(self) -> int:
        return len(self._used)

    def __contains__(self, key: FlowKey) -> bool:
        return key in self._used

    def use(self, key: FlowKey, now: int, is_routed: Callable[[bytes], bool]) -> tuple[bool, FlowKey | None]:
        """Note traffic of ``key``: (admitted, flow closed for its sake).

        A new flow on a full table takes the place of the one idle for longest whose node has no route.
        """
        closed = None
        if key not in self._used:
            mine = sorted((at, other) for other, at in self._used.items() if other[0] == key[0])
            if len(mine) >= self._per_node:
                closed = mine[0][1]
            elif len(self._used) >= self._capacity:
                idle = sorted((at, other) for other, at in self._used.items() if not is_routed(other[0]))
                if not idle:
                    return False, None
                closed = idle[0][1]
            if closed is not None:
                del self._used[closed]
        self._used[key] = now
        return True, closed

    def expire(self, now: int, is_routed: Callable[[bytes], bool]) -> list[FlowKey]:
        """Close what is idle, unless its node has a route: the flows closed."""
        closed = [key for key, at in self._used.items() if now - at >= self._idle_ms and not is_routed(key[0])]
        for key in closed:
            del self._used[key]
        return closed


class RemotePorts:
    """Mesh-side port of the JRC's address <-> host address it stands for.

    ``fixed`` are the services. Any other socket of the JRC's host gets one of the ``dynamic`` ports, ``capacity`` in
    number; when all are taken, that of the socket unused for longest.
    """

    def __init__(self, fixed: dict[int, HostAddress], capacity: int = 32) -> None:
        self._fixed = fixed
        self._by_address = {address: port for port, address in fixed.items()}
        self._hosts = {host for host, _ in fixed.values()}
        candidates = range(FIRST_DYNAMIC, FIRST_DYNAMIC + capacity + len(fixed))
        self.dynamic = [port for port in candidates if port not in fixed][:capacity]
        self._assigned: dict[HostAddress, int] = {}

    def host_of(self, port: int) -> HostAddress | None:
        """Where a datagram for this mesh port goes."""
        if port in self._fixed:
            return self._fixed[port]
        for address, assigned in self._assigned.items():
            if assigned == port:
                return address
        return None

    def port_of(self, address: HostAddress) -> int | None:
        """The mesh port that ``address`` appears as; None if it is not on the JRC's host."""
        port = self._by_address.get(address)
        if port is not None:
            return port
        if address[0] not in self._hosts:
            return None
        # Taken out and put back: the dict's order is the order of use.
        port = self._assigned.pop(address, None)
        if port is None:
            if len(self._assigned) < len(self.dynamic):
                port = self.dynamic[len(self._assigned)]
            else:
                port = self._assigned.pop(next(iter(self._assigned)))
        self._assigned[address] = port
        return port
