"""EDHOC Initiator, one class per state (RFC 9528 section 5), sans-IO.

    message_1, wait = Start(crypto, 0, (2,), c_i, own).message_1()
    received = wait.receive(message_2)
    verified = received.verify(peer_kccs(received.id_cred_r))
    message_3, done = verified.message_3()

A step uses its state up; calling it again raises StateError. A step that fails because of what the peer sent
raises EdhocError, and the run is over with its secrets wiped. Nothing is built twice: keep the bytes of a
message for retransmission.
"""

from microbrew.cose.structures import enc_structure
from microbrew.crypto import wipe
from microbrew.edhoc import authentication, ead, key_schedule, messages
from microbrew.edhoc.authentication import initiator_signs, responder_signs
from microbrew.edhoc.session import Completed, Session, State
from microbrew.edhoc.suites import G_LEN, IMPLEMENTED, MAX_SUITES, describe
from microbrew.errors import DecodeError, EdhocError


class Start(State):
    """A run that has sent nothing yet.

    ``suites`` is SUITES_I: in order of preference, the last one selected (after an error of code 2, what
    ``suites.offer`` returns). ``c_i`` has up to 7 bytes. ``ephemeral`` may be a key pair made ahead while
    idle, ``crypto.generate(curve)``; this run uses it up. ``known_ead`` are the numbers of the EAD items
    that the application understands. Raises ValueError, also for an ``own`` whose key is not one that signs, or
    does static DH, with this method and suite.

    Only what the selected suite and the method use is loaded, so which modules a device needs is decided by
    what it is built to offer.
    """

    __slots__ = ("suites_i",)

    def __init__(self, crypto, method, suites, c_i, own, ephemeral=None, known_ead=()):
        if method not in (0, 1, 2, 3):
            raise ValueError("unknown EDHOC method")
        if not 1 <= len(suites) <= MAX_SUITES or suites[-1] not in IMPLEMENTED:
            raise ValueError("selected cipher suite not implemented")
        if not authentication.fits(own, suites[-1], initiator_signs(method)):
            raise ValueError("the credential's key does not fit method and cipher suite")
        if ephemeral is not None and ephemeral.curve != describe(suites[-1]).ecdh_curve:
            raise ValueError("the ephemeral key does not fit the cipher suite")
        messages.check_connection_id(c_i)
        super().__init__(Session(crypto, method, own, bytes(c_i), ephemeral, known_ead))
        self.suites_i = suites

    def message_1(self, ead_1=b""):
        """message_1 and the state that waits for message_2. ``ead_1`` is an encoded EAD field.

        Raises ValueError for an ``ead_1`` that a peer would refuse.
        """
        messages.check_message_1(ead_1)
        with self._take() as session:
            session.set_suite(self.suites_i[-1])
            message_1 = messages.encode_message_1(session.method, self.suites_i, session.g_own(), session.c_i, ead_1)
            session.th = session.crypto.sha256(message_1)
            return message_1, WaitMessage2(session)


class WaitMessage2(State):
    """WAIT_M2: message_1 is on its way."""

    __slots__ = ()

    def receive(self, message_2):
        """Decrypt message_2: ReceivedMessage2. Raises EdhocError, also for a received error message."""
        with self._take() as session:
            crypto = session.crypto
            content = messages.parse_bstr(message_2)
            if len(content) <= G_LEN:
                raise DecodeError("EDHOC: message_2 too short")
            session.g_peer = g_y = content[:G_LEN]
            session.th = th_2 = key_schedule.th_2(crypto, g_y, session.th)
            session.prk = key_schedule.prk_2e(crypto, th_2, crypto.ecdh(session.ephemeral, g_y))
            keystream_2 = key_schedule.keystream_2(crypto, session.prk, th_2, len(content) - G_LEN)
            session.plaintext = plaintext_2 = bytearray(content[G_LEN:])
            for i in range(len(plaintext_2)):
                plaintext_2[i] ^= keystream_2[i]
            proof_len = authentication.proof_length(session.suite, responder_signs(session.method))
            session.received = fields = messages.parse_plaintext(plaintext_2, True, proof_len)
            if fields.c_r == session.c_i:
                raise EdhocError(1, "C_R equals C_I")
            ead.refuse_unknown(fields.items, session.known_ead)
            session.c_r = fields.c_r
            return ReceivedMessage2(session)


class ReceivedMessage2(State):
    """RCVD_M2: what the Responder says of itself, not authenticated yet.

    ``id_cred_r`` is the encoded ID_CRED_R, ``ead_2`` a list of ``(label, value)``, ``c_r`` the identifier
    that goes in front of whatever is sent next. They stay readable when the state is used up.
    """

    __slots__ = ("c_r", "ead_2", "id_cred_r")

    def __init__(self, session):
        super().__init__(session)
        self.c_r = session.c_r
        self.id_cred_r = session.received.id_cred
        self.ead_2 = session.received.items

    def verify(self, peer):
        """Check that the Responder holds the key of ``peer``: VerifiedMessage2. Raises EdhocError.

        ``peer`` may be a list of up to 4, where several credentials share a kid; ValueError for more.
        """
        peers = authentication.candidates(peer)
        with self._take() as session:
            session.peer, prk_3e2m = authentication.authenticate(session, peers, True)
            session.drop_ephemeral()
            session.set_prk(prk_3e2m)
            session.th = key_schedule.th_3(session.crypto, session.th, session.plaintext, session.peer.cred)
            session.drop_received()
            return VerifiedMessage2(session)


class VerifiedMessage2(State):
    """VRFD_M2: the Responder is authenticated; ``peer`` is the one of those given to ``verify``."""

    __slots__ = ("peer",)

    def __init__(self, session):
        super().__init__(session)
        self.peer = session.peer

    def message_3(self, ead_3=b""):
        """message_3 and Done. ``ead_3`` is an encoded EAD field.

        Raises ValueError for an ``ead_3`` that a peer would refuse or that is too long beside our credential.
        """
        session = self._look()
        own = session.own
        suite = session.suite
        signs = initiator_signs(session.method)
        proof_len = authentication.proof_length(suite, signs)
        messages.check_plaintext(own.id_cred, proof_len, ead_3, suite.tag_len)
        with self._take() as session:
            crypto = session.crypto
            th_3 = session.th
            k_3 = key_schedule.k_3(crypto, session.prk, th_3)
            iv_3 = key_schedule.iv_3(crypto, session.prk, th_3)
            g_iy = None if signs else crypto.ecdh(own.private, session.g_peer)
            session.set_prk(key_schedule.prk_4e3m(crypto, session.prk, th_3, g_iy))
            mac_3 = key_schedule.mac_3(
                crypto,
                session.prk,
                own.id_cred,
                th_3,
                own.cred,
                ead_3,
                authentication.mac_length(suite, signs),
            )
            proof = authentication.prove(crypto, signs, own, th_3, ead_3, mac_3)
            plaintext_3 = messages.encode_plaintext(None, own.id_cred, proof, ead_3)
            session.th = key_schedule.th_4(crypto, th_3, plaintext_3, own.cred)
            # Before there is a ciphertext beside the plaintext, so that they are all that memory has to hold.
            session.complete()
            ciphertext_3 = crypto.ccm_seal(k_3, iv_3, enc_structure(th_3), plaintext_3, suite.tag_len)
            wipe(plaintext_3)
            return messages.encode_bstr(ciphertext_3), Done(session)


class Done(Completed):
    """COMPLETED: keys may be exported, but that R has them too is known by message_4 or by OSCORE only."""

    __slots__ = ()

    def receive_message_4(self, message_4):
        """Verify message_4: its EAD items. StateError the second time.

        Raises EdhocError, also for a received error message, and then the keys are gone.
        """
        with self._take_for_message_4() as session:
            ciphertext_4 = messages.parse_bstr(message_4)
            k_4 = key_schedule.k_4(session.crypto, session.prk, session.th)
            iv_4 = key_schedule.iv_4(session.crypto, session.prk, session.th)
            plaintext_4 = session.crypto.ccm_open(
                k_4, iv_4, enc_structure(session.th), ciphertext_4, session.suite.tag_len
            )
            items = messages.parse_plaintext_4(plaintext_4)
            ead.refuse_unknown(items, session.known_ead)
            session.set_prk(None)
        self._session = session
        return items
