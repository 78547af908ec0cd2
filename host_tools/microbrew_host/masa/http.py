"""The MASA's HTTP interface (RFC 8995 sections 5.5 and 5.8): media types, sizes, status codes.

Errors carry one sentence as UTF-8 text. Left out: JSON, CMS and JWS vouchers; TLS client certificates, since
a registrar proves its key by signing the request; limits on slow TLS peers beyond a number of connections.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from microbrew_host.masa.checks import Refusal
from microbrew_host.masa.service import Masa
from microbrew_host.voucher.cose import MEDIA_TYPE, MEDIA_TYPE_ALIAS

BASE = "/.well-known/brski"
MAX_BODY = 16384
BODY_TIMEOUT_S = 20

Call = Callable[..., Awaitable[Any]]

_VOUCHER_TYPES = (MEDIA_TYPE, MEDIA_TYPE_ALIAS)


def application(masa: Masa, call: Call = run_in_threadpool) -> Starlette:
    """The ASGI application around ``masa``; ``call`` runs its functions, which wait for the database."""

    async def refused(request: Request, refusal: Refusal) -> None:
        await call(masa.log_refusal, refusal, _source(request))

    async def voucher(request: Request) -> Response:
        sent = _media_type(request)
        # What the registrar sends is what it likes best to get back.
        offered = (sent, *_VOUCHER_TYPES) if sent in _VOUCHER_TYPES else _VOUCHER_TYPES
        body, media_type = await _read(refused, request, offered)
        answer = await call(masa.voucher, body, _source(request))
        return Response(answer, media_type=media_type)

    async def audit_log(request: Request) -> Response:
        body, _ = await _read(refused, request, ("application/json", *_VOUCHER_TYPES))
        return JSONResponse(await call(masa.audit_log, body, _source(request)))

    return Starlette(
        routes=[
            Route(f"{BASE}/requestvoucher", voucher, methods=["POST"]),
            Route(f"{BASE}/requestauditlog", audit_log, methods=["POST"]),
        ],
        exception_handlers={Refusal: _refused},
    )


async def _read(
    log: Callable[[Request, Refusal], Awaitable[None]], request: Request, offered: tuple[str, ...]
) -> tuple[bytes, str]:
    """Body of the request and media type of the answer. Raises Refusal, having logged it by ``log``."""
    try:
        if _media_type(request) not in _VOUCHER_TYPES:
            raise Refusal(415, "media-type", f"the request must be {MEDIA_TYPE}")
        return await _body(request), _acceptable(request, offered)
    except Refusal as refusal:
        await log(request, refusal)
        raise


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


async def _body(request: Request) -> bytes:
    too_large = Refusal(413, "size", f"the request is larger than {MAX_BODY} bytes")
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_BODY:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                if len(body) + len(chunk) > MAX_BODY:
                    raise too_large
                body += chunk
    except (TimeoutError, ClientDisconnect):
        raise Refusal(408, "timeout", "the request did not arrive in time") from None
    return bytes(body)


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    # What is left of a refused body must not be read as the next request.
    if error.status in (408, 413):
        headers["Connection"] = "close"
    return PlainTextResponse(str(error), status_code=error.status, headers=headers)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _acceptable(request: Request, offered: tuple[str, ...]) -> str:
    """The first of ``offered`` that Accept allows. Raises Refusal 406."""
    ranges = _accept(",".join(request.headers.getlist("accept")))
    for media_type in offered:
        exact = (media_type, media_type.partition("/")[0] + "/*", "*/*")
        if not ranges or next((ranges[name] for name in exact if name in ranges), 0.0) > 0:
            return media_type
    raise Refusal(406, "accept", f"the answer can only be {offered[0]}")


def _accept(value: str) -> dict[str, float]:
    ranges = {}
    for item in value.split(","):
        name, _, parameters = item.partition(";")
        if name.strip():
            ranges[name.strip().lower()] = _quality(parameters)
    return ranges


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if math.isfinite(quality) else 0.0
    return 1.0
