"""EDHOC at the CoAP client (RFC 9528 Appendix A.2): as I in the forward flow, as R in the reverse flow."""

from __future__ import annotations

import asyncio

import aiocoap
from aiocoap import Message
from aiocoap.error import Error as CoapTransportError
from aiocoap.numbers.codes import Code

from microbrew.edhoc import messages
from microbrew.edhoc.suites import MAX_SUITES
from microbrew.errors import CoapError, EdhocError
from microbrew_host.edhoc_peer import identifiers
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

CF_EDHOC = 64
CF_CID_EDHOC = 65

_MESSAGE_1_PREFIX = b"\xf5"
_MAX_ANSWER = 1200


class Client:
    """An EDHOC resource of somebody else, at ``uri``; ``timeout`` is for one request, in seconds."""

    def __init__(self, context: aiocoap.Context, uri: str, timeout: float = 100.0) -> None:
        self._context = context
        self._uri = uri
        self._timeout = timeout

    async def initiate(self, settings: Settings, report: Report) -> Outcome:
        """Forward flow, with another suite as often as the Responder asks for one. Raises RunFailed or CoapError."""
        suites_i = first_suites(settings.suites)
        for _ in range(MAX_SUITES):
            run = InitiatorRun(settings, report, suites_i, identifiers.choose((), settings.c_x))
            answer = await self._post(_MESSAGE_1_PREFIX + run.message_1())
            try:
                message_3 = run.message_3(answer)
            except RunFailed as failure:
                if failure.error.received and failure.error.code == 2:
                    suites_i = _again(settings, suites_i, failure)
                    report.note(f"the Responder wants another cipher suite: trying {suites_i}")
                    continue
                await self._complain(run.c_r, failure, report)
                raise
            answer = await self._post(messages.encode_identifier(run.c_r) + message_3)
            try:
                run.finish(answer)
            except RunFailed as failure:
                await self._complain(run.c_r, failure, report)
                raise
            return run.outcome()
        raise RunFailed("message_2", EdhocError(1, "no end of cipher suites"))

    async def respond(self, settings: Settings, report: Report) -> Outcome:
        """Reverse flow: an empty POST asks the server for message_1. Raises RunFailed or CoapError."""
        for attempt in range(MAX_SUITES):
            run = ResponderRun(settings, report)
            answer = await self._post(b"")
            try:
                message_2 = run.message_2(answer, lambda c_i: identifiers.choose((c_i,), settings.c_x))
            except RunFailed as failure:
                await self._complain(run.c_i, failure, report)
                if not failure.error.received and failure.error.code == 2 and attempt + 1 < MAX_SUITES:
                    report.note("asked the Initiator for another cipher suite")
                    continue
                raise
            prefix = messages.encode_identifier(run.c_i)
            answer = await self._post(prefix + message_2)
            try:
                message_4 = run.finish(answer)
            except RunFailed as failure:
                await self._complain(run.c_i, failure, report)
                raise
            if message_4:
                answer = await self._post(prefix + message_4)
                if answer:
                    raise RunFailed("message_4", messages.parse_error(answer))
            return run.outcome()
        raise RunFailed("message_1", EdhocError(1, "no end of cipher suites"))

    async def get(self, path: str, outcome: Outcome, context: EdhocContext, report: Report) -> bytes:
        """GET of a path of the same server under the OSCORE context. Raises CoapError."""
        uri = self._base() + "/" + path.lstrip("/")
        self._context.client_credentials[uri] = context
        response = await self._ask(Message(code=Code.GET, uri=uri))
        report.note(f"OSCORE GET /{path.lstrip('/')}: {_code(response)}, {len(response.payload)} bytes")
        if not response.code.is_successful():
            raise CoapError(int(response.code), f"OSCORE request: {_code(response)} {_text(response.payload)}".strip())
        return bytes(response.payload)

    def _base(self) -> str:
        return "/".join(self._uri.split("/", 3)[:3])

    async def _post(self, payload: bytes) -> bytes:
        """The EDHOC message that answers ours; an error message comes back like any other."""
        request = Message(code=Code.POST, uri=self._uri, payload=payload)
        if payload:
            request.opt.content_format = CF_CID_EDHOC
        response = await self._ask(request)
        if response.code == Code.UNAUTHORIZED and response.opt.echo is not None:
            # The server wants to see that we are where we say (RFC 9175); no message was processed yet.
            again = Message(code=Code.POST, uri=self._uri, payload=payload, echo=response.opt.echo)
            again.opt.content_format = request.opt.content_format
            response = await self._ask(again)
        if len(response.payload) > _MAX_ANSWER:
            raise CoapError(int(response.code), "the answer is too long for an EDHOC message")
        if response.opt.content_format not in (None, CF_EDHOC):
            raise CoapError(int(response.code), f"{_code(response)}: the answer is no EDHOC message")
        if not response.code.is_successful():
            # Without a Content-Format it may be a diagnostic text; an EDHOC error starts with an integer.
            if response.opt.content_format is None and not _is_error(response.payload):
                raise CoapError(int(response.code), f"{_code(response)} {_text(response.payload)}".strip())
            if not response.payload:
                raise CoapError(int(response.code), _code(response))
        return bytes(response.payload)

    async def _ask(self, request: Message) -> Message:
        try:
            return await asyncio.wait_for(self._context.request(request).response, self._timeout)
        except TimeoutError:
            raise CoapError(0, f"no answer from {self._uri}") from None
        except CoapTransportError as error:
            raise CoapError(0, f"{self._uri}: {error}") from None

    async def _complain(self, identifier: bytes | None, failure: RunFailed, report: Report) -> None:
        """Tell the server why we end the run; what it answers to that does not matter."""
        error = failure.error
        if error.received or identifier is None:
            return
        complaint = messages.error_message(error.code, error.info)
        report.message("error", complaint, sent=True)
        try:
            await self._ask(
                Message(
                    code=Code.POST,
                    uri=self._uri,
                    payload=messages.encode_identifier(identifier) + complaint,
                    content_format=CF_CID_EDHOC,
                )
            )
        except CoapError as lost:
            report.note(f"the error message got no answer: {lost}")


def _again(settings: Settings, suites_i: list[int], failure: RunFailed) -> list[int]:
    try:
        return next_suites(settings.suites, suites_i, failure.error)
    except EdhocError as error:
        text = f"{error.info}, the peer supports {failure.error.info}, we offer {list(settings.suites)}"
        raise RunFailed("message_2", EdhocError(1, text)) from None


def _is_error(payload: bytes) -> bool:
    return bool(payload) and payload[0] >> 5 <= 1 and messages.parse_error(payload).info != "malformed error message"


def _code(response: Message) -> str:
    return str(response.code)


def _text(payload: bytes) -> str:
    return "".join(c if c.isprintable() else "?" for c in payload[:128].decode("utf-8", "replace"))
