"""Who and what the registrar refuses, what the peer is told, and what the installer reads."""

import asyncio
import contextlib
import dataclasses
import itertools
import ssl

import pytest
from jrc_support import CRYPTO, EDHOC, ES, RV, STATUS_GOOD, VS, Acme, Pledge, eui64_of, events, make_registrar, running

from microbrew import cbor
from microbrew.coap import numbers
from microbrew.crypto import P256
from microbrew.edhoc import messages
from microbrew_host.factory.line import CERTIFICATE, PRIVATE_KEY
from microbrew_host.jrc import manage
from microbrew_host.jrc.config import Limits, Policy
from microbrew_host.jrc.database import CojpContext
from microbrew_host.masa import directory
from microbrew_host.masa.database import open_database, set_denied
from microbrew_host.voucher import fingerprint

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    with Acme(tmp_path_factory.mktemp("acme")).serving() as made:
        yield made


@pytest.fixture
def record(acme):
    """A device of its own for each test: the audit log remembers who claimed it."""
    return acme.device(eui64_of(0x1000 + next(NUMBERS)))


def run(scenario, config, **clocks):
    """Run ``scenario(server)`` against the registrar of ``config``, by ``clocks`` of its Server."""

    async def inside():
        async with running(config, **clocks) as server:
            return await scenario(server)

    return asyncio.run(inside())


def edhoc_error(response):
    """Code and info of an EDHOC error response."""
    assert response.code == numbers.BAD_REQUEST
    assert response.uint(numbers.CONTENT_FORMAT) == 64
    error = messages.parse_error(response.payload)
    return error.code, error.info


# EDHOC


def test_a_device_of_an_unknown_manufacturer_learns_it_after_proving_its_identity(acme, tmp_path):
    stranger = Acme(tmp_path, "Other")

    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, stranger.device(eui64_of(1)))
        assert edhoc_error(await pledge.handshake()) == (1, "manufacturer not trusted")
        assert events(server) == [
            "refused: the manufacturer that issued its certificate (CN=Other) is not configured here"
        ]
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_forged_certificate_is_caught_by_its_signature(acme, record, tmp_path):
    async def scenario(server):
        thief = CRYPTO.generate(P256)
        pledge = await Pledge.behind_proxy(server, record)
        response = await pledge.message_1(private=thief)
        assert edhoc_error(await pledge.message_3(response)) == (1, "authentication failed")
        assert "authentication failed" in events(server)[-1]
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_ca_certificate_is_no_device(acme, tmp_path):
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from microbrew_host.factory.manufacturer import CA_CERTIFICATE, CA_KEY
    from microbrew_host.voucher.keys import load_private_key, scalar

    async def scenario(server):
        ca = x509.load_pem_x509_certificate((acme.path / CA_CERTIFICATE).read_bytes())
        record = acme.device(eui64_of(2))
        record[CERTIFICATE] = ca.public_bytes(Encoding.DER)
        record[PRIVATE_KEY] = scalar(load_private_key(acme.path / CA_KEY))
        pledge = await Pledge.behind_proxy(server, record)
        code, _ = edhoc_error(await pledge.handshake())
        assert code == 1
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_denied_device_is_told_so_and_logged(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        manage.deny(server.database, server.journal, pledge.serial.lower(), "stolen")
        assert edhoc_error(await pledge.handshake()) == (1, "device denied")
        assert events(server)[-1] == "refused: it is denied here: stolen"
        manage.allow(server.database, server.journal, pledge.eui64.hex())
        await pledge.enrol()
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_denial_takes_effect_in_the_middle_of_an_enrolment_and_after_it(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.enrol()
        assert (await pledge.join())[0].code == numbers.CHANGED
        await pledge.handshake()
        manage.deny(server.database, server.journal, pledge.serial, "")
        assert (await pledge.rv(pledge.voucher_request())).code == numbers.FORBIDDEN
        with server.database.transaction() as session:
            assert session.query(CojpContext).count() == 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pledge.join(), 1.0)
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_message_3_after_a_restart_is_an_unknown_session_and_the_pledge_can_begin_again(acme, record, tmp_path):
    config = make_registrar(tmp_path, acme.as_new())

    async def scenario():
        async with running(config) as server:
            pledge = await Pledge.behind_proxy(server, record)
            response = await pledge.message_1()
            pledge.close()
        async with running(config) as server:
            again = await Pledge.behind_proxy(server, record)
            again._waiting = pledge._waiting
            assert edhoc_error(await again.message_3(response)) == (1, "unknown session")
            assert events(server)[-1] == "handshake failed: unknown session"
            assert (await again.handshake()).code == numbers.CHANGED
            again.close()

    asyncio.run(scenario())


def test_a_stranger_who_knows_c_r_cannot_end_a_session(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        response = await pledge.message_1()
        stranger = await Pledge.behind_proxy(server, record, port=4000)
        for c_r in (*range(0x18), *range(0x20, 0x38)):
            bad = await stranger.request(EDHOC, bytes((c_r,)) + b"\x41\x00", 65)
            assert edhoc_error(bad) == (1, "unknown session")
        # Nor can he fill the log.
        assert len(events(server, "edhoc")) == Limits().edhoc_burst
        assert (await pledge.message_3(response)).code == numbers.CHANGED
        pledge.close()
        stranger.close()

    # At one moment, however long that takes here.
    run(scenario, make_registrar(tmp_path, acme.as_new()), clock=lambda: 0.0)


@pytest.mark.parametrize(
    ("message_1", "wanted"),
    [
        (cbor.sequence(0, 0, bytes(32), b""), (2, [2, 3])),
        (cbor.sequence(3, 2, bytes(32), b""), (1, "unsupported method")),
        (cbor.sequence(0, 2, bytes(31), b""), (1, "malformed message")),
        (cbor.sequence(0, 2, b"\xff" * 32, b""), (1, "authentication failed")),
        (cbor.sequence(0, 2, bytes(32), b"", -5), (1, None)),
        (b"\xff", (1, "malformed message")),
        (b"", (1, "malformed message")),
    ],
)
def test_a_bad_message_1_gets_an_edhoc_error(acme, record, tmp_path, message_1, wanted):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        code, info = edhoc_error(await pledge.request(EDHOC, b"\xf5" + message_1, 65))
        assert code == wanted[0]
        assert wanted[1] is None or info == wanted[1]
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_flood_of_message_1_from_one_proxy_is_told_to_wait(acme, record, tmp_path):
    limits = Limits(edhoc_rate=0.001, edhoc_burst=2)

    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        codes = [(await pledge.message_1()).code for _ in range(3)]
        assert codes == [numbers.CHANGED, numbers.CHANGED, numbers.SERVICE_UNAVAILABLE]
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new(), limits=limits))


def test_sessions_are_bounded_per_peer_and_in_all(acme, record, tmp_path):
    limits = Limits(edhoc_sessions=3, edhoc_per_peer=2, edhoc_burst=100)

    async def scenario(server):
        pledges = [await Pledge.behind_proxy(server, record, port=4000 + n) for n in range(3)]
        for _ in range(3):
            await pledges[0].message_1()
        assert len(server._edhoc._sessions) == 2
        for pledge in pledges[1:]:
            await pledge.message_1()
            await pledge.message_1()
        assert len(server._edhoc._sessions) == 3
        for pledge in pledges:
            pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new(), limits=limits))


def test_a_session_is_forgotten_after_its_lifetime(acme, record, tmp_path):
    now = [0.0]

    async def scenario():
        async with running(make_registrar(tmp_path, acme.as_new()), clock=lambda: now[0]) as server:
            pledge = await Pledge.behind_proxy(server, record)
            response = await pledge.message_1()
            now[0] += 61
            assert edhoc_error(await pledge.message_3(response)) == (1, "unknown session")
            pledge.close()

    asyncio.run(scenario())


# Channels


def test_resources_exist_on_their_own_channel_only(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.enrol()
        stored = pledge.cojp_context()
        for path in (RV, VS, ES, ("j",)):
            assert (await pledge.request(path, b"\xa0", 60)).code == numbers.NOT_FOUND
        for path in (("j",), EDHOC):
            assert (await pledge.request(path, b"\xa0", 60, context=pledge.context)).code == numbers.NOT_FOUND
        for path in (RV, VS, ES, EDHOC):
            assert (await pledge.request(path, b"\xa0", 60, context=stored)).code == numbers.NOT_FOUND
        assert (await pledge.request(("j",), code=numbers.GET, context=stored)).code == numbers.METHOD_NOT_ALLOWED
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_unknown_critical_options_and_foreign_proxy_requests_are_refused(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        bad = await pledge.request(EDHOC, b"\xf5", 65, options=((2049, b"x"),))
        assert bad.code == numbers.BAD_OPTION
        alias = ((numbers.URI_HOST, b"6tisch.arpa"), (numbers.PROXY_SCHEME, b"coap"))
        assert (await pledge.request((".well-known", "core"), code=numbers.GET, options=alias)).code == numbers.CONTENT
        foreign = ((numbers.URI_HOST, b"example.com"), (numbers.PROXY_SCHEME, b"coap"))
        answer = await pledge.request((".well-known", "core"), code=numbers.GET, options=foreign)
        assert answer.code == numbers.PROXYING_NOT_SUPPORTED
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


# Voucher requests


def test_each_bad_voucher_request_has_its_own_answer_and_reason(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.handshake()
        thief = CRYPTO.generate(P256)
        cases = [
            (pledge.voucher_request(private=thief), numbers.BAD_REQUEST, "signature"),
            (pledge.voucher_request(serial="another"), numbers.FORBIDDEN, "another serial"),
            (pledge.voucher_request(public=thief.public), numbers.UNAUTHORIZED, "another registrar's key"),
            (pledge.voucher_request(nonce=b"1234567"), numbers.BAD_REQUEST, ""),
            (b"\xd2\x80", numbers.BAD_REQUEST, "voucher request is bad"),
        ]
        for pvr, code, reason in cases:
            response = await pledge.rv(pvr)
            assert response.code == code, reason
            assert reason in events(server)[-1]
        wrong = await pledge.request(RV, pledge.voucher_request(), 60, context=pledge.context)
        assert wrong.code == numbers.UNSUPPORTED_CONTENT_FORMAT
        wrong = await pledge.rv(pledge.voucher_request(), options=((numbers.ACCEPT, b"\x3c"),))
        assert wrong.code == numbers.NOT_ACCEPTABLE
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_the_same_request_again_costs_the_masa_nothing(acme, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(0x110)))
        await pledge.handshake()
        pvr = pledge.voucher_request()
        other = await Pledge.behind_proxy(server, pledge.record, port=4000)
        await other.handshake()
        first, shared = await asyncio.gather(pledge.rv(pvr), other.rv(pvr))
        again = await pledge.rv(pvr)
        assert first.payload == again.payload == shared.payload
        assert events(server, "voucher") == ["the MASA of Acme issued a voucher"]
        assert (await other.vs()).code == numbers.CHANGED
        pledge.close()
        other.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_masa_that_refuses_is_quoted_to_the_installer(acme, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(0x111)))
        engine = open_database(acme.path / directory.DATABASE)
        with engine.begin() as tx:
            set_denied(tx, pledge.serial, True, "stolen from the truck")
        engine.dispose()
        await pledge.handshake()
        assert (await pledge.rv(pledge.voucher_request())).code == numbers.FORBIDDEN
        assert events(server)[-1].startswith("refused: the MASA refused with status 403")
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


def test_a_masa_that_is_down_makes_the_pledge_wait(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.handshake()
        response = await pledge.rv(pledge.voucher_request())
        assert response.code == numbers.SERVICE_UNAVAILABLE
        assert response.uint(numbers.MAX_AGE) == 30
        assert "cannot be reached" in events(server)[-1]
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new("https://localhost:9/.well-known/brski")))


def test_a_masa_with_another_tls_certificate_is_not_believed(acme, record, tmp_path):
    other = Acme(tmp_path, "Other")
    maker = dataclasses.replace(acme.as_new(), masa_trust=other.path / directory.TLS_CERTIFICATE)

    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.handshake()
        assert (await pledge.rv(pledge.voucher_request())).code == 0xA2
        assert "is not trusted: check masa_trust" in events(server)[-1]
        pledge.close()

    run(scenario, make_registrar(tmp_path, maker))


@contextlib.asynccontextmanager
async def lying_masa(acme, answer, delay=0.0):
    """An HTTPS server with the MASA's own certificate that answers every request with the bytes ``answer``."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(acme.path / directory.TLS_CERTIFICATE, acme.path / directory.TLS_KEY)

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
            await asyncio.sleep(delay)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/.well-known/brski"
    finally:
        server.close()


def http(status, kind, body, more=""):
    return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


VOUCHER = "application/voucher+cose"


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (http(200, "text/html", b"<html>"), 0xA2, "not a voucher"),
        (http(200, VOUCHER, b"\xd2\x84"), 0xA2, "cannot be read"),
        (http(200, VOUCHER, b"x" * 20000), 0xA2, "more than a voucher can be"),
        (http(302, VOUCHER, b"", "Location: https://evil.example/\r\n"), 0xA2, "status 302"),
        (http(404, "text/plain", b"never made"), numbers.NOT_FOUND, "never made"),
        (http(406, "text/plain", b"key type"), numbers.NOT_ACCEPTABLE, "key type"),
        (http(429, "text/plain", b"slow", "Retry-After: 77\r\n"), numbers.SERVICE_UNAVAILABLE, "wait 77 s"),
        (http(500, "text/plain", b"oops\x1b[2J"), 0xA2, "oops?[2J"),
        (b"garbage\r\n\r\n", numbers.SERVICE_UNAVAILABLE, "cannot be reached"),
    ],
)
def test_each_bad_answer_of_a_masa_is_mapped_and_explained(acme, record, tmp_path, answer, code, reason):
    async def scenario():
        async with lying_masa(acme, answer) as url, running(make_registrar(tmp_path, acme.as_new(url))) as server:
            pledge = await Pledge.behind_proxy(server, record)
            await pledge.handshake()
            response = await pledge.rv(pledge.voucher_request())
            assert response.code == code
            assert reason in events(server)[-1]
            if reason.startswith("wait"):
                assert response.uint(numbers.MAX_AGE) == 77
            pledge.close()

    asyncio.run(scenario())


def test_a_masa_that_never_answers_is_given_up(acme, record, tmp_path):
    async def scenario():
        async with contextlib.AsyncExitStack() as stack:
            url = await stack.enter_async_context(lying_masa(acme, b"", 5))
            config = make_registrar(tmp_path, acme.as_new(url), masa_timeout=0.3)
            server = await stack.enter_async_context(running(config))
            pledge = await Pledge.behind_proxy(server, record)
            await pledge.handshake()
            response = await pledge.rv(pledge.voucher_request())
            assert response.code == numbers.SERVICE_UNAVAILABLE
            assert "did not answer in time" in events(server)[-1]
            pledge.close()

    asyncio.run(scenario())


def test_a_voucher_for_another_nonce_registrar_or_device_is_not_passed_on(acme, tmp_path):
    records = [acme.device(eui64_of(0x120 + n)) for n in range(2)]

    async def voucher(path, record, nonce):
        async with running(make_registrar(path, acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, record)
            await pledge.handshake()
            response = await pledge.rv(pledge.voucher_request(nonce))
            pledge.close()
            return response.payload

    async def scenario():
        for name in "abc":
            (tmp_path / name).mkdir()
        config = make_registrar(tmp_path / "a", acme.as_new())
        async with running(config) as server:
            mine = await Pledge.behind_proxy(server, records[0])
            await mine.handshake()
            good = (await mine.rv(mine.voucher_request(b"first-nonce"))).payload
            mine.close()
        others = [
            (good, b"other-nonce", "wrong nonce"),
            (await voucher(tmp_path / "b", records[0], b"first-nonce"), b"first-nonce", "another key"),
            (await voucher(tmp_path / "c", records[1], b"first-nonce"), b"first-nonce", "another device"),
        ]
        for answer, nonce, reason in others:
            async with lying_masa(acme, http(200, VOUCHER, answer)) as url:
                maker = dataclasses.replace(config.manufacturers[0], masa_url=url)
                async with running(dataclasses.replace(config, manufacturers=(maker,))) as server:
                    pledge = await Pledge.behind_proxy(server, records[0])
                    await pledge.handshake()
                    assert (await pledge.rv(pledge.voucher_request(nonce))).code == 0xA2
                    assert reason in events(server)[-1]
                    pledge.close()

    asyncio.run(scenario())


# Status and audit log


def test_status_reports_are_read_strictly_and_logged(acme, record, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, record)
        await pledge.handshake()
        assert (await pledge.vs()).code == numbers.FORBIDDEN
        assert "without having got one" in events(server)[-1]
        for bad in (
            b"",
            b"\x01",
            cbor.encode({"version": 1}),
            cbor.encode({"version": 0, "status": True}),
            b"\xa0" * 600,
        ):
            assert (await pledge.vs(bad)).code == numbers.BAD_REQUEST
        assert (await pledge.vs(STATUS_GOOD, 50)).code == numbers.UNSUPPORTED_CONTENT_FORMAT
        failed = cbor.encode({"version": 2, "status": False, "reason": "wrong \x1b[31mpin", "more": 1})
        assert (await pledge.vs(failed)).code == numbers.CHANGED
        assert events(server)[-2:] == [
            "its status report is of a later version or has unknown fields",
            "the device rejected the voucher: wrong ?[31mpin",
        ]
        assert (await pledge.request(ES, failed, 60, context=pledge.context)).code == numbers.CHANGED
        assert "certificate enrolment failed" in events(server)[-1]
        with server.database.transaction() as session:
            assert session.query(CojpContext).count() == 0
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))


@pytest.mark.parametrize(("policy", "admitted"), [("refuse", False), ("warn", True), ("known", True)])
def test_a_device_that_a_stranger_claimed_before_is_admitted_by_policy_only(acme, tmp_path, policy, admitted):
    import base64

    number = {"refuse": 0x130, "warn": 0x131, "known": 0x132}[policy]
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()

    async def scenario():
        record = acme.device(eui64_of(number))
        async with running(make_registrar(tmp_path / "first", acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, record)
            await pledge.enrol()
            domain = base64.b64encode(fingerprint(server.registrar.spki)).decode()
            pledge.close()
        rules = {"warn": Policy(unknown_domain="warn"), "known": Policy(known_domains=(domain,)), "refuse": Policy()}
        config = make_registrar(tmp_path / "second", acme.as_new(), policy=rules[policy])
        async with running(config) as server:
            pledge = await Pledge.behind_proxy(server, record)
            await pledge.handshake()
            await pledge.rv(pledge.voucher_request())
            answer = await pledge.vs()
            assert answer.code == (numbers.CHANGED if admitted else numbers.NOT_ACCEPTABLE)
            told = [text for text in events(server) if "claimed by a registrar unknown here" in text]
            assert len(told) == (0 if policy == "known" else 1)
            with server.database.transaction() as session:
                assert session.query(CojpContext).count() == int(admitted)
            pledge.close()

    asyncio.run(scenario())


def test_without_the_audit_log_nobody_is_admitted_unless_the_policy_says_so(acme, tmp_path):
    async def scenario(unavailable, wanted, name, number):
        (tmp_path / name).mkdir()
        config = make_registrar(tmp_path / name, acme.as_new(), policy=Policy(unavailable=unavailable))
        async with running(config) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(number)))
            await pledge.handshake()
            await pledge.rv(pledge.voucher_request())
            context = server.contexts.find(pledge.context.sender_id, None)
            dead = dataclasses.replace(context.onboarding.manufacturer, masa_url="https://localhost:9")
            context.onboarding.manufacturer = dead
            assert (await pledge.vs()).code == wanted
            pledge.close()

    asyncio.run(scenario("refuse", numbers.SERVICE_UNAVAILABLE, "a", 0x140))
    asyncio.run(scenario("warn", numbers.CHANGED, "b", 0x141))


# Join Requests


def test_join_requests_for_other_networks_or_roles_are_refused(acme, tmp_path):
    async def scenario(server):
        pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(0x150)))
        await pledge.enrol()
        context = pledge.cojp_context()
        assert (await pledge.join(network=b"\xbe\xef", context=context))[0].code == numbers.NOT_FOUND
        assert "network beef" in events(server)[-1]
        assert (await pledge.join(role=1, context=context))[0].code == numbers.FORBIDDEN
        assert "not marked" in events(server)[-1]
        bad = await pledge.request(("j",), b"\xff", context=context, strict=True)
        assert bad.code == numbers.BAD_REQUEST
        assert (await pledge.join(context=context))[0].code == numbers.CHANGED
        pledge.close()

    run(scenario, make_registrar(tmp_path, acme.as_new()))
