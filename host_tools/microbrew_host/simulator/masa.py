"""The way from registrars to MASAs inside the process, with switches to make a MASA silent, slow or dishonest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from microbrew_host.masa.http import application
from microbrew_host.masa.service import Masa


class MasaSwitch:
    """One MASA on the simulated net. ``requests`` counts what reached it.

    ``is_down``: connections are refused. ``delay_s``: it answers after so many virtual seconds.
    ``answer(request, response)``, if set, returns the response that is sent in place of its own.
    """

    def __init__(self, masa: Masa) -> None:
        self.is_down = False
        self.delay_s = 0.0
        self.answer: Callable[[httpx.Request, httpx.Response], httpx.Response] | None = None
        self.requests = 0
        self._transport = httpx.ASGITransport(app=application(masa, _call), client=("192.0.2.1", 1))

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, or raise httpx.ConnectError."""
        if self.is_down:
            raise httpx.ConnectError("connection refused", request=request)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        self.requests += 1
        response = await self._transport.handle_async_request(request)
        return response if self.answer is None else self.answer(request, response)


class MasaNet(httpx.AsyncBaseTransport):
    """HTTPS as registrars see it: MASAs by host name, any other host being unreachable. TLS is left out."""

    def __init__(self) -> None:
        self.hosts: dict[str, MasaSwitch] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        switch = self.hosts.get(request.url.host)
        if switch is None:
            raise httpx.ConnectError("no such host", request=request)
        return await switch.handle(request)


async def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    # No thread: virtual time would not wait for it.
    return function(*arguments)
