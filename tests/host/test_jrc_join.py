"""A device comes in: EDHOC, voucher, status, Join Request, against a real MASA over HTTPS and a database file."""

import asyncio

import pytest
from jrc_support import (
    CORE,
    Acme,
    Pledge,
    eui64_of,
    events,
    make_registrar,
    running,
)

from microbrew.coap import numbers
from microbrew_host.jrc.database import CojpContext, Device


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    with Acme(tmp_path_factory.mktemp("acme")).serving() as made:
        yield made


def test_a_pledge_behind_a_proxy_enrols_and_joins(acme, tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(1)))
            await pledge.enrol()
            response, config = await pledge.join()
            assert response.code == numbers.CHANGED
            assert [(key_id, usage, len(value)) for key_id, usage, value in config.keys] == [(1, 1, 16)]
            assert config.short_address == b"\x00\x01"
            assert config.jrc_address == bytes.fromhex("fd006d62000000000000000000000001")
            assert config.unsupported == []
            pledge.close()
            return events(server)

    log = asyncio.run(scenario())
    assert log == [
        "a device of Acme proved its identity",
        "the MASA of Acme issued a voucher",
        "the device accepted its voucher and was enrolled",
        "joined network cafe with short address 0001",
    ]


def test_enrolling_again_replaces_the_key_and_keeps_the_short_address(acme, tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            record = acme.device(eui64_of(2))
            first = await Pledge.behind_proxy(server, record)
            await first.enrol()
            _, one = await first.join()
            second = await Pledge.behind_proxy(server, record)
            await second.enrol()
            assert second.psk != first.psk
            _, two = await second.join()
            assert one.short_address == two.short_address
            with server.database.transaction() as session:
                assert session.query(CojpContext).one().psk == second.psk
                assert session.query(Device).one().state == "joined"
            first.close()
            second.close()

    asyncio.run(scenario())


def test_two_devices_get_different_short_addresses_and_the_same_key(acme, tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledges = [await Pledge.behind_proxy(server, acme.device(eui64_of(n))) for n in (3, 4)]
            await asyncio.gather(*(pledge.enrol() for pledge in pledges))
            answers = [(await pledge.join())[1] for pledge in pledges]
            assert answers[0].short_address != answers[1].short_address
            assert answers[0].keys == answers[1].keys
            for pledge in pledges:
                pledge.close()

    asyncio.run(scenario())


def test_a_stored_key_survives_a_restart_with_its_replay_window(acme, tmp_path):
    async def scenario():
        config = make_registrar(tmp_path, acme.as_new())
        async with running(config) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(5)))
            await pledge.enrol()
            context = pledge.cojp_context()
            await pledge.join(context=context)
            pledge.close()
        async with running(config) as server:
            again = await Pledge.behind_proxy(server, pledge.record)
            again.psk = pledge.psk
            response, _ = await again.join(context=context)
            assert response.code == numbers.CHANGED
            # A second device with the same key and numbers from zero is a replay, and is met with silence.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(again.join(), 1.5)
            assert events(server, "joined")[-1].startswith("joined network")
            assert len(events(server, "joined")) == 2
            again.close()

    asyncio.run(scenario())


def test_small_blocks_carry_a_whole_enrolment(acme, tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(6)))
            await pledge.handshake()
            response = await pledge.rv(pledge.voucher_request(), szx=2)
            assert response.code == numbers.CHANGED
            pledge.verify(response)
            pledge.close()

    asyncio.run(scenario())


def test_a_serial_that_is_no_eui64_takes_the_identifier_from_the_proxy_header(acme, tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(7), "A-4711"))
            await pledge.enrol()
            response, _ = await pledge.join()
            assert response.code == numbers.CHANGED
            thief = await Pledge.behind_proxy(server, {**acme.device(eui64_of(8), "A-4712"), 2: eui64_of(7)})
            await thief.handshake()
            await thief.rv(thief.voucher_request())
            refused = await thief.vs()
            assert refused.code == 0x89
            assert "belongs to A-4711" in events(server)[-1]
            with server.database.transaction() as session:
                assert session.query(CojpContext).one().psk == pledge.psk
            pledge.close()
            thief.close()

    asyncio.run(scenario())


def test_without_any_eui64_the_enrolment_is_refused(acme, tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledge = await Pledge.direct(server, acme.device(eui64_of(9), "A-4713"))
            await pledge.handshake()
            await pledge.rv(pledge.voucher_request())
            assert (await pledge.vs()).code == numbers.FORBIDDEN
            assert "EUI-64 is not known" in events(server)[-1]
            pledge.close()

    asyncio.run(scenario())


def test_discovery_names_the_jpy_port_and_registers_a_node_only_under_its_key(acme, tmp_path):
    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(10)))
            await pledge.enrol()
            context = pledge.cojp_context()
            await pledge.join(context=context)
            node = await Pledge.direct(server, pledge.record)
            query = ((numbers.URI_QUERY, b"rt=brski.rjp"),)
            plain = await node.request(CORE, code=numbers.GET, options=query)
            wanted = f'<coap://[fd00:6d62::1]:{server.jpy_port.local.port}>;rt="brski.rjp"'.encode()
            assert plain.payload == wanted
            with server.database.transaction() as session:
                assert session.query(Device).one().address is None
            answer = await node.request(CORE, code=numbers.GET, options=query, context=context, strict=True)
            assert answer.payload == wanted
            with server.database.transaction() as session:
                device = session.query(Device).one()
                assert (device.address, device.port) == node.socket.transport.get_extra_info("sockname")
            nothing = await node.request(CORE, code=numbers.GET, options=((numbers.URI_QUERY, b"rt=no.such"),))
            assert nothing.code == numbers.NOT_FOUND
            pledge.close()
            node.close()

    asyncio.run(scenario())
