"""OSCORE against aiocoap: each side verifies what the other protected, on random messages."""

import random

import aiocoap
import pytest
from aiocoap import oscore as theirs
from aiocoap.message import Direction

from microbrew import crypto
from microbrew.coap import numbers
from microbrew.coap.message import Message, response
from microbrew.errors import OscoreError
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
