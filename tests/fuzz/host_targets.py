"""What the host tools read from the network and from files, as functions of some bytes.

The counterpart of tests/unit/decoder_targets.py: a function returns None, and raises for a finding only.
"""

import asyncio
import atexit
import contextlib
import dataclasses
import functools
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from aiocoap import oscore

from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.crypto.host import HostCrypto
from microbrew.errors import CryptoError, DecodeError, VoucherError
from microbrew.oscore import protect
from microbrew.oscore.context import Context
from microbrew.oscore.option import encode as oscore_option
from microbrew.proxy import jpy
from microbrew_host import voucher
from microbrew_host.decode import explain
from microbrew_host.decode.notation import Options
from microbrew_host.jrc import initialise, oscore_contexts, registry, status
from microbrew_host.jrc.config import Limits, load
from microbrew_host.jrc.database import Device
from microbrew_host.jrc.edhoc import split_connection_id
from microbrew_host.jrc.limits import Buckets
from microbrew_host.jrc.oscore_contexts import Onboarding, OnboardingContext, OptionError, parse_option
from microbrew_host.jrc.refusal import Refusal as JrcRefusal
from microbrew_host.jrc.server import Server
from microbrew_host.jrc.transports import DatagramTransport, JpyTransport
from microbrew_host.masa import checks, database
from microbrew_host.voucher import cose, data, idevid, keys, reader

VECTORS = "tests/vectors/{}.json"
NOW = datetime(2026, 11, 21, 0, 0, 5, tzinfo=UTC)
EUI64 = bytes.fromhex("00124b0000000202")
PSK = bytes(range(16))
# A registrar keeps log lines and handshakes; a new one now and then keeps the fuzzer's memory bounded.
_REQUESTS_PER_SERVER = 2000


class Wrong(Exception):
    """A promise other than about exceptions was broken."""


def vectors(*names: str) -> list[bytes]:
    """Every hexadecimal text of vector files."""
    found: set[bytes] = set()

    def walk(value: Any) -> None:
        if isinstance(value, str) and len(value) >= 2:
            with contextlib.suppress(ValueError):
                found.add(bytes.fromhex(value))
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)

    for name in names:
        with open(VECTORS.format(name)) as file:
            walk(json.load(file))
    return sorted((item for item in found if len(item) <= 1500), key=lambda item: (len(item), item))


def only(errors: Any, function: Any, *arguments: Any) -> Any:
    """The function's result, or None if it raised what it may raise."""
    try:
        return function(*arguments)
    except errors:
        return None


@functools.cache
def _folder() -> Path:
    # Until the end of the process.
    folder = tempfile.TemporaryDirectory(prefix="microbrew-fuzz-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


# Vouchers, certificates


def do_voucher_data(body: bytes) -> None:
    for parse in (data.parse_voucher, data.parse_voucher_request):
        parsed = only(VoucherError, parse, body)
        if parsed is not None and parse(parsed.encode()) != parsed:
            raise Wrong("a voucher changes when it is encoded again")
    only(DecodeError, reader.decode, body)
    signed = only(VoucherError, cose.parse_signed, body)
    if signed is not None:
        only(VoucherError, cose.verify, signed, _masa_key())
        only(VoucherError, lambda: signed.kid)
        for parse in (data.parse_voucher, data.parse_voucher_request):
            only(VoucherError, parse, signed.payload)
    stripped = only(VoucherError, cose.strip_unprotected_x5, body)
    if stripped is not None and signed is not None:
        cose.parse_signed(stripped)
    only(VoucherError, keys.public_from_spki, body)
    only(JrcRefusal, status.parse_status, body)


def do_certificate(body: bytes) -> None:
    certificate = only(VoucherError, idevid.load, body)
    if certificate is None:
        return
    for read in (
        idevid.serial_number,
        idevid.hardware_serial,
        idevid.masa_url,
        idevid.masa_base_url,
        idevid.mud_url,
        idevid.issuer_aki,
        idevid.public_key_sha1,
    ):
        only(VoucherError, read, certificate)


@functools.cache
def _masa_key() -> Any:
    with open(VECTORS.format("voucher-zsj")) as file:
        return keys.public_from_spki(bytes.fromhex(json.load(file)["spki"]["masa"]))


# MASA


@functools.cache
def _masa() -> Any:
    engine = database.open_database(_folder() / "masa.sqlite", True)
    with open(VECTORS.format("voucher-zsj")) as file:
        zsj = json.load(file)
    connection = engine.connect()
    database.add_device(connection, zsj["serial"], bytes.fromhex(zsj["certs"]["idevid"]), int(NOW.timestamp()))
    return connection


def do_masa(body: bytes) -> None:
    """The body of a request to a MASA; a signature that does not hold must never pass."""
    claim = only(checks.Refusal, checks.examine, _masa(), body, NOW, checks.Case())
    if claim is not None:
        _verified(body)


def _verified(body: bytes) -> None:
    # What passes is signed: by a key that came with it or one of the vectors.
    signed = voucher.parse_signed(body)
    with open(VECTORS.format("voucher-zsj")) as file:
        known = [keys.public_from_spki(bytes.fromhex(spki)) for spki in json.load(file)["spki"].values()]
    with contextlib.suppress(VoucherError):
        known += [idevid.load(der).public_key() for der in signed.x5bag]
    for key in known:
        with contextlib.suppress(VoucherError, CryptoError, ValueError):
            cose.verify(signed, key)
            return
    raise Wrong("an unsigned request passed")


# Decode


def do_decode(body: bytes) -> None:
    for kind in ("auto", *explain.KINDS, "pcap"):
        nodes = only(DecodeError, explain.explain, body, kind, Options())
        for node in nodes or ():
            "\n".join(node.lines()).encode()


# JRC


class _Manager:
    """Takes the messages out of a transport."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def dispatch_message(self, message: Any) -> None:
        self.messages.append(message)


def _transport(kind: type[DatagramTransport]) -> tuple[DatagramTransport, _Manager]:
    manager = _Manager()
    return kind(manager, Buckets(1e9, 1000, lambda: 0.0)), manager  # type: ignore[arg-type]


class _Credulous(type(oscore.algorithms["AES-CCM-16-64-128"])):  # type: ignore[misc]
    """AES-CCM that believes every tag and encrypts nothing, so that a device's plaintexts can be guessed."""

    @classmethod
    def encrypt(cls, plaintext: bytes, aad: bytes, key: bytes, iv: bytes) -> bytes:
        return plaintext + bytes(cls.tag_bytes)

    @classmethod
    def decrypt(cls, ciphertext_and_tag: bytes, aad: bytes, key: bytes, iv: bytes) -> bytes:
        # As with the real one, a tag alone is the encryption of nothing.
        if len(ciphertext_and_tag) < cls.tag_bytes:
            raise oscore.ProtectionInvalid
        return ciphertext_and_tag[: -cls.tag_bytes]


class Registrar:
    """The requests' side of a registrar, without sockets, with every device believed to have its key."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.count = 0
        self._fresh()

    def _fresh(self) -> None:
        self.lines: list[str] = []
        self.now = 0.0
        # Neither the disk nor the MASA is what is looked at.
        config = dataclasses.replace(_config(), database="sqlite://")

        def offline(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("no MASA here")

        self.server = Server(
            config,
            clock=lambda: self.now,
            wall=lambda: NOW.timestamp() + self.now,
            random=lambda length: bytes(length),
            masa_transport=httpx.MockTransport(offline),
            line=self.lines.append,
        )
        self.server.coap_port, self.server.jpy_port = _transport(DatagramTransport)[0], _transport(JpyTransport)[0]
        self.site = self.server._site()
        with self.server.database.transaction() as session:
            device = Device(eui64=EUI64, state="joined")
            session.add(device)
            session.flush()
            registry.set_psk(session, device, PSK)
        self.certificate = idevid.load(_idevid())

    def close(self) -> None:
        """Close the registrar's resources."""
        self.loop.run_until_complete(self.server.close())

    def feed(self, message: Any) -> None:
        """One request; raises Wrong if the registrar met an error of its own."""
        self.count += 1
        if self.count % _REQUESTS_PER_SERVER == 0:
            self.close()
            self._fresh()
        self.now += 1.0
        onboarding = Onboarding("00-12-4B-00-00-00-02-02", self.certificate, None, EUI64, PSK)  # type: ignore[arg-type]
        self.server.contexts.add(b"\x05", OnboardingContext(PSK, b"", b"", b"\x05", onboarding))
        pipe = _Pipe(message)
        self.loop.run_until_complete(self.site.render_to_pipe(pipe))
        internal = [line for line in self.lines if 'event="internal"' in line]
        self.lines.clear()
        if internal:
            raise Wrong(internal[0])
        if pipe.response is None:
            raise Wrong("no response")


class _Pipe:
    def __init__(self, request: Any) -> None:
        self.request = request
        self.response: Any = None

    def add_response(self, response: Any, is_last: bool = False) -> None:
        self.response = response


@functools.cache
def _config() -> Any:
    choices = initialise.Choices("test", "cafe", "127.0.0.1:0", "127.0.0.1:0", "fd00:6d62::1", ())
    initialise.create(_folder() / "jrc", choices, NOW)
    return dataclasses.replace(load(_folder() / "jrc" / initialise.CONFIG), limits=Limits())


@functools.cache
def _idevid() -> bytes:
    with open(VECTORS.format("voucher-zsj")) as file:
        return bytes.fromhex(json.load(file)["certs"]["idevid"])


@functools.cache
def _registrar() -> Registrar:
    return Registrar()


@contextlib.contextmanager
def _believing() -> Any:
    real = oscore_contexts.Context.alg_aead
    oscore_contexts.Context.alg_aead = _Credulous()
    try:
        yield
    finally:
        oscore_contexts.Context.alg_aead = real


def do_jrc(datagram: bytes) -> None:
    """A datagram to both ports; what is CoAP goes on to the resources."""
    only(OptionError, parse_option, datagram)
    only(DecodeError, split_connection_id, datagram)
    for kind in (DatagramTransport, JpyTransport):
        transport, manager = _transport(kind)
        transport.datagram_received(datagram, ("127.0.0.1", 5683))
        for message in manager.messages:
            if message.code.is_request():
                with _believing():
                    _registrar().feed(message)


def do_jrc_inner(plaintext: bytes) -> None:
    """A plaintext inside OSCORE, of a device that has the key of either context."""
    for option in (oscore_option(b"\x01", b"", EUI64), oscore_option(b"\x01", b"\x05")):
        outer = Message(0, numbers.POST, 1, b"t", [(numbers.OSCORE, option)], plaintext + bytes(8))
        transport, manager = _transport(DatagramTransport)
        transport.datagram_received(outer.encode(), ("127.0.0.1", 5683))
        for message in manager.messages:
            with _believing():
                _reset_windows()
                _registrar().feed(message)


def _reset_windows() -> None:
    with _registrar().server.database.transaction() as session:
        for row in session.query(oscore_contexts.CojpContext):
            row.replay_index = row.replay_bitmap = 0


def jrc_seeds() -> list[bytes]:
    """Datagrams of a whole join, and requests that the vectors lack."""
    found = vectors("cojp", "jpy", "oscore", "edhoc")
    with open(VECTORS.format("edhoc")) as file:
        message_1 = bytes.fromhex(json.load(file)["computed_vectors"]["m0_s2_x5chain"]["message_1"])
    edhoc = [(numbers.URI_PATH, b".well-known"), (numbers.URI_PATH, b"edhoc"), (numbers.CONTENT_FORMAT, b"\x41")]
    core = [(numbers.URI_PATH, b".well-known"), (numbers.URI_PATH, b"core"), (numbers.URI_QUERY, b"rt=brski*")]
    plain = [
        Message(0, numbers.POST, 1, b"t", edhoc, b"\xf5" + message_1),
        Message(0, numbers.GET, 2, b"t", core, b""),
    ]
    ctx = Context(HostCrypto(), PSK, b"", b"", b"JRC", EUI64)
    join = Message(0, numbers.POST, 3, b"t", [(numbers.URI_PATH, b"j")], bytes.fromhex("a10542cafe"))
    plain.append(protect.protect_request(ctx, join)[0])
    encoded = [message.encode() for message in plain]
    return found + encoded + [jpy.encode(bytes(16), 5683, 2, 1, item) for item in encoded]


def inner_seeds() -> list[bytes]:
    """Plaintexts of requests: code, options, payload."""
    found = []
    with open(VECTORS.format("voucher-zsj")) as file:
        pvr = bytes.fromhex(json.load(file)["messages"]["zsj_pvr"])
    brski = [(numbers.URI_PATH, b".well-known"), (numbers.URI_PATH, b"brski")]
    for options, payload in (
        ([(numbers.URI_PATH, b"j")], bytes.fromhex("a10542cafe")),
        ([*brski, (numbers.URI_PATH, b"rv"), (numbers.CONTENT_FORMAT, b"\x03\x44")], pvr),
        ([*brski, (numbers.URI_PATH, b"vs"), (numbers.CONTENT_FORMAT, b"\x3c")], b"\xa2\x67version\x01\x66status\xf5"),
        ([*brski, (numbers.URI_PATH, b"es"), (numbers.CONTENT_FORMAT, b"\x3c")], b"\xa2\x67version\x01\x66status\xf5"),
    ):
        encoded = Message(0, numbers.POST, 0, b"", options, payload).encode()
        found.append(encoded[1:2] + encoded[4:])
    return found + vectors("oscore")


def decode_seeds() -> list[bytes]:
    """One of everything."""
    return vectors("cojp", "edhoc", "frames", "jpy", "oscore", "secframes", "voucher-zsj", "zep")


TARGETS = {
    "host-voucher": (do_voucher_data, lambda: vectors("voucher-zsj", "voucher-ietf")),
    "host-certificate": (do_certificate, lambda: vectors("voucher-zsj", "voucher-ietf")),
    "host-masa": (do_masa, lambda: vectors("voucher-zsj", "voucher-ietf")),
    "host-decode": (do_decode, decode_seeds),
    "host-jrc": (do_jrc, jrc_seeds),
    "host-jrc-inner": (do_jrc_inner, inner_seeds),
}
