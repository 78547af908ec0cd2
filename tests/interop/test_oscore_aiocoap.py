"""OSCORE against aiocoap: each side verifies what the other protected, on random messages and over UDP."""

import asyncio
import json
import random

import aiocoap
import pytest
from aiocoap import oscore as theirs
from aiocoap import resource as their_resource
from aiocoap.message import Direction
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from test_coap_aiocoap import HOST, Echoing, Node, body, free_port, now, request

from microbrew import crypto
from microbrew.coap import numbers
from microbrew.coap.blockwise import Server
from microbrew.coap.message import Message, response
from microbrew.coap.resource import Site
from microbrew.config import Config
from microbrew.errors import OscoreError
from microbrew.join.channel import Channel
from microbrew.oscore import protect
from microbrew.oscore.context import Context, Volatile
from microbrew.oscore.replay import Window

CRYPTO = crypto.load()


class TheirContext(theirs.CanProtect, theirs.CanUnprotect, theirs.SecurityContextUtils):
    """aiocoap's context without files."""

    def __init__(self, secret, salt, sender_id, recipient_id, id_context):
        self.alg_aead = theirs.algorithms["AES-CCM-16-64-128"]
        self.hashfun = theirs.hashfunctions["sha256"]
        self.sender_id = sender_id
        self.recipient_id = recipient_id
        self.id_context = id_context
        self.derive_keys(salt, secret)
        self.sender_sequence_number = 0
        self.recipient_replay_window = theirs.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()
        self.echo_recovery = None

    def post_seqnoincrease(self):
        pass


def contexts(rng):
    """Our and aiocoap's ends of one security association, at a random place of its life."""
    secret = rng.randbytes(16)
    salt = rng.randbytes(rng.choice((0, 8)))
    our_id = rng.randbytes(rng.randrange(8))
    their_id = rng.randbytes(rng.randrange(7)) + b"t"
    if our_id == their_id:
        our_id = b""
    id_context = rng.choice((None, rng.randbytes(8), b""))
    start = rng.choice((0, 1, 255, 256, 65535, 1 << 32, (1 << 40) - 20))
    ours = Context(CRYPTO, secret, salt, our_id, their_id, id_context, Volatile(start))
    other = TheirContext(secret, salt, their_id, our_id, id_context)
    other.sender_sequence_number = start
    return ours, other


def random_options(rng, code):
    options = [(numbers.URI_HOST, b"host")] if code < 0x20 else []
    options += [(numbers.URI_PATH, rng.randbytes(3).hex().encode()) for _ in range(rng.randrange(3))]
    options += [(numbers.CONTENT_FORMAT, b"\x3c")] if rng.random() < 0.5 else []
    options += [(numbers.BLOCK1, bytes((rng.randrange(1, 7),)))] if rng.random() < 0.3 else []
    options += [(numbers.ECHO, rng.randbytes(8))] if rng.random() < 0.3 else []
    options += [(2048, rng.randbytes(rng.choice((0, 12, 13, 269))))] if rng.random() < 0.3 else []
    return options


def to_theirs(message):
    return aiocoap.Message.decode(message.encode(), remote=None)


def for_them_to_send(message):
    message = to_theirs(message)
    message.direction = Direction.OUTGOING
    return message


def to_ours(message):
    message.mtype = aiocoap.CON
    message.mid = 1
    return Message.decode(message.encode())


def content(message):
    """What must have arrived, of our Message or of theirs."""
    if isinstance(message, aiocoap.Message):
        options = [(int(item.number), item.encode()) for item in message.opt.option_list()]
        return int(message.code), options, message.payload
    return message.code, message.options, message.payload


@pytest.mark.parametrize("seed", range(60))
def test_our_client_and_their_server(seed):
    rng = random.Random(seed)  # noqa: S311
    ours, other = contexts(rng)
    code = rng.choice((numbers.GET, numbers.POST, numbers.FETCH))
    request = Message(0, code, 7, rng.randbytes(2), random_options(rng, code), rng.randbytes(rng.randrange(300)))
    outer, binding = protect.protect_request(ours, request)
    received, request_id = other.unprotect(to_theirs(outer))
    # aiocoap returns only what was inside; Uri-Host is not.
    inner = [item for item in request.options if item[0] != numbers.URI_HOST]
    assert content(received) == (request.code, inner, request.payload)

    answer = response(numbers.CHANGED, rng.randbytes(rng.randrange(100)))
    answer.options = random_options(rng, numbers.CHANGED)
    protected, _ = other.protect(for_them_to_send(answer), request_id)
    protected.token = b"t"
    got = protect.unprotect_response(ours, to_ours(protected), binding)
    assert content(got) == (answer.code, answer.options, answer.payload)


@pytest.mark.parametrize("seed", range(60))
def test_their_client_and_our_server(seed):
    rng = random.Random(seed)  # noqa: S311
    ours, other = contexts(rng)
    code = rng.choice((numbers.GET, numbers.POST, numbers.FETCH))
    request = Message(0, code, 7, b"", random_options(rng, code), rng.randbytes(rng.randrange(300)))
    protected, request_id = other.protect(for_them_to_send(request))
    inner, binding = protect.unprotect_request(ours, to_ours(protected))
    assert content(inner) == (request.code, request.options, request.payload)
    with pytest.raises(OscoreError):
        protect.unprotect_request(ours, to_ours(protected))

    for own_piv in rng.choice(((False,), (True,))):
        answer = response(numbers.CONTENT, rng.randbytes(rng.randrange(100)), 60)
        outer = protect.protect_response(ours, answer, binding, own_piv)
        got, _ = other.unprotect(to_theirs(outer), request_id)
        assert content(got) == (answer.code, answer.options, answer.payload)


def test_their_client_answers_our_challenge_after_a_lost_window():
    ours, other = contexts(random.Random(1))  # noqa: S311
    ours.replay = Window.lost()
    request = Message(0, numbers.POST, 7, b"", [], b"join")
    protected, request_id = other.protect(for_them_to_send(request))
    with pytest.raises(OscoreError) as raised:
        protect.unprotect_request(ours, to_ours(protected))
    challenge, _ = other.unprotect(to_theirs(raised.value.response), request_id)
    assert challenge.code == aiocoap.UNAUTHORIZED

    again = for_them_to_send(request)
    again.opt.echo = challenge.opt.echo
    protected, request_id = other.protect(again)
    inner, _ = protect.unprotect_request(ours, to_ours(protected))
    assert inner.payload == b"join"


def test_we_answer_their_challenge_after_a_lost_window():
    ours, other = contexts(random.Random(2))  # noqa: S311
    other.recipient_replay_window = theirs.ReplayWindow(32, lambda: None)
    other.echo_recovery = b"recovery"
    request = Message(0, numbers.POST, 7, b"", [], b"join")
    outer, binding = protect.protect_request(ours, request)
    with pytest.raises(theirs.ReplayErrorWithEcho) as raised:
        other.unprotect(to_theirs(outer))
    challenge = protect.unprotect_response(ours, to_ours(raised.value.to_message()), binding)
    assert challenge.code == numbers.UNAUTHORIZED

    outer, _ = protect.protect_request(ours, request.add(numbers.ECHO, challenge.option(numbers.ECHO)))
    received, _ = other.unprotect(to_theirs(outer))
    assert received.payload == b"join"


# Over UDP: our Endpoint, Channel, Site and block-wise transfer; aiocoap's own transports and server wrapper.

SECRET = bytes(range(16))
ID_CONTEXT = bytes.fromhex("00124b0000000202")


def their_files(path, sender_id, recipient_id, received=None):
    """aiocoap's context as it keeps it in files; ``received`` is what it remembers of a former life."""
    path.mkdir()
    settings = {
        "secret_hex": SECRET.hex(),
        "sender-id_hex": sender_id.hex(),
        "recipient-id_hex": recipient_id.hex(),
        "id-context_hex": ID_CONTEXT.hex(),
    }
    (path / "settings.json").write_text(json.dumps(settings))
    if received is not None:
        (path / "sequence.json").write_text(json.dumps({"next-to-send": 100, "received": received}))
    return theirs.FilesystemSecurityContext(str(path))


class Protected(Node):
    """Our end: a server whose resources are behind OSCORE only, and a client."""

    def __init__(self, context, szx):
        super().__init__()
        self.context = context
        self.config = Config()
        self.config.block_szx = szx
        self.config.body_max = 4096
        self.site = Site(Server(4096, 4, szx))
        self.refused = []

    def on_request(self, peer, request, when):
        try:
            inner, binding = protect.unprotect_request(self.context, request)
        except OscoreError as error:
            self.refused.append(str(error))
            return protect.refusal(error)
        return protect.protect_response(self.context, self.site.serve(peer, inner, when), binding)

    async def ask_protected(self, peer, message):
        future = asyncio.get_running_loop().create_future()
        channel = Channel(self.endpoint, peer, self.config, self.context, True)
        channel.request(message, now(), lambda answer, failure, when: future.set_result((answer, failure)))
        answer, failure = await asyncio.wait_for(future, 20)
        assert answer is not None, failure
        return answer


async def opened(node):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: node, local_addr=(HOST, 0))
    node.port = transport.get_extra_info("sockname")[1]
    node.task = asyncio.create_task(node.run())
    return node


def protected_node(replay=None, szx=4):
    return Protected(Context(CRYPTO, SECRET, b"", b"", b"JRC", ID_CONTEXT, replay=replay), szx)


def with_their_server(use, tmp_path, received=None, szx=4):
    """Run ``use(our node, peer, their resource, their context)`` against aiocoap behind OSCORE."""

    async def main():
        site = their_resource.Site()
        echo = Echoing()
        site.add_resource(["echo"], echo)
        site.add_resource(["large"], Echoing(0, 3000))
        port = free_port()
        server = await aiocoap.Context.create_server_context(None, bind=(HOST, port), transports=["simple6", "udp6"])
        context = their_files(tmp_path / "server", b"JRC", b"", received)
        server.server_credentials[":node"] = context
        server.serversite = OscoreSiteWrapper(site, server.server_credentials)
        node = await opened(protected_node(szx=szx))
        try:
            await use(node, (HOST, port), echo, context)
        finally:
            node.task.cancel()
            node.transport.close()
            await server.shutdown()

    asyncio.run(main())


@pytest.mark.parametrize("szx", [2, 4, 6])
def test_our_client_moves_bodies_inside_oscore_block_by_block(tmp_path, szx):
    async def use(node, peer, echo, context):
        size = 16 << szx
        got = await node.ask_protected(peer, request("large", numbers.GET))
        assert (got.code, got.payload) == (numbers.CONTENT, body(3000))
        # One number each block, none more.
        assert node.context.sequence.number == -(-3000 // size)
        for length in (0, size, size + 1, 700):
            got = await node.ask_protected(peer, request("echo", numbers.POST, body(length)))
            assert (got.code, got.payload) == (numbers.CHANGED, body(length))
        assert echo.calls == 4
        assert (await node.ask_protected(peer, request("nothing"))).code == numbers.NOT_FOUND

    with_their_server(use, tmp_path, szx=szx)


def test_our_client_brings_the_echo_to_a_server_that_lost_its_window(tmp_path):
    async def use(node, peer, echo, context):
        assert not context.recipient_replay_window.is_initialized()
        got = await node.ask_protected(peer, request("echo", numbers.POST, body(900)))
        assert (got.code, got.payload) == (numbers.CHANGED, body(900))
        assert context.recipient_replay_window.is_initialized()
        assert echo.calls == 1
        numbers_used = node.context.sequence.number
        got = await node.ask_protected(peer, request("echo", numbers.POST, b"again"))
        assert got.payload == b"again"
        assert node.context.sequence.number == numbers_used + 1

    with_their_server(use, tmp_path, "unknown")


def test_a_server_that_challenges_for_ever_gets_two_requests(tmp_path):
    async def use(node, peer, echo, context):
        async def challenge(request):
            return aiocoap.Message(code=aiocoap.UNAUTHORIZED, echo=b"12345678")

        echo.render_post = challenge
        got = await node.ask_protected(peer, request("echo", numbers.POST, b"x"))
        assert (got.code, got.option(numbers.ECHO)) == (numbers.UNAUTHORIZED, b"12345678")
        assert node.context.sequence.number == 2

    with_their_server(use, tmp_path)


def with_their_client(use, tmp_path, replay=None):
    """Run ``use(ask, our node, calls)`` with aiocoap as the client; ``ask(code, path, ...)`` sends one request."""

    async def main():
        node = await opened(protected_node(replay))
        calls = serve(node)
        client = await aiocoap.Context.create_client_context(transports=["oscore", "udp6"])
        base = f"coap://{HOST}:{node.port}/"
        client.client_credentials[base + "*"] = their_files(tmp_path / "client", b"JRC", b"")

        async def ask(code, path, payload=b"", **options):
            message = aiocoap.Message(code=code, uri=base + path, payload=payload, **options)
            return await asyncio.wait_for(client.request(message).response, 20)

        try:
            await use(ask, node, calls)
        finally:
            node.task.cancel()
            node.transport.close()
            await client.shutdown()

    asyncio.run(main())


def serve(node):
    calls = []

    def echo(message, peer, context, when):
        calls.append(message.payload)
        return response(numbers.CHANGED, message.payload, 42)

    node.site.add(("echo",), {numbers.POST: echo})
    node.site.add(("large",), {numbers.GET: lambda *arguments: response(numbers.CONTENT, body(2000))})
    return calls


def test_their_client_moves_bodies_inside_oscore_block_by_block(tmp_path):
    async def use(ask, node, calls):
        for length in (0, 5, 256, 1024, 1025, 3000):
            got = await ask(aiocoap.POST, "echo", body(length))
            assert (got.code, got.payload) == (aiocoap.CHANGED, body(length))
        assert len(calls) == 6
        assert (await ask(aiocoap.GET, "large")).payload == body(2000)
        assert (await ask(aiocoap.GET, "nothing")).code == aiocoap.NOT_FOUND
        assert (await ask(aiocoap.POST, "echo", body(5000))).code == aiocoap.REQUEST_ENTITY_TOO_LARGE
        assert node.refused == []

    with_their_client(use, tmp_path)


def test_their_observation_is_answered_as_a_plain_request(tmp_path):
    async def use(ask, node, calls):
        got = await ask(aiocoap.GET, "large", observe=0)
        assert (got.code, got.opt.observe) == (aiocoap.CONTENT, None)
        assert got.payload == body(2000)
        assert (await ask(aiocoap.GET, "large")).payload == body(2000)

    with_their_client(use, tmp_path)


def test_their_client_answers_our_challenge_over_udp(tmp_path):
    async def use(ask, node, calls):
        got = await ask(aiocoap.POST, "echo", b"hello")
        assert (got.code, got.payload) == (aiocoap.CHANGED, b"hello")
        assert node.refused == ["Replay window lost"]
        assert calls == [b"hello"]
        assert (await ask(aiocoap.POST, "echo", b"again")).payload == b"again"
        assert len(node.refused) == 1

    with_their_client(use, tmp_path, Window.lost())
