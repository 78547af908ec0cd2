"""UDP under aiocoap: a plain CoAP port, and the JPY port for pledges behind join proxies.

On the JPY port every datagram is a five-element array ``[ip, port, family, index, content, ...]``
(draft-ietf-anima-constrained-join-proxy-06) whose content is one CoAP datagram of a pledge. The answer is the same
array with only the content replaced; all other bytes are kept as they came. Both ports sit under aiocoap's
message and token layers, which bring acknowledgements, deduplication and separate responses.

The registrar is asked by strangers, so this adds what aiocoap lacks: a rate limit per sender, a bound on the
memory of recent messages, and silence as an answer.
"""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from aiocoap import error, interfaces
from aiocoap.message import Message
from aiocoap.messagemanager import MessageManager
from aiocoap.numbers.constants import TransportTuning
from aiocoap.numbers.types import ACK, CON, RST
from aiocoap.protocol import Context
from aiocoap.tokenmanager import TokenManager

from microbrew import cbor
from microbrew.errors import DecodeError
from microbrew.proxy import jpy
from microbrew_host.jrc.config import Address
from microbrew_host.jrc.limits import Buckets, Expiring

MAX_COAP = 1280
MAX_TOKEN = 8

_LINK_LOCAL = b"\xfe\x80" + bytes(6)
_RECENT_MESSAGES = 4096


class ServerTuning(TransportTuning):
    """How requests to the registrar are treated.

    The acknowledgement waits nearly as long as a client does before it repeats itself (RFC 7252 5.2.1): an
    answer that makes it saves a datagram over the air.
    """

    EMPTY_ACK_DELAY = 1.0


class Silence(Message):
    """A response that is not sent, and for which not even an acknowledgement is."""


class Pledge(NamedTuple):
    """What the JPY array has around the content, as encoded: the array's head with elements 0 to 3, and 5 on.

    ``ip`` is element 0: where the proxy says the pledge is.
    """

    head: bytes
    tail: bytes
    ip: bytes


class Peer(interfaces.EndpointAddress):
    """Where a datagram came from: a UDP address, and on the JPY port the pledge behind it."""

    __slots__ = ("address", "pledge", "transport")

    is_multicast = False
    is_multicast_locally = False
    scheme = "coap"
    maximum_block_size_exp = 6
    maximum_payload_size = 1024

    def __init__(self, transport: DatagramTransport, address: tuple[str, int], pledge: Pledge | None) -> None:
        self.transport = transport
        self.address = address
        self.pledge = pledge

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Peer)
            and self.transport is other.transport
            and self.address == other.address
            and self.pledge == other.pledge
        )

    def __hash__(self) -> int:
        return hash((id(self.transport), self.address, self.pledge))

    def __repr__(self) -> str:
        return f"<Peer {self.hostinfo}{' proxied' if self.pledge else ''}>"

    @property
    def hostinfo(self) -> str:
        return str(Address(*self.address))

    @property
    def hostinfo_local(self) -> str:
        return str(self.transport.local)

    @property
    def uri_base(self) -> str:
        return "coap://" + self.hostinfo

    @property
    def uri_base_local(self) -> str:
        return "coap://" + self.hostinfo_local

    @property
    def blockwise_key(self) -> tuple[Any, ...]:
        return (id(self.transport), self.address, self.pledge)

    @property
    def link_local(self) -> bytes | None:
        """The pledge's own IPv6 address as its proxy states it, 16 bytes, if it is a link-local one."""
        if self.pledge is None or len(self.pledge.ip) != 16 or self.pledge.ip[:8] != _LINK_LOCAL:
            return None
        return self.pledge.ip


class DatagramTransport(asyncio.DatagramProtocol, interfaces.MessageInterface):
    """A UDP port that speaks CoAP. ``counters`` counts what was dropped, by reason."""

    max_datagram = MAX_COAP

    def __init__(self, manager: MessageManager, buckets: Buckets) -> None:
        self._manager: MessageManager | None = manager
        self._buckets = buckets
        self._transport: asyncio.DatagramTransport | None = None
        self.counters: Counter[str] = Counter()
        self.local = Address("", 0)

    @classmethod
    async def open(cls, manager: MessageManager, buckets: Buckets, bind: Address) -> DatagramTransport:
        """Bind to ``bind``; port 0 takes a free one. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, self = await loop.create_datagram_endpoint(lambda: cls(manager, buckets), local_addr=(bind.host, bind.port))
        return self

    def peer(self, host: str, port: int) -> Peer:
        """The address of a node to send requests to."""
        return Peer(self, (host, port), None)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self.local = Address(host, port)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        address = (addr[0], addr[1])
        if len(data) > self.max_datagram:
            self.counters["too long"] += 1
        elif not self._buckets.take(address):
            self.counters["rate"] += 1
        else:
            self._received(address, data)

    def error_received(self, exc: Exception) -> None:
        # The system does not say which peer an ICMP error is about, and anybody can send one.
        self.counters["icmp"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._manager = None

    def _received(self, address: tuple[str, int], data: bytes) -> None:
        self._dispatch(Peer(self, address, None), data)

    def _dispatch(self, peer: Peer, datagram: bytes) -> None:
        if self._manager is None:
            return
        try:
            if len(datagram) < 4 or datagram[0] & 0x0F > MAX_TOKEN or len(datagram) < 4 + (datagram[0] & 0x0F):
                raise error.UnparsableMessage("token")
            message = Message.decode(datagram, remote=peer)
        except (error.Error, ValueError, IndexError, struct.error):
            self.counters["not coap"] += 1
            return
        message.transport_tuning = ServerTuning()
        self._manager.dispatch_message(message)

    def _wrap(self, peer: Peer, datagram: bytes) -> bytes:
        return datagram

    # aiocoap.interfaces.MessageInterface

    def send(self, message: Message) -> None:
        if self._transport is not None and not self._transport.is_closing():
            peer = message.remote
            self._transport.sendto(self._wrap(peer, message.encode()), peer.address)

    async def recognize_remote(self, remote: Any) -> bool:
        """True for an address of this port."""
        return isinstance(remote, Peer) and remote.transport is self

    async def determine_remote(self, message: Message) -> None:
        """Requests go to addresses made by ``peer`` only."""

    async def shutdown(self) -> None:
        self._manager = None
        if self._transport is not None:
            self._transport.close()


class JpyTransport(DatagramTransport):
    """The JPY port: CoAP of pledges, each datagram inside the array of its proxy."""

    max_datagram = jpy.MAX_MESSAGE

    def _received(self, address: tuple[str, int], data: bytes) -> None:
        try:
            message = jpy.parse(data)
        except DecodeError:
            self.counters["not jpy"] += 1
            return
        pledge = Pledge(message.head, message.tail, message.ip)
        self._dispatch(Peer(self, address, pledge), message.content)

    def _wrap(self, peer: Peer, datagram: bytes) -> bytes:
        if peer.pledge is None:
            raise ValueError("no pledge to answer")
        return peer.pledge.head + cbor.encode(datagram) + peer.pledge.tail


class BoundedMessageManager(MessageManager):
    """aiocoap's message layer with a bound on the recent messages that it remembers, and with ``Silence``."""

    def __init__(self, token_manager: TokenManager) -> None:
        super().__init__(token_manager)
        self._recent: Expiring[tuple[Any, int], list[Message | None]] = Expiring(
            _RECENT_MESSAGES, TransportTuning().EXCHANGE_LIFETIME, self.loop.time
        )

    def _deduplicate_message(self, message: Message) -> bool:
        known = self._recent.get((message.remote, message.mid), touch=False)
        if known is None:
            self._recent.put((message.remote, message.mid), [None])
            return False
        if message.mtype is CON and known[0] is not None:
            self._send_initially(known[0])
        return True

    def _store_response_for_duplicates(self, message: Message) -> None:
        # Only what carries the request's own Message ID answers its repetition; a message of ours with that
        # number by chance does not.
        if message.mtype in (ACK, RST):
            known = self._recent.get((message.remote, message.mid), touch=False)
            if known is not None:
                known[0] = message

    def send_message(self, message: Message, messageerror_monitor: Callable[[], None]) -> Any:
        if isinstance(message, Silence):
            waiting = self._piggyback_opportunities.pop((message.remote, message.token), None)
            if waiting is not None:
                mid, acknowledging = waiting
                acknowledging.cancel()
                # There is no answer to repeat. If it was our own fault (a locked database, a full disk), the next
                # repetition may do better; one that was refused for what it is will be refused again.
                self._recent.discard((message.remote, mid))
            return None
        return super().send_message(message, messageerror_monitor)


async def add_port(
    context: Context, kind: type[DatagramTransport], buckets: Buckets, bind: Address
) -> DatagramTransport:
    """Put a port of ``kind`` under an aiocoap context. Raises OSError if it cannot be bound."""
    tokens = TokenManager(context)
    messages = BoundedMessageManager(tokens)
    transport = await kind.open(messages, buckets, bind)
    messages.message_interface = transport
    tokens.token_interface = messages
    context.request_interfaces.append(tokens)
    return transport
