"""The edge towards the JRC: one non-blocking UDP socket per flow, in one selector."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

from microbrew_host.border_router.flows import FlowKey, HostAddress

MAX_DATAGRAM = 2048
# Datagrams taken from one socket before the others get their turn.
_BATCH = 16


def resolve(address: HostAddress) -> HostAddress:
    """Numeric form of a host and port, as ``recvfrom`` reports it. Raises OSError."""
    found = socket.getaddrinfo(address[0], address[1], socket.AF_INET, socket.SOCK_DGRAM)
    host, port = found[0][4][:2]
    return str(host), int(port)


class SocketUplink:
    """Uplink over IPv4 UDP sockets, each registered in ``selector`` with a callable that empties it.

    ``on_datagram(flow, remote, datagram)`` gets what arrives.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        on_datagram: Callable[[FlowKey, HostAddress, bytes], None],
    ) -> None:
        self._selector = selector
        self._on_datagram = on_datagram
        self._sockets: dict[FlowKey, socket.socket] = {}

    def send(self, flow: FlowKey, remote: HostAddress, datagram: bytes) -> bool:
        """Send from the flow's socket; False if the host refuses."""
        try:
            self._open(flow).sendto(datagram, remote)
        except OSError:
            return False
        return True

    def close(self, flow: FlowKey) -> None:
        """Close the flow's socket, if it is open."""
        opened = self._sockets.pop(flow, None)
        if opened is not None:
            self._selector.unregister(opened)
            opened.close()

    def close_all(self) -> None:
        """Close every socket."""
        for flow in list(self._sockets):
            self.close(flow)

    def _open(self, flow: FlowKey) -> socket.socket:
        opened = self._sockets.get(flow)
        if opened is None:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setblocking(False)
            self._selector.register(opened, selectors.EVENT_READ, lambda: self._receive(flow))
            self._sockets[flow] = opened
        return opened

    def _receive(self, flow: FlowKey) -> None:
        for _ in range(_BATCH):
            # A datagram may close the flow that it came by.
            opened = self._sockets.get(flow)
            if opened is None:
                return
            try:
                datagram, remote = opened.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                # ICMP errors of earlier sends surface here; the datagram they are about is lost anyway.
                continue
            self._on_datagram(flow, (remote[0], remote[1]), datagram)
