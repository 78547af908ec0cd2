"""The registrar against a trusted manufacturer, messages held back, nodes that answer nonsense, and a broken disk."""

import asyncio
import itertools
import json

import httpx
import pytest
from jrc_support import CRYPTO, NETWORK, RV, Acme, Pledge, eui64_of, events, make_registrar, running
from sqlalchemy import text
from test_jrc_rekey import Node, finished

from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.edhoc import credentials
from microbrew.edhoc.combined import combine
from microbrew.errors import JoinError
from microbrew.join import cojp
from microbrew.oscore import protect
from microbrew.oscore.context import Context
from microbrew.proxy import jpy
from microbrew_host.cli import main
from microbrew_host.jrc import initialise, manage, registry
from microbrew_host.jrc.config import ConfigError, load
from microbrew_host.jrc.database import CojpContext, Database, DatabaseError, Device
from microbrew_host.jrc.masa_client import MasaClient
from microbrew_host.jrc.refusal import Refusal
from microbrew_host.jrc.rekey import request_rekey

NUMBERS = itertools.count()
PSK = bytes.fromhex("5ec2e75ec2e75ec2e75ec2e75ec2e75e")


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    with Acme(tmp_path_factory.mktemp("acme")).serving() as made:
        yield made


@pytest.fixture
def record(acme):
    return acme.device(eui64_of(0x2000 + next(NUMBERS)))


def run(scenario, config):
    async def inside():
        async with running(config) as server:
            return await scenario(server)

    return asyncio.run(inside())


def stored_psks(server):
    with server.database.transaction() as session:
        return [row.psk for row in session.query(CojpContext)]


# One manufacturer against another


def test_a_serial_number_belongs_to_the_manufacturer_that_showed_it_first(acme, record, tmp_path):
    async def scenario(server):
        honest = await Pledge.behind_proxy(server, record)
        await honest.enrol()
        impostor = await Pledge.behind_proxy(server, Acme.device(rival, record[2]))
        response = await impostor.handshake()
        assert response.code == numbers.BAD_REQUEST
        assert "other manufacturer" in str(response.payload)
        assert any("belongs to a device of Acme" in entry for entry in events(server))
        # Nothing of the honest device's changed.
        assert stored_psks(server) == [honest.psk]
        with server.database.transaction() as session:
            assert registry.by_serial(session, honest.serial).manufacturer == "Acme"
        # An operator who knows better denies the old device and allows the name again.
        manage.deny(server.database, server.journal, honest.serial, "sold")
        manage.allow(server.database, server.journal, honest.serial)
        assert (await impostor.handshake()).code == numbers.CHANGED
        honest.close()
        impostor.close()

    rival = Acme(tmp_path, "Rival")
    run(scenario, make_registrar(tmp_path, acme.as_new(), rival.as_new("localhost:1")))


def test_two_manufacturers_cannot_have_one_name(tmp_path):
    config = make_registrar(tmp_path, Acme(tmp_path).as_new("localhost:1"))
    assert len(config.manufacturers) == 1
    path = tmp_path / "jrc" / initialise.CONFIG
    whole = path.read_text()
    path.write_text(whole + "\n" + whole[whole.index("[[manufacturer]]") :])
    with pytest.raises(ConfigError, match="name"):
        load(path)


# Messages out of order


def test_a_status_report_that_somebody_held_back_does_not_bring_the_old_key_back(acme, record, tmp_path):
    async def scenario(server):
        first = await Pledge.behind_proxy(server, record, port=5001)
        await first.handshake()
        await first.rv(first.voucher_request(b"attempt1"))
        # The report of the first attempt is on its way, held by the proxy; the device gives up and begins anew.
        second = await Pledge.behind_proxy(server, record, port=5002)
        await second.handshake()
        await second.rv(second.voucher_request(b"attempt2"))
        await second.vs()
        assert stored_psks(server) == [second.psk]
        with pytest.raises((AssertionError, JoinError, TimeoutError)):
            assert (await first.vs()).code == numbers.CHANGED
        assert stored_psks(server) == [second.psk]
        # The device's own context goes on.
        assert (await second.vs()).code == numbers.CHANGED
        first.close()
        second.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_report_whose_audit_log_comes_after_a_newer_enrolment_does_not_bring_the_old_key_back(acme, record, tmp_path):
    async def scenario(server):
        first = await Pledge.behind_proxy(server, record, port=5001)
        await first.handshake()
        await first.rv(first.voucher_request(b"attempt1"))
        second = await Pledge.behind_proxy(server, record, port=5002)
        await second.handshake()
        await second.rv(second.voucher_request(b"attempt2"))
        read, slow = server._masa.audit_log, [True]
        may_go_on = asyncio.Event()

        async def audit_log(*arguments):
            if slow.pop() if slow else False:
                await may_go_on.wait()
            return await read(*arguments)

        server._masa.audit_log = audit_log
        waiting = asyncio.ensure_future(first.vs())
        while slow:
            await asyncio.sleep(0.01)
        assert (await second.vs()).code == numbers.CHANGED
        may_go_on.set()
        assert (await waiting).code == 0x89
        assert stored_psks(server) == [second.psk]
        first.close()
        second.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


# Answers to a Parameter Update


@pytest.mark.parametrize("option", [b" ", b":\x0c\x9f", b"\xff", b"\x19\x01\xff", b"\x06", b"", None])
def test_a_node_that_answers_an_update_by_nonsense_does_not_end_rekeying(tmp_path, option):
    async def scenario(server):
        def answer(_request):
            options = [] if option is None else [(numbers.OSCORE, option)]
            return Message(numbers.ACK, numbers.CHANGED, 0, b"", options, b"nonsense is not a tag")

        bad = await Node.join(server, 1)
        bad.pledge.on_request = answer
        good = await Node.join(server, 2)
        result = await finished(server, request_rekey(server.database, 0.0))
        assert result == {eui64_of(1): "its answer was not protected by its key", eui64_of(2): "ok"}
        result = await finished(server, request_rekey(server.database, 0.0))
        assert [key[0] for key in good.took] == [2, 3]
        bad.pledge.close()
        good.pledge.close()

    run(scenario, make_registrar(tmp_path, ack_timeout=0.1))


# Denial


def test_a_denial_hits_every_row_that_the_name_stands_for(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        # Seen, so filed by its serial number, but never enrolled, so its EUI-64 is not filed.
        await pledge.handshake()
        # Then its key comes, filed by its EUI-64 alone.
        manage.add(server.database, server.journal, [manage.OneTouch(pledge.eui64, PSK)])
        with server.database.transaction() as session:
            assert session.query(Device).count() == 2
        assert server.contexts.cojp(pledge.eui64) is not None
        manage.deny(server.database, server.journal, pledge.serial, "stolen")
        assert server.contexts.cojp(pledge.eui64) is None
        assert stored_psks(server) == []
        manage.allow(server.database, server.journal, pledge.serial)
        with server.database.transaction() as session:
            assert [row.denied for row in session.query(Device)] == [None, None]
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


# What a broken database says


def break_contexts(database):
    with database.transaction() as session:
        session.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON cojp_contexts BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )


def spellings(secret):
    return (secret.hex(), repr(secret)[2:-1], str(list(secret))[1:-1])


def test_a_failing_database_does_not_print_keys_at_the_prompt(tmp_path, capsys):
    make_registrar(tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'jrc' / initialise.DATABASE}")
    break_contexts(database)
    database.close()
    devices = tmp_path / "list"
    devices.write_text(json.dumps({"eui64": eui64_of(1).hex(), "psk": PSK.hex()}))
    with pytest.raises(SystemExit) as ended:
        main(["jrc", "add", "--config", str(tmp_path / "jrc" / initialise.CONFIG), "--import", str(devices)])
    printed = capsys.readouterr()
    assert ended.value.code == 1 and "disk full" in printed.err
    for spelling in spellings(PSK):
        assert spelling not in printed.err + printed.out
    # Some drivers show bytes in there, some do not.
    assert "parameters:" not in printed.err


def test_a_failing_database_does_not_log_keys_nor_tell_the_peer(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.handshake()
        await pledge.rv(pledge.voucher_request())
        break_contexts(server.database)
        lines = []
        server.journal.line = lines.append
        response = await pledge.vs()
        assert response.code == numbers.INTERNAL_SERVER_ERROR and not response.payload
        assert any("internal" in line for line in lines)
        for spelling in spellings(pledge.psk):
            assert not any(spelling in line for line in lines)
        # Half an enrolment is none.
        with server.database.transaction() as session:
            assert registry.by_serial(session, pledge.serial).state == "voucher"
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_database_that_fails_in_the_handshake_ends_it_without_a_context(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        with server.database.transaction() as session:
            session.execute(
                text("CREATE TRIGGER full BEFORE INSERT ON devices BEGIN SELECT RAISE(ABORT, 'disk full'); END")
            )
        lines = []
        server.journal.line = lines.append
        response = await pledge.handshake()
        assert response.code == numbers.INTERNAL_SERVER_ERROR and not response.payload
        assert any("internal" in line for line in lines)
        assert not any(server.contexts.live(bytes((value,))) for value in range(256))
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


async def combined(pledge):
    """message_3 and a voucher request in one datagram (RFC 9668): the answer."""
    response = await pledge.message_1()
    received = pledge._waiting.receive(response.payload)
    peer = credentials.peer_kccs(received.id_cred_r)
    pledge.registrar_public = peer.public
    message_3, done = received.verify(peer).message_3()
    context = Context(CRYPTO, *done.oscore(), done.c_r, done.c_i)
    message = Message(numbers.CON, numbers.POST, payload=pledge.voucher_request())
    for segment in RV:
        message.add(numbers.URI_PATH, segment)
    message.add(numbers.CONTENT_FORMAT, numbers.VOUCHER_COSE)
    protected, _ = protect.protect_request(context, message)
    answer = asyncio.get_running_loop().create_future()

    def arrived(event, response, _now):
        answer.set_result(response)

    pledge.endpoint.request("jrc", combine(message_3, protected), pledge._now(), arrived)
    return await asyncio.wait_for(answer, 10)


def test_a_database_that_fails_under_message_3_and_request_in_one_is_logged_and_answered(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        with server.database.transaction() as session:
            session.execute(
                text("CREATE TRIGGER full BEFORE INSERT ON devices BEGIN SELECT RAISE(ABORT, 'disk full'); END")
            )
        lines = []
        server.journal.line = lines.append
        response = await combined(pledge)
        assert response.code == numbers.INTERNAL_SERVER_ERROR and not response.payload
        assert [line for line in lines if "internal" in line]
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_database_that_fails_under_a_join_request_is_met_with_silence_and_a_repetition_tried_anew(
    acme, record, tmp_path
):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.enrol()
        with server.database.transaction() as session:
            session.execute(
                text("CREATE TRIGGER full BEFORE UPDATE ON cojp_contexts BEGIN SELECT RAISE(ABORT, 'disk full'); END")
            )
        lines = []
        server.journal.line = lines.append
        pledge.socket.heard.clear()
        payload = cojp.encode_join_request(NETWORK, cojp.ROLE_NODE)
        request = Message(numbers.CON, numbers.POST, 1, b"t", payload=payload).add(numbers.URI_PATH, "j")
        protected, _ = protect.protect_request(pledge.cojp_context(), request)
        pledge.socket.send(protected.encode())
        await asyncio.sleep(0.3)
        assert pledge.socket.heard == []
        assert [line for line in lines if "internal" in line]
        with server.database.transaction() as session:
            session.execute(text("DROP TRIGGER full"))
        pledge.socket.send(protected.encode())
        await asyncio.sleep(0.3)
        (answer,) = pledge.socket.heard
        assert Message.decode(jpy.parse(answer).content).option(numbers.OSCORE) is not None
        assert events(server, "joined")
        # What was answered is answered alike.
        pledge.socket.send(protected.encode())
        await asyncio.sleep(0.3)
        assert pledge.socket.heard == [answer, answer]
        assert len(events(server, "joined")) == 1
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_the_password_of_a_database_is_not_repeated():
    for url in ("postgresql+nodriver://jrc:hunter2@db.example/jrc", "postgresql://jrc:hunter2@db.invalid:1/jrc"):
        with pytest.raises(DatabaseError) as raised:
            Database(url)
        assert "hunter2" not in str(raised.value)


# Nonsense in the configuration


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0.0", "-1.0", "1e300"])
def test_a_limit_that_is_no_sensible_number_is_refused(tmp_path, value):
    make_registrar(tmp_path)
    path = tmp_path / "jrc" / initialise.CONFIG
    path.write_text(path.read_text() + f"\n[limits]\nedhoc_rate = {value}\n")
    with pytest.raises(ConfigError, match="edhoc_rate"):
        load(path)


# A MASA that answers with an address


LOCATIONS = ("https://[::1", "https://[nonsense]/x", "//[", "http://masa.example:99999999/", "\x7f")


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_masa_that_points_nowhere_is_named_as_the_culprit(tmp_path, location):
    async def scenario():
        maker = Acme(tmp_path)
        config = make_registrar(tmp_path, maker.as_new("localhost:1"))

        def answer(request):
            return httpx.Response(201, headers={"location": location}, stream=httpx.ByteStream(b""))

        from microbrew_host.jrc.registrar import Registrar

        registrar = Registrar(config.key, config.certificate)
        masa = MasaClient(registrar, config.manufacturers, 5.0, httpx.MockTransport(answer))
        with pytest.raises(Refusal) as raised:
            await masa.audit_log(config.manufacturers[0], None, b"rvr")
        assert "MASA" in raised.value.reason
        await masa.close()

    asyncio.run(scenario())
