"""The registrar's side of BRSKI-MASA (RFC 8995 sections 5.5 to 5.8 by HTTPS): vouchers and audit logs.

The MASA may be down, refuse, or lie; each comes out as a ``Refusal`` with the CoAP code for the pledge and the reason
for the installer. The TLS certificate must chain to the manufacturer's configured trust file and name the host.
Redirects are not followed; answers are cut off at 16 kB; everything has one deadline.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from aiocoap.numbers.codes import Code

from microbrew.errors import VoucherError
from microbrew_host.jrc.config import ConfigError, Manufacturer
from microbrew_host.jrc.journal import printable
from microbrew_host.jrc.refusal import Refusal
from microbrew_host.jrc.registrar import Registrar
from microbrew_host.voucher import idevid
from microbrew_host.voucher.cose import MEDIA_TYPE, MEDIA_TYPE_ALIAS

MAX_ANSWER = 16384
RETRY_AFTER = 30
MAX_RETRY_AFTER = 3600

# What a pledge is told for a MASA's HTTP status (draft-ietf-anima-constrained-voucher, registrar's answers).
_REFUSED = {403: Code.FORBIDDEN, 404: Code.NOT_FOUND, 406: Code.NOT_ACCEPTABLE, 415: Code.NOT_ACCEPTABLE}


class MasaClient:
    """Asks the MASAs of the configured manufacturers. ``timeout`` bounds one whole exchange, in seconds.

    ``transport`` replaces the connections over TLS, for a simulation.
    """

    def __init__(
        self,
        registrar: Registrar,
        manufacturers: tuple[Manufacturer, ...],
        timeout: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._timeout = timeout
        self._clients: dict[str, httpx.AsyncClient] = {}
        for manufacturer in manufacturers:
            context = _tls(registrar, manufacturer)
            self._clients[manufacturer.name] = httpx.AsyncClient(
                verify=context, follow_redirects=False, trust_env=False, timeout=timeout, transport=transport
            )

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()

    async def voucher(self, manufacturer: Manufacturer, certificate: Any, rvr: bytes) -> bytes:
        """The signed voucher that answers a registrar voucher request. Raises Refusal."""
        url = base_url(manufacturer, certificate) + "/requestvoucher"
        answer, body = await self._exchange(manufacturer, url, rvr, MEDIA_TYPE)
        if _media_type(answer) not in (MEDIA_TYPE, MEDIA_TYPE_ALIAS):
            raise _lie("answered with something that is not a voucher")
        return body

    async def audit_log(self, manufacturer: Manufacturer, certificate: Any, rvr: bytes) -> Any:
        """The audit log of the device that ``rvr`` is about, as parsed JSON. Raises Refusal."""
        url = base_url(manufacturer, certificate) + "/requestauditlog"
        answer, body = await self._exchange(manufacturer, url, rvr, "application/json")
        if answer.status_code == 201:
            where = _location(url, answer)
            if where is None or _origin(where) != _origin(url):
                raise _lie("pointed to somebody else for the audit log")
            answer, body = await self._exchange(manufacturer, where, None, "application/json")
        if _media_type(answer) != "application/json":
            raise _lie("answered with something that is not an audit log")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise _lie("sent an audit log that is not JSON") from None

    async def _exchange(
        self, manufacturer: Manufacturer, url: str, body: bytes | None, accept: str
    ) -> tuple[httpx.Response, bytes]:
        client = self._clients[manufacturer.name]
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = MEDIA_TYPE
        try:
            request = client.build_request("GET" if body is None else "POST", url, content=body, headers=headers)
            async with asyncio.timeout(self._timeout):
                answer = await client.send(request, stream=True)
                try:
                    content = await _read(answer)
                finally:
                    await answer.aclose()
        except (TimeoutError, httpx.TimeoutException):
            reason = f"the MASA at {_origin(url)} did not answer in time"
            raise Refusal(Code.SERVICE_UNAVAILABLE, "MASA timeout", reason, "masa", RETRY_AFTER) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise _unreachable(url, error) from None
        if answer.status_code not in (200, 201):
            raise _refused(answer, content)
        return answer, content


def base_url(manufacturer: Manufacturer, certificate: Any) -> str:
    """Where this device's MASA is: as configured, else as its IDevID says. Raises Refusal."""
    try:
        url = (
            idevid.masa_base_url(certificate)
            if manufacturer.masa_url is None
            else idevid.base_url(manufacturer.masa_url)
        )
    except VoucherError as error:
        raise Refusal(Code.FORBIDDEN, "no MASA", f"its MASA address is unusable: {error}", "masa") from None
    if url is None:
        raise Refusal(Code.FORBIDDEN, "no MASA", "its certificate names no MASA and none is configured", "masa")
    return url


def _tls(registrar: Registrar, manufacturer: Manufacturer) -> ssl.SSLContext:
    try:
        trust = None if manufacturer.masa_trust is None else str(manufacturer.masa_trust)
        context = ssl.create_default_context(cafile=trust)
        context.load_cert_chain(registrar.certificate_file, registrar.key_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"TLS for {manufacturer.name}: {error}") from None
    return context


async def _read(answer: httpx.Response) -> bytes:
    out = bytearray()
    async for chunk in answer.aiter_raw():
        out += chunk
        if len(out) > MAX_ANSWER:
            raise _lie("sent more than a voucher can be")
    return bytes(out)


def _location(url: str, answer: httpx.Response) -> str | None:
    try:
        return urljoin(url, answer.headers.get("location", ""))
    except ValueError:
        return None


def _media_type(answer: httpx.Response) -> str:
    return str(answer.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _lie(what: str) -> Refusal:
    return Refusal(Code.BAD_GATEWAY, "MASA answer unusable", f"the MASA {what}", "masa")


def _unreachable(url: str, error: Exception) -> Refusal:
    text = printable(str(error) or type(error).__name__, 160)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = f"the TLS certificate of the MASA at {_origin(url)} is not trusted: check masa_trust ({text})"
        return Refusal(Code.BAD_GATEWAY, "MASA not trusted", reason, "masa")
    reason = f"the MASA at {_origin(url)} cannot be reached: {text}"
    return Refusal(Code.SERVICE_UNAVAILABLE, "MASA unreachable", reason, "masa", RETRY_AFTER)


def _refused(answer: httpx.Response, body: bytes) -> Refusal:
    status = answer.status_code
    said = printable(body[:200].decode("utf-8", "replace"))
    if status == 429 or status == 503:
        wait = answer.headers.get("retry-after", "")
        seconds = min(int(wait), MAX_RETRY_AFTER) if wait.isdecimal() and len(wait) < 7 else RETRY_AFTER
        reason = f"the MASA asks to wait {seconds} s: {said}"
        return Refusal(Code.SERVICE_UNAVAILABLE, "MASA asks to wait", reason, "masa", seconds)
    reason = f"the MASA refused with status {status}: {said}"
    return Refusal(_REFUSED.get(status, Code.BAD_GATEWAY), "refused by the MASA", reason, "masa")
