"""The message layer: retransmission, matching, duplicates, deferred responses, and what an attacker gets."""

import unittest

from microbrew.coap import numbers
from microbrew.coap.exchange import RESET, RESPONSE, TIMEOUT, Endpoint, Parameters
from microbrew.coap.message import Message, response
from microbrew.errors import CoapError, StateError


class Case(unittest.TestCase):
    def setUp(self):
        self.sent = []
        self.events = []
        self.requests = []
        self.answer = response(numbers.CHANGED, b"done")
        self.believe = True
        self.seed = 1

        self.end = Endpoint(self.random, self.send, Parameters(), self.on_request)

    def random(self, length):
        out = bytearray()
        for _ in range(length):
            self.seed = (self.seed * 1103515245 + 12345) & 0x7FFFFFFF
            out.append(self.seed >> 16 & 0xFF)
        return bytes(out)

    def send(self, peer, datagram):
        self.sent.append((peer, Message.decode(datagram)))

    def on_request(self, peer, request, now):
        self.requests.append(request)
        return self.answer

    def handler(self, event, message, now):
        self.events.append((event, None if message is None else message.payload, now))
        return self.believe

    def ask(self, now=0, peer="p", confirmable=True):
        self.end.request(peer, Message(0, numbers.GET), now, self.handler, confirmable)
        return self.sent[-1][1] if self.sent else None

    def get(self, *fields, peer="p", now=0, multicast=False):
        self.end.receive(peer, Message(*fields).encode(), now, multicast)

    def run_until(self, end, now=0):
        """Poll at every deadline up to ``end``; the times at which something was sent."""
        times = []
        while True:
            count = len(self.sent)
            deadline = self.end.poll(now)
            times += [now] * (len(self.sent) - count)
            if deadline is None or deadline > end:
                return times
            self.assertGreater(deadline, now)
            now = deadline


class Client(Case):
    def test_a_piggybacked_response_ends_the_exchange(self):
        request = self.ask()
        self.assertEqual((request.type, len(request.token)), (numbers.CON, 2))
        self.get(numbers.ACK, 0x45, request.mid, request.token, [], b"x", now=5)
        self.assertEqual(self.events, [(RESPONSE, b"x", 5)])
        self.assertIsNone(self.end.poll(10))

    def test_retransmissions_double_and_then_time_out(self):
        request = self.ask()
        first = self.end.poll(0)
        self.assertGreaterEqual(first, 2000)
        self.assertLessEqual(first, 3000)
        times = self.run_until(1000000)
        self.assertEqual(times, [first, 3 * first, 7 * first, 15 * first])
        self.assertEqual([m.encode() for _, m in self.sent], [request.encode()] * 5)
        self.assertEqual(self.events, [(TIMEOUT, None, 31 * first)])

    def test_the_parameters_give_the_times_of_rfc7252(self):
        parameters = Parameters()
        self.assertEqual(parameters.exchange_lifetime, 247000)
        self.assertEqual(parameters.non_wait, 145000)
        slow = Parameters(10000)
        self.end.parameters = slow
        self.ask()
        self.assertGreaterEqual(self.end.poll(0), 10000)
        self.assertLessEqual(self.end.poll(0), 15000)

    def test_a_separate_response_is_acknowledged_again_each_time_it_comes(self):
        request = self.ask()
        self.get(numbers.ACK, 0, request.mid)
        self.assertEqual(self.run_until(100000), [])
        for _ in range(2):
            self.get(numbers.CON, 0x45, 77, request.token, [], b"x", now=9)
        acks = [(m.type, m.code, m.mid) for _, m in self.sent[1:]]
        self.assertEqual(acks, [(numbers.ACK, 0, 77)] * 2)
        self.assertEqual(self.events, [(RESPONSE, b"x", 9)])

    def test_a_response_before_the_acknowledgement_stops_retransmission(self):
        request = self.ask()
        self.get(numbers.NON, 0x45, 78, request.token, [], b"x")
        self.assertEqual(len(self.events), 1)
        self.assertEqual(self.run_until(100000), [])
        self.assertEqual(len(self.sent), 1)

    def test_an_acknowledged_request_is_given_up_after_exchange_lifetime(self):
        request = self.ask()
        self.get(numbers.ACK, 0, request.mid, now=100)
        self.run_until(1000000)
        self.assertEqual(self.events, [(TIMEOUT, None, 247100)])

    def test_a_reset_ends_the_exchange(self):
        request = self.ask()
        self.get(numbers.RST, 0, request.mid, now=3)
        self.assertEqual(self.events, [(RESET, None, 3)])

    def test_what_the_handler_does_not_believe_changes_nothing(self):
        request = self.ask()
        deadline = self.end.poll(0)
        self.believe = False
        self.get(numbers.ACK, 0x81, request.mid, request.token, [], b"forged")
        self.get(numbers.NON, 0x45, 5, request.token, [], b"forged")
        self.get(numbers.CON, 0x45, 6, request.token, [], b"forged")
        self.get(numbers.RST, 0, request.mid)
        self.assertEqual(len(self.events), 4)
        self.assertEqual(self.end.poll(0), deadline)
        self.assertEqual(len(self.sent), 1)
        self.believe = True
        self.get(numbers.ACK, 0x45, request.mid, request.token, [], b"true")
        self.assertEqual(self.events[-1][1], b"true")
        self.assertIsNone(self.end.poll(0))

    def test_responses_match_on_peer_message_id_and_token(self):
        request = self.ask()
        self.get(numbers.ACK, 0x45, request.mid, request.token, [], b"x", peer="q")
        self.get(numbers.ACK, 0x45, request.mid ^ 1, request.token, [], b"x")
        self.get(numbers.ACK, 0x45, request.mid, b"zz", [], b"x")
        self.get(numbers.ACK, numbers.POST, request.mid, request.token, [], b"x")
        self.get(numbers.NON, 0x45, 1, b"zz", [], b"x")
        self.assertEqual(self.events, [])
        self.assertEqual(len(self.sent), 1)
        self.assertEqual(self.end.counters["unmatched"], 5)

    def test_a_response_with_an_unknown_critical_option_is_rejected(self):
        request = self.ask()
        self.get(numbers.CON, 0x45, 9, request.token, [(2049, b"")], b"x")
        self.assertEqual((self.sent[-1][1].type, self.sent[-1][1].mid), (numbers.RST, 9))
        self.get(numbers.ACK, 0x45, request.mid, request.token, [(2049, b"")], b"x")
        self.assertEqual(self.events, [])

    def test_one_interaction_per_peer_and_the_others_wait(self):
        first = self.ask()
        self.ask()
        self.assertEqual(len(self.sent), 1)
        self.ask(peer="q")
        self.assertEqual([peer for peer, _ in self.sent], ["p", "q"])
        self.get(numbers.ACK, 0x45, first.mid, first.token, [], b"x")
        self.assertEqual([peer for peer, _ in self.sent], ["p", "q", "p"])
        self.assertNotEqual(self.sent[2][1].token, first.token)

    def test_too_many_exchanges_are_refused(self):
        for _ in range(4):
            self.ask()
        self.assertRaises(StateError, self.ask)

    def test_a_handler_may_send_the_next_request(self):
        def again(event, message, now):
            self.end.request("p", Message(0, numbers.GET), now, self.handler)

        self.end.request("p", Message(0, numbers.GET), 0, again)
        request = self.sent[0][1]
        self.get(numbers.ACK, 0x45, request.mid, request.token)
        self.assertEqual(len(self.sent), 2)

    def test_a_non_request_is_sent_once_and_waits(self):
        request = self.ask(confirmable=False)
        self.assertEqual(request.type, numbers.NON)
        self.assertEqual(self.run_until(1000000), [])
        self.assertEqual(self.events, [(TIMEOUT, None, 145000)])

    def test_cancel_forgets_a_peer_silently(self):
        self.ask()
        self.ask(peer="q")
        self.end.cancel("p")
        self.run_until(1000000)
        self.assertEqual(len(self.events), 1)

    def test_tokens_of_open_exchanges_differ_even_if_random_repeats(self):
        def constant(length):
            return bytes(length)

        self.end.random = constant
        tokens = set()
        for _ in range(3):
            self.end.request("p", Message(0, numbers.GET), 0, self.handler, False)
            tokens.add(self.sent[-1][1].token)
        self.assertEqual(len(tokens), 3)


class Served(Case):
    def request(self, kind=numbers.CON, mid=1, token=b"t", now=0, peer="p", options=None):
        self.get(kind, numbers.POST, mid, token, options, b"in", peer=peer, now=now)

    def test_a_confirmable_request_is_answered_in_its_acknowledgement(self):
        self.request()
        got = self.sent[0][1]
        self.assertEqual((got.type, got.code, got.mid, got.token), (numbers.ACK, 0x44, 1, b"t"))

    def test_a_duplicate_is_answered_alike_and_processed_once(self):
        for now in (0, 10, 246999):
            self.request(now=now)
        self.assertEqual(len(self.requests), 1)
        self.assertEqual([m.encode() for _, m in self.sent], [self.sent[0][1].encode()] * 3)
        self.request(now=247000)
        self.assertEqual(len(self.requests), 2)

    def test_the_same_message_id_of_another_peer_is_no_duplicate(self):
        self.request()
        self.request(peer="q")
        self.assertEqual(len(self.requests), 2)

    def test_a_non_request_gets_a_non_response_and_duplicates_nothing(self):
        self.request(numbers.NON)
        self.request(numbers.NON)
        self.assertEqual([(m.type, m.code, m.token) for _, m in self.sent], [(numbers.NON, 0x44, b"t")])

    def test_a_deferred_request_is_acknowledged_and_answered_confirmably(self):
        self.answer = None
        self.request()
        self.assertEqual(self.end.poll(0), 1000)
        self.request(now=500)
        self.assertEqual(self.sent, [])
        self.end.poll(1000)
        self.request(now=1500)
        self.assertEqual([(m.type, m.code, m.mid) for _, m in self.sent], [(numbers.ACK, 0, 1)] * 2)
        self.assertTrue(self.end.respond("p", self.requests[0], response(0x44, b"late"), 5000))
        got = self.sent[-1][1]
        self.assertEqual((got.type, got.token, got.payload), (numbers.CON, b"t", b"late"))
        self.assertEqual(len(self.run_until(10000, 5000)), 1)
        self.get(numbers.ACK, 0, got.mid, now=10000)
        self.assertIsNone(self.end.poll(20000))
        self.assertEqual(len(self.requests), 1)
        self.assertFalse(self.end.respond("p", self.requests[0], response(0x44), 20000))

    def test_a_deferred_answer_before_the_acknowledgement_is_piggybacked(self):
        self.answer = None
        self.request()
        self.end.respond("p", self.requests[0], response(0x44, b"soon"), 500)
        self.assertEqual([(m.type, m.mid, m.payload) for _, m in self.sent], [(numbers.ACK, 1, b"soon")])
        self.assertIsNone(self.end.poll(5000))

    def test_a_reset_stops_a_separate_response(self):
        self.answer = None
        self.request()
        self.end.poll(1000)
        self.end.respond("p", self.requests[0], response(0x44), 2000)
        self.get(numbers.RST, 0, self.sent[-1][1].mid, now=2001)
        self.assertIsNone(self.end.poll(3000))

    def test_deferred_requests_are_bounded_in_count_and_age(self):
        self.answer = None
        for mid in range(6):
            self.request(mid=mid)
        self.assertEqual(len(self.requests), 4)
        self.assertEqual([m.code for _, m in self.sent], [numbers.SERVICE_UNAVAILABLE] * 2)
        self.run_until(1000000)
        self.assertIsNone(self.end.poll(1000000))
        self.assertFalse(self.end.respond("p", self.requests[0], response(0x44), 1000000))

    def test_a_deferred_request_is_not_processed_twice_even_when_memory_is_short(self):
        self.answer = None
        self.request(mid=1)
        self.answer = response(0x44)
        for mid in range(100, 120):
            self.request(mid=mid, peer="flood")
        count = len(self.requests)
        self.request(mid=1)
        self.assertEqual(len(self.requests), count)

    def test_stored_replies_are_bounded_in_count_and_bytes(self):
        self.answer = response(0x44, bytes(900))
        for mid in range(20):
            self.request(mid=mid)
        self.assertLessEqual(len(self.end._seen), 8)
        self.assertLessEqual(sum([len(seen.reply) for seen in self.end._seen]), 2048)
        self.request(mid=19)
        self.assertEqual(len(self.requests), 20)

    def test_a_coap_error_of_the_application_becomes_the_response(self):
        def refuse(peer, request, now):
            raise CoapError(numbers.FORBIDDEN, "no")

        self.end.on_request = refuse
        self.request()
        self.assertEqual((self.sent[0][1].code, self.sent[0][1].payload), (numbers.FORBIDDEN, b"no"))

    def test_unknown_critical_options_are_refused_before_the_application(self):
        self.request(options=[(2049, b"")])
        self.request(mid=2, options=[(numbers.PROXY_SCHEME, b"coap")])
        self.request(numbers.NON, mid=3, options=[(2049, b"")])
        self.assertEqual([m.code for _, m in self.sent], [numbers.BAD_OPTION, numbers.PROXYING_NOT_SUPPORTED])
        self.assertEqual(self.requests, [])
        self.end.understood = (numbers.PROXY_SCHEME,)
        self.request(mid=4, options=[(numbers.PROXY_SCHEME, b"coap")])
        self.assertEqual(len(self.requests), 1)


class Hostile(Case):
    def test_a_ping_is_answered_by_a_reset(self):
        self.get(numbers.CON, 0, 5)
        self.get(numbers.NON, 0, 6)
        self.assertEqual([(m.type, m.code, m.mid) for _, m in self.sent], [(numbers.RST, 0, 5)])

    def test_unmatched_confirmable_responses_and_reserved_classes_are_reset(self):
        self.get(numbers.CON, 0x45, 5, b"x")
        self.get(numbers.CON, 0x21, 6)
        self.get(numbers.CON, 0xE1, 7)
        self.get(numbers.NON, 0xE1, 8)
        self.get(numbers.NON, 0x45, 9, b"x")
        self.assertEqual([(m.type, m.mid) for _, m in self.sent], [(numbers.RST, n) for n in (5, 6, 7)])

    def test_acknowledgements_and_resets_are_never_answered(self):
        self.get(numbers.ACK, 0, 5)
        self.get(numbers.ACK, 0x45, 5, b"x")
        self.get(numbers.RST, 0, 5)
        self.assertEqual(self.sent, [])

    def test_no_garbage_raises_or_is_answered_with_more_than_it_brought(self):
        for length in range(40):
            for _ in range(40):
                garbage = bytearray(self.random(length))
                if length and self.seed & 1:
                    garbage[0] = 0x40 | garbage[0] & 0x3F
                count = len(self.sent)
                self.end.on_request = None
                self.end.receive("p", bytes(garbage), 0)
                size = sum([len(m.encode()) for _, m in self.sent[count:]])
                self.assertLessEqual(size, length)

    def test_extended_tokens_are_counted_and_reset(self):
        self.end.receive("p", b"\x4d\x02\x12\x34" + bytes(30), 0)
        self.assertEqual(self.end.counters, {"extended_token": 1})
        self.assertEqual((self.sent[0][1].type, self.sent[0][1].mid), (numbers.RST, 0x1234))
        self.end.receive("p", b"\x5d\x02\x12\x34" + bytes(30), 0)
        self.assertEqual(len(self.sent), 1)

    def test_multicast_gets_useful_answers_only_and_later(self):
        self.answer = response(numbers.NOT_FOUND)
        self.get(numbers.NON, numbers.GET, 1, b"t", multicast=True)
        self.answer = response(numbers.CONTENT)
        self.get(numbers.NON, numbers.GET, 2, b"t", multicast=True)
        self.assertIsNone(self.end.poll(0))
        self.answer = response(numbers.CONTENT, b"</b>")
        self.get(numbers.NON, numbers.GET, 3, b"t", multicast=True)
        self.get(numbers.NON, numbers.GET, 3, b"t", multicast=True)
        self.assertEqual(self.sent, [])
        times = self.run_until(100000)
        self.assertEqual(len(times), 1)
        self.assertLess(times[0], 5000)
        self.assertEqual((self.sent[0][1].type, self.sent[0][1].token), (numbers.NON, b"t"))

    def test_multicast_never_gets_an_error_or_a_reset(self):
        self.get(numbers.CON, 0, 1, multicast=True)
        self.get(numbers.CON, numbers.GET, 2, multicast=True)
        self.get(numbers.CON, 0x45, 3, b"x", multicast=True)
        self.get(numbers.NON, numbers.GET, 4, b"", [(2049, b"")], multicast=True)
        self.end.receive("p", b"\x40\x01\x00\x01\xff", 0, True)
        self.run_until(100000)
        self.assertEqual(self.sent, [])

    def test_a_multicast_flood_is_bounded_and_does_not_block_our_own_requests(self):
        self.answer = response(numbers.CONTENT, b"</b>")
        for mid in range(20):
            self.get(numbers.NON, numbers.GET, mid, b"t", multicast=True)
        self.assertEqual(len(self.end._exchanges), 4)
        self.ask()
        self.assertEqual(len(self.sent), 1)
        self.assertEqual(self.sent[0][1].code, numbers.GET)
