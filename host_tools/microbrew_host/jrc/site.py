"""The registrar's front door: from a CoAP request to the resource that answers it.

In this order: proxy options, EDHOC in front of OSCORE (RFC 9668), OSCORE (RFC 8613 section 8.2), critical options,
blocks (RFC 7959), then the resource, which is offered over certain channels only. A failed CoJP request is met with
silence (RFC 9031 section 7.3.3); other OSCORE failures with the plain codes of RFC 8613. A ``Refusal`` becomes a log
entry and a response on the channel that the request came by.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any

from aiocoap import error, interfaces, oscore
from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.optionnumbers import OptionNumber
from aiocoap.transports.oscore import OSCOREAddress

from microbrew_host.jrc.blocks import Blocks
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.oscore_contexts import (
    Context,
    Contexts,
    OnboardingContext,
    OptionError,
    StoredContext,
    parse_option,
)
from microbrew_host.jrc.refusal import Refusal
from microbrew_host.jrc.transports import Silence

PLAIN = "plain"
ONBOARDING = "onboarding"
COJP = "cojp"

# What RFC 9031 section 7.1 has a pledge ask a proxy for; our proxies hand it on as it is.
ALIAS = "6tisch.arpa"

_UNDERSTOOD = (
    OptionNumber.URI_HOST,
    OptionNumber.URI_PORT,
    OptionNumber.URI_PATH,
    OptionNumber.URI_PATH_ABBREV,
    OptionNumber.URI_QUERY,
    OptionNumber.ACCEPT,
    OptionNumber.BLOCK1,
    OptionNumber.BLOCK2,
    OptionNumber.PROXY_SCHEME,
)
# draft-ietf-core-uri-path-abbrev
_ABBREVIATIONS = {
    0: (".well-known", "core"),
    2: (".well-known", "edhoc"),
    401: (".well-known", "brski", "es"),
    402: (".well-known", "brski", "rv"),
    403: (".well-known", "brski", "vs"),
}

Handler = Callable[[Message, Any], Awaitable[Message]]
Combined = Callable[[Message, bytes], tuple[Message, bool]]


@dataclass(frozen=True)
class Route:
    """One method of one resource: ``handler(request, context)`` over the channels named; context is None if plain."""

    method: Code
    channels: tuple[str, ...]
    handler: Handler


class Site(interfaces.Resource):
    """What aiocoap hands every request to. ``routes``: path -> Route; ``combined(request, kid)`` takes message_3 out
    of a request that begins with it (RFC 9668): (what is left, True) or (the final response, False). No answer under
    OSCORE leaves before ``settled()`` has returned; if that raises OSError, none does.
    """

    def __init__(
        self,
        routes: dict[tuple[str, ...], Route],
        contexts: Contexts,
        journal: Journal,
        clock: Callable[[], float],
        max_requests: int,
        combined: Combined,
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        self._routes = routes
        self._settled = settled
        self._combined = combined
        self._contexts = contexts
        self._journal = journal
        self._max_requests = max_requests
        self._running = 0
        # Strangers and devices have separate room, so the first cannot crowd out the second.
        self._plain_blocks = Blocks(16, 2048, clock)
        self._protected_blocks = Blocks(64, 4096, clock)

    async def render_to_pipe(self, pipe: Any) -> None:
        """Answer one request."""
        if self._running >= self._max_requests:
            pipe.add_response(_plain(Code.SERVICE_UNAVAILABLE, "busy", 5), is_last=True)
            return
        self._running += 1
        try:
            response = await self._answer(pipe.request)
        finally:
            self._running -= 1
        pipe.add_response(response, is_last=True)

    async def render(self, request: Message) -> Message:
        """Not used: everything goes by ``render_to_pipe``."""
        raise NotImplementedError

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        """False: this class does that itself."""
        return False

    async def _answer(self, request: Message) -> Message:
        if request.opt.proxy_uri is not None:
            return _plain(Code.PROXYING_NOT_SUPPORTED, "no proxy")
        if request.opt.proxy_scheme is not None and (
            request.opt.proxy_scheme != "coap" or request.opt.uri_host != ALIAS
        ):
            return _plain(Code.PROXYING_NOT_SUPPORTED, "no proxy")
        if request.opt.oscore is None:
            # What is told without OSCORE rests on nothing that was written for it.
            return await self._serve(request, None)
        try:
            response = await self._protected(request)
            await self._settled()
            return response
        except Exception as failure:
            self._internal(failure)
            # RFC 9031 section 7.3.3: nothing goes back that is not protected. Who runs EDHOC has no keys yet.
            return _failure(not request.opt.edhoc, Code.INTERNAL_SERVER_ERROR, "")

    async def _protected(self, request: Message) -> Message:
        if request.code not in (Code.POST, Code.FETCH):
            return _plain(Code.METHOD_NOT_ALLOWED, "")
        if any(not _in_outer(option.number) for option in request.opt.option_list()):
            return _plain(Code.BAD_OPTION, "outer option")
        try:
            _, kid, kid_context = parse_option(request.opt.oscore)
        except OptionError:
            return _plain(Code.BAD_OPTION, "Failed to decode COSE")
        quiet = kid_context is not None
        if request.opt.edhoc:
            if kid is None or quiet:
                return _plain(Code.BAD_REQUEST, "no EDHOC here")
            request, goes_on = self._combined(request, kid)
            if not goes_on:
                return request
        context = self._contexts.find(kid, kid_context)
        if context is None:
            return _failure(quiet, Code.UNAUTHORIZED, "Security context not found")
        try:
            inner, request_id = context.unprotect(request)
        except oscore.ReplayError:
            return _failure(quiet, Code.UNAUTHORIZED, "Replay detected")
        except oscore.DecodeError:
            return _failure(quiet, Code.BAD_OPTION, "Failed to decode COSE")
        except (error.Error, ValueError, IndexError):
            return _failure(quiet, Code.BAD_REQUEST, "Decryption failed")
        inner.remote = OSCOREAddress(context, request.remote)
        response = await self._serve(inner, context)
        try:
            protected, _ = context.protect(response, request_id)
        except oscore.ContextUnavailable:
            return Silence(code=Code.INTERNAL_SERVER_ERROR)
        return protected

    async def _serve(self, request: Message, context: Context | None) -> Message:
        try:
            return await self._route(request, context)
        except Refusal as refusal:
            if refusal.reason is not None:
                self._log(refusal, request, context)
            return _plain(refusal.code, refusal.told, refusal.retry)
        except Exception as failure:
            # An error of ours must not reach the peer, least of all outside of the protected channel.
            self._internal(failure)
            return _plain(Code.INTERNAL_SERVER_ERROR, "")

    def _internal(self, failure: Exception) -> None:
        self._journal.line(f'event="internal" error={type(failure).__name__!r} text={str(failure)[:200]!r}')

    def _log(self, refusal: Refusal, request: Message, context: Context | None) -> None:
        serial = None
        if isinstance(context, OnboardingContext):
            serial = context.onboarding.serial
        elif isinstance(context, StoredContext):
            serial = context.eui64.hex()
        text = f"refused: {refusal.reason}"
        self._journal.write(refusal.kind, text, serial, step="/".join(request.opt.uri_path))

    async def _route(self, request: Message, context: Context | None) -> Message:
        for option in request.opt.option_list():
            if option.number.is_critical() and option.number not in _UNDERSTOOD:
                raise Refusal(Code.BAD_OPTION, "")
        path = _path(request)
        route = self._routes.get(path)
        if route is None or _channel(context) not in route.channels:
            # Which resources there are over another channel is nobody's business.
            raise Refusal(Code.NOT_FOUND, "")
        if request.code != route.method:
            raise Refusal(Code.METHOD_NOT_ALLOWED, "")
        blocks = self._plain_blocks if context is None else self._protected_blocks
        key = _transfer(request, path)
        rest = blocks.cached(request, key)
        if rest is not None:
            return rest
        whole = blocks.request(request, key)
        block1 = request.opt.block1
        if whole is None:
            return Message(code=Code.CONTINUE, block1=block1)
        response = blocks.response(whole, await route.handler(whole, context), key)
        if block1 is not None:
            response.opt.block1 = block1
        return response


def _path(request: Message) -> tuple[str, ...]:
    abbreviated = request.opt.uri_path_abbrev
    if abbreviated is None:
        return tuple(request.opt.uri_path)
    if request.opt.uri_path or abbreviated not in _ABBREVIATIONS:
        raise Refusal(Code.BAD_OPTION, "")
    return _ABBREVIATIONS[abbreviated]


def _channel(context: Context | None) -> str:
    if context is None:
        return PLAIN
    return ONBOARDING if isinstance(context, OnboardingContext) else COJP


def _transfer(request: Message, path: tuple[str, ...]) -> Hashable:
    return (request.remote.blockwise_key, request.code, path, tuple(request.opt.request_tag))


def _in_outer(number: OptionNumber) -> bool:
    outer = (OptionNumber.OSCORE, OptionNumber.EDHOC, *_UNDERSTOOD[:5], OptionNumber.PROXY_SCHEME)
    return number in outer or not number.is_critical()


def _plain(code: Code, text: str, retry: int | None = None) -> Message:
    return Message(code=code, payload=text.encode(), max_age=retry)


def _failure(quiet: bool, code: Code, text: str) -> Message:
    if quiet:
        return Silence(code=code)
    return Message(code=code, payload=text.encode(), max_age=0)
