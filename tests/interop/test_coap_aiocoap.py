"""Our CoAP client and server against aiocoap over UDP on the loopback interface."""

import asyncio
import os
import time

import aiocoap
import pytest
from aiocoap import resource as their_resource

from microbrew.coap import numbers
from microbrew.coap.blockwise import Server, Transfer
from microbrew.coap.exchange import RESPONSE, Endpoint, Parameters
from microbrew.coap.message import Message, response
from microbrew.coap.resource import Site

HOST = "127.0.0.1"


def now():
    return int(time.monotonic() * 1000)


def body(length):
    return bytes(i * 31 & 0xFF for i in range(length))


class Node(asyncio.DatagramProtocol):
    """Our Endpoint behind a UDP socket; ``lose`` names the datagrams, in or out, that get lost."""

    def __init__(self, lose=()):
        self.lose = set(lose)
        self.count = 0
        self.endpoint = Endpoint(os.urandom, self.send, Parameters(200), self.on_request)
        self.site = Site(Server(4096, 4, 4))
        self.later = []

    def _lost(self):
        self.count += 1
        return self.count in self.lose

    def send(self, peer, datagram):
        if not self._lost():
            self.transport.sendto(datagram, peer)

    def on_request(self, peer, request, when):
        return self.site.serve(peer, request, when)

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        if not self._lost():
            self.endpoint.receive(peer, data, now())

    async def run(self):
        while True:
            self.endpoint.poll(now())
            await asyncio.sleep(0.01)

    async def ask(self, peer, message):
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def handler(event, answer, when):
            future.set_result((event, answer))

        self.endpoint.request(peer, message, now(), handler)
        event, answer = await asyncio.wait_for(future, 10)
        assert event == RESPONSE
        return answer

    async def transfer(self, peer, message, szx):
        transfer = Transfer(message, szx)
        while not transfer.feed(await self.ask(peer, transfer.next())):
            pass
        return transfer.response


class _Opened:
    """``async with`` around a Node, its poll loop and a free UDP port."""

    def __init__(self, lose=()):
        self.lose = lose

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        transport, node = await loop.create_datagram_endpoint(lambda: Node(self.lose), local_addr=(HOST, 0))
        node.port = transport.get_extra_info("sockname")[1]
        self.node = node
        self.task = asyncio.create_task(node.run())
        return node

    async def __aexit__(self, *exc):
        self.task.cancel()
        self.node.transport.close()


class Echoing(their_resource.Resource):
    def __init__(self, delay=0.0, extra=0):
        super().__init__()
        self.delay = delay
        self.extra = extra
        self.calls = 0

    async def render_post(self, request):
        self.calls += 1
        await asyncio.sleep(self.delay)
        return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload + body(self.extra), content_format=42)

    async def render_get(self, request):
        await asyncio.sleep(self.delay)
        return aiocoap.Message(payload=body(self.extra))


def free_port():
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


async def their_server():
    site = their_resource.Site()
    site.add_resource([".well-known", "core"], their_resource.WKCResource(site.get_resources_as_linkheader))
    echo = Echoing()
    site.add_resource(["echo"], echo)
    site.add_resource(["slow"], Echoing(0.5))
    site.add_resource(["large"], Echoing(0, 3000))
    port = free_port()
    context = await aiocoap.Context.create_server_context(site, bind=(HOST, port), transports=["simple6", "udp6"])
    return context, (HOST, port), echo


def request(path, code=numbers.POST, payload=b""):
    message = Message(0, code, 0, b"", [], payload)
    for segment in path.split("/"):
        message.add(numbers.URI_PATH, segment)
    return message


async def with_their_server(use, lose=()):
    context, peer, echo = await their_server()
    try:
        async with _Opened(lose) as node:
            await use(node, peer)
        return echo.calls
    finally:
        await context.shutdown()


def test_our_client_gets_plain_separate_and_error_responses():
    async def use(node, peer):
        assert (await node.ask(peer, request("echo", numbers.POST, b"hi"))).payload == b"hi"
        assert (await node.ask(peer, request("slow", numbers.POST, b"late"))).payload == b"late"
        assert (await node.ask(peer, request("nothing"))).code == numbers.NOT_FOUND
        assert (await node.ask(peer, request("echo", numbers.DELETE))).code == numbers.METHOD_NOT_ALLOWED
        links = await node.transfer(peer, request(".well-known/core", numbers.GET), 6)
        assert b"</echo>" in links.payload

    asyncio.run(with_their_server(use))


@pytest.mark.parametrize("szx", [2, 4, 6])
def test_our_client_moves_large_bodies_both_ways(szx):
    async def use(node, peer):
        got = await node.transfer(peer, request("large", numbers.GET), szx)
        assert got.payload == body(3000)
        for length in (16 << szx, (16 << szx) + 1, 700):
            got = await node.transfer(peer, request("echo", numbers.POST, body(length)), szx)
            assert (got.code, got.payload) == (numbers.CHANGED, body(length))
        got = await node.transfer(peer, request("large", numbers.POST, body(900)), szx)
        assert got.payload == body(900) + body(3000)

    asyncio.run(with_their_server(use))


def test_our_client_retransmits_what_is_lost_and_the_server_acts_once():
    async def use(node, peer):
        got = await node.transfer(peer, request("echo", numbers.POST, body(200)), 2)
        assert got.payload == body(200)
        assert node.count > 14  # four blocks up, three more down, both ways, and what was lost

    assert asyncio.run(with_their_server(use, (1, 4, 9))) == 1


def serve(node):
    calls = []

    def echo(message, peer, context, when):
        calls.append(message.payload)
        return response(numbers.CHANGED, message.payload, 42)

    def large(message, peer, context, when):
        return response(numbers.CONTENT, body(2000))

    def slow(message, peer, context, when):
        def answer():
            done = node.site.finish(peer, message, response(numbers.CHANGED, message.payload), now())
            node.endpoint.respond(peer, message, done, now())

        asyncio.get_running_loop().call_later(0.4, answer)

    node.site.add(("echo",), {numbers.POST: echo}, "test.echo")
    node.site.add(("large",), {numbers.GET: large})
    node.site.add(("slow",), {numbers.POST: slow})
    return calls


def test_their_client_uses_our_server():
    async def main():
        client = await aiocoap.Context.create_client_context(transports=["udp6"])
        async with _Opened() as node:
            calls = serve(node)

            async def ask(code, path, payload=b""):
                uri = f"coap://{HOST}:{node.port}/{path}"
                message = aiocoap.Message(code=code, uri=uri, payload=payload)
                return await asyncio.wait_for(client.request(message).response, 10)

            for length in (0, 5, 1024, 1025, 3000):
                got = await ask(aiocoap.POST, "echo", body(length))
                assert (got.code, got.payload) == (aiocoap.CHANGED, body(length))
            assert len(calls) == 5
            assert (await ask(aiocoap.GET, "large")).payload == body(2000)
            assert (await ask(aiocoap.POST, "slow", b"late")).payload == b"late"
            assert (await ask(aiocoap.GET, "nothing")).code == aiocoap.NOT_FOUND
            assert (await ask(aiocoap.PUT, "echo")).code == aiocoap.METHOD_NOT_ALLOWED
            assert (await ask(aiocoap.POST, "echo", body(5000))).code == aiocoap.REQUEST_ENTITY_TOO_LARGE
            got = await ask(aiocoap.GET, ".well-known/core?rt=test.*")
            assert got.payload == b"</echo>;rt=test.echo"
        await client.shutdown()

    asyncio.run(main())
