"""What OSCORE refuses, and that a refusal changes nothing."""

import unittest

from microbrew import crypto
from microbrew.coap import numbers
from microbrew.coap.message import Message, encode_options, response
from microbrew.errors import OscoreError, StateError
from microbrew.oscore import option, protect
from microbrew.oscore.context import Context, Volatile
from microbrew.oscore.replay import Window

CRYPTO = crypto.load()
SECRET = bytes(range(16))


def pair(replay=None, number=0):
    client = Context(CRYPTO, SECRET, b"salt", b"c", b"s", None, Volatile(number))
    server = Context(CRYPTO, SECRET, b"salt", b"s", b"c", None, None, replay)
    return client, server


def request(payload=b"hello"):
    message = Message(numbers.CON, numbers.POST, 7, b"\x01\x02", [], payload)
    return message.add(numbers.URI_HOST, "h").add(numbers.URI_PATH, "j").add(numbers.URI_QUERY, "q=1")


def with_option(message, value):
    message.remove(numbers.OSCORE)
    return message.add(numbers.OSCORE, value)


def sealed(ctx, plaintext):
    """A request whose plaintext is as given: what only a peer with the key can send."""
    piv = ctx.next_piv()
    ciphertext = ctx.seal(ctx.nonce(ctx.sender_id, piv), ctx.sender_id, piv, plaintext)
    options = [(numbers.OSCORE, option.encode(piv, ctx.sender_id))]
    return Message(numbers.CON, numbers.POST, 7, b"", options, ciphertext)


class Refusals(unittest.TestCase):
    def refused(self, code, function, *args):
        with self.assertRaises(OscoreError) as raised:
            function(*args)
        self.assertEqual(raised.exception.code, code)
        return raised.exception

    def test_a_replay_is_refused_and_changes_nothing(self):
        client, server = pair()
        outer, _ = protect.protect_request(client, request())
        protect.unprotect_request(server, outer)
        before = (server.replay.lower_edge, server.replay.bitmap)
        error = self.refused(numbers.UNAUTHORIZED, protect.unprotect_request, server, outer)
        self.assertEqual(str(error), "Replay detected")
        self.assertEqual((server.replay.lower_edge, server.replay.bitmap), before)

    def test_every_flipped_bit_is_refused_and_leaves_the_window_unchanged(self):
        client, server = pair()
        outer, _ = protect.protect_request(client, request())
        for i in range(len(outer.payload)):
            forged = bytearray(outer.payload)
            forged[i] ^= 1 << (i & 7)
            bad = Message(outer.type, outer.code, outer.mid, outer.token, outer.options, bytes(forged))
            error = self.refused(numbers.BAD_REQUEST, protect.unprotect_request, server, bad)
            self.assertEqual(str(error), "Decryption failed")
        self.assertEqual((server.replay.lower_edge, server.replay.bitmap), (0, 0))
        inner, _ = protect.unprotect_request(server, outer)
        self.assertEqual(inner.payload, b"hello")

    def test_a_changed_partial_iv_is_refused(self):
        client, server = pair()
        outer, _ = protect.protect_request(client, request())
        with_option(outer, option.encode(b"\x05", b"c"))
        self.refused(numbers.BAD_REQUEST, protect.unprotect_request, server, outer)
        self.assertEqual(server.replay.bitmap, 0)

    def test_malformed_options_are_bad_option(self):
        client, server = pair()
        # Without kid; without Partial IV; reserved bit; truncated; zero flags.
        for value in (b"\x01\x00", b"\x08c", b"\x29\x00c", b"\x0d\x00", b"\x00", b""):
            outer, _ = protect.protect_request(client, request())
            with_option(outer, value)
            self.refused(numbers.BAD_OPTION, protect.unprotect_request, server, outer)

    def test_a_message_without_payload_or_with_two_options_is_bad_option(self):
        client, server = pair()
        outer, _ = protect.protect_request(client, request())
        twice = Message(0, 2, 1, b"", outer.options + [(9, b"")], outer.payload)
        self.refused(numbers.BAD_OPTION, protect.unprotect_request, server, twice)
        outer.payload = b""
        self.refused(numbers.BAD_OPTION, protect.unprotect_request, server, outer)

    def test_an_unknown_kid_or_kid_context_is_unauthorized(self):
        client, server = pair()
        for value in (option.encode(b"\x00", b"x"), option.encode(b"\x00", b""), b"\x19\x00\x01zc"):
            outer, _ = protect.protect_request(client, request())
            with_option(outer, value)
            error = self.refused(numbers.UNAUTHORIZED, protect.unprotect_request, server, outer)
            self.assertEqual(str(error), "Security context not found")

    def test_an_unprotected_message_is_refused_both_ways(self):
        client, server = pair()
        self.refused(numbers.UNAUTHORIZED, protect.unprotect_request, server, request())
        _, binding = protect.protect_request(client, request())
        plain = response(numbers.CHANGED, b"x")
        self.refused(numbers.UNAUTHORIZED, protect.unprotect_response, client, plain, binding)

    def test_a_ciphertext_shorter_than_a_tag_is_refused(self):
        client, server = pair()
        outer, _ = protect.protect_request(client, request())
        for length in range(1, 9):
            outer.payload = outer.payload[:length]
            self.refused(numbers.BAD_REQUEST, protect.unprotect_request, server, outer)

    def test_a_verified_but_malformed_inner_message_is_refused(self):
        client, server = pair()
        # A response code, an Empty code, a reserved class, a marker without payload, a truncated option.
        for plaintext in (b"\x44", b"\x00", b"\xe1", b"\x02\xff", b"\x02\xb5abc", b""):
            self.refused(numbers.BAD_REQUEST, protect.unprotect_request, server, sealed(client, plaintext))

    def test_protection_inside_protection_is_refused(self):
        client, server = pair()
        for number in (numbers.OSCORE, numbers.EDHOC):
            plaintext = bytearray((numbers.POST,))
            encode_options(plaintext, [(number, b"")], b"")
            self.refused(numbers.BAD_OPTION, protect.unprotect_request, server, sealed(client, plaintext))

    def test_a_refusal_is_an_unprotected_response_with_a_diagnostic(self):
        answer = protect.refusal(OscoreError(numbers.UNAUTHORIZED, "Replay detected"))
        self.assertEqual((answer.code, answer.payload), (numbers.UNAUTHORIZED, b"Replay detected"))


class InnerAndOuter(unittest.TestCase):
    def test_only_class_u_options_stay_visible(self):
        client, _ = pair()
        plain = request().add(numbers.PROXY_SCHEME, "coap").add(numbers.CONTENT_FORMAT, 60).add(2049, b"x")
        outer, _ = protect.protect_request(client, plain)
        self.assertEqual([n for n, _ in Message.decode(outer.encode()).options], [3, 9, 39])
        self.assertEqual(outer.code, numbers.POST)

    def test_outer_options_of_class_e_are_discarded(self):
        client, server = pair()
        outer, _ = protect.protect_request(client, request())
        outer.add(numbers.URI_PATH, "evil").add(numbers.BLOCK1, 8).add(numbers.ECHO, b"e").add(2051, b"")
        outer.code = numbers.FETCH
        inner, _ = protect.unprotect_request(server, Message.decode(outer.encode()))
        self.assertEqual(inner.path(), ("j",))
        self.assertEqual([n for n, _ in inner.options], [3, 11, 15])
        self.assertEqual(inner.code, numbers.POST)

    def test_an_inner_observe_is_ignored(self):
        client, server = pair()
        plaintext = bytearray((numbers.GET,))
        encode_options(plaintext, [(numbers.OBSERVE, b""), (numbers.URI_PATH, b"a")], b"")
        inner, _ = protect.unprotect_request(server, sealed(client, plaintext))
        self.assertIsNone(inner.option(numbers.OBSERVE))
        self.assertEqual(inner.path(), ("a",))

    def test_an_edhoc_option_left_outside_stays_for_the_critical_option_check(self):
        client, server = pair()
        outer, _ = protect.protect_request(client, request())
        inner, _ = protect.unprotect_request(server, outer.add(numbers.EDHOC, b""))
        self.assertEqual(inner.option(numbers.EDHOC), b"")

    def test_what_cannot_be_protected_is_the_callers_mistake(self):
        client, _ = pair()
        for number in (numbers.OSCORE, numbers.PROXY_URI, numbers.OBSERVE):
            self.assertRaises(ValueError, protect.protect_request, client, request().add(number, b""))


class Responses(unittest.TestCase):
    def test_a_binding_takes_one_response(self):
        client, server = pair()
        outer, own = protect.protect_request(client, request())
        _, binding = protect.unprotect_request(server, outer)
        answer = protect.protect_response(server, response(numbers.CHANGED, b"1"), binding)
        self.assertRaises(StateError, protect.protect_response, server, response(numbers.CHANGED), binding)
        self.assertEqual(protect.unprotect_response(client, answer, own).payload, b"1")
        self.assertRaises(OscoreError, protect.unprotect_response, client, answer, own)

    def test_a_second_response_may_use_a_number_of_its_own(self):
        client, server = pair()
        outer, own = protect.protect_request(client, request())
        _, binding = protect.unprotect_request(server, outer)
        first = protect.protect_response(server, response(numbers.CHANGED, b"1"), binding, True)
        second = protect.protect_response(server, response(numbers.CHANGED, b"1"), binding, True)
        self.assertNotEqual(first.payload, second.payload)
        self.assertEqual(protect.unprotect_response(client, second, own).payload, b"1")

    def test_a_forged_response_leaves_the_request_open(self):
        client, server = pair()
        outer, own = protect.protect_request(client, request())
        _, binding = protect.unprotect_request(server, outer)
        answer = protect.protect_response(server, response(numbers.CHANGED, b"1"), binding)
        forged = Message(2, 0x44, 7, b"", answer.options, bytes(len(answer.payload)))
        self.assertRaises(OscoreError, protect.unprotect_response, client, forged, own)
        self.assertEqual(protect.unprotect_response(client, answer, own).payload, b"1")

    def test_the_response_to_another_request_is_refused(self):
        client, server = pair()
        first, first_own = protect.protect_request(client, request())
        _, second_own = protect.protect_request(client, request())
        _, binding = protect.unprotect_request(server, first)
        answer = protect.protect_response(server, response(numbers.CHANGED), binding, True)
        self.assertRaises(OscoreError, protect.unprotect_response, client, answer, second_own)
        protect.unprotect_response(client, answer, first_own)

    def test_a_request_reflected_to_its_sender_is_refused(self):
        client, _ = pair()
        outer, _ = protect.protect_request(client, request())
        self.assertRaises(OscoreError, protect.unprotect_request, client, outer)


class LostWindow(unittest.TestCase):
    def test_a_request_is_challenged_and_accepted_once_the_echo_is_back(self):
        client, server = pair(Window.lost())
        server.sequence = Volatile(100)
        recorded, own = protect.protect_request(client, request())
        with self.assertRaises(OscoreError) as raised:
            protect.unprotect_request(server, recorded)
        challenge = protect.unprotect_response(client, protect.refusal(raised.exception), own)
        self.assertEqual(challenge.code, numbers.UNAUTHORIZED)
        self.assertEqual(challenge.token, recorded.token)
        self.assertTrue(server.replay.is_lost)

        again, _ = protect.protect_request(client, request().add(numbers.ECHO, challenge.option(numbers.ECHO)))
        inner, _ = protect.unprotect_request(server, again)
        self.assertEqual(inner.payload, b"hello")
        self.assertEqual((server.replay.lower_edge, server.replay.bitmap), (1, 1))
        self.assertIsNone(server.challenge)
        for old in (recorded, again):
            self.assertRaises(OscoreError, protect.unprotect_request, server, old)

    def test_the_challenge_uses_a_number_of_its_own(self):
        client, server = pair(Window.lost())
        server.sequence = Volatile(100)
        outer, _ = protect.protect_request(client, request())
        pivs = []
        for _ in range(2):
            with self.assertRaises(OscoreError) as raised:
                protect.unprotect_request(server, outer)
            pivs.append(option.decode(raised.exception.response.option(numbers.OSCORE))[0])
        self.assertEqual(pivs, [b"\x64", b"\x65"])

    def test_a_guessed_echo_is_challenged_again_and_a_forgery_is_not_challenged(self):
        client, server = pair(Window.lost())
        for echo in (bytes(8), b"x"):
            outer, _ = protect.protect_request(client, request().add(numbers.ECHO, echo))
            self.assertRaises(OscoreError, protect.unprotect_request, server, outer)
            self.assertTrue(server.replay.is_lost)
        outer.payload = bytes(20)
        with self.assertRaises(OscoreError) as raised:
            protect.unprotect_request(server, outer)
        self.assertIsNone(raised.exception.response)


class ContextLimits(unittest.TestCase):
    def test_the_last_sequence_number_is_two_to_the_forty_less_one(self):
        client, _ = pair(None, (1 << 40) - 1)
        protect.protect_request(client, request())
        self.assertRaises(StateError, protect.protect_request, client, request())

    def test_identifiers_must_differ_and_fit_the_nonce(self):
        self.assertRaises(ValueError, Context, CRYPTO, SECRET, b"", b"a", b"a")
        self.assertRaises(ValueError, Context, CRYPTO, SECRET, b"", bytes(8), b"a")

    def test_a_wiped_context_does_not_encrypt(self):
        client, _ = pair()
        key = client.sender_key
        client.wipe()
        self.assertEqual(bytes(key), bytes(16))
        self.assertRaises(StateError, protect.protect_request, client, request())
