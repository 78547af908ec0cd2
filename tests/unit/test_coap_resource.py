"""Which response a request gets, in the order of the decisions, and discovery."""

import unittest

from microbrew.coap import numbers
from microbrew.coap.blockwise import Server, Transfer
from microbrew.coap.message import Message, response
from microbrew.coap.resource import Site
from microbrew.errors import CoapError


def request(path, code=numbers.GET, query=()):
    message = Message(0, code, 1, b"t")
    for segment in path:
        message.add(numbers.URI_PATH, segment)
    for part in query:
        message.add(numbers.URI_QUERY, part)
    return message


class Serving(unittest.TestCase):
    def setUp(self):
        self.calls = []

        def handler(message, peer, context, now):
            self.calls.append((message.payload, peer, context, now))
            if message.payload == b"fail":
                raise CoapError(numbers.FORBIDDEN, "no")
            return None if message.payload == b"later" else response(numbers.CHANGED, b"ok")

        self.site = Site()
        self.site.add(("j",), {numbers.POST: handler}, None, True, (60,), (60,))
        self.site.add(("a", "b"), {numbers.GET: handler, numbers.POST: handler})

    def code(self, message, context=None):
        answer = self.site.serve("p", message, 5, context)
        return None if answer is None else answer.code

    def test_a_request_reaches_its_handler(self):
        self.assertEqual(self.code(request(("a", "b"))), numbers.CHANGED)
        self.assertEqual(self.calls, [(b"", "p", None, 5)])

    def test_decisions_in_their_order(self):
        message = request(("x",), numbers.GET).add(2049, b"")
        self.assertEqual(self.code(message), numbers.BAD_OPTION)
        self.assertEqual(self.code(request(("x",))), numbers.NOT_FOUND)
        self.assertEqual(self.code(request(("a",))), numbers.NOT_FOUND)
        message = request(("j",)).add(numbers.CONTENT_FORMAT, 50).add(numbers.ACCEPT, 50)
        self.assertEqual(self.code(message), numbers.UNAUTHORIZED)
        self.assertEqual(self.code(message, "ctx"), numbers.METHOD_NOT_ALLOWED)
        message.code = numbers.POST
        self.assertEqual(self.code(message, "ctx"), numbers.UNSUPPORTED_CONTENT_FORMAT)
        message.remove(numbers.CONTENT_FORMAT)
        self.assertEqual(self.code(message, "ctx"), numbers.UNSUPPORTED_CONTENT_FORMAT)
        message.add(numbers.CONTENT_FORMAT, 60)
        self.assertEqual(self.code(message, "ctx"), numbers.NOT_ACCEPTABLE)
        message.remove(numbers.ACCEPT)
        self.assertEqual(self.calls, [])
        self.assertEqual(self.code(message, "ctx"), numbers.CHANGED)
        self.assertEqual(self.calls[0][2], "ctx")

    def test_an_edhoc_option_that_nobody_processed_is_a_bad_option(self):
        self.assertEqual(self.code(request(("a", "b")).add(numbers.EDHOC, b"")), numbers.BAD_OPTION)

    def test_a_path_that_is_not_text_is_a_bad_option(self):
        self.assertEqual(self.code(Message(0, 1, 1, b"", [(11, b"\xff")])), numbers.BAD_OPTION)

    def test_errors_and_later_answers_of_handlers(self):
        message = request(("a", "b"), numbers.POST)
        message.payload = b"fail"
        answer = self.site.serve("p", message, 0)
        self.assertEqual((answer.code, answer.payload), (numbers.FORBIDDEN, b"no"))
        message.payload = b"later"
        self.assertIsNone(self.site.serve("p", message, 0))
        self.assertEqual(self.site.finish("p", message, response(0x44, b"x"), 0).payload, b"x")

    def test_blocks_without_a_block_server_are_a_bad_option(self):
        self.assertEqual(self.code(request(("a", "b")).add(numbers.BLOCK1, 8)), numbers.BAD_OPTION)

    def test_protected_and_unprotected_blocks_do_not_mix(self):
        site = Site(Server(100, 4, 0))

        def handler(message, peer, context, now):
            return response(numbers.CHANGED, message.payload)

        site.add(("a",), {numbers.POST: handler})
        message = request(("a",), numbers.POST)
        message.payload = bytes(40)
        transfer = Transfer(message, 0)
        self.assertEqual(site.serve("p", transfer.next(), 0, "ctx").code, numbers.CONTINUE)
        transfer.feed(response(numbers.CONTINUE).add(numbers.BLOCK1, 8))
        second = transfer.next()
        self.assertEqual(site.serve("p", second, 0).code, numbers.REQUEST_ENTITY_INCOMPLETE)
        self.assertEqual(site.serve("p", second, 0, "ctx").code, numbers.CONTINUE)
        transfer.feed(response(numbers.CONTINUE).add(numbers.BLOCK1, 0x18))
        answer = site.serve("p", transfer.next(), 0, "ctx")
        self.assertEqual(answer.uint(numbers.SIZE2), 40)


class Discovery(unittest.TestCase):
    def links(self, *query):
        site = Site()

        def handler(message, peer, context, now):
            return None

        site.add(("a",), {numbers.GET: handler}, "core.a")
        site.add(("hidden",), {numbers.GET: handler})
        site.add(("b", "c"), {numbers.GET: handler}, "core.b brski.rv")
        site.link("coaps://[fe80::1]:5684", "brski.jp")
        answer = site.serve("p", request((".well-known", "core"), numbers.GET, query), 0)
        self.assertEqual((answer.code, answer.uint(numbers.CONTENT_FORMAT)), (numbers.CONTENT, 40))
        return answer.payload

    def test_all_links_with_a_type_are_listed(self):
        expected = b'</a>;rt=core.a,</b/c>;rt="core.b brski.rv",<coaps://[fe80::1]:5684>;rt=brski.jp'
        self.assertEqual(self.links(), expected)

    def test_filters(self):
        self.assertEqual(self.links("rt=brski.jp"), b"<coaps://[fe80::1]:5684>;rt=brski.jp")
        self.assertEqual(self.links("rt=brski.rv"), b'</b/c>;rt="core.b brski.rv"')
        self.assertEqual(self.links("rt=brski*", "href=/b*"), b'</b/c>;rt="core.b brski.rv"')
        self.assertEqual(self.links("rt=core.a"), b"</a>;rt=core.a")
        for nothing in ("rt=core", "rt=", "if=x", "href=/hidden", "rt"):
            self.assertEqual(self.links(nothing), b"")

    def test_only_get_and_only_link_format(self):
        site = Site()
        post = request((".well-known", "core"), numbers.POST)
        self.assertEqual(site.serve("p", post, 0).code, numbers.METHOD_NOT_ALLOWED)
        message = request((".well-known", "core")).add(numbers.ACCEPT, 60)
        self.assertEqual(site.serve("p", message, 0).code, numbers.NOT_ACCEPTABLE)
