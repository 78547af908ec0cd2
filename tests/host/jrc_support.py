"""What the registrar's tests share: a manufacturer with a running MASA, a registrar, a pledge of firmware parts.

The pledge is the firmware's CoAP, OSCORE, EDHOC and voucher code over a UDP socket; the registrar's CoAP and OSCORE are
aiocoap's. Nothing in between is imitated.
"""

import asyncio
import contextlib
import dataclasses
import os
import threading
from datetime import UTC, datetime

from microbrew import cbor
from microbrew.coap import numbers
from microbrew.coap.exchange import Endpoint, Parameters
from microbrew.coap.message import Message
from microbrew.config import Config as FirmwareConfig
from microbrew.crypto import P256, public_from_spki
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import credentials, messages
from microbrew.edhoc.initiator import Start
from microbrew.join import cojp
from microbrew.join.channel import Channel
from microbrew.join.voucher import verify_voucher, voucher_request
from microbrew.oscore.context import Context
from microbrew.proxy import jpy
from microbrew_host.factory import manufacturer
from microbrew_host.factory.line import CERTIFICATE, EUI64, MASA_SPKI, PRIVATE_KEY, SERIAL, Line, Order
from microbrew_host.jrc import initialise
from microbrew_host.jrc.config import load
from microbrew_host.jrc.server import Server
from microbrew_host.masa import directory
from microbrew_host.masa import server as masa_server
from microbrew_host.masa.database import open_database

NETWORK = bytes.fromhex("cafe")
CRYPTO = HostCrypto()

RV = (".well-known", "brski", "rv")
VS = (".well-known", "brski", "vs")
ES = (".well-known", "brski", "es")
CORE = (".well-known", "core")
EDHOC = (".well-known", "edhoc")
STATUS_GOOD = cbor.encode({"version": 1, "status": True})


class Acme:
    """A manufacturer in ``path`` whose MASA serves in a thread of this process at ``url``."""

    def __init__(self, path, name="Acme"):
        self.path = path / name
        manufacturer.create(self.path, manufacturer.Settings(name, "localhost:1"), [], datetime.now(UTC))
        self._stores = path / (name + "-stores")
        self.url = None
        self.server = None

    @contextlib.contextmanager
    def serving(self):
        """Run the MASA on a free port."""
        ready = threading.Event()
        masa = masa_server.load(self.path)
        with masa_server.listen("127.0.0.1", 0) as sock:

            def announce(url):
                self.url = url.replace("127.0.0.1", "localhost") + "/.well-known/brski"
                ready.set()

            self.server = masa_server.Server(masa, self.path, announce)
            thread = threading.Thread(target=self.server.run, kwargs={"sockets": [sock]}, daemon=True)
            thread.start()
            if not ready.wait(20):
                raise TimeoutError("the MASA did not start")
            try:
                yield self
            finally:
                self.server.should_exit = True
                thread.join(10)
                masa.engine.dispose()

    def device(self, eui64, serial=None):
        """The factory record of a new device."""
        engine = open_database(self.path / directory.DATABASE)
        try:
            line = Line(manufacturer.Manufacturer.load(self.path), engine, self._stores, False)
            order = Order.of(eui64) if serial is None else Order(eui64, serial)
            ((_, record),) = line.make([order], datetime.now(UTC))
            return record
        finally:
            engine.dispose()

    def as_new(self, url=None):
        """How a registrar is told to trust this manufacturer."""
        return initialise.NewManufacturer(
            self.path.name,
            self.path / manufacturer.CA_CERTIFICATE,
            self.path / directory.TLS_CERTIFICATE,
            url or self.url,
        )


def make_registrar(path, *makers, **changes):
    """A registrar's configuration in a new directory, trusting ``makers``; ``changes`` replace fields of it."""
    choices = initialise.Choices(
        "test", NETWORK.hex(), "127.0.0.1:0", "127.0.0.1:0", "fd00:6d62::1", tuple(maker for maker in makers)
    )
    initialise.create(path / "jrc", choices, datetime.now(UTC))
    config = load(path / "jrc" / initialise.CONFIG)
    return dataclasses.replace(config, **changes)


@contextlib.asynccontextmanager
async def running(config, **clocks):
    """The registrar of ``config``, running."""
    server = Server(config, **clocks)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def events(server, kind=None):
    """Texts of the log, oldest first."""
    from microbrew_host.jrc.database import Event

    with server.database.transaction() as session:
        rows = session.query(Event).order_by(Event.id).all()
    return [row.text for row in rows if kind is None or row.kind == kind]


class Socket(asyncio.DatagramProtocol):
    """UDP to the registrar; with ``jpy_header`` each datagram goes inside the array of a join proxy."""

    def __init__(self, jpy_header=None, tail=b""):
        self.jpy_header = jpy_header
        self.transport = None
        self.heard = []
        self.on_datagram = None

    @classmethod
    async def open(cls, server, jpy_header=None):
        port = server.jpy_port if jpy_header else server.coap_port
        loop = asyncio.get_running_loop()
        _, self = await loop.create_datagram_endpoint(
            lambda: cls(jpy_header), remote_addr=(port.local.host, port.local.port)
        )
        return self

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.heard.append(data)
        if self.jpy_header is not None:
            message = jpy.parse(data)
            assert [message.ip, message.port, message.family, message.index] == self.jpy_header
            data = message.content
        if self.on_datagram is not None:
            self.on_datagram(data)

    def send(self, data):
        if self.jpy_header is not None:
            data = jpy.encode(*self.jpy_header, data)
        self.transport.sendto(data)

    def close(self):
        self.transport.close()


class Pledge:
    """One device; ``record`` is its factory record. ``socket`` may be shared with nobody."""

    def __init__(self, record, socket, serial=None):
        self.serial = serial or record[SERIAL]
        self.eui64 = record[EUI64]
        self.record = record
        self.socket = socket
        self.config = FirmwareConfig()
        self.requests = []
        self.endpoint = Endpoint(os.urandom, lambda _peer, datagram: socket.send(datagram), Parameters(), self._serve)
        socket.on_datagram = lambda data: self.endpoint.receive("jrc", data, self._now())
        if PRIVATE_KEY in record:
            self.private = CRYPTO.load_private(P256, record[PRIVATE_KEY])
        self.context = None
        self.registrar_public = None
        self.psk = None
        self.on_request = None
        self._poller = asyncio.ensure_future(self._poll())

    @classmethod
    async def behind_proxy(cls, server, record, serial=None, port=5683):
        iid = bytes((record[EUI64][0] ^ 2,)) + record[EUI64][1:]
        header = [b"\xfe\x80" + bytes(6) + iid, port, 2, 1]
        return cls(record, await Socket.open(server, header), serial)

    @classmethod
    async def direct(cls, server, record, serial=None):
        return cls(record, await Socket.open(server), serial)

    def close(self):
        self._poller.cancel()
        self.socket.close()

    def _now(self):
        return int(asyncio.get_running_loop().time() * 1000)

    async def _poll(self):
        while True:
            self.endpoint.poll(self._now())
            await asyncio.sleep(0.02)

    def _serve(self, peer, request, now):
        return self.on_request(request)

    async def request(
        self, path, payload=b"", content_format=None, code=numbers.POST, context=None, strict=False, options=(), szx=6
    ):
        """Send a request and wait: the response Message. Raises TimeoutError if there is none."""
        message = Message(numbers.CON, code, payload=payload)
        for segment in path:
            message.add(numbers.URI_PATH, segment)
        if content_format is not None:
            message.add(numbers.CONTENT_FORMAT, content_format)
        for number, value in options:
            message.add(number, value)
        answer = asyncio.get_running_loop().create_future()
        self.config.block_szx = szx

        def done(response, reason, now):
            answer.set_exception(TimeoutError(reason)) if response is None else answer.set_result(response)

        Channel(self.endpoint, "jrc", self.config, context, strict).request(message, self._now(), done)
        return await asyncio.wait_for(answer, 20)

    # The join, step by step

    async def message_1(self, suites=(2,), certificate=None, private=None):
        """Send message_1: the response; the state for message_3 is kept."""
        own = credentials.own_x5chain(certificate or self.record[CERTIFICATE], private or self.private)
        message_1, self._waiting = Start(CRYPTO, 0, list(suites), b"", own).message_1()
        return await self.request(EDHOC, b"\xf5" + message_1, 65)

    async def message_3(self, response):
        """Answer message_2 by message_3: the response."""
        received = self._waiting.receive(response.payload)
        peer = credentials.peer_kccs(received.id_cred_r)
        self.registrar_public = peer.public
        message_3, self._done = received.verify(peer).message_3()
        return await self.request(EDHOC, messages.encode_identifier(self._done.c_r) + message_3, 65)

    async def handshake(self):
        """EDHOC; afterwards there is an onboarding context. The last response."""
        response = await self.message_1()
        assert response.code == numbers.CHANGED, response.payload
        response = await self.message_3(response)
        if response.code == numbers.CHANGED:
            done = self._done
            secret, salt = done.oscore()
            self.context = Context(CRYPTO, secret, salt, done.c_r, done.c_i)
            self.psk = bytes(done.exporter(32768, self.eui64, 16))
        return response

    def voucher_request(self, nonce=b"12345678", serial=None, public=None, private=None):
        """A signed voucher request."""
        return voucher_request(
            CRYPTO, private or self.private, serial or self.serial, nonce, public or self.registrar_public
        )

    async def rv(self, pvr, **more):
        """Ask for a voucher over the onboarding context."""
        return await self.request(RV, pvr, 836, context=self.context, **more)

    async def vs(self, status=STATUS_GOOD, content_format=60):
        """Report over the onboarding context."""
        return await self.request(VS, status, content_format, context=self.context)

    def verify(self, response, nonce=b"12345678"):
        """Check a voucher as the firmware does."""
        masa_public = public_from_spki(self.record[MASA_SPKI])
        return verify_voucher(CRYPTO, response.payload, masa_public, self.serial, nonce, self.registrar_public)

    async def enrol(self):
        """EDHOC, voucher, status."""
        assert (await self.handshake()).code == numbers.CHANGED
        response = await self.rv(self.voucher_request())
        assert response.code == numbers.CHANGED, response.payload
        assert self.verify(response).join_process == "minimal"
        response = await self.vs()
        assert response.code == numbers.CHANGED, response.payload

    def cojp_context(self, **more):
        """The CoJP context with its numbers from zero."""
        return Context(CRYPTO, self.psk, b"", b"", b"JRC", id_context=self.eui64, **more)

    async def join(self, role=0, network=NETWORK, context=None):
        """The Join Request: (response, Configuration or None)."""
        context = context or self.cojp_context()
        request = cojp.encode_join_request(network, role)
        response = await self.request(("j",), request, context=context, strict=True)
        parsed = cojp.parse_configuration(response.payload) if response.code == numbers.CHANGED else None
        return response, parsed


def eui64_of(number):
    """Test EUI-64s."""
    return bytes.fromhex("00124b00") + number.to_bytes(4, "big")
