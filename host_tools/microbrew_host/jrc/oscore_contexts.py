"""The registrar's OSCORE contexts, for aiocoap's OSCORE: onboarding contexts in memory, CoJP contexts in the database.

An *onboarding* context comes out of an EDHOC run (RFC 9528 Appendix A.1) and lives as long as the enrolment. A *CoJP*
context (RFC 9031 section 7.3) belongs to an EUI-64 for as long as its PSK is valid. It is made anew for each message
and keeps nothing in memory: sequence numbers are taken from the database before they are used, and the replay window
is written there before a request is acted upon. So a denial takes effect at once, and several processes may share one
database.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from aiocoap import oscore
from aiocoap.message import Message
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import Certificate
from sqlalchemy import select, update

from microbrew.errors import DecodeError
from microbrew.oscore import option
from microbrew_host.jrc.config import Limits, Manufacturer
from microbrew_host.jrc.database import CojpContext, Database, Device
from microbrew_host.jrc.limits import Expiring

JRC_ID = b"JRC"
PLEDGE_ID = b""
PSK_LABEL = 32768
PSK_LENGTH = 16

_WINDOW = 32
_MAX_PIV = 5
_MAX_CAS_ROUNDS = 8


class OptionError(Exception):
    """An OSCORE option that is malformed (RFC 8613 section 6.1)."""


def parse_option(value: bytes) -> tuple[bytes, bytes | None, bytes | None]:
    """Partial IV, kid, kid context of a request's OSCORE option. Raises OptionError."""
    if not value:
        raise OptionError("no kid in a request")
    flags = value[0]
    piv_length = flags & 0x07
    if flags & 0xE0 or not 1 <= piv_length <= _MAX_PIV:
        raise OptionError("reserved bits or no Partial IV")
    pos = 1 + piv_length
    piv = value[1:pos]
    if len(piv) != piv_length:
        raise OptionError("Partial IV cut short")
    kid_context = None
    if flags & 0x10:
        if pos >= len(value) or pos + 1 + value[pos] > len(value):
            raise OptionError("kid context cut short")
        kid_context = value[pos + 1 : pos + 1 + value[pos]]
        pos += 1 + value[pos]
    if not flags & 0x08:
        if pos != len(value):
            raise OptionError("bytes after the end")
        return piv, None, kid_context
    return piv, value[pos:], kid_context


class Context(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """What both kinds have in common: algorithms, ids, keys."""

    alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
    hashfun = hashes.SHA256()
    # Keys are fresh whenever a window is, so there is never one to resynchronise (RFC 8613 Appendix B.1.2).
    echo_recovery = None

    def __init__(
        self, secret: bytes, salt: bytes, sender_id: bytes, recipient_id: bytes, id_context: bytes | None
    ) -> None:
        self.sender_id = sender_id
        self.recipient_id = recipient_id
        self.id_context = id_context
        self.derive_keys(salt, secret)


@dataclass(frozen=True)
class Exchange:
    """A voucher exchange that is done: the pledge's request, ours to the MASA, and the voucher for the pledge."""

    pvr: bytes
    rvr: bytes
    voucher: bytes


@dataclass
class Onboarding:
    """The device at the other end of an onboarding context, and what this enrolment has come to.

    ``manufacturer`` vouches for its certificate; ``eui64`` is None while nothing tells it; ``psk`` goes with it.
    """

    serial: str
    certificate: Certificate
    manufacturer: Manufacturer
    eui64: bytes | None
    psk: bytes | None = field(repr=False)
    exchange: Exchange | None = None


class OnboardingContext(Context):
    """RFC 9528 Appendix A.1: our Sender ID is C_I, our Recipient ID C_R. All state is in memory."""

    def __init__(self, secret: bytes, salt: bytes, c_i: bytes, c_r: bytes, onboarding: Onboarding) -> None:
        super().__init__(secret, salt, c_i, c_r, None)
        self.onboarding = onboarding
        self.sender_sequence_number = 0
        self.recipient_replay_window = oscore.ReplayWindow(_WINDOW, lambda: None)
        self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self) -> None:
        """Nothing to store: the keys die with this object."""


class StoredContext(Context):
    """RFC 9031 section 7.3, on top of a row of ``cojp_contexts``."""

    def __init__(self, database: Database, row: CojpContext) -> None:
        super().__init__(row.psk, b"", JRC_ID, PLEDGE_ID, row.eui64)
        self.eui64 = row.eui64
        self.device_id = row.device_id
        self._database = database
        self._row_id = row.id
        self.recipient_replay_window = StoredWindow(database, row.id)

    def new_sequence_number(self) -> int:
        """A number that the database has already counted as used. Raises oscore.ContextUnavailable."""
        take = (
            update(CojpContext)
            .where(CojpContext.id == self._row_id, CojpContext.next_sequence < oscore.MAX_SEQNO)
            .values(next_sequence=CojpContext.next_sequence + 1)
            .returning(CojpContext.next_sequence)
        )
        with self._database.transaction() as session:
            following = session.scalar(take)
        if following is None:
            raise oscore.ContextUnavailable("the context is gone or used up")
        return int(following) - 1

    def post_seqnoincrease(self) -> None:
        """Not used: ``new_sequence_number`` stores before it returns."""

    def protect_request(self, message: Message) -> tuple[Message, oscore.RequestIdentifiers]:
        """Protect a request of ours; the kid "JRC" alone names the context (RFC 9031 section 8.4.3)."""
        protected, request_id = self.protect(message, kid_context=False)
        return protected, request_id

    def unprotect_response(self, message: Message, request_id: oscore.RequestIdentifiers) -> Message:
        """The inner message of an answer. Raises oscore.NotAProtectedMessage or oscore.ProtectionInvalid."""
        # aiocoap trips over some malformed options, and the answer is from who knows whom.
        try:
            option.decode(message.opt.oscore or b"")
        except DecodeError as error:
            raise oscore.DecodeError(str(error)) from None
        inner, _ = self.unprotect(message, request_id)
        return inner


class StoredWindow:
    """A replay window in the database, with the interface of aiocoap's ReplayWindow that unprotecting uses."""

    def __init__(self, database: Database, row_id: int) -> None:
        self._database = database
        self._row_id = row_id

    def is_initialized(self) -> bool:
        """A stored window always is."""
        return True

    def is_valid(self, number: int) -> bool:
        """True if no request with this sequence number was accepted yet; changes nothing."""
        state = self._read()
        return state is not None and _window(*state).is_valid(number)

    def strike_out(self, number: int) -> None:
        """Mark a number as used, before its request is acted upon. Raises oscore.ReplayError."""
        for _ in range(_MAX_CAS_ROUNDS):
            state = self._read()
            if state is None:
                break
            window = _window(*state)
            if not window.is_valid(number):
                break
            window.strike_out(number)
            after = window.persist()
            change = (
                update(CojpContext)
                .where(
                    CojpContext.id == self._row_id,
                    CojpContext.replay_index == state[0],
                    CojpContext.replay_bitmap == state[1],
                )
                .values(replay_index=after["index"], replay_bitmap=after["bitfield"])
                .returning(CojpContext.id)
            )
            with self._database.transaction() as session:
                if session.scalar(change) is not None:
                    return
        raise oscore.ReplayError("Sequence number was reused")

    def _read(self) -> tuple[int, int] | None:
        wanted = select(CojpContext.replay_index, CojpContext.replay_bitmap).where(CojpContext.id == self._row_id)
        with self._database.transaction() as session:
            row = session.execute(wanted).first()
        return None if row is None else (row[0], row[1])


def _window(index: int, bitmap: int) -> oscore.ReplayWindow:
    window = oscore.ReplayWindow(_WINDOW, lambda: None)
    window.initialize_from_persisted({"index": index, "bitfield": bitmap})
    return window


class Contexts:
    """Finds the context of a protected request, and hands out connection identifiers for EDHOC."""

    def __init__(self, database: Database, limits: Limits, clock: Callable[[], float]) -> None:
        self._database = database
        self._per_device = limits.onboarding_per_device
        self._onboarding: Expiring[bytes, OnboardingContext] = Expiring(
            limits.onboarding_contexts, limits.onboarding_lifetime, clock
        )

    def find(self, kid: bytes | None, kid_context: bytes | None) -> Context | None:
        """The context that a request names, or None. A kid context marks CoJP (RFC 9031 section 7.3)."""
        if kid is None:
            return None
        if kid_context is None:
            return self._onboarding.get(kid)
        return self.cojp(kid_context) if kid == PLEDGE_ID else None

    def cojp(self, eui64: bytes) -> StoredContext | None:
        """The CoJP context of a device that is not denied, or None."""
        wanted = select(CojpContext).join(Device).where(CojpContext.eui64 == eui64, Device.denied.is_(None))
        with self._database.transaction() as session:
            row = session.scalar(wanted)
        return None if row is None else StoredContext(self._database, row)

    def add(self, c_r: bytes, context: OnboardingContext) -> None:
        """Remember an onboarding context; the oldest of a device that has too many goes."""
        serial = context.onboarding.serial
        own = [key for key, other in self._onboarding.items() if other.onboarding.serial == serial]
        for key in own[: max(0, len(own) + 1 - self._per_device)]:
            self._onboarding.discard(key)
        self._onboarding.put(c_r, context)

    def drop_device(self, serial: str, but: Context | None = None) -> None:
        """Forget the onboarding contexts of a device, all ``but`` one."""
        for key, context in self._onboarding.items():
            if context.onboarding.serial == serial and context is not but:
                self._onboarding.discard(key)

    def live(self, kid: bytes) -> bool:
        """True if an onboarding context has this Recipient ID."""
        return kid in self._onboarding


def choose_identifier(taken: Callable[[bytes], bool], c_i: bytes, random: Callable[[int], bytes] = os.urandom) -> bytes:
    """A C_R that is not in use and not C_I: one byte that EDHOC sends as one byte if there is any, else two bytes."""
    short = [bytes((value,)) for value in (*range(0x18), *range(0x20, 0x38))]
    free = [value for value in short if value != c_i and not taken(value)]
    if free:
        # Not a secret, so that 256 is no multiple of the number of choices does not matter.
        return free[random(1)[0] % len(free)]
    while True:
        value = random(2)
        if value != c_i and not taken(value):
            return value
