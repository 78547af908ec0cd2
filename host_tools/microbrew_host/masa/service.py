"""The MASA's two services: a voucher for a voucher request, and the audit log of a device.

Each runs in one transaction that ends with its log entry, whatever it decides, so nothing is half done. No
I/O beside the database: HTTP is in ``http.py``, the time is injected.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from microbrew_host.masa import bucket, database
from microbrew_host.masa.checks import Case, Claim, Refusal, examine
from microbrew_host.voucher import Voucher, fingerprint, sign
from microbrew_host.voucher.data import ASSERTIONS, LOGGED, PROXIMITY, timestamp
from microbrew_host.voucher.keys import PrivateKey

# Events of one device in an audit log answer; older ones are counted as truncated (RFC 8995 section 5.8.1). So an
# answer stays below 16 kB, which is what registrars read.
MAX_AUDIT_EVENTS = 64

_Answer = TypeVar("_Answer")
_Entry = dict[str, Any]


@dataclass(frozen=True)
class Masa:
    """``certificate``: DER of the certificate around the signing key, for registrars that check vouchers."""

    engine: Engine
    signing_key: PrivateKey
    certificate: bytes
    clock: Callable[[], datetime]

    def voucher(self, body: bytes, source: str) -> bytes:
        """A signed voucher for the RVR ``body`` that came from the network address ``source``.

        The same request again (device, registrar, nonce, join-process) gets the same voucher and costs no
        token: a registrar may have missed the answer. Raises Refusal.
        """
        return self._decide(body, source, self._voucher)

    def audit_log(self, body: bytes, source: str) -> dict[str, Any]:
        """The audit log of the device in the RVR ``body``, as in RFC 8995 section 5.8.1. Raises Refusal."""
        return self._decide(body, source, self._audit_log)

    def _decide(
        self,
        body: bytes,
        source: str,
        decide: Callable[[Connection, Claim, datetime], tuple[_Answer, _Entry]],
    ) -> _Answer:
        now = self.clock()
        case = Case()
        refusal = None
        with self.engine.begin() as tx:
            try:
                answer, entry = decide(tx, examine(tx, body, now, case), now)
            except Refusal as error:
                refusal = error
                entry = _refused(error)
            _record(tx, now, source, case, entry)
        if refusal is not None:
            raise refusal
        return answer

    def log_refusal(self, refusal: Refusal, source: str) -> None:
        """Log a request that was refused before its body was looked at."""
        with self.engine.begin() as tx:
            _record(tx, self.clock(), source, Case(), _refused(refusal))

    def _voucher(self, tx: Connection, claim: Claim, now: datetime) -> tuple[bytes, _Entry]:
        request = claim.request
        registrar = fingerprint(claim.registrar)
        if not claim.bound and not claim.allowed:
            # RFC 8995 section 5.5.3: without the device's own, fresh word, the registrar must be known.
            raise Refusal(
                403,
                "registrar-unauthenticated",
                "a request without the device's nonce and proximity needs a registrar known to this MASA",
            )
        if request.nonce is not None:
            earlier = database.earlier_voucher(
                tx, request.serial_number, registrar, request.nonce, request.join_process
            )
            if earlier is not None:
                return earlier, {"outcome": database.REPEATED}
        self._take_token(tx, request.serial_number, int(now.timestamp()))
        assertion = PROXIMITY if claim.bound else LOGGED
        data = Voucher(
            serial_number=request.serial_number,
            assertion=assertion,
            created_on=timestamp(now),
            nonce=request.nonce,
            pinned_domain_pubk=None if claim.pin_digest else claim.registrar,
            pinned_domain_pubk_sha256=registrar if claim.pin_digest else None,
            join_process=request.join_process,
        )
        voucher = sign(data.encode(), self.signing_key, x5bag=[self.certificate])
        return voucher, {
            "outcome": database.ISSUED,
            "assertion": assertion,
            "join_process": request.join_process,
            "voucher": voucher,
        }

    def _take_token(self, tx: Connection, serial: str, now: int) -> None:
        device = database.device(tx, serial)
        if device is None:
            raise Refusal(404, "device-unknown", "no device with this serial number was made here")
        full = bucket.refill(bucket.Bucket(device.credit, device.credit_at), now)
        wait = bucket.wait(full)
        if wait:
            raise Refusal(429, "rate", "too many vouchers were issued for this device", retry_after=wait)
        database.set_bucket(tx, serial, bucket.take(full))

    def _audit_log(self, tx: Connection, claim: Claim, now: datetime) -> tuple[dict[str, Any], _Entry]:
        events = database.vouchers(tx, claim.request.serial_number)
        registrar = fingerprint(claim.registrar)
        if all(event.registrar != registrar for event in events):
            raise Refusal(404, "never-owner", "no voucher of this device was issued to this registrar")
        newest = events[-MAX_AUDIT_EVENTS:]
        answer: dict[str, Any] = {"version": 1, "events": [_audit_event(event) for event in newest]}
        if len(events) > MAX_AUDIT_EVENTS:
            answer["truncation"] = {"arbitrary": len(events) - MAX_AUDIT_EVENTS}
        return answer, {"outcome": database.AUDIT_LOG}


def _refused(refusal: Refusal) -> _Entry:
    return {"outcome": refusal.reason, "text": str(refusal)}


def _record(tx: Connection, now: datetime, source: str, case: Case, entry: _Entry) -> None:
    who = {"serial": case.serial, "registrar": case.registrar, "nonce": case.nonce}
    database.record(tx, at=int(now.timestamp()), source=source, **who, **entry)


def _audit_event(event: Any) -> dict[str, Any]:
    found = {
        "date": timestamp(datetime.fromtimestamp(event.at, UTC)),
        "domainID": base64.b64encode(event.registrar).decode(),
        "nonce": None if event.nonce is None else base64.b64encode(event.nonce).decode(),
        "assertion": ASSERTIONS[event.assertion],
    }
    if event.join_process is not None:
        found["join-process"] = event.join_process
    return found
