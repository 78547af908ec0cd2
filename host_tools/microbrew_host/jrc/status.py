"""POST /.well-known/brski/vs and es: a device reports what became of its voucher or certificate (RFC 8995 5.7, 5.9.4).

After a good voucher report the registrar reads the MASA's audit log, decides, and, if it lets the device in, makes the
CoJP context from the key that EDHOC agreed. All that changes is one transaction together with its log entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiocoap.message import Message
from aiocoap.numbers.codes import Code

from microbrew import cbor
from microbrew.errors import DecodeError
from microbrew_host.jrc import registry
from microbrew_host.jrc.config import REFUSE, Policy
from microbrew_host.jrc.database import Database
from microbrew_host.jrc.journal import Journal, printable
from microbrew_host.jrc.masa_client import MasaClient
from microbrew_host.jrc.oscore_contexts import Contexts, Onboarding, OnboardingContext
from microbrew_host.jrc.policy import judge_audit_log
from microbrew_host.jrc.refusal import Refusal
from microbrew_host.jrc.registrar import Registrar

CF_CBOR = 60
VERSION = 1

_MAX_STATUS = 512


@dataclass(frozen=True)
class Status:
    """A status report. ``reason`` is the device's own text, made printable."""

    version: int
    good: bool
    reason: str
    unknown: tuple[str, ...]


def parse_status(body: bytes) -> Status:
    """Read a status-post map. Raises Refusal."""
    try:
        if len(body) > _MAX_STATUS:
            raise DecodeError("too long")
        fields = cbor.decode(body, 4, 32)
    except DecodeError as error:
        raise Refusal(Code.BAD_REQUEST, "bad status", f"its status report cannot be read: {error}") from None
    if not isinstance(fields, dict):
        raise Refusal(Code.BAD_REQUEST, "bad status", "its status report is not a map")
    version = fields.pop("version", None)
    good = fields.pop("status", None)
    reason = fields.pop("reason", "")
    fields.pop("reason-context", None)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1 or not isinstance(good, bool):
        raise Refusal(Code.BAD_REQUEST, "bad status", "its status report lacks version or status")
    if not isinstance(reason, str):
        raise Refusal(Code.BAD_REQUEST, "bad status", "the reason in its status report is not a text")
    return Status(version, good, printable(reason), tuple(printable(str(key), 32) for key in fields))


class VoucherStatus:
    """The resource ``vs``."""

    def __init__(
        self,
        registrar: Registrar,
        masa: MasaClient,
        contexts: Contexts,
        database: Database,
        journal: Journal,
        policy: Policy,
    ) -> None:
        self._own = registrar.domain_ids()
        self._masa = masa
        self._contexts = contexts
        self._database = database
        self._journal = journal
        self._policy = policy

    async def post(self, request: Message, context: OnboardingContext) -> Message:
        """The report in, 2.04 out once the device may send its Join Request. Raises Refusal."""
        _check_format(request)
        onboarding = context.onboarding
        status = parse_status(request.payload)
        _log_oddities(self._journal, status, onboarding.serial)
        if not status.good:
            reason = status.reason or "no reason given"
            self._journal.write("voucher", f"the device rejected the voucher: {reason}", onboarding.serial)
            return Message(code=Code.CHANGED)
        if onboarding.exchange is None:
            raise Refusal(Code.FORBIDDEN, "no voucher", "it reported a good voucher without having got one")
        warnings = await self._audit(onboarding, onboarding.exchange.rvr)
        if self._contexts.find(context.recipient_id, None) is not context:
            raise Refusal(Code.CONFLICT, "enrolled anew", "it reported about an attempt that a newer one has replaced")
        self._enrol(onboarding, warnings)
        # Of an attempt that the device gave up a report may still be under way: it would bring back that one's key.
        self._contexts.drop_device(onboarding.serial, context)
        return Message(code=Code.CHANGED)

    async def _audit(self, onboarding: Onboarding, rvr: bytes) -> list[str]:
        try:
            log = await self._masa.audit_log(onboarding.manufacturer, onboarding.certificate, rvr)
        except Refusal as refusal:
            if self._policy.unavailable == REFUSE:
                raise
            return [f"the audit log could not be read: {refusal.reason}"]
        with self._database.transaction() as session:
            vouchers = registry.by_serial(session, onboarding.serial).vouchers
        return judge_audit_log(log, self._own, self._policy, vouchers)

    def _enrol(self, onboarding: Onboarding, warnings: list[str]) -> None:
        if onboarding.eui64 is None or onboarding.psk is None:
            raise Refusal(
                Code.FORBIDDEN,
                "no EUI-64",
                "its EUI-64 is not known: neither its serial number nor a join proxy tells it",
            )
        with self._database.transaction() as session:
            registry.refuse_denied(session, onboarding.serial, onboarding.eui64)
            device = registry.by_serial(session, onboarding.serial)
            registry.bind_eui64(session, device, onboarding.eui64)
            registry.set_psk(session, device, onboarding.psk)
            device.state = "enrolled"
            device.address = device.port = None
            for warning in warnings:
                self._journal.write("warning", warning, onboarding.serial, session)
            text = "the device accepted its voucher and was enrolled"
            self._journal.write("enrolled", text, onboarding.serial, session, eui64=onboarding.eui64.hex())


class EnrollStatus:
    """The resource ``es``: logged, no more."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def post(self, request: Message, context: OnboardingContext) -> Message:
        """The report in, 2.04 out. Raises Refusal."""
        _check_format(request)
        serial = context.onboarding.serial
        status = parse_status(request.payload)
        _log_oddities(self._journal, status, serial)
        outcome = "succeeded" if status.good else f"failed: {status.reason or 'no reason given'}"
        self._journal.write("certificate", f"the device reports that its certificate enrolment {outcome}", serial)
        return Message(code=Code.CHANGED)


def _check_format(request: Message) -> None:
    if request.opt.content_format != CF_CBOR:
        raise Refusal(Code.UNSUPPORTED_CONTENT_FORMAT, "content format 60 wanted")


def _log_oddities(journal: Journal, status: Status, serial: str) -> None:
    odd: dict[str, Any] = {}
    if status.version > VERSION:
        odd["version"] = status.version
    if status.unknown:
        odd["unknown"] = list(status.unknown)
    if odd:
        journal.write("warning", "its status report is of a later version or has unknown fields", serial, **odd)
