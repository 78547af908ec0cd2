"""Lengths of the messages beside the table of RFC 9528 section 1.2: what an encoding that grew would show."""

import unittest

from microbrew import crypto
from microbrew.cbor import encode
from microbrew.crypto import ED25519, P256, X25519
from microbrew.edhoc import initiator, responder
from microbrew.edhoc.credentials import KID, Own, Peer
from microbrew.edhoc.x509 import own_x5t

CRYPTO = crypto.load()
# Method and kind of reference: bytes of message_1, message_2, message_3.
TABLE = (
    (3, "kid", (37, 45, 19)),
    (3, "x5t", (37, 58, 33)),
    (0, "kid", (37, 102, 77)),
    (0, "x5t", (37, 115, 90)),
)


class SizesTest(unittest.TestCase):
    def lengths(self, method, kind, suite):
        """Lengths of the three messages, with one-byte identifiers as in the table."""
        curve = P256 if suite == 2 else ED25519 if method == 0 else X25519
        owns = []
        for kid in (b"\x2b", b"\x32"):
            private = CRYPTO.load_private(curve, kid * 32)
            if kind == "kid":
                owns.append(Own(encode({KID: kid}), b"\xa0", private))
            else:
                owns.append(own_x5t(CRYPTO, b"certificate" + kid, private))
        peers = [Peer(own.cred, own.private.public) for own in owns]
        message_1, wait_2 = initiator.Start(CRYPTO, method, (suite,), b"\x0e", owns[0]).message_1()
        start = responder.Start(CRYPTO, (method,), (suite,), {suite: owns[1]})
        message_2, wait_3 = start.receive(message_1).message_2(b"\x27")
        message_3, _ = wait_2.receive(message_2).verify(peers[1]).message_3()
        done = wait_3.receive(message_3).verify(peers[0])
        self.assertEqual(len(done.message_4()), 9)
        return len(message_1), len(message_2), len(message_3)

    def test_suite_2(self):
        for method, kind, expected in TABLE:
            self.assertEqual(self.lengths(method, kind, 2), expected)

    def test_suite_0(self):
        for method, kind, expected in TABLE:
            self.assertEqual(self.lengths(method, kind, 0), expected)


if __name__ == "__main__":
    unittest.main()
