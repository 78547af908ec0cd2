"""``Ether``: takes ZEP datagrams from its clients and passes each on to those that hear the sender.

A client registers by RIOT's hello (type 255 with its EUI-64) and is then known by its UDP address. Datagrams
go on unchanged. What is not ZEP version 2 data from a known client is counted and dropped. Left out:
collisions, propagation delay, signal strength.
"""

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from microbrew.radio.zep import DATA, HEADER_LEN, HELLO, MAX_DATAGRAM, PORT
from microbrew_host.ether.capture import Capture
from microbrew_host.ether.topology import Topology

Address = tuple[str, int]

MAX_CLIENTS = 256
# A client this long unheard gives its place to a newcomer when all places are taken.
_STALE_S = 60.0
_SOCKET_BUFFER = 1 << 20


@dataclass
class Client:
    """A registered node: where it is and when it was heard (monotonic seconds)."""

    eui64: bytes
    address: Address
    heard: float


class Ether(asyncio.DatagramProtocol):
    """The hub. ``seed`` makes losses reproducible for the same sequence of frames; ``counters`` tells what went on.

    Counters: hello, clients_full, frames (data taken), delivered, lost, unheard (nobody hears the sender),
    unknown_sender, malformed, oversized, ignored (other ZEP types), capture_failed, send_failed.
    """

    def __init__(
        self,
        topology: Topology | None = None,
        seed: int | None = None,
        capture: Capture | None = None,
        max_clients: int = MAX_CLIENTS,
        monotonic: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.topology = topology or Topology()
        self.counters: Counter[str] = Counter()
        self.capture = capture
        self._random = random.Random(seed)  # noqa: S311 - losses on air, nothing secret
        self._max_clients = max_clients
        self._monotonic = monotonic
        self._wall_clock = wall_clock
        self._clients: dict[bytes, Client] = {}
        self._by_address: dict[Address, Client] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self.port = 0

    async def start(self, host: str = "127.0.0.1", port: int = PORT) -> None:
        """Listen; port 0 takes a free one, which is then in ``port``. Raises OSError."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))

    def close(self) -> None:
        """Stop listening and end the capture."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self._end_capture()

    @property
    def clients(self) -> list[bytes]:
        """EUI-64s of the registered clients, in the order of their registration."""
        return list(self._clients)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # All nodes of a mesh answer a multicast at once.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)

    def error_received(self, exc: Exception) -> None:
        # A client that is gone, told by ICMP; it does not say which.
        self.counters["send_failed"] += 1

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if len(data) > MAX_DATAGRAM:
            self.counters["oversized"] += 1
        elif len(data) < HEADER_LEN or data[:3] != b"EX\x02":
            # A ZEP acknowledgement has 8 octets; nobody here asks for one.
            ignored = len(data) == 8 and data[:3] == b"EX\x02"
            self.counters["ignored" if ignored else "malformed"] += 1
        elif data[HEADER_LEN - 1] != len(data) - HEADER_LEN:
            self.counters["malformed"] += 1
        elif data[3] == HELLO:
            self._hello(data, addr)
        elif data[3] == DATA:
            self._data(data, addr)
        else:
            self.counters["ignored"] += 1

    def _hello(self, data: bytes, addr: Address) -> None:
        eui64 = data[HEADER_LEN:]
        if len(eui64) != 8 or data[21:26] != b"HELLO":
            self.counters["malformed"] += 1
            return
        known = self._clients.get(eui64)
        if known is None and len(self._clients) >= self._max_clients and not self._make_room():
            self.counters["clients_full"] += 1
            return
        if known is not None and known.address != addr:
            # The node was restarted and has a new socket.
            del self._by_address[known.address]
        former = self._by_address.get(addr)
        if former is not None and former.eui64 != eui64:
            del self._clients[former.eui64]
        self.counters["hello"] += 1
        client = Client(eui64, addr, self._monotonic())
        self._clients[eui64] = client
        self._by_address[addr] = client

    def _make_room(self) -> bool:
        oldest = min(self._clients.values(), key=lambda client: client.heard)
        if self._monotonic() - oldest.heard < _STALE_S:
            return False
        del self._clients[oldest.eui64]
        del self._by_address[oldest.address]
        return True

    def _data(self, data: bytes, addr: Address) -> None:
        sender = self._by_address.get(addr)
        if sender is None:
            self.counters["unknown_sender"] += 1
            return
        sender.heard = self._monotonic()
        self.counters["frames"] += 1
        self._record(data, addr)
        heard = False
        for client in self._clients.values():
            if client is sender:
                continue
            loss = self.topology.loss_between(sender.eui64, client.eui64)
            if loss is None:
                continue
            heard = True
            if loss and self._random.random() < loss:
                self.counters["lost"] += 1
                continue
            self.counters["delivered"] += 1
            if self._transport is not None:
                self._transport.sendto(data, client.address)
        if not heard:
            self.counters["unheard"] += 1

    def _record(self, data: bytes, addr: Address) -> None:
        if self.capture is None:
            return
        try:
            self.capture.write(data, addr, int(self._wall_clock() * 1_000_000))
        except OSError:
            # A full disk must not stop the air.
            self.counters["capture_failed"] += 1
            self._end_capture()

    def _end_capture(self) -> None:
        if self.capture is not None:
            capture, self.capture = self.capture, None
            capture.close()
