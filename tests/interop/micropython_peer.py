"""The firmware's EDHOC, OSCORE and CoAP as one program, for tests against other implementations.

It runs under MicroPython and under CPython: ``micropython_peer.py MODE NAME=HEX ...``. Modes:

    initiator, responder  one EDHOC run over stdin and stdout, a message in hex per line
    client                over UDP at port=: EDHOC as Initiator, then requests under OSCORE; prints what it got
    plain-client          over UDP at port=: requests to a libcoap server; prints what it got
    server                over UDP: EDHOC as Responder and a few resources; prints its port, then serves until killed

Each ends with status 1 and a traceback if anything fails.
"""

import select
import socket
import sys
import time
from binascii import hexlify, unhexlify

from microbrew import crypto
from microbrew.coap import numbers
from microbrew.coap.blockwise import Server, Transfer
from microbrew.coap.exchange import RESPONSE, Endpoint, Parameters
from microbrew.coap.message import Message, response
from microbrew.coap.resource import Site
from microbrew.cose.key import decode_ccs
from microbrew.crypto import P256
from microbrew.edhoc import initiator, messages, responder
from microbrew.edhoc.credentials import KID, Own, Peer, peer_kccs, peer_reference
from microbrew.errors import EdhocError, OscoreError
from microbrew.oscore import protect
from microbrew.oscore.context import Context

CRYPTO = crypto.load()
HOST = "127.0.0.1"
SECONDS = 60


def main(mode, options):
    party = Party(options)
    if mode == "initiator":
        initiate(party, read_line, print_line)
    elif mode == "responder":
        respond(party)
    elif mode == "client":
        Client(party, int(options["port"])).run()
    elif mode == "plain-client":
        PlainClient(int(options["port"])).run()
    elif mode == "server":
        Host(party).run()
    else:
        raise ValueError(mode)


def body(length):
    """The same bytes as in the tests."""
    return bytes([65 + i % 26 for i in range(length)])


def text(data):
    return hexlify(data).decode()


def print_line(data):
    print("out " + text(data))


def read_line():
    return unhexlify(input().strip())


def milliseconds():
    if hasattr(time, "ticks_ms"):
        # Good for twelve days, which is longer than a test.
        return time.ticks_ms()
    return int(time.monotonic() * 1000)


class Party:
    """Our credential and the one that we trust, from ``key``, ``id_cred``, ``cred`` and ``peer_cred``."""

    def __init__(self, options):
        self.peer_cred = unhexlify(options.get("peer_cred", ""))
        self.own = None
        if "key" in options:
            private = CRYPTO.load_private(P256, unhexlify(options["key"]))
            self.own = Own(unhexlify(options["id_cred"]), unhexlify(options["cred"]), private)

    def peer(self, id_cred):
        if id_cred[1] != KID:
            found = peer_kccs(id_cred)
            if found.cred != self.peer_cred:
                raise ValueError("somebody else")
            return found
        ccs = decode_ccs(self.peer_cred)
        return peer_reference(id_cred, lambda _, kid: Peer(ccs.raw, ccs.public) if kid == ccs.kid else None)


def show_keys(done):
    secret, salt = done.oscore()
    print("secret " + text(secret))
    print("salt " + text(salt))


def initiate(party, receive, send):
    message_1, wait = initiator.Start(CRYPTO, 3, (2,), b"\x37", party.own).message_1()
    send(message_1)
    received = wait.receive(receive())
    message_3, done = received.verify(party.peer(received.id_cred_r)).message_3()
    send(message_3)
    message_4 = receive()
    if message_4:
        done.receive_message_4(message_4)
    show_keys(done)


def respond(party):
    received = responder.Start(CRYPTO, (3,), (2,), {2: party.own}).receive(read_line())
    message_2, wait = received.message_2(b"\x05")
    print_line(message_2)
    received = wait.receive(read_line())
    done = received.verify(party.peer(received.id_cred_i))
    print_line(done.message_4())
    show_keys(done)


class Udp:
    """An Endpoint behind a socket of the loopback interface."""

    def __init__(self, parameters):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.poll = select.poll()
        self.poll.register(self.socket, select.POLLIN)
        self.endpoint = Endpoint(CRYPTO.random, self.send, parameters)

    def send(self, peer, datagram):
        self.socket.sendto(datagram, peer)

    def step(self):
        deadline = self.endpoint.poll(milliseconds())
        wait = 100 if deadline is None else max(0, min(100, deadline - milliseconds()))
        if self.poll.poll(wait):
            datagram, peer = self.socket.recvfrom(1500)
            self.endpoint.receive(peer, datagram, milliseconds())


class PlainClient:
    """Requests, one at a time."""

    def __init__(self, port):
        self.udp = Udp(Parameters(300))
        self.server = socket.getaddrinfo(HOST, port)[0][-1]

    def ask(self, message):
        """The response to one message."""
        got = []

        def handler(event, answer, _now):
            got.append((event, answer))

        self.udp.endpoint.request(self.server, message, milliseconds(), handler)
        end = milliseconds() + SECONDS * 1000
        while not got:
            if milliseconds() > end:
                raise OSError("no answer")
            self.udp.step()
        event, answer = got[0]
        if event != RESPONSE:
            raise OSError(f"event {event}")
        return answer

    def exchange(self, message):
        """As ``ask``; a protected client overrides it."""
        return self.ask(message)

    def transfer(self, code, path, payload=b"", szx=4):
        """The whole response to a request that may take many blocks; prints it."""
        message = request(code, path, payload)
        blocks = Transfer(message, szx)
        while not blocks.feed(self.exchange(blocks.next())):
            pass
        answer = blocks.response
        payload = answer.payload
        shown = text(payload) if len(payload) <= 32 else f"sha256 {text(CRYPTO.sha256(payload))}"
        print(f"got {path} {numbers.code_text(answer.code)} {len(payload)} {shown}")
        return answer

    def run(self):
        self.transfer(numbers.GET, "time")
        self.transfer(numbers.PUT, "example_data", body(2000))
        self.transfer(numbers.GET, "example_data")
        self.transfer(numbers.GET, "async?1")
        self.transfer(numbers.GET, "nothing")
        self.transfer(numbers.GET, ".well-known/core")


def request(code, path, payload=b""):
    message = Message(0, code, 0, b"", [], payload)
    path, _, query = path.partition("?")
    for segment in path.split("/"):
        message.add(numbers.URI_PATH, segment)
    if query:
        message.add(numbers.URI_QUERY, query)
    return message


class Client(PlainClient):
    """Requests under the OSCORE context that EDHOC gives."""

    def __init__(self, party, port):
        super().__init__(port)
        self.party = party
        self.context = None

    def edhoc(self, payload):
        message = request(numbers.POST, ".well-known/edhoc", payload)
        message.add(numbers.CONTENT_FORMAT, numbers.CID_EDHOC_CBOR_SEQ)
        answer = self.ask(message)
        if answer.code != numbers.CHANGED:
            raise messages.parse_error(answer.payload)
        return answer.payload

    def exchange(self, message):
        outer, binding = protect.protect_request(self.context, message)
        return protect.unprotect_response(self.context, self.ask(outer), binding)

    def run(self):
        c_i = b"\x0e"
        message_1, wait = initiator.Start(CRYPTO, 3, (2,), c_i, self.party.own).message_1()
        received = wait.receive(self.edhoc(b"\xf5" + message_1))
        c_r = received.c_r
        message_3, done = received.verify(self.party.peer(received.id_cred_r)).message_3()
        done.receive_message_4(self.edhoc(messages.encode_identifier(c_r) + message_3))
        secret, salt = done.oscore()
        self.context = Context(CRYPTO, secret, salt, c_r, c_i)
        self.transfer(numbers.GET, "hello")
        self.transfer(numbers.POST, "echo", body(2000))
        self.transfer(numbers.GET, "large")
        self.transfer(numbers.GET, "nothing")


class Host:
    """EDHOC as Responder with message_4, and resources with and without OSCORE."""

    def __init__(self, party):
        self.party = party
        self.udp = Udp(Parameters(500))
        self.udp.endpoint.on_request = self.on_request
        self.site = Site(Server(4096, 4, 4))
        self.context = None
        self.waiting = None
        self.later = []  # [due, peer, request]
        self.site.add((".well-known", "edhoc"), {numbers.POST: self.edhoc}, "core.edhoc")
        self.site.add(("hello",), {numbers.GET: self.hello}, "test.hello")
        self.site.add(("echo",), {numbers.POST: self.echo, numbers.PUT: self.echo}, "test.echo")
        self.site.add(("large",), {numbers.GET: self.large})
        self.site.add(("slow",), {numbers.GET: self.slow})
        self.site.add(("secret",), {numbers.GET: self.hello}, None, True)

    def run(self):
        self.udp.socket.bind(socket.getaddrinfo(HOST, int(OPTIONS["port"]))[0][-1])
        print("ready")
        while True:
            self.udp.step()
            now = milliseconds()
            for item in [item for item in self.later if item[0] <= now]:
                self.later.remove(item)
                answer = self.site.finish(item[1], item[2], response(numbers.CONTENT, b"late"), now)
                self.udp.endpoint.respond(item[1], item[2], answer, now)

    def on_request(self, peer, message, now):
        if message.option(numbers.OSCORE) is None:
            return self.site.serve(peer, message, now)
        if self.context is None:
            return response(numbers.UNAUTHORIZED)
        try:
            inner, binding = protect.unprotect_request(self.context, message)
        except OscoreError as error:
            return response(error.code)
        return protect.protect_response(self.context, self.site.serve(peer, inner, now, self.context), binding)

    def edhoc(self, message, peer, context, now):
        try:
            return response(numbers.CHANGED, self.edhoc_step(message.payload), numbers.EDHOC_CBOR_SEQ)
        except EdhocError as error:
            payload = messages.error_message(error.code, error.info)
            return response(numbers.BAD_REQUEST, payload, numbers.EDHOC_CBOR_SEQ)

    def edhoc_step(self, payload):
        if payload[:1] == b"\xf5":
            received = responder.Start(CRYPTO, (3,), (2,), {2: self.party.own}).receive(payload[1:])
            message_2, self.waiting = received.message_2(b"\x05" if received.c_i != b"\x05" else b"\x06")
            return message_2
        _c_r, message_3 = messages.split_identifier(payload)
        received = self.waiting.receive(message_3)
        done = received.verify(self.party.peer(received.id_cred_i))
        secret, salt = done.oscore()
        self.context = Context(CRYPTO, secret, salt, done.c_i, done.c_r)
        return done.message_4()

    def hello(self, message, peer, context, now):
        return response(numbers.CONTENT, b"hello" if context is None else b"hello, protected", 0)

    def echo(self, message, peer, context, now):
        return response(numbers.CHANGED, message.payload, 0)

    def large(self, message, peer, context, now):
        return response(numbers.CONTENT, body(2000), 0)

    def slow(self, message, peer, context, now):
        self.later.append((now + 1200, peer, message))


OPTIONS = dict([argument.split("=", 1) for argument in sys.argv[2:]])

if __name__ == "__main__":
    main(sys.argv[1], OPTIONS)
