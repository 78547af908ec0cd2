"""x5t, x5bag and x5u: what is built, found, fetched and refused; and runs with them between our roles."""

import json
import unittest
from binascii import unhexlify

from microbrew import cbor, crypto
from microbrew.cbor import Tag
from microbrew.crypto import P256
from microbrew.edhoc import initiator, responder, x509
from microbrew.edhoc.credentials import KCCS, KID, X5BAG, X5CHAIN, X5T, X5U, own_kccs, peer_kccs, peer_x5chain
from microbrew.edhoc.x509 import SHA256, SHA256_64
from microbrew.errors import EdhocError

FILE = json.load(open("tests/vectors/edhoc.json"))  # noqa: SIM115
SETS = FILE["computed_vectors"]
DER = unhexlify(FILE["computed_vectors_certificates"]["initiator_cert_der"])
OTHER = unhexlify(FILE["computed_vectors_certificates"]["responder_cert_der"])
CRYPTO = crypto.load()
PRIVATE = CRYPTO.load_private(P256, unhexlify(SETS["m0_s2_x5chain"]["SK_I"]))
URI = "coaps://ca.example/leaf"


def refused(test, code, function, *args):
    with test.assertRaises(EdhocError) as caught:
        function(*args)
    test.assertEqual(caught.exception.code, code)


class ThumbprintTest(unittest.TestCase):
    def test_both_hashes_as_in_the_vectors(self):
        for name, algorithm in (("m0_s2_x5t", SHA256_64), ("m0_s3_x5t256", SHA256)):
            own = x509.own_x5t(CRYPTO, DER, PRIVATE, algorithm)
            self.assertEqual(own.id_cred, unhexlify(SETS[name]["ID_CRED_I"]))
            self.assertEqual(own.cred, unhexlify(SETS[name]["CRED_I"]))

    def test_the_certificate_behind_a_thumbprint_is_found(self):
        for algorithm in (SHA256_64, SHA256):
            x5t = x509.thumbprint(CRYPTO, DER, algorithm)
            self.assertEqual(x509.find(CRYPTO, x5t, [OTHER, DER]), [DER])
            self.assertEqual(x509.find(CRYPTO, x5t, [OTHER]), [])

    def test_a_hash_cut_short_or_grown_matches_nothing(self):
        digest = CRYPTO.sha256(DER)
        for x5t in ([SHA256, digest[:8]], [SHA256, digest[:31]], [SHA256_64, digest], [SHA256_64, b""]):
            self.assertEqual(x509.find(CRYPTO, x5t, [DER]), [])

    def test_other_hashes_are_refused_and_not_guessed(self):
        for x5t in (
            [-14, bytes(20)],
            [-43, bytes(48)],
            ["sha", bytes(8)],
            [True, bytes(8)],
            [[], b""],
            [-15],
            b"",
            None,
        ):
            refused(self, 1, x509.find, CRYPTO, x5t, [DER])
        with self.assertRaises(ValueError):
            x509.thumbprint(CRYPTO, DER, -43)


class BagTest(unittest.TestCase):
    def test_one_stands_alone_and_several_are_an_array(self):
        self.assertEqual(x509.own_x5bag([DER], PRIVATE).id_cred, cbor.encode({X5BAG: DER}))
        own = x509.own_x5bag([DER, OTHER], PRIVATE)
        self.assertEqual(own.id_cred, cbor.encode({X5BAG: [DER, OTHER]}))
        self.assertEqual(own.cred, cbor.encode(DER))

    def test_a_bag_is_read_in_its_order(self):
        self.assertEqual(x509.bag(cbor.encode({X5BAG: [OTHER, DER]})), [OTHER, DER])
        self.assertEqual(x509.bag(cbor.encode({X5BAG: DER})), [DER])

    def test_malformed_bags(self):
        for value in ([], [DER], [DER] * 5, [DER, 7], b"", "text", [[DER], DER], bytes(1025)):
            refused(self, 1, x509.bag, cbor.encode({X5BAG: value}))
        for id_cred in ({X5CHAIN: DER}, {X5BAG: DER, X5CHAIN: DER}, {KID: DER}):
            refused(self, 1, x509.bag, cbor.encode(id_cred))

    def test_own_bag_has_limits(self):
        for ders in ([], [DER] * 5, [DER, bytes(1025)]):
            with self.assertRaises(ValueError):
                x509.own_x5bag(ders, PRIVATE)


class UriTest(unittest.TestCase):
    def setUp(self):
        self.asked = []

    def fetch(self, uri):
        self.asked.append(uri)
        return DER

    def test_nothing_is_fetched_unless_the_application_says_so(self):
        refused(self, 3, x509.fetched, CRYPTO, x509.own_x5u(CRYPTO, URI, DER, PRIVATE).id_cred)

    def test_the_application_fetches_what_the_peer_names(self):
        own = x509.own_x5u(CRYPTO, URI, DER, PRIVATE)
        self.assertEqual(x509.fetched(CRYPTO, own.id_cred, self.fetch), DER)
        self.assertEqual(x509.fetched(CRYPTO, cbor.encode({X5U: Tag(32, URI)}), self.fetch), DER)
        self.assertEqual(self.asked, [URI, URI])
        self.assertEqual(own.cred, cbor.encode(DER))

    def test_what_was_fetched_must_match_the_thumbprint(self):
        id_cred = x509.own_x5u(CRYPTO, URI, OTHER, PRIVATE).id_cred
        refused(self, 1, x509.fetched, CRYPTO, id_cred, self.fetch)

    def test_what_was_fetched_has_a_limit(self):
        for der in (b"", bytes(1025)):
            refused(self, 1, x509.fetched, CRYPTO, cbor.encode({X5U: Tag(32, URI)}), lambda uri, der=der: der)

    def test_malformed_uris_are_refused_before_anything_is_fetched(self):
        for value in (URI, Tag(33, URI), Tag(32, b"uri"), Tag(32, ""), Tag(32, "x" * 129), b"uri", 5):
            refused(self, 1, x509.fetched, CRYPTO, cbor.encode({X5U: value}), self.fetch)
        for id_cred in ({X5T: [-15, bytes(8)]}, {X5U: Tag(32, URI), KID: b""}, {X5U: Tag(32, URI), KCCS: {}}):
            refused(self, 1, x509.fetched, CRYPTO, cbor.encode(id_cred), self.fetch)
        self.assertEqual(self.asked, [])

    def test_own_uri_has_limits(self):
        for uri in ("", "x" * 129):
            with self.assertRaises(ValueError):
                x509.own_x5u(CRYPTO, uri, DER, PRIVATE)


class RunTest(unittest.TestCase):
    """Each form carries a whole run; ID_CRED goes into the MACs as it was received."""

    def initiate(self, own, resolve, method=0):
        own_r = own_kccs(CRYPTO.load_private(P256, bytes(range(1, 33))))
        message_1, wait_2 = initiator.Start(CRYPTO, method, (2,), b"", own).message_1()
        start = responder.Start(CRYPTO, (method,), (2,), {2: own_r})
        message_2, wait_3 = start.receive(message_1).message_2(b"\x05")
        received = wait_2.receive(message_2)
        message_3, done_i = received.verify(peer_kccs(received.id_cred_r)).message_3()
        received = wait_3.receive(message_3)
        self.assertEqual(received.id_cred_i, own.id_cred)
        done_r = received.verify(peer_x5chain(resolve(received.id_cred_i), PRIVATE.public, P256))
        self.assertEqual(done_i.oscore(), done_r.oscore())

    def test_x5t(self):
        def resolve(id_cred):
            return x509.find(CRYPTO, cbor.decode(id_cred)[X5T], [OTHER, DER])[0]

        self.initiate(x509.own_x5t(CRYPTO, DER, PRIVATE), resolve)
        self.initiate(x509.own_x5t(CRYPTO, DER, PRIVATE, SHA256), resolve, 3)

    def test_x5bag(self):
        self.initiate(x509.own_x5bag([DER, OTHER], PRIVATE), lambda id_cred: x509.bag(id_cred)[0])

    def test_x5u_beside_x5t_for_static_dh(self):
        own = x509.own_x5u(CRYPTO, URI, DER, PRIVATE)
        self.initiate(own, lambda id_cred: x509.fetched(CRYPTO, id_cred, lambda uri: DER), 2)


if __name__ == "__main__":
    unittest.main()
