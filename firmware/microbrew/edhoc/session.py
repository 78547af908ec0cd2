"""What one EDHOC run remembers, and the rules of its states that both roles share (RFC 9528 section 5.1).

A state hands its session to the next one; a step that fails wipes it. Received bytes that cannot be read or
that do not verify become an EdhocError; a caller's mistakes are found before a step begins and cost
nothing.
"""

from microbrew.compat import const
from microbrew.crypto import wipe
from microbrew.edhoc import key_schedule
from microbrew.edhoc.suites import G_LEN, KEY_LEN, describe
from microbrew.errors import CryptoError, DecodeError, EdhocError, StateError

# EDHOC_Exporter labels (RFC 9528 Appendix A.1).
_OSCORE_MASTER_SECRET = const(0)
_OSCORE_MASTER_SALT = const(1)
_MASTER_SALT_LEN = const(8)
_MAX_EXPORT = const(8160)


class Session:
    """Memory of one run; as a context manager it is one step of it.

    ``th`` is H(message_1), TH_2, TH_3, TH_4 in turn; ``prk`` is PRK_2e, PRK_3e2m, PRK_4e3m; ``g_peer`` the
    other side's ephemeral key; ``plaintext`` and ``received`` what came from a sender that is not
    authenticated yet, as bytes and as fields; ``peer`` the Peer that was authenticated.
    """

    __slots__ = (
        "c_i",
        "c_r",
        "crypto",
        "ephemeral",
        "g_peer",
        "known_ead",
        "method",
        "own",
        "peer",
        "plaintext",
        "prk",
        "prk_out",
        "received",
        "suite",
        "th",
    )

    def __init__(self, crypto, method, own, c_i, ephemeral, known_ead):
        self.crypto = crypto
        self.method = method
        self.own = own
        self.c_i = c_i
        self.ephemeral = ephemeral
        self.known_ead = known_ead
        self.suite = None
        self.c_r = None
        self.g_peer = None
        self.th = None
        self.prk = None
        self.prk_out = None
        self.plaintext = None
        self.received = None
        self.peer = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            return
        self.wipe()
        if issubclass(kind, DecodeError):
            raise EdhocError(1, "malformed message") from None
        if issubclass(kind, CryptoError):
            raise EdhocError(1, "authentication failed") from None

    def set_suite(self, number):
        """Use the suite of that number; makes the ephemeral key unless there is one of its curve."""
        self.suite = describe(number)
        if self.ephemeral is not None and self.ephemeral.curve != self.suite.ecdh_curve:
            self.drop_ephemeral()
        if self.ephemeral is None:
            self.ephemeral = self.crypto.generate(self.suite.ecdh_curve)

    def g_own(self):
        """Our ephemeral public key as it is sent: the x-coordinate."""
        return bytes(self.ephemeral.public[:G_LEN])

    def set_prk(self, prk):
        """Replace the PRK, overwriting the one before."""
        if self.prk is not None:
            wipe(self.prk)
        self.prk = prk

    def drop_received(self):
        """Forget the plaintext once its sender is authenticated."""
        if isinstance(self.plaintext, bytearray):
            wipe(self.plaintext)
        self.plaintext = None
        self.received = None

    def drop_ephemeral(self):
        """Forget our ephemeral private key."""
        if self.ephemeral is not None:
            self.ephemeral.wipe()
            self.ephemeral = None

    def complete(self):
        """From PRK_4e3m and TH_4 to PRK_out; both are kept for message_4 only."""
        self.prk_out = key_schedule.prk_out(self.crypto, self.prk, self.th)
        self.drop_received()
        self.drop_ephemeral()
        self.own = self.g_peer = None

    def wipe(self):
        """Forget everything, overwriting the secrets that are ours to overwrite."""
        self.set_prk(None)
        if self.prk_out is not None:
            wipe(self.prk_out)
        self.prk_out = None
        self.drop_received()
        self.drop_ephemeral()
        self.own = self.peer = self.g_peer = self.th = self.c_i = self.c_r = None


class State:
    """Base of the states: owner of a session until a step takes it away."""

    __slots__ = ("_session",)

    def __init__(self, session):
        self._session = session

    def wipe(self):
        """Abandon the run and forget its secrets. Harmless when there is nothing left."""
        if self._session is not None:
            self._session.wipe()
            self._session = None

    def _look(self):
        if self._session is None:
            raise StateError("this EDHOC state is used up")
        return self._session

    def _take(self):
        session = self._look()
        self._session = None
        return session


class Completed(State):
    """Base of both roles' ``Done``: the keys of an authenticated run (RFC 9528 section 4.2 and Appendix A).

    Whoever is the CoAP client: the OSCORE Sender ID of the Initiator is ``c_r``, of the Responder ``c_i``.
    """

    __slots__ = ()

    @property
    def c_i(self):
        """Connection identifier that the Initiator chose, raw bytes."""
        return self._look().c_i

    @property
    def c_r(self):
        """Connection identifier that the Responder chose, raw bytes."""
        return self._look().c_r

    @property
    def peer(self):
        """The Peer that was authenticated."""
        return self._look().peer

    def exporter(self, label, context, length):
        """EDHOC_Exporter: ``length`` bytes for the one purpose that ``label`` (uint) and ``context`` name.

        Raises ValueError for a negative label or more than 8160 bytes.
        """
        session = self._look()
        if label < 0 or not 0 <= length <= _MAX_EXPORT:
            raise ValueError("exporter label or length out of range")
        prk_exporter = key_schedule.prk_exporter(session.crypto, session.prk_out)
        out = key_schedule.kdf(session.crypto, prk_exporter, label, context, length)
        wipe(prk_exporter)
        return out

    def oscore(self):
        """OSCORE Master Secret (16 bytes) and Master Salt (8 bytes)."""
        return (
            self.exporter(_OSCORE_MASTER_SECRET, b"", KEY_LEN),
            self.exporter(_OSCORE_MASTER_SALT, b"", _MASTER_SALT_LEN),
        )

    def key_update(self, context):
        """Replace PRK_out (RFC 9528 Appendix H): exported keys change, message_4 is no longer possible.

        Both sides give the same ``context``, which should be fresh.
        """
        session = self._look()
        prk_out = key_schedule.key_update(session.crypto, session.prk_out, context)
        wipe(session.prk_out)
        session.prk_out = prk_out
        session.set_prk(None)

    def _take_for_message_4(self):
        if self._look().prk is None:
            raise StateError("message_4 is not possible any more")
        return self._take()
