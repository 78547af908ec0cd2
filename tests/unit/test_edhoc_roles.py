"""EDHOC in both roles, byte for byte: RFC 9529, both traces, and the computed sets for methods 0, 2 and 3."""

import json
import unittest
from binascii import unhexlify

from microbrew import crypto
from microbrew.crypto import ED25519, P256, X25519
from microbrew.edhoc import initiator, messages, responder, suites
from microbrew.edhoc.authentication import initiator_signs, responder_signs
from microbrew.edhoc.credentials import Own, Peer
from microbrew.errors import EdhocError

FILE = json.load(open("tests/vectors/edhoc.json"))  # noqa: SIM115
CRYPTO = crypto.load()


class Trace:
    """One set of vectors and the parties that it describes."""

    def __init__(self, values):
        self.values = values
        self.method = values["method"]
        self.suite = values["selected_suite"]
        suites_i = values["suites_i"]
        self.suites_i = suites_i if isinstance(suites_i, list) else [suites_i]

    def __getitem__(self, name):
        return unhexlify(self.values[name])

    def signs(self, side):
        return responder_signs(self.method) if side == "R" else initiator_signs(self.method)

    def curve(self, side):
        """Of the authentication key."""
        if self.suite > 1:
            return P256
        return ED25519 if self.signs(side) else X25519

    def ephemeral(self, name):
        return CRYPTO.load_private(P256 if self.suite > 1 else X25519, self[name])

    def own(self, side):
        private = CRYPTO.load_private(self.curve(side), self["SK_" + side])
        return Own(self["ID_CRED_" + side], self["CRED_" + side], private)

    def peer(self, side):
        if not self.signs(side):
            return Peer(self["CRED_" + side], self["G_" + side], self.curve(side))
        public = self["PK_" + side]
        if self.suite > 1:
            public += self["PK_" + side + "_y"]
        return Peer(self["CRED_" + side], public, self.curve(side))

    def initiator(self):
        return initiator.Start(
            CRYPTO,
            self.method,
            self.suites_i,
            self["C_I"],
            self.own("I"),
            ephemeral=self.ephemeral("X"),
        )

    def responder(self, supported=None):
        own = self.own("R")
        return responder.Start(
            CRYPTO,
            (self.method,),
            supported or (self.suite,),
            dict.fromkeys(supported or (self.suite,), own),
            ephemeral=self.ephemeral("Y"),
        )


class RolesTest(unittest.TestCase):
    def assert_exports(self, done, trace, prefix=""):
        self.assertEqual(done.c_i, trace["C_I"])
        self.assertEqual(done.c_r, trace["C_R"])
        secret, salt = done.oscore()
        self.assertEqual(secret, trace[prefix + "oscore_master_secret"])
        self.assertEqual(salt, trace[prefix + "oscore_master_salt"])

    def run_initiator(self, trace):
        message_1, wait = trace.initiator().message_1()
        self.assertEqual(message_1, trace["message_1"])
        received = wait.receive(trace["message_2"])
        self.assertEqual(received.id_cred_r, trace["ID_CRED_R"])
        self.assertEqual(received.c_r, trace["C_R"])
        self.assertEqual(received.ead_2, [])
        peer = trace.peer("R")
        verified = received.verify(peer)
        self.assertIs(verified.peer, peer)
        message_3, done = verified.message_3()
        self.assertIs(done.peer, peer)
        self.assertEqual(message_3, trace["message_3"])
        self.assert_exports(done, trace)
        self.assertEqual(done.receive_message_4(trace["message_4"]), [])
        return done

    def run_responder(self, trace):
        received = trace.responder().receive(trace["message_1"])
        self.assertEqual(received.method, trace.method)
        self.assertEqual(received.suite, trace.suite)
        self.assertEqual(received.c_i, trace["C_I"])
        self.assertEqual(received.ead_1, [])
        message_2, wait = received.message_2(trace["C_R"])
        self.assertEqual(message_2, trace["message_2"])
        received = wait.receive(trace["message_3"])
        self.assertEqual(received.id_cred_i, trace["ID_CRED_I"])
        self.assertEqual(received.ead_3, [])
        peer = trace.peer("I")
        done = received.verify(peer)
        self.assertIs(done.peer, peer)
        self.assert_exports(done, trace)
        self.assertEqual(done.message_4(), trace["message_4"])
        return done

    def run_both(self, name):
        trace = Trace(FILE["computed_vectors"][name])
        self.run_initiator(trace)
        self.run_responder(trace)

    def test_rfc9529_trace_1_initiator(self):
        trace = Trace(FILE["rfc9529_trace_1"])
        done = self.run_initiator(trace)
        done.key_update(trace["keyupdate_context"])
        self.assert_exports(done, trace, "keyupdate_")

    def test_rfc9529_trace_1_responder(self):
        trace = Trace(FILE["rfc9529_trace_1"])
        done = self.run_responder(trace)
        done.key_update(trace["keyupdate_context"])
        self.assert_exports(done, trace, "keyupdate_")

    def test_rfc9529_trace_2_initiator(self):
        trace = Trace(FILE["rfc9529_trace_2"])
        done = self.run_initiator(trace)
        done.key_update(trace["keyupdate_context"])
        self.assert_exports(done, trace, "keyupdate_")

    def test_rfc9529_trace_2_responder(self):
        trace = Trace(FILE["rfc9529_trace_2"])
        done = self.run_responder(trace)
        done.key_update(trace["keyupdate_context"])
        self.assert_exports(done, trace, "keyupdate_")

    def test_rfc9529_trace_2_first_attempt_is_answered_with_our_suites(self):
        trace = Trace(FILE["rfc9529_trace_2"])
        first = trace.values["first_attempt"]
        with self.assertRaises(EdhocError) as caught:
            trace.responder().receive(unhexlify(first["message_1"]))
        error = caught.exception
        self.assertEqual(messages.error_message(error.code, error.info), unhexlify(first["error_message"]))

    def test_rfc9529_trace_2_second_attempt_follows_from_the_error(self):
        trace = Trace(FILE["rfc9529_trace_2"])
        error = messages.parse_error(unhexlify(trace.values["first_attempt"]["error_message"]))
        self.assertEqual(suites.offer([6, 2], error.info), trace.suites_i)

    def test_m0_s2_x5chain(self):
        self.run_both("m0_s2_x5chain")

    def test_m0_s2_x5t_with_two_suites_offered(self):
        self.run_both("m0_s2_x5t")

    def test_m0_s3_x5t256(self):
        self.run_both("m0_s3_x5t256")

    def test_m2_s2_static_dh_initiator_signing_responder(self):
        self.run_both("m2_s2_I_kid_R_x5chain")

    def test_m3_s3_kid_long_mac_and_long_c_i(self):
        self.run_both("m3_s3_kid")

    def test_m3_s2_certificate_used_for_static_dh(self):
        self.run_both("m3_s2_I_x5chain_R_kid")

    def test_m3_s2_kid_of_four_bytes_and_of_none(self):
        self.run_both("m3_s2_kid_forms")

    def test_responder_refuses_a_suite_that_is_not_the_first_common_one(self):
        trace = Trace(FILE["computed_vectors"]["m0_s3_x5t256"])
        self.assertEqual(trace.suites_i, [2, 3])
        with self.assertRaises(EdhocError) as caught:
            trace.responder(supported=(2, 3)).receive(trace["message_1"])
        self.assertEqual(caught.exception.code, 2)
        self.assertEqual(caught.exception.info, [2, 3])

    def test_responder_refuses_the_suites_of_trace_1(self):
        trace = Trace(FILE["rfc9529_trace_2"])
        start = responder.Start(CRYPTO, (0, 3), (2,), {2: trace.own("R")})
        with self.assertRaises(EdhocError) as caught:
            start.receive(unhexlify(FILE["rfc9529_trace_1"]["message_1"]))
        self.assertEqual(caught.exception.code, 2)
        self.assertEqual(caught.exception.info, [2])

    def test_m0_s0_with_identifiers_too_long_for_oscore(self):
        # EDHOC itself has no such limit: with it lifted, this set runs like any other.
        limit = messages.MAX_CONNECTION_ID
        messages.MAX_CONNECTION_ID = 8
        try:
            self.run_both("m0_s0_ed25519_nonminimal_ids")
        finally:
            messages.MAX_CONNECTION_ID = limit

    def test_connection_identifiers_too_long_for_oscore_are_refused(self):
        trace = Trace(FILE["computed_vectors"]["m0_s0_ed25519_nonminimal_ids"])
        own = Trace(FILE["rfc9529_trace_2"]).own("R")
        with self.assertRaises(EdhocError) as caught:
            responder.Start(CRYPTO, (0,), (2,), {2: own}).receive(trace["message_1"])
        self.assertEqual(caught.exception.code, 1)


if __name__ == "__main__":
    unittest.main()
