"""EDHOC at the CoAP server (RFC 9528 Appendix A.2): as R in the forward flow, as I in the reverse flow.

Sessions and OSCORE contexts are few; a new one pushes out the oldest. ``/whoami`` answers OSCORE-protected
requests with the name of the client's credential, which shows that both sides have the same keys.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import aiocoap
from aiocoap import Message, resource
from aiocoap.credentials import CredentialsMap
from aiocoap.numbers.codes import Code
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from aiocoap.transports.oscore import OSCOREAddress

from microbrew.edhoc import messages
from microbrew.errors import DecodeError, EdhocError
from microbrew_host.edhoc_peer import identifiers
from microbrew_host.edhoc_peer.client import CF_CID_EDHOC, CF_EDHOC
from microbrew_host.edhoc_peer.oscore import EdhocContext
from microbrew_host.edhoc_peer.report import Report
from microbrew_host.edhoc_peer.run import (
    InitiatorRun,
    Outcome,
    ResponderRun,
    RunFailed,
    Settings,
    first_suites,
    next_suites,
)

_MAX_SESSIONS = 16
_MESSAGE_1_PREFIX = b"\xf5"

Completed = Callable[[Outcome], None]


class _EdhocResource(resource.Resource):
    """What both flows share: sessions by our own connection identifier, each tied to one client; error messages."""

    def __init__(self, settings: Settings, report: Report, contexts: Contexts, completed: Completed) -> None:
        super().__init__()
        self._settings = settings
        self._report = report
        self._contexts = contexts
        self._completed = completed
        self._sessions: OrderedDict[bytes, tuple[Any, Any]] = OrderedDict()

    def get_link_description(self) -> dict[str, str]:
        """Resource type and formats (RFC 9528 section 10.10)."""
        return {"rt": "core.edhoc", "ct": f"{CF_EDHOC} {CF_CID_EDHOC}"}

    async def render_post(self, request: Message) -> Message:
        """One EDHOC message in, one out."""
        if request.opt.content_format not in (None, CF_CID_EDHOC):
            return Message(code=Code.UNSUPPORTED_CONTENT_FORMAT)
        try:
            payload = self._answer(request.remote, bytes(request.payload))
        except RunFailed as failure:
            self._report.note(f"run failed: {failure}")
            if failure.error.received:
                return Message(code=Code.CHANGED)
            return self._error(failure.error)
        except EdhocError as error:
            self._report.note(f"refused: {error.info}")
            return self._error(error)
        except ValueError as error:
            # Our own settings do not fit, as an EAD item that makes the message too long.
            self._report.note(f"cannot answer: {error}")
            return Message(code=Code.INTERNAL_SERVER_ERROR)
        if not payload:
            return Message(code=Code.CHANGED)
        return Message(code=Code.CHANGED, content_format=CF_EDHOC, payload=payload)

    def _answer(self, remote: Any, payload: bytes) -> bytes:
        raise NotImplementedError

    def _error(self, error: EdhocError) -> Message:
        payload = messages.error_message(error.code, error.info)
        self._report.message("error", payload, sent=True)
        return Message(code=Code.BAD_REQUEST, content_format=CF_EDHOC, payload=payload)

    def _choose(self, other: bytes | None = None) -> bytes:
        taken = {*self._sessions, *self._contexts.taken(), *([] if other is None else [other])}
        try:
            return identifiers.choose(taken, self._settings.c_x)
        except ValueError:
            if self._settings.c_x is None or self._settings.c_x == other:
                raise EdhocError(1, "no connection identifier is free") from None
        # The one identifier that we were told to use serves the newest run.
        self._drop(self._settings.c_x)
        self._contexts.drop(self._settings.c_x)
        return self._settings.c_x

    def _put(self, identifier: bytes, remote: Any, run: Any) -> None:
        while len(self._sessions) >= _MAX_SESSIONS:
            self._drop(next(iter(self._sessions)))
        self._sessions[identifier] = (remote, run)

    def _drop(self, identifier: bytes) -> None:
        session = self._sessions.pop(identifier, None)
        if session is not None:
            session[1].wipe()

    def _find(self, remote: Any, payload: bytes) -> tuple[bytes, Any, bytes]:
        """(identifier, run, message); the run stays until it is dropped. Raises EdhocError."""
        try:
            identifier, message = messages.split_identifier(payload)
        except DecodeError:
            raise EdhocError(1, "malformed message") from None
        session = self._sessions.get(identifier)
        # A stranger who guesses an identifier must not end somebody else's run.
        if session is None or session[0] != remote.blockwise_key:
            raise EdhocError(1, "unknown session")
        return identifier, session[1], message

    def _finish(self, identifier: bytes, run: Any) -> None:
        outcome = run.outcome()
        self._sessions.pop(identifier)
        self._contexts.add(outcome)
        self._completed(outcome)


class ForwardResource(_EdhocResource):
    """We are R."""

    def _answer(self, remote: Any, payload: bytes) -> bytes:
        if payload[:1] == _MESSAGE_1_PREFIX:
            run = ResponderRun(self._settings, self._report)
            message_2 = run.message_2(payload[1:], self._choose)
            self._put(run.connection_id, remote.blockwise_key, run)
            return message_2
        identifier, run, message_3 = self._find(remote, payload)
        try:
            message_4: bytes = run.finish(message_3)
        except RunFailed:
            self._drop(identifier)
            raise
        self._finish(identifier, run)
        return message_4


class ReverseResource(_EdhocResource):
    """We are I, and begin when a client asks by an empty POST."""

    def __init__(self, settings: Settings, report: Report, contexts: Contexts, completed: Completed) -> None:
        super().__init__(settings, report, contexts, completed)
        # SUITES_I for a client that sent an error of code 2.
        self._suites: OrderedDict[Any, list[int]] = OrderedDict()
        self._waiting: set[bytes] = set()  # sessions that wait for message_4

    def _answer(self, remote: Any, payload: bytes) -> bytes:
        key = remote.blockwise_key
        if not payload:
            suites_i = self._suites.pop(key, None) or first_suites(self._settings.suites)
            c_i = self._choose()
            run = InitiatorRun(self._settings, self._report, suites_i, c_i)
            message_1 = run.message_1()
            self._put(c_i, key, run)
            return message_1
        identifier, run, message = self._find(remote, payload)
        try:
            if identifier in self._waiting:
                run.finish(message)
            else:
                message_3: bytes = run.message_3(message)
                if self._settings.message_4:
                    self._waiting.add(identifier)
                    return message_3
        except RunFailed as failure:
            self._drop(identifier)
            self._remember(key, run.suites_i, failure)
            raise
        finished = identifier in self._waiting
        self._waiting.discard(identifier)
        self._finish(identifier, run)
        return b"" if finished else message_3

    def _drop(self, identifier: bytes) -> None:
        self._waiting.discard(identifier)
        super()._drop(identifier)

    def _remember(self, key: Any, suites_i: list[int], failure: RunFailed) -> None:
        if failure.error.received and failure.error.code == 2:
            try:
                self._suites[key] = next_suites(self._settings.suites, suites_i, failure.error)
            except EdhocError as error:
                self._report.note(f"refused: {error.info}, the peer supports {failure.error.info}")
            while len(self._suites) > _MAX_SESSIONS:
                self._suites.popitem(last=False)


class Contexts:
    """The OSCORE contexts of completed runs, in the map in which aiocoap looks for them."""

    def __init__(self) -> None:
        self.map = CredentialsMap()
        self._order: OrderedDict[bytes, str] = OrderedDict()

    def add(self, outcome: Outcome) -> None:
        """Make a context; it replaces the one of the same Recipient ID."""
        self.drop(outcome.recipient_id)
        while len(self._order) >= _MAX_SESSIONS:
            self.drop(next(iter(self._order)))
        name = ":" + outcome.recipient_id.hex()
        self.map[name] = EdhocContext(outcome)
        self._order[outcome.recipient_id] = name

    def drop(self, recipient_id: bytes) -> None:
        """Forget a context."""
        name = self._order.pop(recipient_id, None)
        if name is not None:
            del self.map[name]

    def taken(self) -> set[bytes]:
        """The Recipient IDs in use."""
        return set(self._order)


class WhoAmI(resource.Resource):
    """Tells an authenticated client under which credential it is known."""

    async def render_get(self, request: Message) -> Message:
        """The name of the credential as text; 4.01 without OSCORE."""
        if not isinstance(request.remote, OSCOREAddress):
            return Message(code=Code.UNAUTHORIZED)
        (name,) = request.remote.authenticated_claims
        return Message(payload=name.encode(), content_format=0)


class Tunnel(OscoreSiteWrapper):
    """aiocoap's OSCORE for a site, without its own EDHOC."""

    async def _render_edhoc_to_pipe(self, pipe: Any) -> None:
        await self._inner_site.render_to_pipe(pipe)


async def serve(
    host: str,
    port: int,
    path: tuple[str, ...],
    settings: Settings,
    report: Report,
    reverse: bool,
    stop: asyncio.Event,
    completed: Completed,
) -> None:
    """Serve until ``stop`` is set. Raises OSError if the address cannot be used."""
    contexts = Contexts()
    kind = ReverseResource if reverse else ForwardResource
    site = resource.Site()
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    site.add_resource(path, kind(settings, report, contexts, completed))
    site.add_resource(["whoami"], WhoAmI())
    context = await aiocoap.Context.create_server_context(
        Tunnel(site, contexts.map), bind=(host, port), transports=["udp6"]
    )
    try:
        shown = f"[{host}]" if ":" in host else host
        report.note(f"edhoc: listening on {shown}:{_port(context)}")
        await stop.wait()
    finally:
        await context.shutdown()


def _port(context: aiocoap.Context) -> int:
    """The port that was taken; aiocoap does not tell."""
    (tokens,) = (i for i in context.request_interfaces if hasattr(i, "token_interface"))
    return int(tokens.token_interface.message_interface.transport.get_extra_info("socket").getsockname()[1])
