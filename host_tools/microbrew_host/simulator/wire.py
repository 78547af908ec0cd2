"""The wired side in memory: UDP ports on addresses of no machine, a delay, and a place to interfere."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

Address = tuple[str, int]

_FIRST_EPHEMERAL = 49152
_DELAY_S = 0.001


class Wire:
    """Carries datagrams between its ports, in order. ``drops(source, destination, datagram)`` may take one away."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.delay_s = _DELAY_S
        self.drops: Callable[[Address, Address, bytes], bool] | None = None
        self._loop = loop
        self._ports: dict[Address, Port] = {}
        self._next = _FIRST_EPHEMERAL

    def open(self, address: Address, receive: Callable[[bytes, Address], None]) -> Port:
        """A port at ``address``; number 0 takes a free one. Raises OSError if it is in use."""
        host, number = address
        if number == 0:
            number = self._next
            self._next += 1
        if (host, number) in self._ports:
            raise OSError(errno.EADDRINUSE, "address in use")
        port = Port(self, (host, number), receive)
        self._ports[port.address] = port
        return port

    def endpoint(self, address: Address, protocol: Any) -> asyncio.DatagramTransport:
        """A port with the face of asyncio, in front of a DatagramProtocol."""
        return _Transport(self, address, protocol)

    def _send(self, source: Address, destination: Address, datagram: bytes) -> None:
        if self.drops is None or not self.drops(source, destination, datagram):
            self._loop.call_later(self.delay_s, self._deliver, source, destination, datagram)

    def _deliver(self, source: Address, destination: Address, datagram: bytes) -> None:
        port = self._ports.get(destination)
        if port is not None:
            port.receive(datagram, source)

    def _close(self, port: Port) -> None:
        if self._ports.get(port.address) is port:
            del self._ports[port.address]


class Port:
    """One UDP port."""

    def __init__(self, wire: Wire, address: Address, receive: Callable[[bytes, Address], None]) -> None:
        self.address = address
        self.receive = receive
        self._wire = wire

    def send(self, destination: Address, datagram: bytes) -> None:
        """Send; nobody is told if there is no such port."""
        self._wire._send(self.address, destination, datagram)

    def close(self) -> None:
        """Give the address back."""
        self._wire._close(self)


class _Transport(asyncio.DatagramTransport):
    def __init__(self, wire: Wire, address: Address, protocol: Any) -> None:
        super().__init__()
        self._port = wire.open(address, protocol.datagram_received)
        self._protocol = protocol
        self._is_closing = False
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._port.address if name == "sockname" else default

    def sendto(self, data: Any, addr: Any = None) -> None:
        if not self._is_closing:
            self._port.send((addr[0], addr[1]), bytes(data))

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._port.close()
            self._protocol.connection_lost(None)

    def abort(self) -> None:
        self.close()
