"""Plain CoAP with libcoap's example client and server: our Endpoint, Site and block-wise transfer, in both directions.

Our side is micropython_peer.py, under CPython and once inside MicroPython. A relay in between loses datagrams.
"""

import asyncio
import contextlib
import random
import re
import tempfile

import pytest
from interop_support import HOST, Process, body, free_port, got, peer, tool


@pytest.fixture(params=["cpython", "micropython"])
def interpreter(request, micropython) -> str:
    return micropython if request.param == "micropython" else "cpython"


@contextlib.contextmanager
def our_server(interpreter):
    port = free_port()
    with peer(interpreter, "server", port=port) as ours:
        ours.line("^ready$")
        yield port


@contextlib.contextmanager
def their_server():
    port = free_port()
    with Process([tool("coap-server-notls"), "-A", HOST, "-p", str(port), "-v", "7"]) as theirs:
        theirs.line("created UDP")
        yield port


def ask(port: int, path: str, *options: str) -> tuple[str, str]:
    """(payload, log of the messages) of one run of libcoap's client."""
    with tempfile.NamedTemporaryFile() as file:
        command = [tool("coap-client-notls"), "-v", "6", "-B", "30", "-o", file.name, *options]
        with Process([*command, f"coap://{HOST}:{port}/{path}"]) as client:
            assert client.end() == 0, client.output
        return file.read().decode().strip("\n"), client.output


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "body"
    path.write_bytes(body(2000))
    return str(path)


def test_their_client_discovers_gets_and_is_refused(interpreter):
    with our_server(interpreter) as port:
        payload, _ = ask(port, ".well-known/core")
        assert payload == "</.well-known/edhoc>;rt=core.edhoc,</hello>;rt=test.hello,</echo>;rt=test.echo"
        assert ask(port, ".well-known/core?rt=test.h*")[0] == "</hello>;rt=test.hello"
        assert ask(port, ".well-known/core?href=/echo")[0] == "</echo>;rt=test.echo"
        assert ask(port, "hello")[0] == "hello"
        payload, log = ask(port, "hello", "-N")
        assert payload == "hello"
        assert "t:NON c:2.05" in log
        assert "c:4.04" in ask(port, "nothing")[1]
        assert "c:4.05" in ask(port, "hello", "-m", "delete")[1]
        assert "c:4.01" in ask(port, "secret")[1]
        # Critical option 9999 is unknown to everybody.
        assert "c:4.02" in ask(port, "hello", "-O", "9999,x")[1]


def test_their_client_observes_in_vain_and_gets_a_plain_response(interpreter):
    with our_server(interpreter) as port:
        payload, log = ask(port, "hello", "-s", "1")
        assert payload == "hello"
        answer = next(line for line in log.splitlines() if "c:2.05" in line)
        assert "Observe" not in answer


def test_their_client_gets_a_separate_response(interpreter):
    with our_server(interpreter) as port:
        payload, log = ask(port, "slow")
        assert payload == "late"
        assert "t:CON c:2.05" in log


@pytest.mark.parametrize("size", ["16", "256", "1024"])
def test_their_client_moves_2_kb_both_ways_block_wise(interpreter, big, size):
    with our_server(interpreter) as port:
        payload, log = ask(port, "large", "-b", size)
        assert "Block2:1/" in log
        assert payload == body(2000).decode()
        payload, log = ask(port, "echo", "-m", "post", "-f", big, "-b", size)
        assert f"Block1:0/M/{size}" in log
        assert payload == body(2000).decode()


class Relay(asyncio.DatagramProtocol):
    """Passes datagrams between one client and a server; ``lose(datagram)`` tells for each whether it gets lost."""

    def __init__(self, server, lose) -> None:
        self.server = server
        self.lose = lose
        self.client = None
        self.passed = 0
        self.lost = 0

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, source) -> None:
        if source != self.server:
            self.client = source
        if self.lose(data):
            self.lost += 1
            return
        self.passed += 1
        self.transport.sendto(data, self.client if source == self.server else self.server)


@contextlib.asynccontextmanager
async def relay(server_port, lose):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Relay((HOST, server_port), lose), local_addr=(HOST, 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], protocol
    finally:
        transport.close()


def test_their_client_retransmits_and_our_server_answers_again(big):
    # The answer to the first block is lost, and later a request.
    fate = iter([False, True, False, False, False, False, True])

    async def main():
        async with relay(port, lambda _: next(fate, False)) as (near, between):
            payload, _ = await asyncio.to_thread(ask, near, "echo", "-m", "put", "-f", big, "-b", "512")
            assert payload == body(2000).decode()
            assert between.lost == 2

    with our_server("cpython") as port:
        asyncio.run(main())


EXPECTED = [
    got("example_data", "2.05", body(2000)),
    got("async?1", "2.05", b"done"),
    got("nothing", "4.04", b"Not Found"),
]


@pytest.mark.parametrize("seed", [None, 1])
def test_our_client_uses_their_server_also_under_loss(interpreter, seed):
    rng = random.Random(seed)

    lost = set()

    def lose(datagram):
        # Each at most once, so that no exchange dies of bad luck on a slow machine. libcoap 4.3.1 does not recognise a
        # repeated last block, it takes it for a body of its own: the answer to that block arrives always.
        if seed is None or datagram in lost or datagram[1] in (0x41, 0x44) or rng.random() >= 0.2:
            return False
        lost.add(datagram)
        return True

    async def main():
        async with relay(port, lose) as (near, between):
            with peer(interpreter, "plain-client", port=near) as ours:
                assert await asyncio.to_thread(ours.end) == 0, ours.output
            for line in EXPECTED:
                assert line in ours.output.splitlines()
            assert re.search(r"^got \.well-known/core 2\.05 \d+ ", ours.output, re.MULTILINE)
            assert (between.lost > 3) == (seed is not None)

    with their_server() as port:
        asyncio.run(main())
