"""EDHOC Responder, one class per state (RFC 9528 section 5), sans-IO.

    received = Start(crypto, (0,), (2,), {2: own}).receive(message_1)
    message_2, wait = received.message_2(c_r)
    received = wait.receive(message_3)
    done = received.verify(peer)

The rules of the Initiator's states hold here too. The first expensive step is ``message_2``: what limits a
flood of message_1 belongs in front of it.
"""

from microbrew.cose.structures import enc_structure
from microbrew.crypto import wipe
from microbrew.edhoc import authentication, ead, key_schedule, messages, suites
from microbrew.edhoc.authentication import initiator_signs, responder_signs
from microbrew.edhoc.session import Completed, Session, State
from microbrew.errors import DecodeError, EdhocError


class Start(State):
    """A run that has received nothing yet.

    ``methods`` and ``supported`` suites are what we accept, in any order. ``owns`` maps a suite to the Own to
    use with it, or to several: with suites 0 and 1 the key that signs (Ed25519) and the one of static DH
    (X25519) are two, and the method decides. ``ephemeral`` and ``known_ead`` are as for the Initiator. Raises
    ValueError, also if a method has no fitting Own in a supported suite.
    """

    __slots__ = ("methods", "owns", "supported")

    def __init__(self, crypto, methods, supported, owns, ephemeral=None, known_ead=()):
        for number in supported:
            if number not in suites.IMPLEMENTED:
                raise ValueError("cipher suite not implemented")
            for method in methods:
                if method not in (0, 1, 2, 3) or _own(owns.get(number, ()), number, method) is None:
                    raise ValueError("method unknown, or without a credential that fits it and the cipher suite")
        super().__init__(Session(crypto, None, None, None, ephemeral, known_ead))
        self.methods = methods
        self.supported = supported
        self.owns = owns

    def receive(self, message_1):
        """Parse message_1: ReceivedMessage1. Raises EdhocError, code 2 if another suite is to be chosen."""
        with self._take() as session:
            fields = messages.parse_message_1(message_1)
            if fields.method not in self.methods:
                raise EdhocError(1, "unsupported method")
            number = suites.select(fields.suites_i, self.supported)
            if len(fields.g_x) != suites.G_LEN:
                raise DecodeError("EDHOC: length of G_X")
            ead.refuse_unknown(fields.ead_1, session.known_ead)
            session.method = fields.method
            session.own = _own(self.owns[number], number, fields.method)
            session.c_i = fields.c_i
            session.g_peer = fields.g_x
            session.th = session.crypto.sha256(message_1)
            return ReceivedMessage1(session, number, fields.ead_1)


def _own(owns, number, method):
    """The first of ``owns``, which may be one alone, that can authenticate so; None if there is none."""
    for own in owns if isinstance(owns, (list, tuple)) else (owns,):
        if authentication.fits(own, number, responder_signs(method)):
            return own
    return None


class ReceivedMessage1(State):
    """RCVD_M1: ``method``, ``suite`` (its number), ``c_i`` and ``ead_1``, a list of ``(label, value)``."""

    __slots__ = ("c_i", "ead_1", "method", "suite")

    def __init__(self, session, suite, ead_1):
        super().__init__(session)
        self.method = session.method
        self.suite = suite
        self.c_i = session.c_i
        self.ead_1 = ead_1

    def message_2(self, c_r, ead_2=b""):
        """message_2 and the state that waits for message_3.

        ``c_r`` has up to 7 bytes, differs from ``c_i`` and is free among ours; ``ead_2`` is an encoded EAD
        field. Raises EdhocError for a G_X that is no point, ValueError for a ``c_r`` that cannot be and for an
        ``ead_2`` that a peer would refuse or that is too long beside our credential.
        """
        messages.check_connection_id(c_r)
        if c_r == self.c_i:
            raise ValueError("C_R equals C_I")
        session = self._look()
        own = session.own
        signs = responder_signs(session.method)
        proof_len = authentication.proof_length(suites.describe(self.suite), signs)
        messages.check_plaintext(own.id_cred, proof_len, ead_2, suites.G_LEN + 1 + len(c_r))
        with self._take() as session:
            crypto = session.crypto
            g_x = session.g_peer
            session.set_suite(self.suite)
            session.c_r = bytes(c_r)
            g_xy = crypto.ecdh(session.ephemeral, g_x)
            g_rx = None if signs else crypto.ecdh(own.private, g_x)
            g_y = session.g_own()
            th_2 = key_schedule.th_2(crypto, g_y, session.th)
            prk_2e = key_schedule.prk_2e(crypto, th_2, g_xy)
            try:
                session.prk = key_schedule.prk_3e2m(crypto, prk_2e, th_2, g_rx)
                plaintext_2 = _plaintext_2(session, signs, th_2, ead_2)
                keystream_2 = key_schedule.keystream_2(crypto, prk_2e, th_2, len(plaintext_2))
            finally:
                wipe(prk_2e)
            for i in range(len(plaintext_2)):
                plaintext_2[i] ^= keystream_2[i]
            if initiator_signs(session.method):
                session.drop_ephemeral()
            return messages.encode_bstr(g_y + plaintext_2), WaitMessage3(session)


def _plaintext_2(session, signs, th_2, ead_2):
    """PLAINTEXT_2; leaves TH_3 in the session."""
    crypto = session.crypto
    own = session.own
    mac_2 = key_schedule.mac_2(
        crypto,
        session.prk,
        messages.encode_identifier(session.c_r),
        own.id_cred,
        th_2,
        own.cred,
        ead_2,
        authentication.mac_length(session.suite, signs),
    )
    proof = authentication.prove(crypto, signs, own, th_2, ead_2, mac_2)
    plaintext_2 = messages.encode_plaintext(session.c_r, own.id_cred, proof, ead_2)
    session.th = key_schedule.th_3(crypto, th_2, plaintext_2, own.cred)
    return plaintext_2


class WaitMessage3(State):
    """WAIT_M3: message_2 is on its way."""

    __slots__ = ()

    def receive(self, message_3):
        """Decrypt message_3: ReceivedMessage3. Raises EdhocError, also for a received error message."""
        with self._take() as session:
            crypto = session.crypto
            ciphertext_3 = messages.parse_bstr(message_3)
            k_3 = key_schedule.k_3(crypto, session.prk, session.th)
            iv_3 = key_schedule.iv_3(crypto, session.prk, session.th)
            session.plaintext = crypto.ccm_open(
                k_3, iv_3, enc_structure(session.th), ciphertext_3, session.suite.tag_len
            )
            proof_len = authentication.proof_length(session.suite, initiator_signs(session.method))
            session.received = fields = messages.parse_plaintext(session.plaintext, False, proof_len)
            ead.refuse_unknown(fields.items, session.known_ead)
            return ReceivedMessage3(session)


class ReceivedMessage3(State):
    """RCVD_M3: what the Initiator says of itself, not authenticated yet.

    ``id_cred_i`` is the encoded ID_CRED_I, ``ead_3`` a list of ``(label, value)``. They stay readable when
    the state is used up.
    """

    __slots__ = ("ead_3", "id_cred_i")

    def __init__(self, session):
        super().__init__(session)
        self.id_cred_i = session.received.id_cred
        self.ead_3 = session.received.items

    def verify(self, peer):
        """Check that the Initiator holds the key of ``peer``: Done. Raises EdhocError.

        ``peer`` may be a list of up to 4, where several credentials share a kid; ValueError for more.
        """
        peers = authentication.candidates(peer)
        with self._take() as session:
            session.peer, prk_4e3m = authentication.authenticate(session, peers, False)
            session.set_prk(prk_4e3m)
            session.th = key_schedule.th_4(session.crypto, session.th, session.plaintext, session.peer.cred)
            session.complete()
            return Done(session)


class Done(Completed):
    """COMPLETED: both sides are authenticated, keys may be exported."""

    __slots__ = ()

    def message_4(self, ead_4=b""):
        """message_4, which proves to the Initiator that we have the keys. StateError the second time.

        Raises ValueError for an ``ead_4`` that a peer would refuse.
        """
        messages.check_plaintext_4(ead_4)
        with self._take_for_message_4() as session:
            k_4 = key_schedule.k_4(session.crypto, session.prk, session.th)
            iv_4 = key_schedule.iv_4(session.crypto, session.prk, session.th)
            aad = enc_structure(session.th)
            ciphertext_4 = session.crypto.ccm_seal(k_4, iv_4, aad, ead_4, session.suite.tag_len)
            # The same key and nonce must never meet another plaintext.
            session.set_prk(None)
        self._session = session
        return messages.encode_bstr(ciphertext_4)
