"""Changing the link key: who is told, in which order, what happens to those who miss it, and to a crash halfway."""

import asyncio

import pytest
from jrc_support import NETWORK, Pledge, eui64_of, events, make_registrar, running

from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.errors import CoapError, OscoreError
from microbrew.join import cojp
from microbrew.oscore import protect
from microbrew.oscore.context import Context
from microbrew.oscore.replay import Window
from microbrew_host.jrc import manage
from microbrew_host.jrc.database import CURRENT, DONE, NEXT, RETIRED, RUNNING, Device, LinkKey, Rekey, RekeyResult
from microbrew_host.jrc.rekey import new_key, request_rekey
from microbrew_host.jrc.server import Server

PSK = bytes(range(16))
CORE = (".well-known", "core")


class Node:
    """A joined node of firmware parts that serves /j; ``took`` collects the keys it was given."""

    def __init__(self, pledge, context, order, answer):
        self.pledge = pledge
        self.context = context
        self.took = []
        self.order = order
        self.answer = answer
        pledge.on_request = self.serve

    @classmethod
    async def join(cls, server, number, role=0, order=None, answer=None):
        """Register a one-touch device, join it, register its address."""
        eui64 = eui64_of(number)
        name = "6lbr" if role else "node"
        manage.add(server.database, server.journal, [manage.OneTouch(eui64, PSK)], name)
        pledge = await Pledge.direct(server, {1: eui64.hex(), 2: eui64})
        pledge.psk = PSK
        context = pledge.cojp_context(replay=Window.fresh())
        response, _ = await pledge.join(role, NETWORK, context)
        assert response.code == numbers.CHANGED
        answer_core = await pledge.request(CORE, code=numbers.GET, context=context, strict=True)
        assert answer_core.code == numbers.CONTENT
        return cls(pledge, context, [] if order is None else order, answer)

    def serve(self, request):
        inner, binding = protect.unprotect_request(self.context, request)
        if inner.path() != ("j",) or inner.code != numbers.POST:
            raise CoapError(numbers.NOT_FOUND)
        self.took.extend(cojp.parse_configuration(inner.payload).keys)
        self.order.append(self.pledge.eui64)
        answer = Message(code=numbers.CHANGED) if self.answer is None else self.answer
        return protect.protect_response(self.context, answer, binding)


async def finished(server, number, wait=15):
    """Wait until rekey ``number`` is done: device -> result."""
    for _ in range(wait * 20):
        with server.database.transaction() as session:
            if session.get_one(Rekey, number).state == DONE:
                rows = session.query(Device.eui64, RekeyResult.result).join(RekeyResult).all()
                return dict(tuple(row) for row in rows)
        await asyncio.sleep(0.05)
    raise TimeoutError("the rekey was never finished")


def keys(server):
    with server.database.transaction() as session:
        return [(key.key_id, key.state, key.value) for key in session.query(LinkKey).order_by(LinkKey.id)]


def test_ordinary_nodes_come_first_the_6lbr_last_and_a_missed_node_is_named(tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, ack_timeout=0.1)) as server:
            order = []
            router = await Node.join(server, 1, 1, order)
            nodes = [await Node.join(server, n, 0, order) for n in (2, 3)]
            gone = await Node.join(server, 4, 0, order)
            gone.pledge.close()
            result = await finished(server, request_rekey(server.database, 0.0))
            assert order[-1] == router.pledge.eui64 and sorted(order[:2]) == [eui64_of(2), eui64_of(3)]
            assert result[gone.pledge.eui64] == "it did not answer"
            assert [value for eui64, value in result.items() if eui64 != gone.pledge.eui64] == ["ok"] * 3
            (_, old_state, old_value), (key_id, state, value) = keys(server)
            assert (old_state, old_value, key_id, state) == (RETIRED, bytes(16), 2, CURRENT)
            for node in (router, *nodes):
                assert node.took == [(2, 1, value)]
            log = events(server, "rekey")
            assert log[0] == "changing the link key to key 2"
            assert log[-1] == "link key 2 is in use: 3 nodes took it, 1 missed it"
            assert "missed the new link key: it did not answer" in log
            # The next update has a new number: the nodes' replay windows would refuse an old one.
            result = await finished(server, request_rekey(server.database, 0.0))
            assert router.took[-1][0] == 3
            for node in (router, *nodes):
                node.pledge.close()

    asyncio.run(scenario())


def test_who_joins_during_the_change_gets_both_keys(tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path)) as server:
            with server.database.transaction() as session:
                new_key(session, NEXT, 0.0)
            eui64 = eui64_of(1)
            manage.add(server.database, server.journal, [manage.OneTouch(eui64, PSK)])
            pledge = await Pledge.direct(server, {1: eui64.hex(), 2: eui64})
            pledge.psk = PSK
            _, config = await pledge.join()
            assert [key[0] for key in config.keys] == [1, 2]
            pledge.close()

    asyncio.run(scenario())


def test_a_rekey_that_was_cut_by_a_crash_goes_on_with_the_same_key_and_asks_nobody_twice(tmp_path):
    async def scenario():
        config = make_registrar(tmp_path, ack_timeout=0.1)
        async with running(config) as server:
            done = await Node.join(server, 1)
            open_ = await Node.join(server, 2)
            with server.database.transaction() as session:
                key = new_key(session, NEXT, 0.0)
                session.add(Rekey(id=1, state=RUNNING, requested=0.0, link_key_id=key.id))
                session.flush()
                session.add(RekeyResult(rekey_id=1, device_id=1, result="ok"))
            result = await finished(server, 1)
            assert result == {eui64_of(1): "ok", eui64_of(2): "ok"}
            assert done.took == []
            assert [key[0] for key in open_.took] == [2]
            done.pledge.close()
            open_.pledge.close()

    asyncio.run(scenario())


def test_an_answer_under_another_key_or_a_diagnostic_is_no_success(tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, ack_timeout=0.1)) as server:
            refusing = Message(code=numbers.BAD_REQUEST, payload=cojp.encode_unsupported([(0, 2, None)]))
            diagnostic = await Node.join(server, 1, answer=refusing)
            liar = await Node.join(server, 2)
            liar.pledge.on_request = lambda _request: Message(code=numbers.CHANGED)
            result = await finished(server, request_rekey(server.database, 0.0))
            assert result[eui64_of(1)] == "it cannot use parameter 2"
            assert result[eui64_of(2)] == "its answer was not protected by its key"
            diagnostic.pledge.close()
            liar.pledge.close()

    asyncio.run(scenario())


def test_a_node_that_lost_its_replay_window_is_asked_again_with_its_echo(tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, ack_timeout=0.1)) as server:
            node = await Node.join(server, 1)
            node.context.replay = Window.lost()
            serve = node.pledge.on_request
            challenges = []

            def challenging(request):
                try:
                    return serve(request)
                except OscoreError as error:
                    challenges.append(error.code)
                    return protect.refusal(error)

            node.pledge.on_request = challenging
            result = await finished(server, request_rekey(server.database, 0.0))
            assert result == {eui64_of(1): "ok"}
            assert challenges == [numbers.UNAUTHORIZED]
            assert [key[0] for key in node.took] == [2]
            node.pledge.close()

    asyncio.run(scenario())


def test_a_node_that_challenges_for_ever_is_given_up(tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, ack_timeout=0.1)) as server:
            challenge = Message(code=numbers.UNAUTHORIZED).add(numbers.ECHO, bytes(8))
            node = await Node.join(server, 1, answer=challenge)
            result = await finished(server, request_rekey(server.database, 0.0))
            assert result == {eui64_of(1): "it answered 4.01"}
            assert len(node.order) == 2
            node.pledge.close()

    asyncio.run(scenario())


def test_a_node_that_never_registered_is_listed_as_missed(tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path)) as server:
            eui64 = eui64_of(1)
            manage.add(server.database, server.journal, [manage.OneTouch(eui64, PSK)])
            pledge = await Pledge.direct(server, {1: eui64.hex(), 2: eui64})
            pledge.psk = PSK
            await pledge.join()
            result = await finished(server, request_rekey(server.database, 0.0))
            assert result == {eui64: "it never registered an address"}
            pledge.close()

    asyncio.run(scenario())


def test_asking_twice_for_a_rekey_starts_one(tmp_path):
    server = Server(make_registrar(tmp_path))
    try:
        assert request_rekey(server.database, 0.0) == request_rekey(server.database, 1.0)
    finally:
        asyncio.run(server.close())


@pytest.mark.parametrize(("last", "following"), [(253, 254), (254, 1)])
def test_key_ids_stay_within_1_to_254(tmp_path, last, following):
    server = Server(make_registrar(tmp_path))
    try:
        with server.database.transaction() as session:
            session.query(LinkKey).one().key_id = last
        with server.database.transaction() as session:
            assert new_key(session, NEXT, 0.0).key_id == following
    finally:
        asyncio.run(server.close())


def test_context_of_the_firmware_and_the_registrar_agree_on_the_update(tmp_path):
    """The node's side takes the kid "JRC" without a kid context, as RFC 9031 has it."""

    async def scenario():
        async with running(make_registrar(tmp_path, ack_timeout=0.1)) as server:
            node = await Node.join(server, 1)
            seen = []
            serve = node.pledge.on_request
            node.pledge.on_request = lambda request: (seen.append(request.option(numbers.OSCORE)), serve(request))[1]
            await finished(server, request_rekey(server.database, 0.0))
            assert seen == [bytes.fromhex("09004a5243")]
            assert isinstance(node.context, Context)
            node.pledge.close()

    asyncio.run(scenario())
