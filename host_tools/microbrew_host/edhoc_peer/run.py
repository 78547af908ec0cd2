"""One EDHOC run of either role, step by step, with everything told to a Report; no transport.

A step that fails raises RunFailed, which knows the step and what the peer may be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from microbrew.crypto import Crypto
from microbrew.edhoc import ead, initiator, messages, responder
from microbrew.edhoc.authentication import initiator_signs, responder_signs
from microbrew.edhoc.credentials import Own
from microbrew.edhoc.suites import G_LEN, IMPLEMENTED, describe, offer
from microbrew.errors import CryptoError, DecodeError, EdhocError, MicrobrewError, StateError
from microbrew_host.edhoc_peer.credentials import load_private
from microbrew_host.edhoc_peer.report import Report
from microbrew_host.edhoc_peer.tracing import TracingCrypto
from microbrew_host.edhoc_peer.trust import Found, Trust


class RunFailed(MicrobrewError):
    """A run that ended early; ``error`` is the EdhocError behind it, which tells whether the peer sent it."""

    def __init__(self, step: str, error: EdhocError, reason: str = "") -> None:
        super().__init__(f"{step}: {reason or _reason(error)}")
        self.error = error


@dataclass(frozen=True)
class Settings:
    """What one side brings: ``suites`` in order of preference, ``own`` for all of them.

    ``ead`` maps the number of a message to an encoded EAD field, ``known_ead`` are the EAD numbers that are understood.
    ``message_4``: send it, or insist on it. ``ephemeral`` is the private key of every run, for tests only.
    """

    crypto: Crypto
    method: int
    suites: tuple[int, ...]
    own: Own
    trust: Trust
    c_x: bytes | None = None
    ead: dict[int, bytes] = field(default_factory=dict)
    known_ead: tuple[int, ...] = ()
    message_4: bool = False
    ephemeral: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Outcome:
    """A completed run, as this side's OSCORE context needs it (RFC 9528 Appendix A.1)."""

    peer: str
    c_i: bytes
    c_r: bytes
    sender_id: bytes
    recipient_id: bytes
    master_secret: bytes = field(repr=False)
    master_salt: bytes = field(repr=False)


def curve_of(suite: int, signs: bool) -> int:
    """COSE number of the curve that a credential needs in this suite."""
    parameters = describe(suite)
    if parameters is None:
        raise ValueError(f"cipher suite {suite} is not known")
    return int(parameters.signature_curve if signs else parameters.ecdh_curve)


def first_suites(preferred: tuple[int, ...]) -> list[int]:
    """SUITES_I of a first attempt: cut behind the first suite that we have.

    More preferred ones that this implementation lacks stay in front, which shows how a peer takes them.
    Raises ValueError.
    """
    for i, number in enumerate(preferred):
        if number in IMPLEMENTED:
            return list(preferred[: i + 1])
    raise ValueError(f"none of the suites {list(preferred)} is implemented: {list(IMPLEMENTED)} are")


def next_suites(preferred: tuple[int, ...], suites_i: list[int], error: EdhocError) -> list[int]:
    """SUITES_I after an error of code 2. Raises EdhocError when there is nothing else to try."""
    following: list[int] = offer(preferred, error.info)
    if following[-1] not in IMPLEMENTED or following == suites_i:
        raise EdhocError(1, "no common cipher suite")
    return following


class _Run:
    """What both roles share: the crypto object that tells, the current state, failures."""

    initiator = False

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._crypto = TracingCrypto(settings.crypto, report.value, self.initiator)
        self._state: Any = None
        self._found: list[Found] = []
        self._peer = ""
        self.c_i: bytes | None = None
        self.c_r: bytes | None = None

    @property
    def connection_id(self) -> bytes:
        """Our own connection identifier. Raises StateError before there is one."""
        own = self.c_i if self.initiator else self.c_r
        if own is None:
            raise StateError("no connection identifier yet")
        return own

    def wipe(self) -> None:
        """Abandon the run."""
        if self._state is not None:
            self._state.wipe()

    def _ephemeral(self, suite: int) -> Any:
        secret = self._settings.ephemeral
        if secret is None:
            return None
        private = load_private(self._settings.crypto, describe(suite).ecdh_curve, secret)
        self._crypto.ephemeral(private, secret)
        return private

    def _ead(self, number: int) -> bytes:
        return self._settings.ead.get(number, b"")

    def _find(self, id_cred: bytes, suite: int, signs: bool) -> Any:
        self._found = self._settings.trust.find(bytes(id_cred), curve_of(suite, signs), signs)
        for found in self._found:
            self._report.note(f"peer: {found.title}")
        return [found.peer for found in self._found]

    def _authenticated(self, peer: Any, role: str) -> None:
        (self._peer,) = (found.title for found in self._found if found.peer is peer)
        self._report.note(f"{role} authenticated: {self._peer}")

    def _plaintext_2(self, message_2: bytes) -> None:
        # Decrypted without a call to the crypto object, so it is not told of.
        keystream = self._crypto.known("KEYSTREAM_2")
        if keystream is not None:
            content = messages.parse_bstr(message_2)
            self._crypto.tell("G_Y", content[:G_LEN])
            ciphertext = content[G_LEN:]
            pairs = zip(ciphertext, keystream, strict=True)
            self._crypto.tell("CIPHERTEXT_2", ciphertext)
            self._crypto.tell("PLAINTEXT_2", bytes(a ^ b for a, b in pairs))

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        try:
            yield
        except EdhocError as error:
            self.wipe()
            raise RunFailed(name, error, self._diagnosis(name, error)) from error

    def _diagnosis(self, step: str, error: EdhocError) -> str:
        """Which proof did not hold, where that is the reason: the firmware tells no more than that one did not."""
        if error.received or error.info != "authentication failed":
            return ""
        number = step[-1]
        if self._crypto.refused:
            return f"{error.info}: {self._crypto.refused}"
        if self._crypto.known("MAC_" + number) is not None:
            return f"{error.info}: MAC_{number} is not what the peer sent as Signature_or_MAC_{number}"
        return ""

    def outcome(self) -> Outcome:
        """What came of a completed run; its secrets are given out here for the last time."""
        done = self._state
        secret, salt = done.oscore()
        c_i, c_r = bytes(done.c_i), bytes(done.c_r)
        ours, theirs = (c_i, c_r) if self.initiator else (c_r, c_i)
        done.wipe()
        return Outcome(self._peer, c_i, c_r, theirs, ours, bytes(secret), bytes(salt))


class InitiatorRun(_Run):
    """We are I. ``suites_i`` ends in the suite of this run."""

    initiator = True

    def __init__(self, settings: Settings, report: Report, suites_i: list[int], c_i: bytes) -> None:
        super().__init__(settings, report)
        self.suites_i = suites_i
        self.c_i = c_i

    def message_1(self) -> bytes:
        """message_1."""
        settings = self._settings
        suite = self.suites_i[-1]
        start = initiator.Start(
            self._crypto,
            settings.method,
            self.suites_i,
            self.c_i,
            settings.own,
            self._ephemeral(suite),
            settings.known_ead,
        )
        message_1, self._state = start.message_1(self._ead(1))
        self._report.message("message_1", message_1, sent=True)
        return bytes(message_1)

    def message_3(self, message_2: bytes) -> bytes:
        """message_3, once message_2 is verified."""
        self._report.message(_kind(message_2, "message_2"), message_2, sent=False)
        with self._step("message_2"):
            try:
                received = self._state.receive(message_2)
            finally:
                self._plaintext_2(message_2)
            self._state = received
            self.c_r = received.c_r
            self._report.ead(2, received.ead_2)
            signs = responder_signs(self._settings.method)
            verified = received.verify(self._find(received.id_cred_r, self.suites_i[-1], signs))
            self._authenticated(verified.peer, "Responder")
            message_3, self._state = verified.message_3(self._ead(3))
        self._report.message("message_3", message_3, sent=True)
        return bytes(message_3)

    def finish(self, message_4: bytes) -> None:
        """Take message_4, empty if the Responder sent none."""
        if not message_4:
            if self._settings.message_4:
                with self._step("message_4"):
                    raise EdhocError(1, "missing, and --message-4 insists on it")
            return
        self._report.message(_kind(message_4, "message_4"), message_4, sent=False)
        with self._step("message_4"):
            self._report.ead(4, self._state.receive_message_4(message_4))
            self._report.note("Responder has the keys")


class ResponderRun(_Run):
    """We are R."""

    def message_2(self, message_1: bytes, choose: Any) -> bytes:
        """message_2; ``choose(c_i)`` gives a C_R."""
        settings = self._settings
        self._report.message(_kind(message_1, "message_1"), message_1, sent=False)
        with self._step("message_1"):
            fields = self._parse(message_1)
            self.c_i = fields.c_i
            self._crypto.tell("G_X", fields.g_x)
            suite = fields.suites_i[-1]
            start = responder.Start(
                self._crypto,
                (settings.method,),
                settings.suites,
                dict.fromkeys(settings.suites, settings.own),
                self._ephemeral(suite) if suite in settings.suites else None,
                settings.known_ead,
            )
            received = start.receive(message_1)
            self._state = received
            self._suite = received.suite
            self._report.ead(1, received.ead_1)
            self.c_r = choose(received.c_i)
            message_2, self._state = received.message_2(self.c_r, self._ead(2))
        self._report.message("message_2", message_2, sent=True)
        self._plaintext_2(message_2)
        return bytes(message_2)

    def finish(self, message_3: bytes) -> bytes:
        """Verify message_3: message_4, or nothing if it is not wanted."""
        self._report.message(_kind(message_3, "message_3"), message_3, sent=False)
        with self._step("message_3"):
            received = self._state.receive(message_3)
            self._state = received
            self._report.ead(3, received.ead_3)
            signs = initiator_signs(self._settings.method)
            self._state = received.verify(self._find(received.id_cred_i, self._suite, signs))
            self._authenticated(self._state.peer, "Initiator")
            if not self._settings.message_4:
                return b""
            message_4 = self._state.message_4(self._ead(4))
        self._report.message("message_4", message_4, sent=True)
        return bytes(message_4)

    @staticmethod
    def _parse(message_1: bytes) -> Any:
        try:
            return messages.parse_message_1(message_1)
        except DecodeError as error:
            raise EdhocError(1, f"malformed message: {error}") from None


def encode_ead(items: list[tuple[int, bytes | None]]) -> bytes:
    """The EAD field of ``(label, value)`` pairs. Raises ValueError."""
    return bytes(ead.encode_items(items))


def _kind(message: bytes, expected: str) -> str:
    """``expected``, or "error" when the message starts with an integer although it must be a byte string."""
    return "error" if expected != "message_1" and message and message[0] >> 5 <= 1 else expected


def _reason(error: EdhocError) -> str:
    if error.code == 2:
        whose = "the peer supports" if error.received else "the peer selected none of ours or not the first of"
        return f"wrong cipher suite: {whose} {error.info}"
    if error.code == 3:
        return "the peer does not know our credential" if error.received else "ID_CRED refers to no credential we know"
    if error.received:
        return f"the peer ended the run: error {error.code}, {error.info}"
    # The firmware reduces what went wrong to what a peer may know; its cause is still there for the engineer.
    cause = error.__context__
    if isinstance(cause, (CryptoError, DecodeError)) and str(cause) != error.info:
        return f"{error.info}: {cause}"
    return str(error.info)
