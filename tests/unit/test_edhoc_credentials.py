"""EDHOC credentials: what is built of own keys and what is accepted from a peer."""

import json
import unittest
from binascii import unhexlify

from microbrew import cbor, crypto
from microbrew.crypto import ED25519, P256, X25519
from microbrew.edhoc import credentials
from microbrew.edhoc.credentials import KCCS, KID, X5CHAIN, X5T, Peer
from microbrew.errors import EdhocError

FILE = json.load(open("tests/vectors/edhoc.json"))  # noqa: SIM115
TRACE_2 = FILE["rfc9529_trace_2"]
X5CHAIN_SET = FILE["computed_vectors"]["m0_s2_x5chain"]
X5T_SET = FILE["computed_vectors"]["m0_s2_x5t"]
DER = unhexlify(FILE["computed_vectors_certificates"]["initiator_cert_der"])
CRYPTO = crypto.load()


def refused(test, code, function, *args):
    with test.assertRaises(EdhocError) as caught:
        function(*args)
    test.assertEqual(caught.exception.code, code)


class X5chainTest(unittest.TestCase):
    def test_own(self):
        own = credentials.own_x5chain(DER, None)
        self.assertEqual(own.id_cred, unhexlify(X5CHAIN_SET["ID_CRED_I"]))
        self.assertEqual(bytes(own.cred), unhexlify(X5CHAIN_SET["CRED_I"]))

    def test_own_certificate_beyond_the_limit(self):
        for der in (b"", bytes(1025)):
            with self.assertRaises(ValueError):
                credentials.own_x5chain(der, None)

    def test_peer(self):
        chain = credentials.certificates(unhexlify(X5CHAIN_SET["ID_CRED_I"]))
        self.assertEqual(chain, [DER])
        peer = credentials.peer_x5chain(chain[0], bytes(64))
        self.assertEqual(peer.cred, unhexlify(X5CHAIN_SET["CRED_I"]))

    def test_a_chain_comes_end_entity_first(self):
        self.assertEqual(credentials.certificates(cbor.encode({X5CHAIN: [DER, b"ca"]})), [DER, b"ca"])

    def test_malformed_chains(self):
        for value in ([], [DER], [DER] * 5, [DER, "ca"], [DER, b""], b"", "text", 7, None, bytes(1025), [[DER], DER]):
            refused(self, 1, credentials.certificates, cbor.encode({X5CHAIN: value}))

    def test_other_types_and_mixtures(self):
        for id_cred in ({32: DER}, {KID: b"k"}, {X5CHAIN: DER, KID: b"k"}, {}, {"x5chain": DER}):
            refused(self, 1, credentials.certificates, cbor.encode(id_cred))
        refused(self, 1, credentials.certificates, b"")
        refused(self, 1, credentials.certificates, b"\xa1\x18")
        refused(self, 1, credentials.certificates, cbor.encode({X5CHAIN: DER}) + b"\x00")


class KccsTest(unittest.TestCase):
    def ccs(self, key):
        return cbor.encode({KCCS: {8: {1: key}}})

    def test_own_is_read_back(self):
        private = CRYPTO.load_private(P256, unhexlify(TRACE_2["SK_R"]))
        own = credentials.own_kccs(private, "jrc")
        self.assertEqual(own.id_cred[:7], unhexlify("a10ea202636a72"))
        self.assertEqual(own.id_cred[2:], bytes(own.cred))
        peer = credentials.peer_kccs(own.id_cred)
        self.assertEqual(peer.cred, bytes(own.cred))
        self.assertEqual(peer.public, private.public)

    def test_ccs_of_trace_2_by_value(self):
        ccs = unhexlify(TRACE_2["CRED_R"])
        peer = credentials.peer_kccs(b"\xa1\x0e" + ccs)
        self.assertEqual(peer.cred, ccs)
        self.assertEqual(peer.public, unhexlify(TRACE_2["G_R"] + TRACE_2["G_R_y"]))

    def test_an_order_of_claims_other_than_ours_is_kept(self):
        ccs = unhexlify("a208a101a401022001215820" + "11" * 32 + "225820" + "22" * 32 + "026161")
        self.assertEqual(credentials.peer_kccs(b"\xa1\x0e" + ccs).cred, ccs)

    def test_keys_of_every_curve_are_read_back_with_their_curve_and_name(self):
        for curve in (P256, X25519, ED25519):
            private = CRYPTO.load_private(curve, bytes(range(1, 33)))
            peer = credentials.peer_kccs(credentials.own_kccs(private, "name").id_cred)
            self.assertEqual((peer.public, peer.curve, peer.subject), (private.public, curve, "name"))

    def test_a_stored_ccs_is_taken_as_it_is(self):
        ccs = unhexlify(TRACE_2["CRED_R"])
        peer = credentials.peer_ccs(ccs)
        self.assertEqual((peer.cred, peer.curve, peer.subject), (ccs, P256, "example.edu"))
        refused(self, 1, credentials.peer_ccs, ccs[:-1])

    def test_an_encoding_that_is_not_the_shortest(self):
        ccs = unhexlify(TRACE_2["CRED_R"])
        for id_cred in (b"\xb8\x01\x0e" + ccs, b"\xa1\x18\x0e" + ccs, b"\xa1\x0e\xb8\x02" + ccs[1:], b"\xbf\x0e" + ccs):
            refused(self, 1, credentials.peer_kccs, id_cred)

    def test_a_key_without_y_serves_static_dh(self):
        peer = credentials.peer_kccs(self.ccs({1: 2, -1: 1, -2: bytes(32)}))
        self.assertEqual(len(peer.public), 32)

    def test_malformed_claims(self):
        x = bytes(32)
        for key in (
            {},
            {1: 1, -1: 1, -2: x, -3: x},
            {1: 2, -1: 2, -2: x, -3: x},
            {1: 2, -1: 1, -2: x[:31], -3: x},
            {1: 2, -1: 1, -2: x, -3: x[:31]},
            {1: 2, -1: 1, -2: x, -3: x, -4: x},
            b"key",
        ):
            refused(self, 1, credentials.peer_kccs, self.ccs(key))
        for ccs in ({}, {8: {}}, {8: {3: b"kid"}}, {2: 5, 8: {1: {1: 2, -1: 1, -2: x, -3: x}}}, b"ccs", [1]):
            refused(self, 1, credentials.peer_kccs, cbor.encode({KCCS: ccs}))

    def test_other_types_and_mixtures(self):
        for id_cred in ({KID: b"k"}, {X5CHAIN: DER}, {KCCS: {}, KID: b"k"}):
            refused(self, 1, credentials.peer_kccs, cbor.encode(id_cred))


class KidTest(unittest.TestCase):
    def test_own(self):
        own = credentials.own_kid(b"\x2b", b"\xa0", None)
        self.assertEqual(own.id_cred, unhexlify(TRACE_2["ID_CRED_I"]))
        self.assertEqual(own.cred, b"\xa0")
        with self.assertRaises(ValueError):
            credentials.own_kid(bytes(65), b"\xa0", None)


class ParametersTest(unittest.TestCase):
    def test_several_parameters(self):
        self.assertEqual(credentials.parameters(unhexlify("a20441090a4101")), {4: b"\x09", 10: b"\x01"})

    def test_no_map_or_an_empty_one(self):
        for id_cred in (
            b"",
            b"\xa0",
            b"\x41\x02",
            b"\xa1\x04",
            b"\xa1\x04\x40\x00",
            b"\xa2\x04\x40\x04\x40",
            b"\xa1\xf5\x40",
        ):
            refused(self, 1, credentials.parameters, id_cred)


class ReferenceTest(unittest.TestCase):
    def test_lookup_gets_what_the_peer_sent(self):
        known = Peer(b"\xa0", bytes(32))
        asked = []

        def lookup(label, value):
            asked.append((label, value))
            return known

        self.assertIs(credentials.peer_reference(unhexlify(TRACE_2["ID_CRED_I"]), lookup), known)
        self.assertIs(credentials.peer_reference(unhexlify(X5T_SET["ID_CRED_I"]), lookup), known)
        self.assertEqual(asked[0], (KID, b"\x2b"))
        self.assertEqual(asked[1], (X5T, [-15, CRYPTO.sha256(DER)[:8]]))

    def test_an_unknown_reference_is_error_3(self):
        for nothing in (None, [], ()):
            refused(self, 3, credentials.peer_reference, cbor.encode({KID: b"?"}), lambda label, value, n=nothing: n)

    def test_several_credentials_of_one_kid_are_all_returned(self):
        peers = [Peer(b"\xa0", bytes(32)), Peer(b"\xa1\x00\x00", bytes(32))]
        found = credentials.peer_reference(cbor.encode({KID: b"k"}), lambda label, value: peers)
        self.assertEqual(found, peers)

    def test_an_unknown_type_is_error_1_and_asks_nobody(self):
        def lookup(label, value):
            self.fail("asked")

        for id_cred in ({35: "coap://x"}, {KID: 5}, {X5T: b"hash"}, {X5T: [-15]}, {X5T: [-15, "hash"]}, {KCCS: {}}):
            refused(self, 1, credentials.peer_reference, cbor.encode(id_cred), lookup)

    def test_a_public_key_of_odd_length_is_the_callers_mistake(self):
        for length in (0, 31, 33, 65):
            with self.assertRaises(ValueError):
                Peer(b"\xa0", bytes(length))


if __name__ == "__main__":
    unittest.main()
