"""EDHOC runs between our two roles: every method, misuse of states, and what a failure leaves behind."""

import json
import unittest
from binascii import unhexlify

from microbrew import crypto
from microbrew.crypto import P256
from microbrew.edhoc import ead, initiator, messages, responder
from microbrew.edhoc.credentials import Peer, certificates, own_kccs, own_x5chain, peer_kccs, peer_x5chain
from microbrew.errors import EdhocError, StateError

FILE = json.load(open("tests/vectors/edhoc.json"))  # noqa: SIM115
SET = FILE["computed_vectors"]["m0_s2_x5chain"]
CRYPTO = crypto.load()

KEY_I = CRYPTO.load_private(P256, unhexlify(SET["SK_I"]))
KEY_R = CRYPTO.load_private(P256, unhexlify(SET["SK_R"]))
OWN_I = own_x5chain(unhexlify(FILE["computed_vectors_certificates"]["initiator_cert_der"]), KEY_I)
OWN_R = own_kccs(KEY_R, "jrc")


def peer_i(id_cred_i):
    return peer_x5chain(certificates(id_cred_i)[0], KEY_I.public)


class Run:
    """One exchange, step by step; keyword arguments are those of Start."""

    def __init__(self, method=0, suite=2, known_i=(), known_r=()):
        self.i = initiator.Start(CRYPTO, method, (suite,), b"", OWN_I, known_ead=known_i)
        self.r = responder.Start(CRYPTO, (method,), (suite,), {suite: OWN_R}, known_ead=known_r)

    def to_message_1(self, ead_1=b""):
        self.message_1, self.wait_2 = self.i.message_1(ead_1)
        return self

    def to_message_2(self, ead_1=b"", ead_2=b""):
        self.to_message_1(ead_1)
        self.received_1 = self.r.receive(self.message_1)
        self.message_2, self.wait_3 = self.received_1.message_2(b"\x05", ead_2)
        return self

    def to_message_3(self, ead_1=b"", ead_2=b"", ead_3=b""):
        self.to_message_2(ead_1, ead_2)
        self.received_2 = self.wait_2.receive(self.message_2)
        self.verified_2 = self.received_2.verify(peer_kccs(self.received_2.id_cred_r))
        self.message_3, self.done_i = self.verified_2.message_3(ead_3)
        return self

    def to_done(self, ead_1=b"", ead_2=b"", ead_3=b""):
        self.to_message_3(ead_1, ead_2, ead_3)
        self.received_3 = self.wait_3.receive(self.message_3)
        self.done_r = self.received_3.verify(peer_i(self.received_3.id_cred_i))
        return self


class Watch:
    """Remembers the secrets of a state, to look at them when it is gone."""

    def __init__(self, state):
        self.session = state._session
        session = self.session
        self.buffers = [s for s in (session.prk, session.prk_out, session.plaintext) if isinstance(s, bytearray)]
        self.ephemeral = session.ephemeral

    def remains(self):
        """Names of what is left."""
        left = []
        for buffer in self.buffers:
            if bytes(buffer) != bytes(len(buffer)):
                left.append("buffer")
        if self.ephemeral is not None and self.ephemeral.secret is not None:
            left.append("ephemeral")
        for name in type(self.session).__slots__:
            if name not in PUBLIC and getattr(self.session, name) is not None:
                left.append(name)
        return left


# What a session may keep: whoever was on the way here chose it.
PUBLIC = ("crypto", "known_ead", "method", "suite")


def flip(message, position):
    changed = bytearray(message)
    changed[position] ^= 1
    return bytes(changed)


class EveryMethodTest(unittest.TestCase):
    def agree(self, method, suite):
        run = Run(method, suite).to_done()
        self.assertEqual(run.done_i.oscore(), run.done_r.oscore())
        self.assertEqual(run.done_i.exporter(32768, b"id", 16), run.done_r.exporter(32768, b"id", 16))
        self.assertEqual(run.done_i.receive_message_4(run.done_r.message_4()), [])
        self.assertEqual(len(run.message_1), 37)
        return run

    def test_method_0(self):
        self.agree(0, 2)

    def test_method_1(self):
        self.agree(1, 2)

    def test_method_2(self):
        self.agree(2, 3)

    def test_method_3(self):
        self.agree(3, 3)

    def test_two_runs_share_nothing(self):
        one = self.agree(0, 2)
        two = self.agree(0, 2)
        self.assertNotEqual(one.message_1, two.message_1)
        self.assertNotEqual(one.done_i.oscore(), two.done_i.oscore())


class ExportTest(unittest.TestCase):
    def setUp(self):
        self.run_ = Run(3).to_done()

    def test_labels_and_contexts_give_different_keys(self):
        done = self.run_.done_i
        keys = [
            done.exporter(32768, b"", 16),
            done.exporter(32769, b"", 16),
            done.exporter(32768, b"a", 16),
            done.exporter(32768, b"", 17)[:16],
            done.oscore()[0],
        ]
        for i in range(len(keys)):
            for j in range(i):
                self.assertNotEqual(keys[i], keys[j])

    def test_labels_and_lengths_out_of_range_are_refused(self):
        for label, length in ((-1, 16), (32768, -1), (32768, 8161)):
            with self.assertRaises(ValueError):
                self.run_.done_i.exporter(label, b"", length)
        self.assertEqual(len(self.run_.done_i.exporter(32768, b"", 8160)), 8160)

    def test_key_update_changes_keys_alike_on_both_sides(self):
        before = self.run_.done_i.oscore()
        self.run_.done_i.key_update(b"context")
        self.run_.done_r.key_update(b"context")
        self.assertNotEqual(self.run_.done_i.oscore(), before)
        self.assertEqual(self.run_.done_i.oscore(), self.run_.done_r.oscore())

    def test_no_message_4_after_key_update(self):
        message_4 = self.run_.done_r.message_4()
        self.run_.done_i.key_update(b"context")
        with self.assertRaises(StateError):
            self.run_.done_i.receive_message_4(message_4)
        self.assertEqual(len(self.run_.done_i.oscore()[0]), 16)

    def test_message_4_is_made_and_read_once(self):
        message_4 = self.run_.done_r.message_4()
        with self.assertRaises(StateError):
            self.run_.done_r.message_4()
        self.run_.done_i.receive_message_4(message_4)
        with self.assertRaises(StateError):
            self.run_.done_i.receive_message_4(message_4)
        self.assertEqual(self.run_.done_i.oscore(), self.run_.done_r.oscore())

    def test_wiped_keys_are_gone(self):
        watch = Watch(self.run_.done_i)
        self.run_.done_i.wipe()
        self.run_.done_i.wipe()
        self.assertEqual(watch.remains(), [])
        with self.assertRaises(StateError):
            self.run_.done_i.oscore()
        with self.assertRaises(StateError):
            _ = self.run_.done_i.c_r


class ReuseTest(unittest.TestCase):
    """Each message is processed once: a state that has done its step does no other."""

    def test_states_are_used_up(self):
        run = Run(3).to_done()
        peer = Peer(OWN_R.cred, KEY_R.public)
        for step, args in (
            (run.i.message_1, ()),
            (run.wait_2.receive, (run.message_2,)),
            (run.received_2.verify, (peer,)),
            (run.verified_2.message_3, ()),
            (run.r.receive, (run.message_1,)),
            (run.received_1.message_2, (b"\x05",)),
            (run.wait_3.receive, (run.message_3,)),
            (run.received_3.verify, (peer,)),
        ):
            with self.assertRaises(StateError):
                step(*args)
        self.assertEqual(run.done_i.oscore(), run.done_r.oscore())

    def test_used_states_hold_no_session(self):
        run = Run(3).to_done()
        for state in (run.i, run.wait_2, run.received_2, run.verified_2, run.r, run.received_1, run.wait_3):
            self.assertIsNone(state._session)

    def test_what_the_peer_said_stays_readable(self):
        run = Run(3).to_done()
        self.assertEqual(run.received_2.c_r, b"\x05")
        self.assertEqual(run.received_2.id_cred_r, OWN_R.id_cred)
        self.assertEqual(run.received_3.id_cred_i, OWN_I.id_cred)
        self.assertEqual(run.received_1.c_i, b"")

    def test_an_ephemeral_key_serves_one_run(self):
        pair = CRYPTO.generate(P256)
        _, wait = initiator.Start(CRYPTO, 3, (2,), b"", OWN_I, ephemeral=pair).message_1()
        wait.wipe()
        self.assertIsNone(pair.secret)
        _, wait = initiator.Start(CRYPTO, 3, (2,), b"", OWN_I, ephemeral=pair).message_1()
        message_2 = Run(3).to_message_2().message_2
        with self.assertRaises(StateError):
            wait.receive(message_2)

    def test_keys_of_a_finished_run_hold_no_ephemeral_key(self):
        run = Run(3).to_done()
        for done in (run.done_i, run.done_r):
            session = done._session
            self.assertIsNone(session.ephemeral)
            self.assertIsNone(session.plaintext)
            self.assertIsNone(session.received)


class FailureTest(unittest.TestCase):
    """What the peer sent does not hold: one EdhocError, no exception of another kind, no secrets left."""

    def fails(self, state, step, *args):
        watch = Watch(state)
        with self.assertRaises(EdhocError) as caught:
            step(*args)
        self.assertEqual(watch.remains(), [])
        self.assertIsNone(state._session)
        self.assertFalse(caught.exception.received)
        return caught.exception

    def test_message_1_from_an_older_error(self):
        run = Run()
        error = self.fails(run.r, run.r.receive, b"\x03")
        self.assertEqual((error.code, error.info), (1, "malformed message"))

    def test_message_2_with_a_point_that_is_none(self):
        run = Run(3).to_message_2()
        g_y = bytearray(run.message_2)
        g_y[2:34] = b"\xff" * 32
        self.fails(run.wait_2, run.wait_2.receive, bytes(g_y))

    def test_message_2_too_short_for_a_key(self):
        for message_2 in (b"\x40", b"\x58\x20" + bytes(32), b"", b"\x58"):
            run = Run(3).to_message_1()
            self.fails(run.wait_2, run.wait_2.receive, message_2)

    def test_a_changed_c_r_is_found_by_the_mac(self):
        run = Run(3).to_message_2()
        received = run.wait_2.receive(flip(run.message_2, 34))
        error = self.fails(received, received.verify, peer_kccs(received.id_cred_r))
        self.assertEqual((error.code, error.info), (1, "authentication failed"))

    def test_a_changed_mac_2(self):
        run = Run(3).to_message_2()
        received = run.wait_2.receive(flip(run.message_2, len(run.message_2) - 1))
        self.fails(received, received.verify, peer_kccs(received.id_cred_r))

    def test_a_changed_signature_2(self):
        run = Run(0).to_message_2()
        received = run.wait_2.receive(flip(run.message_2, len(run.message_2) - 1))
        self.fails(received, received.verify, peer_kccs(received.id_cred_r))

    def test_another_key_than_the_responders(self):
        for method in (0, 3):
            run = Run(method).to_message_2()
            received = run.wait_2.receive(run.message_2)
            other = CRYPTO.generate(P256).public
            self.fails(received, received.verify, Peer(peer_kccs(received.id_cred_r).cred, other))

    def test_another_key_than_the_initiators(self):
        for method in (0, 3):
            run = Run(method).to_message_3()
            received = run.wait_3.receive(run.message_3)
            other = CRYPTO.generate(P256).public
            self.fails(received, received.verify, peer_x5chain(certificates(received.id_cred_i)[0], other))

    def test_another_certificate_than_the_initiators(self):
        run = Run(0).to_message_3()
        received = run.wait_3.receive(run.message_3)
        self.fails(received, received.verify, peer_x5chain(b"another", KEY_I.public))

    def test_a_signer_known_by_x_alone(self):
        run = Run(0).to_message_3()
        received = run.wait_3.receive(run.message_3)
        peer = Peer(peer_i(received.id_cred_i).cred, KEY_I.public[:32])
        self.fails(received, received.verify, peer)

    def test_our_own_credential_mirrored(self):
        own = own_kccs(KEY_I, "same")
        start = responder.Start(CRYPTO, (3,), (2,), {2: own})
        message_1, wait = initiator.Start(CRYPTO, 3, (2,), b"", own).message_1()
        message_2, _ = start.receive(message_1).message_2(b"\x05")
        received = wait.receive(message_2)
        self.fails(received, received.verify, peer_kccs(received.id_cred_r))

    def test_c_r_equal_to_c_i(self):
        run = Run(3).to_message_1()
        received = run.r.receive(run.message_1)
        received.c_i = b"not the real one"
        message_2, _ = received.message_2(b"")
        self.fails(run.wait_2, run.wait_2.receive, message_2)

    def test_any_changed_byte_of_message_3(self):
        for position in (0, 1, 2, 3, 200, -1):
            run = Run(0).to_message_3()
            self.fails(run.wait_3, run.wait_3.receive, flip(run.message_3, position))

    def test_message_3_of_another_run(self):
        message_3 = Run(3).to_message_3().message_3
        run = Run(3).to_message_2()
        self.fails(run.wait_3, run.wait_3.receive, message_3)

    def test_message_3_shorter_than_its_tag(self):
        for message_3 in (b"\x40", b"\x47" + bytes(7), b"\x48" + bytes(8)):
            run = Run(3).to_message_2()
            self.fails(run.wait_3, run.wait_3.receive, message_3)

    def test_a_changed_message_4_takes_the_keys_away(self):
        run = Run(3).to_done()
        message_4 = run.done_r.message_4()
        self.fails(run.done_i, run.done_i.receive_message_4, flip(message_4, 8))
        with self.assertRaises(StateError):
            run.done_i.oscore()

    def test_a_message_1_changed_on_the_way_is_found_by_the_initiator(self):
        run = Run(3).to_message_1(ead.encode_items([(5, b"a")]))
        message_2, _ = run.r.receive(flip(run.message_1, len(run.message_1) - 1)).message_2(b"\x05")
        with self.assertRaises(EdhocError):
            received = run.wait_2.receive(message_2)
            received.verify(peer_kccs(received.id_cred_r))

    def test_errors_of_the_peer_end_the_run(self):
        run = Run(3).to_done()
        fresh = Run(3).to_message_2()
        for state, step in (
            (fresh.wait_2, fresh.wait_2.receive),
            (fresh.wait_3, fresh.wait_3.receive),
            (run.done_i, run.done_i.receive_message_4),
        ):
            watch = Watch(state)
            with self.assertRaises(EdhocError) as caught:
                step(b"\x01\x62no")
            self.assertTrue(caught.exception.received)
            self.assertEqual(caught.exception.info, "no")
            self.assertEqual(watch.remains(), [])

    def test_a_run_can_be_abandoned(self):
        run = Run(3).to_message_2()
        received = run.wait_2.receive(run.message_2)
        for state in (received, run.wait_3):
            watch = Watch(state)
            state.wipe()
            self.assertEqual(watch.remains(), [])
        with self.assertRaises(StateError):
            received.verify(peer_kccs(received.id_cred_r))


class Counting:
    """The crypto backend, counting the expensive verbs."""

    def __init__(self):
        self.calls = 0

    def ecdh(self, private, peer):
        self.calls += 1
        return CRYPTO.ecdh(private, peer)

    def verify(self, *args):
        self.calls += 1
        CRYPTO.verify(*args)

    def __getattr__(self, name):
        return getattr(CRYPTO, name)


class CandidatesTest(unittest.TestCase):
    """Several credentials under one kid: verify finds the one that fits, by the same work whichever it is."""

    def others(self, count):
        return [Peer(own_kccs(CRYPTO.generate(P256)).cred, CRYPTO.generate(P256).public) for _ in range(count)]

    def received(self, method):
        run = Run(method).to_message_2()
        received = run.wait_2.receive(run.message_2)
        received._session.crypto = Counting()
        return run, received

    def test_the_right_one_is_found_at_any_place_by_the_same_work(self):
        for method in (0, 3):
            calls = []
            for place in range(4):
                run, received = self.received(method)
                right = peer_kccs(received.id_cred_r)
                peers = self.others(3)
                peers.insert(place, right)
                counter = received._session.crypto
                verified = received.verify(peers)
                self.assertIs(verified.peer, right)
                calls.append(counter.calls)
                self.message_3, done = verified.message_3()
                received = run.wait_3.receive(self.message_3)
                peers[place] = peer_i(received.id_cred_i)
                done_r = received.verify(peers)
                self.assertIs(done_r.peer, peers[place])
                self.assertEqual(done.oscore(), done_r.oscore())
            self.assertEqual(calls, [4] * 4)

    def test_the_first_of_two_that_fit_is_taken(self):
        run, received = self.received(3)
        right = peer_kccs(received.id_cred_r)
        again = Peer(right.cred, right.public)
        self.assertIs(received.verify((right, again)).peer, right)

    def test_none_that_fits(self):
        for method in (0, 3):
            _, received = self.received(method)
            watch = Watch(received)
            with self.assertRaises(EdhocError) as caught:
                received.verify(self.others(4))
            self.assertEqual((caught.exception.code, caught.exception.info), (1, "authentication failed"))
            self.assertEqual(watch.remains(), [])

    def test_our_own_credential_among_them_is_passed_over(self):
        run, received = self.received(3)
        right = peer_kccs(received.id_cred_r)
        verified = received.verify([Peer(OWN_I.cred, KEY_I.public), right])
        self.assertIs(verified.peer, right)

    def test_none_and_too_many_are_the_callers_mistake(self):
        run, received = self.received(3)
        for peers in ([], (), self.others(5)):
            with self.assertRaises(ValueError):
                received.verify(peers)
        received.verify(peer_kccs(received.id_cred_r))


class WipingTest(unittest.TestCase):
    def test_a_step_that_fails_by_our_own_fault_leaves_nothing_either(self):
        key = CRYPTO.load_private(P256, bytes(range(1, 33)))
        message_1, wait = initiator.Start(CRYPTO, 3, (2,), b"", own_kccs(key)).message_1()
        message_2, _ = responder.Start(CRYPTO, (3,), (2,), {2: OWN_R}).receive(message_1).message_2(b"\x05")
        received = wait.receive(message_2)
        verified = received.verify(peer_kccs(received.id_cred_r))
        key.wipe()
        watch = Watch(verified)
        with self.assertRaises(StateError):
            verified.message_3()
        self.assertEqual(watch.remains(), [])
        self.assertIsNone(verified._session)

    def test_a_broken_random_generator_ends_the_run(self):
        broken = type(CRYPTO)(lambda length: bytes(length))
        run = initiator.Start(broken, 3, (2,), b"", OWN_I)
        watch = Watch(run)
        with self.assertRaises(EdhocError):
            run.message_1()
        self.assertEqual(watch.remains(), [])

    def test_prks_are_overwritten_as_the_run_goes_on(self):
        run = Run(3).to_message_2()
        before = run.wait_3._session.prk
        self.assertNotEqual(bytes(before), bytes(32))
        received = run.wait_2.receive(run.message_2)
        prk_2e = received._session.prk
        plaintext = received._session.plaintext
        verified = received.verify(peer_kccs(received.id_cred_r))
        prk_3e2m = verified._session.prk
        self.assertEqual((bytes(prk_2e), bytes(plaintext)), (bytes(32), bytes(len(plaintext))))
        self.assertEqual(bytes(prk_3e2m), bytes(before))
        message_3, _ = verified.message_3()
        self.assertEqual(bytes(prk_3e2m), bytes(32))
        received = run.wait_3.receive(message_3)
        received.verify(peer_i(received.id_cred_i))
        self.assertEqual(bytes(before), bytes(32))

    def test_a_signers_own_key_survives(self):
        # The credential belongs to the application, not to the run.
        run = Run(0).to_done()
        run.done_i.wipe()
        self.assertIsNotNone(KEY_I.secret)


class EadTest(unittest.TestCase):
    def test_items_of_every_message_arrive(self):
        run = Run(0, known_i=(7,), known_r=(7,))
        items = [(-7, b"critical"), (300, None)]
        field = ead.encode_items([(0, b"padding")] + items)
        run.to_done(field, field, field)
        self.assertEqual(run.received_1.ead_1, items)
        self.assertEqual(run.received_2.ead_2, items)
        self.assertEqual(run.received_3.ead_3, items)
        self.assertEqual(run.done_i.receive_message_4(run.done_r.message_4(field)), items)
        self.assertEqual(run.done_i.oscore(), run.done_r.oscore())

    def test_unknown_critical_items_end_the_run(self):
        field = ead.encode_items([(-7, None)])
        run = Run(3).to_message_1(field)
        with self.assertRaises(EdhocError):
            run.r.receive(run.message_1)
        run = Run(3).to_message_2(b"", field)
        with self.assertRaises(EdhocError):
            run.wait_2.receive(run.message_2)
        run = Run(3).to_message_3(b"", b"", field)
        with self.assertRaises(EdhocError):
            run.wait_3.receive(run.message_3)
        run = Run(3).to_done()
        with self.assertRaises(EdhocError):
            run.done_i.receive_message_4(run.done_r.message_4(field))

    def test_padding_hides_what_it_is_added_to(self):
        lengths = []
        for value in (b"", b"short", b"a value of some length"):
            field = ead.pad(ead.encode_items([(300, value)]), 60, CRYPTO.random)
            run = Run(0).to_done(field, field, field)
            self.assertEqual(run.received_3.ead_3, [(300, value)])
            message_4 = run.done_r.message_4(field)
            self.assertEqual(run.done_i.receive_message_4(message_4), [(300, value)])
            lengths.append([len(message) for message in (run.message_1, run.message_2, run.message_3, message_4)])
        self.assertEqual(lengths[0], lengths[1])
        self.assertEqual(lengths[0], lengths[2])

    def test_unknown_items_that_are_not_critical_are_authenticated_all_the_same(self):
        field = ead.encode_items([(301, b"x")])
        run = Run(3).to_message_2(b"", field)
        changed = flip(run.message_2, len(run.message_2) - 1)
        received = run.wait_2.receive(changed)
        self.assertEqual(received.ead_2, [(301, b"y")])
        with self.assertRaises(EdhocError):
            received.verify(peer_kccs(received.id_cred_r))


class ErrorOutTest(unittest.TestCase):
    """Whatever fails in either role becomes an error message that the other role understands."""

    def told(self, step, *args):
        with self.assertRaises(EdhocError) as caught:
            step(*args)
        error = caught.exception
        self.assertFalse(error.received)
        return messages.error_message(error.code, error.info)

    def test_the_responders_errors_reach_the_initiator(self):
        run = Run().to_message_1()
        other = responder.Start(CRYPTO, (0,), (3,), {3: OWN_R})
        with self.assertRaises(EdhocError) as caught:
            run.wait_2.receive(self.told(other.receive, run.message_1))
        self.assertEqual((caught.exception.code, caught.exception.info), (2, [3]))
        self.assertTrue(caught.exception.received)
        run = Run().to_message_3()
        refusal = self.told(run.wait_3.receive, flip(run.message_3, 3))
        with self.assertRaises(EdhocError) as caught:
            run.done_i.receive_message_4(refusal)
        self.assertEqual((caught.exception.code, caught.exception.info), (1, "authentication failed"))

    def test_the_initiators_errors_reach_the_responder(self):
        run = Run(3).to_message_2()
        refusal = self.told(run.wait_2.receive, run.message_2[:40])
        with self.assertRaises(EdhocError) as caught:
            run.wait_3.receive(refusal)
        self.assertEqual((caught.exception.code, caught.exception.info), (1, "malformed message"))
        run = Run(3).to_message_2()
        received = run.wait_2.receive(run.message_2)
        received.wipe()
        with self.assertRaises(EdhocError) as caught:
            run.wait_3.receive(messages.error_message(3, True))
        self.assertEqual(caught.exception.code, 3)

    def test_an_error_in_the_place_of_message_1_is_no_message_1(self):
        for error in (b"\x01\x62no", b"\x02\x02", b"\x03\xf5"):
            run = Run()
            with self.assertRaises(EdhocError):
                run.r.receive(error)


class CallerTest(unittest.TestCase):
    """Mistakes of our own side cost nothing: the state can still do its step."""

    def test_initiator_arguments(self):
        for method, suites_i, c_i in (
            (4, (2,), b""),
            (-1, (2,), b""),
            (0, (), b""),
            (0, (0,), b""),
            (0, (2, 6), b""),
            (0, (6,) * 8 + (2,), b""),
            (0, (2,), bytes(8)),
        ):
            with self.assertRaises(ValueError):
                initiator.Start(CRYPTO, method, suites_i, c_i, OWN_I)

    def test_responder_arguments(self):
        for supported, owns in (((0,), {0: OWN_R}), ((2, 3), {2: OWN_R})):
            with self.assertRaises(ValueError):
                responder.Start(CRYPTO, (0,), supported, owns)

    def test_ead_fields_that_a_peer_would_refuse_leave_the_state_usable(self):
        run = Run(3).to_message_1()
        bad = [
            b"\x40",
            b"\xf6",
            b"\x05\x41",
            b"\x18\x05",
            b"\x1a\x00\x01\x00\x00",
            b"\x01" * 5,
            b"\x05" + b"\x59\x04\xb0" + bytes(1200),
        ]
        fresh = initiator.Start(CRYPTO, 3, (2,), b"", OWN_I)
        for field in bad:
            with self.assertRaises(ValueError):
                fresh.message_1(field)
        fresh.message_1()
        received = run.r.receive(run.message_1)
        for field in bad:
            with self.assertRaises(ValueError):
                received.message_2(b"\x05", field)
        message_2, wait_3 = received.message_2(b"\x05")
        received = run.wait_2.receive(message_2)
        verified = received.verify(peer_kccs(received.id_cred_r))
        for field in bad:
            with self.assertRaises(ValueError):
                verified.message_3(field)
        message_3, _ = verified.message_3()
        received = wait_3.receive(message_3)
        done = received.verify(peer_i(received.id_cred_i))
        for field in bad:
            with self.assertRaises(ValueError):
                done.message_4(field)
        self.assertEqual(len(done.message_4()), 9)

    def test_messages_of_the_greatest_length_arrive(self):
        def longest(start, step):
            """The longest EAD field that ``step`` takes; one byte more is refused."""
            length = start
            while True:
                try:
                    return step(ead.encode_items([(5, bytes(length))]))
                except ValueError:
                    length -= 1

        run = Run(3)
        message_1, wait_2 = longest(1160, run.i.message_1)
        # The limit counts suites and identifiers at their longest.
        self.assertGreater(len(message_1), 1150)
        received = run.r.receive(message_1)
        message_2, wait_3 = longest(1100, lambda field: received.message_2(b"\x05", field))
        self.assertIn(len(message_2), (1198, 1199, 1200))
        received = wait_2.receive(message_2)
        verified = received.verify(peer_kccs(received.id_cred_r))
        message_3, done_i = longest(1100, verified.message_3)
        self.assertIn(len(message_3), (1198, 1199, 1200))
        received = wait_3.receive(message_3)
        done_r = received.verify(peer_i(received.id_cred_i))
        message_4 = longest(1200, done_r.message_4)
        self.assertGreater(len(message_4), 1185)
        self.assertEqual(len(done_i.receive_message_4(message_4)), 1)

    def test_a_bad_c_r_leaves_the_state_usable(self):
        received = responder.Start(CRYPTO, (3,), (2,), {2: OWN_R}).receive(Run(3).to_message_1().message_1)
        for c_r in (b"", bytes(8)):
            with self.assertRaises(ValueError):
                received.message_2(c_r)
        message_2, _ = received.message_2(b"\x05")
        self.assertGreater(len(message_2), 40)


if __name__ == "__main__":
    unittest.main()
