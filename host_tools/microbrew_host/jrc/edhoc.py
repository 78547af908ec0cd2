"""EDHOC as Responder over CoAP (RFC 9528 Appendix A.2, forward flow): POST /.well-known/edhoc.

Method 0, the registrar's raw public key against the device's IDevID. A finished run becomes an onboarding context if
the policy lets the device in. Sessions are few, short and tied to where message_1 came from, so that a stranger who
guesses a C_R cannot end somebody else's run. message_4 is not used: the first OSCORE response confirms the keys.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from sqlalchemy.orm import Session

from microbrew import cbor
from microbrew.edhoc import credentials, messages
from microbrew.edhoc.responder import Start
from microbrew.errors import DecodeError, EdhocError, VoucherError
from microbrew_host.jrc import oscore_contexts as contexts
from microbrew_host.jrc import policy, registry
from microbrew_host.jrc.config import Limits, Manufacturer
from microbrew_host.jrc.database import Database
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.limits import Buckets, Expiring
from microbrew_host.jrc.refusal import Refusal
from microbrew_host.jrc.registrar import Registrar
from microbrew_host.jrc.transports import Peer

CF_EDHOC = 64
CF_CID_EDHOC = 65
METHODS = (0,)
SUITES = (2, 3)

_MESSAGE_1_PREFIX = b"\xf5"


class EdhocEndpoint:
    """Answers EDHOC messages. ``clock`` is monotonic, in seconds."""

    def __init__(
        self,
        registrar: Registrar,
        manufacturers: policy.Manufacturers,
        found: contexts.Contexts,
        database: Database,
        journal: Journal,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self._registrar = registrar
        self._manufacturers = manufacturers
        self._contexts = found
        self._database = database
        self._journal = journal
        self._limits = limits
        # Keyed by C_R; the peer that began the session is the only one that may go on with it.
        self._sessions: Expiring[bytes, tuple[Any, Any]] = Expiring(
            limits.edhoc_sessions, limits.edhoc_lifetime, clock, lambda _key, session: session[1].wipe()
        )
        # A pledge chooses its own address and port, but all that one proxy lets through comes from one address.
        self._buckets = Buckets(limits.edhoc_rate, limits.edhoc_burst, clock)
        self._log_buckets = Buckets(limits.edhoc_rate, limits.edhoc_burst, clock)

    async def post(self, request: Message) -> Message:
        """One EDHOC message in, one out. Raises Refusal for what is not EDHOC at all."""
        if request.opt.content_format not in (None, CF_CID_EDHOC):
            raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT, "content format 65 wanted")
        if not request.payload:
            raise Refusal(Code.BAD_REQUEST, "empty")
        return self._answer(request.remote, lambda: self._post(request))

    def combined(self, request: Message, c_r: bytes) -> tuple[Message, bool]:
        """message_3 in front of an OSCORE request whose kid is ``c_r`` (RFC 9668 section 3.3.1).

        (the OSCORE request alone, True) once the context is there, or (the response that ends it, False).
        """
        reader = cbor.Reader(request.payload, 0, None, 1, 4)
        try:
            if reader.peek_major() != 2:
                raise DecodeError("EDHOC: message_3 expected")
            message_3 = reader.raw()
        except DecodeError:
            return Message(code=Code.BAD_REQUEST, payload=b"message_3 expected"), False
        response = self._answer(request.remote, lambda: self._complete(request.remote, c_r, message_3))
        if response.code != Code.CHANGED:
            return response, False
        rest = request.copy(payload=request.payload[reader.pos :])
        rest.opt.edhoc = False
        return rest, True

    def close(self) -> None:
        """Wipe every session."""
        self._sessions.clear()

    def _post(self, request: Message) -> Message:
        if request.payload[:1] == _MESSAGE_1_PREFIX:
            return self._message_1(request.remote, request.payload[1:])
        try:
            c_r, message_3 = split_connection_id(request.payload)
        except DecodeError:
            raise EdhocError(1, "malformed message") from None
        return self._complete(request.remote, c_r, message_3)

    def _answer(self, peer: Peer, step: Callable[[], Message]) -> Message:
        try:
            return step()
        except EdhocError as error:
            outcome = "a pledge gave up" if error.received else "handshake failed"
            # Anybody can cause these, and each is a write to the database.
            if self._log_buckets.take(peer.address):
                self._journal.write("edhoc", f"{outcome}: {_reason(error)}", proxy=peer.hostinfo)
            return Message(code=Code.CHANGED) if error.received else _error(error)

    def _message_1(self, peer: Peer, message_1: bytes) -> Message:
        if not self._buckets.take(peer.address):
            raise Refusal(Code.SERVICE_UNAVAILABLE, "busy", retry=5)
        registrar = self._registrar
        received = Start(registrar.crypto, METHODS, SUITES, dict.fromkeys(SUITES, registrar.own)).receive(message_1)
        c_r = contexts.choose_identifier(self._taken, received.c_i, registrar.crypto.random)
        message_2, waiting = received.message_2(c_r)
        own = [key for key, session in self._sessions.items() if session[0] == peer.blockwise_key]
        for key in own[: max(0, len(own) + 1 - self._limits.edhoc_per_peer)]:
            self._sessions.discard(key)
        self._sessions.put(c_r, (peer.blockwise_key, waiting))
        return Message(code=Code.CHANGED, content_format=CF_EDHOC, payload=message_2)

    def _complete(self, peer: Peer, c_r: bytes, message_3: bytes) -> Message:
        session = self._sessions.get(c_r, touch=False)
        if session is None or session[0] != peer.blockwise_key:
            # Either the registrar was restarted, or the pledge took too long, or it is no pledge.
            raise EdhocError(1, "unknown session")
        self._sessions.pop(c_r)
        received = session[1].receive(message_3)
        try:
            der = bytes(credentials.certificates(received.id_cred_i)[0])
            device = policy.read_idevid(der)
        except EdhocError:
            received.wipe()
            raise
        except VoucherError as error:
            received.wipe()
            self._journal.write("refused", f"a device showed an unusable certificate: {error}")
            return _error(EdhocError(1, "unusable certificate"))
        done = received.verify(credentials.peer_x5chain(der, device.public))
        try:
            manufacturer, eui64 = self._admit(device, peer)
            self._add_context(c_r, done, device, manufacturer, eui64)
        except Refusal as refusal:
            self._journal.write(
                refusal.kind, f"refused: {refusal.reason}", device.serial, issuer=device.issuer, step="edhoc"
            )
            return _error(EdhocError(1, refusal.told))
        finally:
            done.wipe()
        return Message(code=Code.CHANGED)

    def _admit(self, device: policy.IDevID, peer: Peer) -> tuple[Manufacturer, bytes | None]:
        now = datetime.datetime.fromtimestamp(self._journal.clock(), datetime.UTC)
        manufacturer = self._manufacturers.issuer_of(device, now)
        eui64 = policy.eui64_of_serial(device.serial) or policy.eui64_of_address(peer.link_local)
        with self._database.transaction() as session:
            registry.refuse_denied(session, device.serial, eui64)
            self._record(session, device, manufacturer, peer)
        return manufacturer, eui64

    def _record(self, session: Session, device: policy.IDevID, manufacturer: Manufacturer, peer: Peer) -> None:
        row = registry.by_serial(session, device.serial)
        # A serial number says little without who gave it (RFC 8995 section 2.3.1).
        if row.manufacturer not in (None, manufacturer.name):
            raise Refusal(
                Code.CONFLICT,
                "serial number of other manufacturer",
                f"{manufacturer.name} certified a serial number that belongs to a device of {row.manufacturer}",
            )
        row.manufacturer = manufacturer.name
        self._journal.write(
            "edhoc",
            f"a device of {manufacturer.name} proved its identity",
            device.serial,
            session,
            proxy=peer.hostinfo,
        )

    def _add_context(
        self, c_r: bytes, done: Any, device: policy.IDevID, manufacturer: Manufacturer, eui64: bytes | None
    ) -> None:
        secret, salt = done.oscore()
        # Exported now, so that the EDHOC secrets need not outlive the handshake.
        psk = None if eui64 is None else bytes(done.exporter(contexts.PSK_LABEL, eui64, contexts.PSK_LENGTH))
        onboarding = contexts.Onboarding(device.serial, device.certificate, manufacturer, eui64, psk)
        context = contexts.OnboardingContext(bytes(secret), bytes(salt), bytes(done.c_i), c_r, onboarding)
        self._contexts.add(c_r, context)

    def _taken(self, c_r: bytes) -> bool:
        return c_r in self._sessions or self._contexts.live(c_r)


def split_connection_id(payload: bytes) -> tuple[bytes, bytes]:
    """C_R in front of a message, and the message (RFC 9528 section 3.3.2). Raises DecodeError."""
    reader = cbor.Reader(payload, 0, None, 1, 4)
    encoded = reader.raw()
    rest = payload[reader.pos :]
    if len(encoded) == 1 and encoded[0] >> 5 <= 1:
        return encoded, rest
    c_r = cbor.decode(encoded)
    if not isinstance(c_r, bytes) or messages.encode_identifier(c_r) != encoded:
        raise DecodeError("EDHOC: not a connection identifier")
    return c_r, rest


def _error(error: EdhocError) -> Message:
    return Message(
        code=Code.BAD_REQUEST,
        content_format=CF_EDHOC,
        payload=messages.error_message(error.code, error.info),
    )


def _reason(error: EdhocError) -> str:
    if error.code == 2:
        return f"no cipher suite in common, theirs are {error.info}" if error.received else "wrong cipher suite"
    return error.info if isinstance(error.info, str) else f"EDHOC error {error.code}"
