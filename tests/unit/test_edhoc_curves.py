"""EDHOC with suites 0 and 1: two keys per side, Ed25519 to sign and X25519 for static DH, never one for the other."""

import unittest

from microbrew import crypto
from microbrew.crypto import ED25519, P256, X25519
from microbrew.edhoc import initiator, responder
from microbrew.edhoc.authentication import initiator_signs, responder_signs
from microbrew.edhoc.credentials import Peer, own_kccs, peer_kccs
from microbrew.errors import EdhocError

CRYPTO = crypto.load()


def owns(first):
    """Own of each curve by its number, kccs, from secrets that start with ``first``."""
    return {
        curve: own_kccs(CRYPTO.load_private(curve, bytes(range(first, first + 32))), "party")
        for curve in (P256, X25519, ED25519)
    }


OWN_I = owns(1)
OWN_R = owns(40)
ALL_R = tuple(OWN_R.values())


def curve_of(suite, signs):
    if suite > 1:
        return P256
    return ED25519 if signs else X25519


def own_i(method, suite):
    return OWN_I[curve_of(suite, initiator_signs(method))]


class Run:
    """One whole exchange in which the responder has all keys."""

    def __init__(self, method, suite):
        self.message_1, wait = initiator.Start(CRYPTO, method, (suite,), b"", own_i(method, suite)).message_1()
        start = responder.Start(CRYPTO, (0, 1, 2, 3), (0, 1, 2, 3), dict.fromkeys(range(4), ALL_R))
        received = start.receive(self.message_1)
        self.message_2, wait_3 = received.message_2(b"\x05")
        received = wait.receive(self.message_2)
        self.shown_r = peer_kccs(received.id_cred_r)
        self.message_3, self.done_i = received.verify(self.shown_r).message_3()
        received = wait_3.receive(self.message_3)
        self.done_r = received.verify(peer_kccs(received.id_cred_i))


class EveryMethodTest(unittest.TestCase):
    def agree(self, suite):
        for method in range(4):
            run = Run(method, suite)
            self.assertEqual(run.done_i.oscore(), run.done_r.oscore())
            self.assertEqual(run.shown_r.curve, curve_of(suite, responder_signs(method)))
            self.assertEqual(run.shown_r.subject, "party")
            self.assertEqual(run.done_i.receive_message_4(run.done_r.message_4()), [])

    def test_suite_0(self):
        self.agree(0)

    def test_suite_1(self):
        self.agree(1)

    def test_suite_2(self):
        self.agree(2)

    def test_suite_3(self):
        self.agree(3)


class KeyOfTheWrongKindTest(unittest.TestCase):
    def test_an_initiator_whose_key_does_not_fit(self):
        for method, suite, curve in (
            (0, 0, X25519),
            (1, 1, X25519),
            (2, 0, ED25519),
            (3, 1, ED25519),
            (0, 0, P256),
            (3, 0, P256),
            (0, 2, ED25519),
            (3, 2, X25519),
        ):
            with self.assertRaises(ValueError):
                initiator.Start(CRYPTO, method, (suite,), b"", OWN_I[curve])

    def test_a_responder_that_lacks_a_key(self):
        for methods, suite, curve in (((0,), 0, X25519), ((1,), 1, ED25519), ((0, 3), 0, ED25519), ((0,), 2, ED25519)):
            with self.assertRaises(ValueError):
                responder.Start(CRYPTO, methods, (suite,), {suite: OWN_R[curve]})
        responder.Start(CRYPTO, (0, 1, 2, 3), (0,), {0: (OWN_R[X25519], OWN_R[ED25519])})

    def test_an_initiator_with_an_ephemeral_key_of_another_curve(self):
        with self.assertRaises(ValueError):
            initiator.Start(CRYPTO, 0, (0,), b"", OWN_I[ED25519], ephemeral=CRYPTO.generate(P256))

    def test_a_responder_drops_an_ephemeral_key_of_another_curve(self):
        ahead = CRYPTO.generate(P256)
        start = responder.Start(CRYPTO, (0,), (0, 2), {0: ALL_R, 2: ALL_R}, ephemeral=ahead)
        message_1, wait = initiator.Start(CRYPTO, 0, (0,), b"", OWN_I[ED25519]).message_1()
        message_2, _ = start.receive(message_1).message_2(b"\x05")
        self.assertIsNone(ahead.secret)
        wait.receive(message_2)

    def test_a_peer_known_by_a_key_of_another_curve_is_refused(self):
        # 32 bytes fit where 32 bytes are wanted; only the curve tells them apart.
        for method, wrong in ((3, ED25519), (0, X25519)):
            message_1, wait = initiator.Start(CRYPTO, method, (0,), b"", own_i(method, 0)).message_1()
            start = responder.Start(CRYPTO, (method,), (0,), {0: ALL_R})
            message_2, _ = start.receive(message_1).message_2(b"\x05")
            received = wait.receive(message_2)
            right = peer_kccs(received.id_cred_r)
            with self.assertRaises(EdhocError) as caught:
                received.verify(Peer(right.cred, right.public, wrong))
            self.assertEqual(caught.exception.info, "authentication failed")

    def test_an_x25519_point_of_small_order_ends_the_run(self):
        start = responder.Start(CRYPTO, (3,), (0,), {0: ALL_R})
        received = start.receive(b"\x03\x00\x58\x20" + bytes(32) + b"\x37")
        with self.assertRaises(EdhocError) as caught:
            received.message_2(b"\x05")
        self.assertEqual(caught.exception.code, 1)


if __name__ == "__main__":
    unittest.main()
