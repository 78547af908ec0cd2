"""POST /.well-known/brski/rv: from a pledge's voucher request to the MASA's voucher (RFC 8995 sections 5.2 to 5.6).

The pledge's request is checked against the channel that it came by, wrapped into the registrar's own request, and the
MASA's answer is checked before the pledge gets it. One question per device is with the MASA at a time; who repeats
the same request meanwhile shares its answer, and who repeats it later gets the same voucher again.
"""

from __future__ import annotations

import asyncio
import datetime

from aiocoap.message import Message
from aiocoap.numbers.codes import Code

from microbrew.crypto import equal
from microbrew.errors import VoucherError
from microbrew_host import voucher
from microbrew_host.jrc import registry
from microbrew_host.jrc.database import Database
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.masa_client import MasaClient
from microbrew_host.jrc.oscore_contexts import Exchange, Onboarding, OnboardingContext
from microbrew_host.jrc.refusal import Refusal
from microbrew_host.jrc.registrar import Registrar
from microbrew_host.voucher import idevid
from microbrew_host.voucher.data import PROXIMITY, timestamp

CF_VOUCHER = 836
JOIN_PROCESS = "minimal"
NONCE_MIN = 8
NONCE_MAX = 32


class VoucherExchange:
    """The resource ``rv``."""

    def __init__(self, registrar: Registrar, masa: MasaClient, database: Database, journal: Journal) -> None:
        self._registrar = registrar
        self._masa = masa
        self._database = database
        self._journal = journal
        self._asking: dict[str, tuple[bytes, asyncio.Task[Exchange]]] = {}

    async def post(self, request: Message, context: OnboardingContext) -> Message:
        """A signed voucher request in, a signed voucher out. Raises Refusal."""
        if request.opt.content_format != CF_VOUCHER:
            raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT, "content format 836 wanted")
        if request.opt.accept not in (None, CF_VOUCHER):
            raise Refusal(Code.NOT_ACCEPTABLE, "only content format 836", "it asked for a voucher of another format")
        onboarding = context.onboarding
        with self._database.transaction() as session:
            registry.refuse_denied(session, onboarding.serial, onboarding.eui64)
        pvr = request.payload
        if onboarding.exchange is None or onboarding.exchange.pvr != pvr:
            onboarding.exchange = await self._ask_once(pvr, onboarding)
        return Message(code=Code.CHANGED, content_format=CF_VOUCHER, payload=onboarding.exchange.voucher)

    async def close(self) -> None:
        """Give up what is outstanding."""
        for _, task in list(self._asking.values()):
            task.cancel()
        await asyncio.gather(*(task for _, task in self._asking.values()), return_exceptions=True)

    async def _ask_once(self, pvr: bytes, onboarding: Onboarding) -> Exchange:
        serial = onboarding.serial
        waiting = self._asking.get(serial)
        if waiting is None:
            self._check_pvr(pvr, onboarding)
            task = asyncio.create_task(self._ask(pvr, onboarding), name=f"voucher for {serial}")
            self._asking[serial] = (pvr, task)
            task.add_done_callback(lambda finished: self._asked(serial, finished))
        elif waiting[0] == pvr:
            task = waiting[1]
        else:
            raise Refusal(Code.SERVICE_UNAVAILABLE, "another request is with the MASA", retry=5)
        # Several may wait, so none of them may cancel it.
        return await asyncio.shield(task)

    def _asked(self, serial: str, task: asyncio.Task[Exchange]) -> None:
        self._asking.pop(serial, None)
        if not task.cancelled():
            # Looked at, so that asyncio does not complain when the pledge that asked has gone away.
            task.exception()

    def _check_pvr(self, pvr: bytes, onboarding: Onboarding) -> voucher.VoucherRequest:
        try:
            signed = voucher.parse_signed(pvr)
            voucher.verify(signed, onboarding.certificate.public_key())  # type: ignore[arg-type]
            data = voucher.parse_voucher_request(signed.payload)
        except VoucherError as error:
            raise Refusal(Code.BAD_REQUEST, "bad voucher request", f"its voucher request is bad: {error}") from None
        if data.serial_number != onboarding.serial:
            raise Refusal(
                Code.FORBIDDEN, "wrong serial", "its voucher request names another serial than its certificate"
            )
        if data.assertion != PROXIMITY:
            raise Refusal(Code.UNAUTHORIZED, "no proximity", "its voucher request does not claim proximity")
        if data.proximity_registrar_pubk is None or not equal(data.proximity_registrar_pubk, self._registrar.spki):
            raise Refusal(
                Code.UNAUTHORIZED,
                "not this registrar",
                "its voucher request is for another registrar's key: somebody may stand in between",
            )
        if data.nonce is None or not NONCE_MIN <= len(data.nonce) <= NONCE_MAX:
            raise Refusal(Code.BAD_REQUEST, "no nonce", "its voucher request has no nonce of 8 to 32 bytes")
        return data

    async def _ask(self, pvr: bytes, onboarding: Onboarding) -> Exchange:
        request = self._check_pvr(pvr, onboarding)
        rvr = self._rvr(pvr, request, onboarding)
        answer = await self._masa.voucher(onboarding.manufacturer, onboarding.certificate, rvr)
        stripped = self._check_voucher(answer, request)
        with self._database.transaction() as session:
            device = registry.by_serial(session, onboarding.serial)
            device.vouchers += 1
            if device.state == "new":
                device.state = "voucher"
            text = f"the MASA of {onboarding.manufacturer.name} issued a voucher"
            self._journal.write("voucher", text, onboarding.serial, session)
        return Exchange(pvr, rvr, stripped)

    def _rvr(self, pvr: bytes, request: voucher.VoucherRequest, onboarding: Onboarding) -> bytes:
        now = datetime.datetime.fromtimestamp(self._journal.clock(), datetime.UTC)
        data = voucher.VoucherRequest(
            serial_number=onboarding.serial,
            assertion=PROXIMITY,
            created_on=timestamp(now),
            nonce=request.nonce,
            idevid_issuer=idevid.issuer_aki(onboarding.certificate),
            prior_signed_voucher_request=pvr,
            join_process=JOIN_PROCESS,
        )
        return voucher.sign(data.encode(), self._registrar.key, x5bag=[self._registrar.certificate_der])

    def _check_voucher(self, answer: bytes, request: voucher.VoucherRequest) -> bytes:
        try:
            data = voucher.parse_voucher(voucher.parse_signed(answer).payload)
            stripped = voucher.strip_unprotected_x5(answer)
        except VoucherError as error:
            raise _bad_voucher(f"cannot be read: {error}") from None
        if data.serial_number != request.serial_number:
            raise _bad_voucher("is for another device")
        if data.nonce != request.nonce:
            raise _bad_voucher("does not answer this request (wrong nonce)")
        if data.pinned_domain_pubk is None or not equal(data.pinned_domain_pubk, self._registrar.spki):
            raise _bad_voucher("pins another key than this registrar's")
        if data.join_process != JOIN_PROCESS:
            raise _bad_voucher("is not for a join by CoJP")
        return stripped


def _bad_voucher(what: str) -> Refusal:
    return Refusal(Code.BAD_GATEWAY, "MASA answer unusable", f"the MASA's voucher {what}", "masa")
