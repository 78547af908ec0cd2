"""RFC 9668: message_3 and an OSCORE request in one, on both ends; the examples, and every malformed kind."""

import json
import unittest
from binascii import unhexlify

from microbrew import crypto
from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.edhoc import combined
from microbrew.errors import CoapError
from microbrew.oscore import context, protect

FILE = json.load(open("tests/vectors/edhoc.json"))  # noqa: SIM115
TRACE = FILE["rfc9529_trace_2"]
ON_TRACE = FILE["coap_oscore_examples"]["rfc9668_combined_on_trace2"]
FIGURE = FILE["coap_oscore_examples"]["rfc9668_figure_example"]
MESSAGE_3 = unhexlify(TRACE["message_3"])


class Counter:
    def __init__(self):
        self.value = -1

    def next(self):
        self.value += 1
        return self.value


def oscore_request():
    return Message.decode(unhexlify(ON_TRACE["oscore_request_message"]))


def request(payload=MESSAGE_3 + bytes(13), oscore=b"\x09\x00\x27", edhoc=b"", code=numbers.POST):
    out = Message(numbers.CON, code, 1, b"t", [], payload)
    if oscore is not None:
        out.add(numbers.OSCORE, oscore)
    if edhoc is not None:
        out.add(numbers.EDHOC, edhoc)
    return out


class ClientTest(unittest.TestCase):
    def test_the_example_of_trace_2(self):
        plain = oscore_request()
        whole = combined.combine(MESSAGE_3, plain)
        self.assertEqual(whole.encode(), unhexlify(ON_TRACE["combined_request_message"]))
        # Kept for retransmission or for the sequential flow.
        self.assertEqual(plain.encode(), unhexlify(ON_TRACE["oscore_request_message"]))

    def test_the_figure(self):
        plain = Message.decode(unhexlify(FIGURE["message"]))
        plain.remove(numbers.EDHOC)
        plain.payload = unhexlify(FIGURE["oscore_ciphertext"])
        whole = combined.combine(unhexlify(FIGURE["edhoc_message_3"]), plain)
        self.assertEqual(whole.encode(), unhexlify(FIGURE["message"]))

    def test_it_has_no_media_type(self):
        plain = oscore_request().add(numbers.CONTENT_FORMAT, 65)
        self.assertIsNone(combined.combine(MESSAGE_3, plain).option(numbers.CONTENT_FORMAT))

    def test_only_the_first_block_takes_it_along(self):
        self.assertTrue(combined.is_combined(combined.combine(MESSAGE_3, oscore_request(), 0x0E)))
        self.assertTrue(combined.is_combined(combined.combine(MESSAGE_3, oscore_request(), 0)))
        for block1 in (0x10, 0x1E, 0xFFFFFE):
            with self.assertRaises(ValueError):
                combined.combine(MESSAGE_3, oscore_request(), block1)

    def test_beyond_the_limit_message_3_goes_alone(self):
        plain = oscore_request()
        room = 1024 - len(MESSAGE_3)
        plain.payload = bytes(room)
        self.assertTrue(combined.fits(MESSAGE_3, plain))
        self.assertEqual(len(combined.combine(MESSAGE_3, plain).payload), 1024)
        plain.payload = bytes(room + 1)
        self.assertFalse(combined.fits(MESSAGE_3, plain))
        with self.assertRaises(ValueError):
            combined.combine(MESSAGE_3, plain)
        self.assertTrue(combined.fits(MESSAGE_3, plain, 2000))

    def test_what_is_not_protected_is_not_combined(self):
        for bad in (request(edhoc=None, oscore=None), request()):
            with self.assertRaises(ValueError):
                combined.combine(MESSAGE_3, bad)


class ServerTest(unittest.TestCase):
    def refused(self, bad):
        with self.assertRaises(CoapError) as caught:
            combined.split(bad)
        self.assertEqual(caught.exception.code, numbers.BAD_REQUEST)

    def test_the_example_of_trace_2(self):
        whole = Message.decode(unhexlify(ON_TRACE["combined_request_message"]))
        self.assertTrue(combined.is_combined(whole))
        self.assertEqual(combined.session_of(whole), unhexlify(TRACE["C_R"]))
        message_3, plain = combined.split(whole)
        self.assertEqual(message_3, MESSAGE_3)
        self.assertEqual(plain.encode(), unhexlify(ON_TRACE["oscore_request_message"]))

    def test_what_is_left_is_verified_by_the_context_of_the_run(self):
        keys = [unhexlify(TRACE["oscore_master_" + name]) for name in ("secret", "salt")]
        c_i, c_r = unhexlify(TRACE["C_I"]), unhexlify(TRACE["C_R"])
        _, plain = combined.split(Message.decode(unhexlify(ON_TRACE["combined_request_message"])))
        server = context.Context(crypto.load(), keys[0], keys[1], c_i, c_r, sequence=Counter())
        inner, _ = protect.unprotect_request(server, plain)
        self.assertEqual((inner.code, inner.path()), (numbers.GET, ("tv1",)))

    def test_from_end_to_end_with_other_options(self):
        keys = (bytes(16), bytes(8))
        client = context.Context(crypto.load(), keys[0], keys[1], b"\x01", b"", sequence=Counter())
        server = context.Context(crypto.load(), keys[0], keys[1], b"", b"\x01", sequence=Counter())
        asked = Message(numbers.CON, numbers.POST, 7, b"tk", [], b"payload")
        asked.add(numbers.URI_HOST, "host").add(numbers.URI_PATH, "path")
        protected, _ = protect.protect_request(client, asked)
        whole = Message.decode(combined.combine(MESSAGE_3, protected).encode())
        self.assertEqual(combined.session_of(whole), b"\x01")
        message_3, plain = combined.split(whole)
        self.assertEqual(message_3, MESSAGE_3)
        inner, _ = protect.unprotect_request(server, plain)
        self.assertEqual((inner.path(), inner.payload), (("path",), b"payload"))

    def test_a_value_of_the_option_means_nothing(self):
        self.assertEqual(combined.split(request(edhoc=b"value"))[0], MESSAGE_3)
        self.assertIsNone(numbers.bad_critical(request(edhoc=b"value").options))

    def test_options_that_are_missing_or_repeated(self):
        self.refused(request(oscore=None))
        self.refused(request(edhoc=None))
        self.refused(request().add(numbers.EDHOC, b""))
        self.refused(request().add(numbers.OSCORE, b"\x09\x00\x27"))

    def test_an_oscore_option_without_kid_or_malformed(self):
        for value in (b"", b"\x01\x00", b"\xe9\x00\x27", b"\x0f\x00"):
            self.refused(request(oscore=value))
            with self.assertRaises(CoapError):
                combined.session_of(request(oscore=value))
        # An empty kid is the identifier of no bytes.
        self.assertEqual(combined.session_of(request(oscore=b"\x09\x00")), b"")

    def test_responses_and_empty_messages(self):
        for code in (numbers.CHANGED, numbers.BAD_REQUEST, numbers.EMPTY):
            self.refused(request(code=code))

    def test_payloads_of_another_form(self):
        for payload in (
            b"",
            bytes(13),
            b"\x62ab" + bytes(13),
            b"\xf5" + MESSAGE_3 + bytes(13),
            b"\x27" + MESSAGE_3 + bytes(13),
            b"\x58\x03abc" + bytes(13),
            b"\x5f\x41a\xff" + bytes(13),
            b"\x5b" + b"\xff" * 8 + bytes(13),
            MESSAGE_3,
            MESSAGE_3[:-1],
            MESSAGE_3 + bytes(8),
            b"\x59\x04\xae" + bytes(1198) + bytes(13),
        ):
            self.refused(request(payload))


if __name__ == "__main__":
    unittest.main()
