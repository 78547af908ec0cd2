"""Wires the registrar together and runs it until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import time
from collections.abc import Callable

import httpx
from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from aiocoap.protocol import Context as CoapContext

from microbrew_host.jrc.cojp import JoinEndpoint
from microbrew_host.jrc.config import Config, ConfigError
from microbrew_host.jrc.database import Database
from microbrew_host.jrc.discovery import Discovery
from microbrew_host.jrc.edhoc import EdhocEndpoint
from microbrew_host.jrc.journal import Journal, quiet_libraries
from microbrew_host.jrc.limits import Buckets
from microbrew_host.jrc.masa_client import MasaClient
from microbrew_host.jrc.oscore_contexts import Contexts
from microbrew_host.jrc.policy import Manufacturers
from microbrew_host.jrc.registrar import Registrar
from microbrew_host.jrc.rekey import Rekeyer
from microbrew_host.jrc.site import COJP, ONBOARDING, PLAIN, Route, Site
from microbrew_host.jrc.status import EnrollStatus, VoucherStatus
from microbrew_host.jrc.transports import DatagramTransport, JpyTransport, add_port
from microbrew_host.jrc.voucher_exchange import VoucherExchange

_BRSKI = (".well-known", "brski")


class Server:
    """A running registrar: ``start``, then ``close``.

    ``clock`` is monotonic, ``wall`` gives seconds since 1970; ``random``, the way to the MASAs and where log
    ``line``s go to may be a simulation's. ``group_sync`` as of Database; it uses threads.
    """

    def __init__(
        self,
        config: Config,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
        masa_transport: httpx.AsyncBaseTransport | None = None,
        line: Callable[[str], None] | None = None,
        group_sync: bool = True,
    ) -> None:
        quiet_libraries()
        limits = config.limits
        self._config = config
        self._clock = clock
        self._random = random
        self.registrar = Registrar(config.key, config.certificate, random)
        self.database = Database(config.database, group_sync)
        self.journal = Journal(self.database, wall, line)
        self.contexts = Contexts(self.database, limits, clock)
        self._masa = MasaClient(self.registrar, config.manufacturers, config.masa_timeout, masa_transport)
        self._edhoc = EdhocEndpoint(
            self.registrar,
            Manufacturers(config.manufacturers),
            self.contexts,
            self.database,
            self.journal,
            limits,
            clock,
        )
        self._vouchers = VoucherExchange(self.registrar, self._masa, self.database, self.journal)
        self._coap: CoapContext | None = None
        self._rekeying: asyncio.Task[None] | None = None
        self.coap_port: DatagramTransport
        self.jpy_port: DatagramTransport

    async def start(self) -> None:
        """Bind both ports and go to work. Raises ConfigError if a port cannot be bound."""
        limits = self._config.limits
        self._coap = CoapContext(loop=asyncio.get_running_loop(), serversite=self._site(), loggername="coap-server")
        buckets = Buckets(limits.datagram_rate, limits.datagram_burst, self._clock)
        try:
            self.coap_port = await add_port(self._coap, DatagramTransport, buckets, self._config.coap)
            self.jpy_port = await add_port(self._coap, JpyTransport, buckets, self._config.jpy)
        except OSError as error:
            await self.close()
            raise ConfigError(f"cannot listen on {self._config.coap} and {self._config.jpy}: {error}") from None
        rekeyer = Rekeyer(
            self._config, self.database, self.journal, self.contexts, self._coap, self.coap_port.peer, self._random
        )
        self._rekeying = asyncio.create_task(rekeyer.run(), name="rekeying")

    async def close(self) -> None:
        """Stop everything, wipe the handshakes, close the database."""
        if self._rekeying is not None:
            self._rekeying.cancel()
            await asyncio.gather(self._rekeying, return_exceptions=True)
        await self._vouchers.close()
        if self._coap is not None and self._coap.request_interfaces:
            await self._coap.shutdown()
        await self._masa.close()
        self._edhoc.close()
        self.database.close()

    def mesh_jpy(self) -> tuple[str, int]:
        """The JPY port as nodes of the mesh address it."""
        port = self._config.mesh_jpy_port or self.jpy_port.local.port
        if self._config.jrc_address is None:
            return self.jpy_port.local.host, port
        return str(ipaddress.IPv6Address(self._config.jrc_address)), port

    def _site(self) -> Site:
        voucher_status = VoucherStatus(
            self.registrar, self._masa, self.contexts, self.database, self.journal, self._config.policy
        )
        core = Discovery(self.mesh_jpy, self.database, self.journal)
        join = JoinEndpoint(self._config, self.database, self.journal)
        routes = {
            (".well-known", "core"): Route(Code.GET, (PLAIN, ONBOARDING, COJP), core.get),
            (".well-known", "edhoc"): Route(Code.POST, (PLAIN,), self._edhoc_post),
            (*_BRSKI, "rv"): Route(Code.POST, (ONBOARDING,), self._vouchers.post),
            (*_BRSKI, "vs"): Route(Code.POST, (ONBOARDING,), voucher_status.post),
            (*_BRSKI, "es"): Route(Code.POST, (ONBOARDING,), EnrollStatus(self.journal).post),
            ("j",): Route(Code.POST, (COJP,), join.post),
        }
        limits = self._config.limits
        return Site(
            routes,
            self.contexts,
            self.journal,
            self._clock,
            limits.requests,
            self._edhoc.combined,
            self.database.settled,
        )

    async def _edhoc_post(self, request: Message, _context: None) -> Message:
        return await self._edhoc.post(request)


async def serve(config: Config, ready: Callable[[str], None]) -> None:
    """Run a registrar until SIGTERM or SIGINT; ``ready`` is given the line that says where it listens."""
    server = Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    try:
        ready(f"jrc: listening coap {server.coap_port.local} jpy {server.jpy_port.local}")
        await stop.wait()
    finally:
        await server.close()
