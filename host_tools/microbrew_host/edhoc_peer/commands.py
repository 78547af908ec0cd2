"""`microbrew edhoc`: the command line."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Annotated

import aiocoap
import typer

from microbrew import crypto
from microbrew.cose.key import encode_ccs
from microbrew.crypto import ED25519, P256, X25519, Crypto
from microbrew.edhoc.authentication import initiator_signs, responder_signs
from microbrew.edhoc.suites import IMPLEMENTED
from microbrew_host.edhoc_peer import credentials, server
from microbrew_host.edhoc_peer.client import Client
from microbrew_host.edhoc_peer.credentials import CURVES, Credential, Key
from microbrew_host.edhoc_peer.oscore import EdhocContext
from microbrew_host.edhoc_peer.report import Report
from microbrew_host.edhoc_peer.run import Outcome, Settings, curve_of, encode_ead
from microbrew_host.edhoc_peer.trust import Trust
from microbrew_host.voucher.keys import write_private

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="An EDHOC peer over CoAP that shows every message and every intermediate value.",
)

_PATH = ".well-known/edhoc"

Uri = Annotated[str, typer.Argument(metavar="[URI]", help="coap://HOST[:PORT][/PATH] of the server, if we are client.")]
Listen = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to serve, if we are server; port 0 is any.")]
Reverse = Annotated[bool, typer.Option("--reverse", help="The reverse flow: the client is the Responder.")]
Method = Annotated[int, typer.Option(min=0, max=3, help="0 both sign .. 3 both static DH.")]
Suite = Annotated[str, typer.Option(metavar="LIST", help="Cipher suites in order of preference, as 2,3.")]
Cred = Annotated[str, typer.Option(metavar="FILE|HEX", help="Our CCS or certificate; else made of the key.")]
KeyOption = Annotated[str, typer.Option("--key", metavar="FILE|HEX", help="Our private key; else a new one.")]
IdCred = Annotated[
    str, typer.Option(metavar="FORM", help="kid, kid:HEX, kccs, x5chain, x5t or hex of a header map; else by value.")
]
PeerCred = Annotated[
    list[str], typer.Option(metavar="[kid:HEX=]FILE|HEX", help="Whom to trust: a credential, or a CA certificate.")
]
AnyPeer = Annotated[bool, typer.Option("--any-peer", help="Accept every credential by value, for tests.")]
Connection = Annotated[str | None, typer.Option("--c-x", metavar="HEX", help="Our connection identifier.")]
Ead = Annotated[
    list[str],
    typer.Option(metavar="[N=]LABEL[:HEX]", help="EAD item for message N, else our first; negative is critical."),
]
Message4 = Annotated[bool, typer.Option("--message-4", help="Send message_4, or insist on it.")]
Trace = Annotated[bool, typer.Option("--trace", help="Show messages and intermediate values.")]
TraceSecrets = Annotated[bool, typer.Option("--trace-secrets", help="Show keys too; implies --trace.")]
Ephemeral = Annotated[str, typer.Option(metavar="HEX", help="Ephemeral private key, for repeatable tests only.")]
Get = Annotated[str, typer.Option(metavar="PATH", help="Then GET this path of the server by OSCORE.")]


@app.command()
def initiate(
    uri: Uri = "",
    listen: Listen = "",
    reverse: Reverse = False,
    method: Method = 3,
    suite: Suite = "",
    cred: Cred = "",
    key: KeyOption = "",
    id_cred: IdCred = "",
    peer_cred: PeerCred = [],  # noqa: B006
    any_peer: AnyPeer = False,
    c_x: Connection = None,
    ead: Ead = [],  # noqa: B006
    message_4: Message4 = False,
    trace: Trace = False,
    trace_secrets: TraceSecrets = False,
    ephemeral: Ephemeral = "",
    get: Get = "",
) -> None:
    """Run EDHOC as Initiator: as client of URI, or with --reverse as server."""
    report = Report(_echo, trace or trace_secrets, trace_secrets)
    settings = _settings(
        True, report, method, suite, cred, key, id_cred, peer_cred, any_peer, c_x, ead, message_4, ephemeral
    )
    _run(True, settings, report, uri, listen, reverse, get)


@app.command()
def respond(
    uri: Uri = "",
    listen: Listen = "",
    reverse: Reverse = False,
    method: Method = 3,
    suite: Suite = "",
    cred: Cred = "",
    key: KeyOption = "",
    id_cred: IdCred = "",
    peer_cred: PeerCred = [],  # noqa: B006
    any_peer: AnyPeer = False,
    c_x: Connection = None,
    ead: Ead = [],  # noqa: B006
    message_4: Message4 = False,
    trace: Trace = False,
    trace_secrets: TraceSecrets = False,
    ephemeral: Ephemeral = "",
    get: Get = "",
) -> None:
    """Run EDHOC as Responder: as server, or with --reverse as client of URI."""
    report = Report(_echo, trace or trace_secrets, trace_secrets)
    settings = _settings(
        False, report, method, suite, cred, key, id_cred, peer_cred, any_peer, c_x, ead, message_4, ephemeral
    )
    _run(False, settings, report, uri, listen, reverse, get)


@app.command()
def credential(
    out: Annotated[Path, typer.Argument(help="Writes OUT.key and OUT.ccs.")],
    kid: Annotated[str, typer.Option(metavar="HEX", help="Key identifier, for reference by kid.")] = "",
    subject: Annotated[str, typer.Option(help="Name in the claims set.")] = "",
    curve: Annotated[str, typer.Option(help="P-256, X25519 or Ed25519.")] = "P-256",
) -> None:
    """Make a private key (COSE_Key) and its raw public key credential (CCS)."""
    number = {name: number for number, name in CURVES.items()}.get(curve)
    if number is None:
        raise ValueError(f"unknown curve {curve!r}: one of {', '.join(CURVES.values())}")
    secret, raw = _new_ccs(crypto.load("host"), number, subject, credentials.unhex(kid, "kid"))
    write_private(Path(f"{out}.key"), credentials.encode_private(number, secret))
    Path(f"{out}.ccs").write_bytes(raw)
    _echo(f"wrote {out}.key and {out}.ccs: {raw.hex()}")


def _echo(line: str) -> None:
    print(line, flush=True)


def _settings(
    initiator: bool,
    report: Report,
    method: int,
    suite: str,
    cred: str,
    key: str,
    id_cred: str,
    peer_cred: list[str],
    any_peer: bool,
    c_x: str | None,
    ead: list[str],
    message_4: bool,
    ephemeral: str,
) -> Settings:
    """What the options mean. Raises ValueError, DecodeError or OSError."""
    backend = crypto.load("host")
    signs = initiator_signs(method) if initiator else responder_signs(method)
    wanted = _suites(suite)
    ours, private = _own(backend, cred, key, wanted, signs, report)
    usable = [number for number in wanted or IMPLEMENTED if _fits(number, signs, ours.curve)]
    if not any(number in IMPLEMENTED for number in usable):
        raise ValueError(f"a credential of {CURVES[ours.curve]} fits none of the cipher suites")
    if wanted and len(usable) != len(wanted):
        raise ValueError(f"a credential of {CURVES[ours.curve]} fits the cipher suites {usable} only")
    if not initiator:
        usable = [number for number in usable if number in IMPLEMENTED]
    if not peer_cred and not any_peer:
        raise ValueError("nobody is trusted: give --peer-cred, or --any-peer in a test")
    fields = _ead(ead, 1 if initiator else 2)
    return Settings(
        crypto=backend,
        method=method,
        suites=tuple(usable),
        own=credentials.build_own(backend, ours, private, credentials.id_cred(ours, id_cred)),
        trust=Trust([_peer(text) for text in peer_cred], any_peer),
        c_x=None if c_x is None else credentials.unhex(c_x, "--c-x"),
        ead={number: encode_ead(items) for number, items in fields.items()},
        known_ead=tuple({abs(label) for items in fields.values() for label, _ in items}),
        message_4=message_4,
        ephemeral=credentials.unhex(ephemeral, "--ephemeral") or None,
    )


def _suites(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text else []
    except ValueError:
        raise ValueError(f"--suite {text!r} is not a list of numbers") from None


def _fits(suite: int, signs: bool, curve: int) -> bool:
    # One that we lack is announced only, so our credential need not fit it.
    return suite not in IMPLEMENTED or curve_of(suite, signs) == curve


def _own(
    backend: Crypto, cred: str, key: str, wanted: list[int], signs: bool, report: Report
) -> tuple[Credential, Key]:
    if cred and not key:
        raise ValueError("--cred needs the private key that belongs to it: --key")
    if cred:
        return credentials.read_credential(cred), credentials.read_key(key)
    private = credentials.read_key(key) if key else None
    curve = private.curve if private else None
    if curve is None:
        chosen = [number for number in wanted if number in IMPLEMENTED]
        curve = curve_of(chosen[0], signs) if chosen else P256
    secret, raw = _new_ccs(backend, curve, "", b"", private.secret if private else None)
    report.note(f"our credential: {raw.hex()}")
    return credentials.of_ccs(raw), Key(secret, curve)


def _new_ccs(backend: Crypto, curve: int, subject: str, kid: bytes, secret: bytes | None = None) -> tuple[bytes, bytes]:
    """(private key, CCS); a new key unless ``secret`` is given."""
    while secret is None:
        secret = backend.random(32)
        try:
            credentials.load_private(backend, curve, secret)
        except ValueError:
            if curve in (X25519, ED25519):
                raise
            secret = None
    public = bytes(credentials.load_private(backend, curve, secret).public)
    return secret, encode_ccs(public, subject or None, kid or None, curve)


def _peer(text: str) -> tuple[bytes | None, Credential]:
    kid = None
    if text.startswith("kid:") and "=" in text:
        name, text = text[4:].split("=", 1)
        kid = credentials.unhex(name, "kid")
    return kid, credentials.read_credential(text)


def _ead(texts: list[str], first: int) -> dict[int, list[tuple[int, bytes | None]]]:
    fields: dict[int, list[tuple[int, bytes | None]]] = {}
    for text in texts:
        number, label_text = (text.split("=", 1)) if "=" in text else (str(first), text)
        label, separator, value = label_text.partition(":")
        try:
            item = (int(label), credentials.unhex(value, "EAD value") if separator else None)
            message = int(number)
        except ValueError:
            raise ValueError(f"--ead {text!r} is not [N=]LABEL[:HEX]") from None
        if message not in range(first, 5, 2):
            raise ValueError(f"--ead: message_{number} is not ours")
        fields.setdefault(message, []).append(item)
    return fields


def _run(initiator: bool, settings: Settings, report: Report, uri: str, listen: str, reverse: bool, get: str) -> None:
    # aiocoap warns of what its user should see; here that is the one who runs the command.
    if os.environ.get("MICROBREW_DEBUG", "") in ("", "0"):
        logging.getLogger("coap").setLevel(logging.CRITICAL)
        logging.getLogger("coap-server").setLevel(logging.CRITICAL)
    client = initiator != reverse
    if client:
        if not uri or listen:
            raise ValueError("we are the client here: give the URI of the server, and no --listen")
        asyncio.run(_client(initiator, settings, report, _edhoc_uri(uri), get))
    else:
        if uri or get:
            raise ValueError("we are the server here: give --listen, and neither a URI nor --get")
        host, port = _address(listen or "127.0.0.1:5683")
        asyncio.run(_server(settings, report, host, port, reverse))


async def _client(initiator: bool, settings: Settings, report: Report, uri: str, get: str) -> None:
    context = await aiocoap.Context.create_client_context(transports=["oscore", "udp6"])
    try:
        peer = Client(context, uri)
        outcome = await (peer.initiate(settings, report) if initiator else peer.respond(settings, report))
        report.outcome(settings.crypto, outcome)
        if get:
            payload = await peer.get(get, outcome, EdhocContext(outcome), report)
            report.note(payload.decode("utf-8", "backslashreplace"))
    finally:
        await context.shutdown()


async def _server(settings: Settings, report: Report, host: str, port: int, reverse: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def completed(outcome: Outcome) -> None:
        report.outcome(settings.crypto, outcome)

    await server.serve(host, port, tuple(_PATH.split("/")), settings, report, reverse, stop, completed)


def _edhoc_uri(uri: str) -> str:
    if not uri.startswith("coap://") or len(uri) == len("coap://"):
        raise ValueError(f"{uri} is not coap://HOST[:PORT][/PATH]")
    _, _, path = uri[len("coap://") :].partition("/")
    return uri if path else f"{uri.rstrip('/')}/{_PATH}"


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise ValueError(f"{text} is not HOST:PORT")
    return host.strip("[]"), int(port)
