"""Block-wise transfer: the figures of RFC 7959 section 3, both halves together, and misbehaving peers."""

import unittest

from microbrew.coap import numbers
from microbrew.coap.blockwise import Server, Transfer, block, parse
from microbrew.coap.message import Message, response
from microbrew.errors import CoapError


def body(length):
    return bytes([i * 7 & 0xFF for i in range(length)])


def post(payload=b"", code=numbers.POST):
    return Message(0, code, 0, b"", [], payload).add(numbers.URI_PATH, "r").add(numbers.CONTENT_FORMAT, 42)


def reply(code, payload=b"", block1=None, block2=None):
    message = response(code, payload)
    if block1 is not None:
        message.add(numbers.BLOCK1, block(block1[0], block1[1], block1[2]))
    if block2 is not None:
        message.add(numbers.BLOCK2, block(block2[0], block2[1], block2[2]))
    return message


def wire(message):
    """What the other side gets: encoded and decoded."""
    message.token = b"t"
    return Message.decode(message.encode())


def run(transfer, server, handler, peer="p"):
    """All of an operation; the messages that went each way."""
    log = []
    while True:
        request = wire(transfer.next())
        whole, answer = server.take(peer, request, 0)
        if whole is not None:
            answer = server.give(peer, whole, handler(whole), 0)
        answer = wire(answer)
        log.append((request, answer))
        if transfer.feed(answer):
            return log


class Options(unittest.TestCase):
    def test_values_of_rfc7959(self):
        self.assertEqual(block(1, True, 2), 0x1A)
        self.assertEqual(parse(Message(options=[(27, b"\x1a")]), 27), (1, True, 2))
        self.assertEqual(parse(Message(options=[(27, b"")]), 27), (0, False, 0))
        self.assertIsNone(parse(Message(), 27))

    def test_the_reserved_size_is_a_bad_request(self):
        with self.assertRaises(CoapError) as raised:
            parse(Message(options=[(23, b"\x07")]), 23)
        self.assertEqual(raised.exception.code, numbers.BAD_REQUEST)


class Client(unittest.TestCase):
    def test_figure_7_simple_atomic_upload(self):
        transfer = Transfer(post(body(300), numbers.PUT), 3)
        seen = []
        for num, more in ((0, True), (1, True), (2, False)):
            request = transfer.next()
            seen.append((parse(request, numbers.BLOCK1), len(request.payload)))
            code = numbers.CONTINUE if more else numbers.CHANGED
            self.assertEqual(transfer.feed(reply(code, b"", (num, more, 3))), not more)
        self.assertEqual(seen, [((0, True, 3), 128), ((1, True, 3), 128), ((2, False, 3), 44)])
        self.assertEqual(transfer.response.code, numbers.CHANGED)

    def test_figure_8_the_server_wants_smaller_blocks(self):
        transfer = Transfer(post(body(200), numbers.PUT), 3)
        transfer.next()
        self.assertFalse(transfer.feed(reply(numbers.CONTINUE, b"", (0, True, 1))))
        request = transfer.next()
        self.assertEqual(parse(request, numbers.BLOCK1), (4, True, 1))
        self.assertEqual(request.payload, body(200)[128:160])

    def test_figure_3_late_negotiation_of_the_response(self):
        transfer = Transfer(Message(0, numbers.GET), 6)
        self.assertIsNone(transfer.next().option(numbers.BLOCK2))
        self.assertFalse(transfer.feed(reply(numbers.CONTENT, body(128), None, (0, True, 3))))
        self.assertEqual(parse(transfer.next(), numbers.BLOCK2), (1, False, 3))
        self.assertTrue(transfer.feed(reply(numbers.CONTENT, b"end", None, (1, False, 3))))
        self.assertEqual(transfer.response.payload, body(128) + b"end")

    def test_small_bodies_use_no_block1(self):
        transfer = Transfer(post(body(1024)))
        request = transfer.next()
        self.assertEqual([n for n, _ in request.options], [11, 12])
        self.assertTrue(transfer.feed(reply(numbers.CHANGED)))

    def test_too_large_with_a_smaller_size_is_tried_again(self):
        transfer = Transfer(post(body(100)))
        transfer.next()
        self.assertFalse(transfer.feed(reply(numbers.REQUEST_ENTITY_TOO_LARGE, b"", (0, False, 2))))
        self.assertEqual(parse(transfer.next(), numbers.BLOCK1), (0, True, 2))
        self.assertTrue(transfer.feed(reply(numbers.REQUEST_ENTITY_TOO_LARGE)))
        self.assertEqual(transfer.response.code, numbers.REQUEST_ENTITY_TOO_LARGE)

    def test_an_incomplete_upload_starts_again_twice_at_most(self):
        transfer = Transfer(post(body(40)), 0)
        for _ in range(2):
            transfer.next()
            transfer.feed(reply(numbers.CONTINUE, b"", (0, True, 0)))
            transfer.next()
            self.assertFalse(transfer.feed(reply(numbers.REQUEST_ENTITY_INCOMPLETE)))
            self.assertEqual(parse(transfer.next(), numbers.BLOCK1), (0, True, 0))
        transfer.feed(reply(numbers.CONTINUE, b"", (0, True, 0)))
        transfer.next()
        self.assertTrue(transfer.feed(reply(numbers.REQUEST_ENTITY_INCOMPLETE)))
        self.assertEqual(transfer.response.code, numbers.REQUEST_ENTITY_INCOMPLETE)

    def test_a_changed_etag_restarts_a_get_and_fails_a_post(self):
        for code in (numbers.GET, numbers.POST):
            transfer = Transfer(Message(0, code), 0)
            transfer.next()
            transfer.feed(reply(numbers.CONTENT, body(16), None, (0, True, 0)).add(numbers.ETAG, b"1"))
            transfer.next()
            other = reply(numbers.CONTENT, body(16), None, (1, True, 0)).add(numbers.ETAG, b"2")
            if code == numbers.GET:
                self.assertFalse(transfer.feed(other))
                self.assertEqual(parse(transfer.next(), numbers.BLOCK2), (0, False, 0))
                self.assertTrue(transfer.feed(reply(numbers.CONTENT, b"new", None, (0, False, 0))))
                self.assertEqual(transfer.response.payload, b"new")
            else:
                self.assertRaises(CoapError, transfer.feed, other)

    def test_an_error_response_ends_the_operation_at_once(self):
        transfer = Transfer(post(body(100)), 1)
        transfer.next()
        self.assertTrue(transfer.feed(reply(numbers.NOT_FOUND, b"why")))
        self.assertEqual((transfer.response.code, transfer.response.payload), (numbers.NOT_FOUND, b"why"))

    def test_bodies_beyond_the_bound_are_refused_early(self):
        big = reply(numbers.CONTENT, body(16), None, (0, True, 0)).add(numbers.SIZE2, 101)
        transfer = Transfer(Message(0, numbers.GET), 0, 100)
        self.assertRaises(CoapError, transfer.feed, big)
        transfer = Transfer(Message(0, numbers.GET), 0, 100)
        self.assertRaises(CoapError, transfer.feed, reply(numbers.CONTENT, body(101)))
        transfer = Transfer(Message(0, numbers.GET), 0, 40)
        for num in range(2):
            transfer.next()
            transfer.feed(reply(numbers.CONTENT, body(16), None, (num, True, 0)))
        self.assertRaises(CoapError, transfer.feed, reply(numbers.CONTENT, body(16), None, (2, True, 0)))

    def test_servers_that_break_the_rules_are_refused(self):
        for bad in (
            reply(numbers.CONTENT, body(16), None, (1, True, 0)),
            reply(numbers.CONTENT, body(15), None, (0, True, 0)),
            reply(numbers.CONTENT, body(17), None, (0, False, 0)),
            reply(numbers.CONTENT).add(numbers.BLOCK2, 7),
            reply(numbers.CONTINUE),
        ):
            transfer = Transfer(Message(0, numbers.GET), 0)
            transfer.next()
            self.assertRaises(CoapError, transfer.feed, bad)
        for bad in (reply(numbers.CHANGED), reply(numbers.CONTINUE, b"", (1, True, 0))):
            transfer = Transfer(post(body(40)), 0)
            transfer.next()
            self.assertRaises(CoapError, transfer.feed, bad)


class BothHalves(unittest.TestCase):
    def test_every_size_of_body_each_way_arrives(self):
        for up in (0, 1, 15, 16, 17, 32, 33, 100):
            for down in (0, 16, 17, 48, 100):
                for client_szx, server_szx in ((0, 0), (0, 1), (1, 0), (2, 0), (6, 0)):
                    calls = []

                    def handler(request, calls=calls, down=down):
                        calls.append(request.payload)
                        return response(numbers.CHANGED, body(down), 42)

                    transfer = Transfer(post(body(up)), client_szx)
                    run(transfer, Server(200, 1, server_szx), handler)
                    self.assertEqual(calls, [body(up)])
                    self.assertEqual(transfer.response.payload, body(down))
                    self.assertEqual(transfer.response.uint(numbers.CONTENT_FORMAT), 42)

    def test_after_a_combined_upload_blocks_are_asked_for_without_payload(self):
        def handler(request):
            return response(numbers.CHANGED, body(40))

        log = run(Transfer(post(body(40)), 0), Server(200, 2, 0), handler)
        self.assertEqual(len(log), 5)
        last_up, first_down = log[2]
        self.assertEqual(parse(first_down, numbers.BLOCK1), (2, False, 0))
        self.assertEqual(parse(first_down, numbers.BLOCK2), (0, True, 0))
        for request, _ in log[3:]:
            self.assertEqual(request.payload, b"")
            self.assertIsNone(request.option(numbers.BLOCK1))


class ServerSide(unittest.TestCase):
    def up(self, server, num, more, payload, peer="p", now=0, path="r", szx=0):
        request = Message(0, numbers.POST, 0, b"", [], payload).add(numbers.URI_PATH, path)
        return server.take(peer, request.add(numbers.BLOCK1, block(num, more, szx)), now)

    def code(self, result):
        self.assertIsNone(result[0])
        return result[1].code

    def test_a_gap_is_incomplete_and_forgets_the_transfer(self):
        server = Server(200, 2, 0)
        self.assertEqual(self.code(self.up(server, 0, True, body(16))), numbers.CONTINUE)
        self.assertEqual(self.code(self.up(server, 2, True, body(16))), numbers.REQUEST_ENTITY_INCOMPLETE)
        self.assertEqual(self.code(self.up(server, 1, False, b"x")), numbers.REQUEST_ENTITY_INCOMPLETE)

    def test_blocks_of_other_peers_or_resources_do_not_mix(self):
        server = Server(200, 4, 0)
        self.up(server, 0, True, body(16))
        self.assertEqual(self.code(self.up(server, 1, False, b"x", "q")), numbers.REQUEST_ENTITY_INCOMPLETE)
        other = self.up(server, 1, False, b"x", "p", 0, "s")
        self.assertEqual(self.code(other), numbers.REQUEST_ENTITY_INCOMPLETE)
        whole, _ = self.up(server, 1, False, b"x")
        self.assertEqual(whole.payload, body(16) + b"x")

    def test_a_new_first_block_starts_over(self):
        server = Server(200, 2, 0)
        self.up(server, 0, True, bytes(16))
        self.up(server, 0, True, body(16))
        whole, _ = self.up(server, 1, False, b"x")
        self.assertEqual(whole.payload, body(16) + b"x")

    def test_bodies_that_are_or_will_be_too_long_are_refused(self):
        server = Server(40, 2, 0)
        for num in range(2):
            self.up(server, num, True, body(16))
        got = self.up(server, 2, True, body(16))
        self.assertEqual(self.code(got), numbers.REQUEST_ENTITY_TOO_LARGE)
        self.assertEqual(got[1].uint(numbers.SIZE1), 40)
        request = post(body(16)).add(numbers.BLOCK1, block(0, True, 0)).add(numbers.SIZE1, 41)
        self.assertEqual(self.code(server.take("p", request, 0)), numbers.REQUEST_ENTITY_TOO_LARGE)
        self.assertEqual(self.code(server.take("p", post(body(41)), 0)), numbers.REQUEST_ENTITY_TOO_LARGE)

    def test_short_blocks_and_reserved_sizes_are_bad_requests(self):
        server = Server(200, 2, 0)
        self.assertEqual(self.code(self.up(server, 0, True, body(15))), numbers.BAD_REQUEST)
        self.assertEqual(self.code(self.up(server, 0, False, body(17))), numbers.BAD_REQUEST)
        self.assertEqual(self.code(self.up(server, 0, True, body(16), szx=7)), numbers.BAD_REQUEST)

    def test_transfers_are_bounded_in_count_and_age(self):
        server = Server(200, 2, 0, 1000)
        for peer in ("a", "b", "c"):
            self.up(server, 0, True, body(16), peer)
        self.assertEqual(len(server._bodies), 2)
        self.assertEqual(self.code(self.up(server, 1, False, b"x", "a")), numbers.REQUEST_ENTITY_INCOMPLETE)
        self.assertEqual(self.code(self.up(server, 1, True, body(16), "b", 999)), numbers.CONTINUE)
        late = self.up(server, 1, False, b"x", "c", 1000)
        self.assertEqual(self.code(late), numbers.REQUEST_ENTITY_INCOMPLETE)
        whole, _ = self.up(server, 2, False, b"x", "b", 1998)
        self.assertEqual(len(whole.payload), 33)

    def test_blocks_that_are_not_there_are_incomplete(self):
        server = Server(200, 2, 0)
        request = Message(0, numbers.GET).add(numbers.BLOCK2, block(1, False, 0))
        self.assertEqual(self.code(server.take("p", request, 0)), numbers.REQUEST_ENTITY_INCOMPLETE)
        first = server.give("p", Message(0, numbers.GET), response(numbers.CONTENT, body(40)), 0)
        self.assertEqual(first.uint(numbers.SIZE2), 40)
        self.assertEqual(server.take("p", request, 0)[1].payload, body(40)[16:32])
        beyond = Message(0, numbers.GET).add(numbers.BLOCK2, block(3, False, 0))
        self.assertEqual(self.code(server.take("p", beyond, 0)), numbers.REQUEST_ENTITY_INCOMPLETE)
