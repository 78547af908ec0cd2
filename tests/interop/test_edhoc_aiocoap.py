"""EDHOC and OSCORE with aiocoap, whose EDHOC is lakers: our command and our firmware, client and server."""

import asyncio
import contextlib

import aiocoap
import aiocoap.error
import cbor2
import pytest
from aiocoap import edhoc as their_edhoc
from aiocoap import resource
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from aiocoap.transports.oscore import OSCOREAddress
from interop_support import BY_KID, CRED, HOST, KEY, body, free_port, got, microbrew, peer, write_party


def their_credentials(side: str, **options):
    """aiocoap's view of one party of RFC 9529 and its peer."""
    other = "R" if side == "I" else "I"
    # aiocoap re-encodes what it is given, and must come back to the very bytes.
    for cred in CRED.values():
        assert cbor2.dumps(cbor2.loads(cred), canonical=True) == cred
    return their_edhoc.EdhocCredentials(
        suite=2,
        method=3,
        own_cred_style="by-key-id",
        own_cred={14: cbor2.loads(CRED[side])},
        private_key={1: 2, -1: 1, -4: KEY[side]},
        peer_cred={14: cbor2.loads(CRED[other])},
        **options,
    )


class Hello(resource.Resource):
    async def render_get(self, request):
        protected = isinstance(request.remote, OSCOREAddress)
        return aiocoap.Message(payload=b"hello, protected" if protected else b"hello")


class Large(resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(payload=body(2000))

    async def render_post(self, request):
        return aiocoap.Message(code=aiocoap.CHANGED, payload=request.payload)


@contextlib.asynccontextmanager
async def their_server():
    """Port of an aiocoap server with EDHOC as Responder."""
    site = resource.Site()
    site.add_resource(["hello"], Hello())
    site.add_resource(["echo"], Large())
    site.add_resource(["large"], Large())
    port = free_port()
    credentials = CredentialsMap()
    credentials[f"coap://{HOST}:{port}/*"] = their_credentials("R")
    site = OscoreSiteWrapper(site, credentials)
    context = await aiocoap.Context.create_server_context(site, bind=(HOST, port), transports=["udp6"])
    try:
        yield port
    finally:
        await context.shutdown()


@contextlib.asynccontextmanager
async def their_client(port: int, **options):
    """``ask(code, path, payload)`` of an aiocoap client that does EDHOC as Initiator before its first request."""
    context = await aiocoap.Context.create_client_context(transports=["oscore", "udp6"])
    credentials = their_credentials("I", use_combined_edhoc=False, **options)
    context.client_credentials[f"coap://{HOST}:{port}/*"] = credentials

    async def ask(code, path, payload=b"", **fields):
        message = aiocoap.Message(code=code, uri=f"coap://{HOST}:{port}/{path}", payload=payload, **fields)
        response = await asyncio.wait_for(context.request(message).response, 30)
        assert isinstance(response.remote, OSCOREAddress)
        # Each request with EdhocCredentials would begin a run of its own; the next ones shall use this context.
        context.client_credentials[f"coap://{HOST}:{port}/*"] = response.remote.security_context
        return response

    try:
        yield ask
    finally:
        await context.shutdown()


def run(main) -> None:
    asyncio.run(asyncio.wait_for(main, 90))


def options(side: str) -> dict[str, bytes]:
    other = "R" if side == "I" else "I"
    return {"key": KEY[side], "cred": CRED[side], "id_cred": BY_KID[side], "peer_cred": CRED[other]}


@pytest.fixture(params=["micropython", "cpython"])
def interpreter(request, micropython) -> str:
    return micropython if request.param == "micropython" else "cpython"


def test_our_client_enrols_with_their_server_and_uses_oscore_block_wise(interpreter):
    async def main():
        async with their_server() as port:
            with peer(interpreter, "client", port=port, **options("I")) as ours:
                assert await asyncio.to_thread(ours.end) == 0, ours.output
        assert [line.strip() for line in ours.output.splitlines()] == [
            got("hello", "2.05", b"hello, protected"),
            got("echo", "2.04", body(2000)),
            got("large", "2.05", body(2000)),
            got("nothing", "4.04", b"").strip(),
        ]

    run(main())


def test_their_client_enrols_with_our_server_and_uses_oscore_block_wise(interpreter):
    async def main():
        port = free_port()
        with peer(interpreter, "server", port=port, **options("R")) as ours:
            await asyncio.to_thread(ours.line, "^ready$")
            async with their_client(port) as ask:
                assert (await ask(aiocoap.GET, "hello")).payload == b"hello, protected"
                assert (await ask(aiocoap.GET, "secret")).payload == b"hello, protected"
                echoed = await ask(aiocoap.POST, "echo", body(2000))
                assert (echoed.code, echoed.payload) == (aiocoap.CHANGED, body(2000))
                assert (await ask(aiocoap.GET, "large")).payload == body(2000)
                assert (await ask(aiocoap.GET, "nothing")).code == aiocoap.NOT_FOUND
                observed = await ask(aiocoap.GET, "hello", observe=0)
                assert (observed.payload, observed.opt.observe) == (b"hello, protected", None)

    run(main())


def test_our_command_initiates_with_their_server(tmp_path):
    key, cred = write_party(tmp_path, "I")
    _, peer_cred = write_party(tmp_path, "R")

    async def main():
        async with their_server() as port:
            with microbrew(
                "edhoc", "initiate", f"coap://{HOST}:{port}", "--key", key, "--cred", cred, "--id-cred", "kid",
                "--peer-cred", peer_cred, "--message-4", "--get", "hello",
            ) as ours:  # fmt: skip
                status = await asyncio.to_thread(ours.end)
        assert status == 0, ours.output
        assert "Responder has the keys" in ours.output
        assert "hello, protected" in ours.output

    run(main())


def test_our_command_responds_to_their_client(tmp_path):
    key, cred = write_party(tmp_path, "R")
    _, peer_cred = write_party(tmp_path, "I")

    async def main():
        with microbrew(
            "edhoc", "respond", "--listen", f"{HOST}:0", "--key", key, "--cred", cred, "--id-cred", "kid",
            "--peer-cred", peer_cred, "--message-4",
        ) as ours:  # fmt: skip
            port = int((await asyncio.to_thread(ours.line, r"listening on .*:(\d+)$"))[1])
            async with their_client(port) as ask:
                assert b"by kid" in (await ask(aiocoap.GET, "whoami")).payload

    run(main())


def test_their_client_is_refused_by_our_command_if_it_is_not_listed(tmp_path):
    key, cred = write_party(tmp_path, "R")

    async def main():
        with microbrew(
            "edhoc", "respond", "--listen", f"{HOST}:0", "--key", key, "--cred", cred, "--id-cred", "kid",
            "--peer-cred", cred, "--message-4",
        ) as ours:  # fmt: skip
            port = int((await asyncio.to_thread(ours.line, r"listening on .*:(\d+)$"))[1])
            async with their_client(port) as ask:
                with pytest.raises(aiocoap.error.Error):
                    await ask(aiocoap.GET, "whoami")
            await asyncio.to_thread(ours.line, "message_3: ID_CRED refers to no credential we know")

    run(main())
