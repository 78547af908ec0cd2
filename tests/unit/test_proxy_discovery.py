"""Discovery of join proxy and registrar: links out and in, and what a stranger is served."""

import unittest

from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.errors import DecodeError
from microbrew.ip import addr
from microbrew.proxy import discovery

HERE = addr.link_local(bytes.fromhex("00124b0000000101"))
LINK = '<coap://[fe80::212:4b00:0:101]:61617>;rt="brski.jp"'


def get(path=discovery.CORE_PATH, query="rt=brski.jp", code=numbers.GET):
    request = Message(numbers.CON, code)
    for segment in path:
        request.add(numbers.URI_PATH, segment)
    if query is not None:
        request.add(numbers.URI_QUERY, query)
    return request


class Links(unittest.TestCase):
    def test_a_link_names_address_port_and_type(self):
        self.assertEqual(discovery.link(HERE, 61617, discovery.JOIN_PROXY), LINK)

    def test_the_port_comes_out_of_the_link_of_the_wanted_type(self):
        links = b'<coap://[fe80::1]:1>;rt="x",' + LINK.encode()
        self.assertEqual(discovery.port_of(links, discovery.JOIN_PROXY), 61617)
        self.assertEqual(discovery.port_of(b"<coap://[fe80::1]:7/p>;rt=brski.jp", discovery.JOIN_PROXY), 7)

    def test_a_link_without_a_port_means_the_default_one(self):
        self.assertEqual(discovery.port_of(b"<coap://[fe80::1]>;rt=brski.jp", discovery.JOIN_PROXY), 5683)

    def test_a_type_that_only_begins_alike_is_another_type(self):
        with self.assertRaises(DecodeError):
            discovery.port_of(b"<coap://[fe80::1]:7>;rt=brski.jpx", discovery.JOIN_PROXY)

    def test_malformed_links_are_refused(self):
        for port in (b"", b"0", b"65536", b"-1", b"7x", b"000000007"):
            with self.assertRaises(DecodeError):
                discovery.port_of(b"<coap://[fe80::1]:" + port + b">;rt=brski.jp", discovery.JOIN_PROXY)
        for links in (b"", b"\xff", b">;rt=brski.jp", b"<coap://host:7>;rt=brski.jp", LINK.encode() + b" " * 256):
            with self.assertRaises(DecodeError):
                discovery.port_of(links, discovery.JOIN_PROXY)


class Answers(unittest.TestCase):
    def answer(self, request):
        return discovery.answer(request, HERE, 61617)

    def test_a_pledge_learns_the_join_port(self):
        for query in ("rt=brski.jp", "rt=brski*", None):
            answer = self.answer(get(query=query))
            self.assertEqual(answer.code, numbers.CONTENT)
            self.assertEqual(answer.payload, LINK.encode())
            self.assertEqual(answer.uint(numbers.CONTENT_FORMAT), numbers.LINK_FORMAT)

    def test_another_filter_gets_an_empty_list(self):
        self.assertEqual(self.answer(get(query="rt=brski.rjp")).payload, b"")

    def test_nothing_else_is_served(self):
        self.assertEqual(self.answer(get(path=("j",))).code, numbers.NOT_FOUND)
        self.assertEqual(self.answer(get(path=())).code, numbers.NOT_FOUND)
        self.assertEqual(self.answer(get(code=numbers.POST)).code, numbers.METHOD_NOT_ALLOWED)

    def test_a_path_that_is_no_text_is_a_bad_request(self):
        request = Message(numbers.CON, numbers.GET).add(numbers.URI_PATH, b"\xff")
        self.assertEqual(self.answer(request).code, numbers.BAD_REQUEST)


if __name__ == "__main__":
    unittest.main()
