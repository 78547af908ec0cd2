"""The registrar's UDP ports: the JPY array in and out, what is dropped and counted, repetitions, silence."""

import asyncio

import pytest
from jrc_support import Acme, Pledge, Socket, eui64_of, make_registrar, running

from microbrew import cbor
from microbrew.proxy import jpy
from microbrew_host.jrc import oscore_contexts, transports
from microbrew_host.jrc.config import Limits

GET_CORE = bytes.fromhex("40011234bb2e77656c6c2d6b6e6f776e04636f72654c72743d62") + b"rski.rjp"
HEADER = [b"\xfe\x80" + bytes(6) + bytes(range(8)), 5683, 2, 1]


async def hear(socket, count, wait=2.0):
    """The first ``count`` datagrams that come."""
    for _ in range(int(wait * 50)):
        if len(socket.heard) >= count:
            break
        await asyncio.sleep(0.02)
    return socket.heard[:count]


def run(tmp_path, scenario, **changes):
    async def inside():
        async with running(make_registrar(tmp_path, **changes)) as server:
            await scenario(server)

    asyncio.run(inside())


def get_core(mid):
    return GET_CORE[:2] + mid.to_bytes(2, "big") + GET_CORE[4:]


def test_the_answer_repeats_the_header_and_all_further_elements_bit_for_bit(tmp_path):
    async def scenario(server):
        socket = await Socket.open(server, HEADER)
        array = cbor.encode([*HEADER, get_core(1), "later", [1, 2], -7])
        content = cbor.encode(get_core(1))
        before, after = array.split(content)
        socket.transport.sendto(array)
        (answer,) = await hear(socket, 1)
        assert answer.startswith(before) and answer.endswith(after)
        inner = cbor.decode(answer[len(before) : len(answer) - len(after)])
        assert inner[:4] == bytes.fromhex("60450001")
        socket.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"\x00", "not jpy"),
        (get_core(1), "not jpy"),
        (cbor.encode(HEADER), "not jpy"),
        (cbor.encode([*HEADER, "text"]), "not jpy"),
        (cbor.encode([*HEADER, 5]), "not jpy"),
        (cbor.encode([b"short", 1, 2, 3, get_core(1)]), "not jpy"),
        (cbor.encode([HEADER[0], "1", 2, 3, get_core(1)]), "not jpy"),
        (cbor.encode([HEADER[0], True, 2, 3, get_core(1)]), "not jpy"),
        (cbor.encode([*HEADER, get_core(1)]) + b"\x00", "not jpy"),
        (cbor.encode([*HEADER, b""]), "not coap"),
        (cbor.encode([*HEADER, b"\x40"]), "not coap"),
        (cbor.encode([*HEADER, b"\x80" + get_core(1)[1:]]), "not coap"),
        (cbor.encode([*HEADER, b"\x4d" + get_core(1)[1:]]), "not coap"),
        (cbor.encode([*HEADER, b"\x44\x01\x00\x01\x01"]), "not coap"),
        (cbor.encode([*HEADER, b"\x40\x01\x00\x01\xdd"]), "not coap"),
        (cbor.encode([*HEADER, b"\x40\x01\x00\x01\xb1\xff"]), "not coap"),
        (b"\x85" + b"\xff" * 1300, "too long"),
    ],
)
def test_what_is_not_a_proxied_coap_message_is_counted_and_dropped(tmp_path, datagram, reason):
    async def scenario(server):
        socket = await Socket.open(server, HEADER)
        socket.transport.sendto(datagram)
        socket.send(get_core(2))
        answers = await hear(socket, 1)
        assert jpy.parse(answers[0]).content[:4] == bytes.fromhex("60450002")
        await asyncio.sleep(0.05)
        assert len(socket.heard) == 1
        assert dict(server.jpy_port.counters) == {reason: 1}
        socket.close()

    run(tmp_path, scenario)


def test_a_repeated_message_1_gets_the_same_answer_without_a_second_session(tmp_path):
    acme = Acme(tmp_path)

    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new("https://localhost:9"))) as server:
            sent = []
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(1)))
            send = pledge.socket.send
            pledge.socket.send = lambda data: (sent.append(data), send(data))
            await pledge.message_1()
            first = pledge.socket.heard[-1]
            send(sent[0])
            _, second = await hear(pledge.socket, 2)
            assert second == first
            assert len(server._edhoc._sessions) == 1
            pledge.close()

    asyncio.run(scenario())


def test_one_sender_cannot_take_more_than_its_rate(tmp_path):
    async def scenario(server):
        socket = await Socket.open(server)
        for mid in range(8):
            socket.send(get_core(mid))
        await hear(socket, 5, 0.5)
        assert len(socket.heard) == 3
        assert server.coap_port.counters["rate"] == 5
        other = await Socket.open(server)
        other.send(get_core(1))
        assert len(await hear(other, 1)) == 1
        socket.close()
        other.close()

    run(tmp_path, scenario, limits=Limits(datagram_rate=0.001, datagram_burst=3))


def test_the_memory_of_recent_messages_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(transports, "_RECENT_MESSAGES", 4)

    async def scenario(server):
        socket = await Socket.open(server)
        for mid in range(20):
            socket.send(get_core(mid))
        await hear(socket, 20)
        manager = server.coap_port._manager
        assert len(manager._recent) == 4
        assert manager.token_manager.incoming_requests == {}
        socket.close()

    run(tmp_path, scenario)


def test_a_request_under_an_unknown_cojp_context_meets_silence_not_even_an_acknowledgement(tmp_path):
    async def scenario(server):
        socket = await Socket.open(server)
        option = bytes.fromhex("19010800124b0000000202")
        socket.send(bytes.fromhex("4102777701") + bytes((0x90 | len(option),)) + option + b"\xff" + bytes(16))
        await asyncio.sleep(1.3)
        assert socket.heard == []
        manager = server.coap_port._manager
        assert manager.token_manager.incoming_requests == {}
        assert manager._piggyback_opportunities == {}
        socket.close()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("", 0x82),
        ("09", 0x82),
        ("0901", 0x81),
        ("0e000000000000", 0x82),
        ("2901", 0x82),
        ("1901", 0x82),
        ("190105aa", 0x82),
        ("0101ff", 0x82),
        ("0101", 0x81),
    ],
)
def test_a_malformed_or_unknown_oscore_option_is_answered_as_rfc_8613_says(tmp_path, option, code):
    async def scenario(server):
        socket = await Socket.open(server)
        value = bytes.fromhex(option)
        socket.send(bytes.fromhex("4102777701") + bytes((0x90 | len(value),)) + value + b"\xff" + bytes(16))
        (answer,) = await hear(socket, 1)
        assert answer[1] == code
        socket.close()

    run(tmp_path, scenario)


def test_the_oscore_option_of_rfc_9031_is_read():
    option = bytes.fromhex("19010800124b0000000202")
    assert oscore_contexts.parse_option(option) == (b"\x01", b"", bytes.fromhex("00124b0000000202"))
