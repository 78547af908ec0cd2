"""OSCORE against RFC 8613 appendix C and against CoJP messages made by an independent implementation."""

import json
import unittest
from binascii import unhexlify

from microbrew import crypto
from microbrew.coap.message import Message
from microbrew.errors import DecodeError
from microbrew.oscore import context, option, protect
from microbrew.oscore.context import Context, Volatile

_FILE = json.load(open("tests/vectors/oscore.json"))  # noqa: SIM115
RFC = _FILE["vectors"]
COJP = json.load(open("tests/vectors/cojp.json"))  # noqa: SIM115
CRYPTO = crypto.load()


def unhex(text):
    return None if text is None else unhexlify(text)


def rfc_context(name, side, number=0):
    vector = RFC[name]
    return Context(
        CRYPTO,
        unhex(vector["master_secret"]),
        unhex(vector["master_salt"]),
        unhex(vector[side]["sender_id"]),
        unhex(vector[side]["recipient_id"]),
        unhex(vector["id_context"]),
        Volatile(number),
    )


def cojp_context(pledge, number=0):
    ids = (b"", b"JRC") if pledge else (b"JRC", b"")
    return Context(CRYPTO, unhex(COJP["psk"]), b"", ids[0], ids[1], unhex(COJP["id_context"]), Volatile(number))


class KeyDerivation(unittest.TestCase):
    def test_keys_iv_and_nonces_are_those_of_appendix_c1_to_c3(self):
        for name in ("C.1", "C.2", "C.3"):
            for side in ("client", "server"):
                vector = RFC[name][side]
                ctx = rfc_context(name, side)
                self.assertEqual(bytes(ctx.sender_key), unhex(vector["sender_key"]))
                self.assertEqual(bytes(ctx.recipient_key), unhex(vector["recipient_key"]))
                self.assertEqual(bytes(ctx.common_iv), unhex(vector["common_iv"]))
                self.assertEqual(ctx.nonce(ctx.sender_id, b"\x00"), unhex(vector["sender_nonce_piv0"]))
                self.assertEqual(ctx.nonce(ctx.recipient_id, b"\x00"), unhex(vector["recipient_nonce_piv0"]))

    def test_longest_partial_iv_and_longest_sender_id(self):
        extra = _FILE["extra"]["max_piv"]
        ctx = rfc_context("C.1", "client", (1 << 40) - 1)
        piv = ctx.next_piv()
        self.assertEqual(piv, unhex(extra["partial_iv"]))
        self.assertEqual(ctx.nonce(b"", piv), unhex(extra["nonce"]))
        self.assertEqual(option.encode(piv, b""), unhex(extra["oscore_option"]))
        extra = _FILE["extra"]["max_sender_id"]
        ctx = Context(
            CRYPTO,
            unhex(extra["master_secret"]),
            unhex(extra["master_salt"]),
            unhex(extra["sender_id"]),
            unhex(extra["recipient_id"]),
        )
        self.assertEqual(bytes(ctx.sender_key), unhex(extra["sender_key"]))
        self.assertEqual(ctx.nonce(ctx.sender_id, b"\x00"), unhex(extra["nonce_piv0"]))

    def test_the_algorithm_enters_the_keys(self):
        extra = _FILE["extra"]["alg30_keys"]
        prk = CRYPTO.hkdf_extract(unhex(extra["master_salt"]), unhex(extra["master_secret"]))
        key = context.derive(CRYPTO, prk, unhex(extra["sender_id"]), None, "Key", 16, 30)
        self.assertEqual(bytes(key), unhex(extra["sender_key"]))

    def test_aad_of_section_5_4(self):
        vector = _FILE["aad_example_section_5_4"]
        got = context.aad(unhex(vector["request_kid"]), unhex(vector["request_piv"]))
        self.assertEqual(got, unhex(vector["aad"]))

    def test_cojp_keys(self):
        ctx = cojp_context(True)
        self.assertEqual(bytes(ctx.sender_key), unhex(COJP["pledge_sender_key"]))
        self.assertEqual(bytes(ctx.recipient_key), unhex(COJP["jrc_sender_key"]))
        self.assertEqual(bytes(ctx.common_iv), unhex(COJP["common_iv"]))


class OptionCodec(unittest.TestCase):
    def test_examples_both_ways(self):
        for case in _FILE["option_codec_examples"]:
            piv = unhex(case["partial_iv"]) or b""
            kid = unhex(case["kid"])
            kid_context = unhex(case["kid_context"])
            value = unhex(case["option"])
            self.assertEqual(option.encode(piv, kid, kid_context), value)
            self.assertEqual(option.decode(value), (piv, kid, kid_context))

    def test_malformed_values_are_refused(self):
        for case in _FILE["option_codec_malformed"]:
            self.assertRaises(DecodeError, option.decode, unhex(case["option"]))

    def test_other_spellings_of_the_same_fields_are_refused(self):
        for value in ("0a0005", "010799", "0d0000000000", "11070100" + "00"):
            self.assertRaises(DecodeError, option.decode, unhexlify(value))

    def test_fields_that_do_not_fit_are_the_callers_mistake(self):
        self.assertRaises(ValueError, option.encode, bytes(6))
        self.assertRaises(ValueError, option.encode, b"", None, bytes(256))


class AppendixC(unittest.TestCase):
    def test_requests_of_c4_to_c6_both_ways(self):
        for name in ("C.4", "C.5", "C.6"):
            vector = RFC[name]
            ctx = rfc_context(vector["context"], "client", vector["sender_sequence_number"])
            plain = Message.decode(unhex(vector["unprotected"]))
            outer, binding = protect.protect_request(ctx, plain)
            self.assertEqual(outer.encode(), unhex(vector["protected"]))
            self.assertEqual(binding.piv, unhex(vector["partial_iv"]))
            server = rfc_context(vector["context"], "server")
            received = Message.decode(unhex(vector["protected"]))
            self.assertEqual(protect.identify(received), (unhex(vector["kid"]), unhex(vector["kid_context"])))
            inner, _ = protect.unprotect_request(server, received)
            self.assertEqual(inner.encode(), unhex(vector["unprotected"]))

    def test_responses_of_c7_and_c8_both_ways(self):
        for name, own_piv in (("C.7", False), ("C.8", True)):
            vector = RFC[name]
            request = Message.decode(unhex(RFC["C.4"]["protected"]))
            server = rfc_context("C.1", "server")
            _, binding = protect.unprotect_request(server, request)
            plain = Message.decode(unhex(vector["unprotected"]))
            outer = protect.protect_response(server, plain, binding, own_piv)
            self.assertEqual(outer.encode(), unhex(vector["protected"]))
            client = rfc_context("C.1", "client", 20)
            _, binding = protect.protect_request(client, Message.decode(unhex(RFC["C.4"]["unprotected"])))
            inner = protect.unprotect_response(client, Message.decode(unhex(vector["protected"])), binding)
            self.assertEqual(inner.encode(), unhex(vector["unprotected"]))


class Cojp(unittest.TestCase):
    def test_join_request_and_response(self):
        wire = unhex(COJP["coap"]["join_request_pledge_to_jp"])
        jrc = cojp_context(False)
        inner, binding = protect.unprotect_request(jrc, Message.decode(wire))
        self.assertEqual(inner.payload, unhex(COJP["join_request_cbor"]))
        self.assertEqual(inner.path(), ("j",))
        pledge = cojp_context(True, COJP["join_request_piv"])
        outer, own = protect.protect_request(pledge, inner)
        self.assertEqual(outer.option(9), unhex(COJP["join_request_oscore_option"]))
        self.assertEqual(outer.encode(), wire)
        answer = Message.decode(unhex(COJP["coap"]["join_response_jp_to_pledge"]))
        configuration = protect.unprotect_response(pledge, answer, own)
        self.assertEqual(configuration.payload, unhex(COJP["configuration_cbor"]))
        configuration.type = answer.type
        again = protect.protect_response(jrc, configuration, binding)
        self.assertEqual(again.encode(), answer.encode())

    def test_parameter_update_and_diagnostic(self):
        wire = unhex(COJP["coap"]["param_update_jrc_to_node"])
        node = cojp_context(True)
        update, binding = protect.unprotect_request(node, Message.decode(wire))
        self.assertEqual(update.payload, unhex(COJP["param_update_cbor"]))
        jrc = cojp_context(False, COJP["param_update_jrc_piv"])
        jrc.announce = False
        outer, own = protect.protect_request(jrc, update)
        self.assertEqual(outer.option(9), unhex(COJP["param_update_oscore_option"]))
        self.assertEqual(outer.encode(), wire)
        answer = Message.decode(unhex(COJP["coap"]["diag_4_00_node_to_jrc"]))
        diagnostic = protect.unprotect_response(jrc, answer, own)
        self.assertEqual(diagnostic.code, 0x80)
        self.assertEqual(diagnostic.payload, unhex(COJP["diag_cbor"]))
        self.assertEqual(protect.protect_response(node, diagnostic, binding).encode(), answer.encode())
