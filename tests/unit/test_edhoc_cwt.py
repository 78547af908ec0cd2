"""kcwt: a key in a signed CWT. What verifies, what does not, and a run with it."""

import unittest

from microbrew import cbor, crypto
from microbrew.cbor import Raw, Tag
from microbrew.cose import sign1
from microbrew.cose.key import cose_key
from microbrew.crypto import ED25519, P256, X25519
from microbrew.edhoc import initiator, responder
from microbrew.edhoc.credentials import KCCS, KCWT, KID, own_kccs, peer_kccs
from microbrew.edhoc.cwt import own_kcwt, peer_kcwt
from microbrew.errors import EdhocError

CRYPTO = crypto.load()
SECRET = bytes(range(1, 33))
KEY = CRYPTO.load_private(P256, SECRET)
ISSUERS = {curve: CRYPTO.load_private(curve, bytes(range(50, 82))) for curve in (P256, ED25519)}
ISSUER = ISSUERS[P256].public


def issue(claims, curve=P256, protected=None, detached=False):
    """An untagged CWT over ``claims``."""
    return sign1.sign(CRYPTO, ISSUERS[curve], cbor.encode(claims), protected, None, b"", False, detached)


def claims_of(key, **more):
    out = {1: "issuer", 2: "device", 8: {1: cose_key(key.public, None, key.curve)}}
    for name, value in more.items():
        out[{"exp": 4, "nbf": 5}[name]] = value
    return out


def id_cred(cwt):
    return cbor.encode({KCWT: Raw(cwt)})


class KcwtTest(unittest.TestCase):
    def refused(self, encoded, issuer=ISSUER, now=None):
        with self.assertRaises(EdhocError) as caught:
            peer_kcwt(CRYPTO, encoded, issuer, now)
        self.assertEqual(caught.exception.code, 1)
        return caught.exception.info

    def test_key_name_and_cred_of_a_cwt(self):
        for curve, issuer in ISSUERS.items():
            cwt = issue(claims_of(KEY), curve)
            peer = peer_kcwt(CRYPTO, id_cred(cwt), issuer.public)
            self.assertEqual((peer.public, peer.curve, peer.subject), (KEY.public, P256, "device"))
            self.assertEqual(peer.cred, cwt)

    def test_keys_of_the_other_curves(self):
        for curve in (X25519, ED25519):
            key = CRYPTO.load_private(curve, SECRET)
            peer = peer_kcwt(CRYPTO, id_cred(issue(claims_of(key))), ISSUER)
            self.assertEqual((peer.public, peer.curve), (key.public, curve))

    def test_cred_is_the_untagged_cwt_however_it_was_sent(self):
        cwt = issue(claims_of(KEY))
        peer = peer_kcwt(CRYPTO, id_cred(b"\xd2" + cwt), ISSUER)
        self.assertEqual(peer.cred, cwt)

    def test_another_issuer_or_a_changed_claim_does_not_verify(self):
        cwt = issue(claims_of(KEY))
        self.assertEqual(self.refused(id_cred(cwt), KEY.public), "kcwt does not verify")
        self.assertEqual(self.refused(id_cred(cwt), ISSUERS[ED25519].public), "kcwt does not verify")
        at = cwt.find(b"device")
        changed = cwt[:at] + b"Device" + cwt[at + 6 :]
        self.assertEqual(self.refused(id_cred(changed)), "kcwt does not verify")

    def test_claims_without_a_key_for_us(self):
        for claims in (
            {2: "device"},
            {8: {}},
            {8: {3: b"kid"}},
            {8: {1: {1: 4, -1: b"secret"}}},
            {8: {1: {1: 1, -1: 7, -2: bytes(32)}}},
            {2: 5, 8: {1: cose_key(KEY.public)}},
            [1],
            b"claims",
        ):
            self.assertEqual(self.refused(id_cred(issue(claims))), "malformed kcwt")

    def test_times_count_where_there_is_a_clock(self):
        encoded = id_cred(issue(claims_of(KEY, nbf=100, exp=200)))
        for now in (None, 100, 199):
            self.assertEqual(peer_kcwt(CRYPTO, encoded, ISSUER, now).public, KEY.public)
        for now in (0, 99, 200, 10**10):
            self.assertEqual(self.refused(encoded, ISSUER, now), "kcwt not valid now")
        for now in (0, 10**10):
            peer_kcwt(CRYPTO, id_cred(issue(claims_of(KEY))), ISSUER, now)
        for exp in (True, "later", None):
            self.assertEqual(self.refused(id_cred(issue(claims_of(KEY, exp=exp)))), "malformed kcwt")

    def test_other_structures(self):
        cwt = issue(claims_of(KEY))
        self.refused(id_cred(issue(claims_of(KEY), detached=True)))
        self.refused(id_cred(issue(claims_of(KEY), protected={2: [70000], 70000: 1})))
        for value in (Tag(61, Raw(cwt)), Tag(17, Raw(cwt)), Tag(18, Tag(18, Raw(cwt))), cwt, {}, [b"", {}, b""], 5):
            self.refused(cbor.encode({KCWT: value}))
        for mixture in ({KCWT: Raw(cwt), KID: b""}, {KCCS: Raw(cwt)}, {}):
            self.refused(cbor.encode(mixture))

    def test_an_encoding_that_is_not_the_shortest(self):
        cwt = issue(claims_of(KEY))
        self.assertEqual(cwt[0], 0x84)
        self.refused(b"\xa1\x0d\x98\x04" + cwt[1:])
        self.refused(b"\xa1\x18\x0d" + cwt)
        with self.assertRaises(ValueError):
            own_kcwt(b"\xd2" + cwt, KEY)
        with self.assertRaises(ValueError):
            own_kcwt(b"", KEY)

    def test_a_run(self):
        own = own_kcwt(issue(claims_of(KEY)), KEY)
        self.assertEqual(own.id_cred, id_cred(bytes(own.cred)))
        for method in (0, 3):
            own_r = own_kccs(ISSUERS[P256])
            message_1, wait_2 = initiator.Start(CRYPTO, method, (2,), b"", own).message_1()
            start = responder.Start(CRYPTO, (method,), (2,), {2: own_r})
            message_2, wait_3 = start.receive(message_1).message_2(b"\x05")
            received = wait_2.receive(message_2)
            message_3, done_i = received.verify(peer_kccs(received.id_cred_r)).message_3()
            received = wait_3.receive(message_3)
            done_r = received.verify(peer_kcwt(CRYPTO, received.id_cred_i, ISSUER))
            self.assertEqual(done_i.oscore(), done_r.oscore())
            self.assertEqual(done_r.peer.subject, "device")


if __name__ == "__main__":
    unittest.main()
