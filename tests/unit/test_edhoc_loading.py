"""What an initiator loads: only the modules that its method and suite use. Runs in an interpreter of its own."""

import sys
import unittest

from microbrew.compat import MICROPYTHON

# Modules that cost a device most, by what needs them.
CURVES = ("p256", "ecdsa", "x25519", "ed25519", "sha512")


def loaded():
    """Which of them, and of cose.sign1, are in memory."""
    found = [name for name in CURVES if "microbrew.crypto.pure." + name in sys.modules]
    if "microbrew.cose.sign1" in sys.modules:
        found.append("sign1")
    return found


def forget():
    for name in list(sys.modules):
        if (
            name.startswith("microbrew.crypto")
            or name.startswith("microbrew.edhoc")
            or name.startswith("microbrew.cose")
        ):
            del sys.modules[name]


def run(method, suite):
    """An initiator and a responder in one, both in the pure backend."""
    from microbrew.crypto import ED25519, P256, X25519, load
    from microbrew.edhoc import initiator, responder
    from microbrew.edhoc.credentials import own_kccs, peer_kccs

    crypto = load("pure")
    curve = P256 if suite > 1 else ED25519 if method == 0 else X25519
    own_i = own_kccs(crypto.load_private(curve, bytes(range(1, 33))))
    own_r = own_kccs(crypto.load_private(curve, bytes(range(2, 34))))
    message_1, wait_2 = initiator.Start(crypto, method, (suite,), b"", own_i).message_1()
    start = responder.Start(crypto, (method,), (suite,), {suite: own_r})
    message_2, wait_3 = start.receive(message_1).message_2(b"\x05")
    received = wait_2.receive(message_2)
    message_3, done = received.verify(peer_kccs(received.id_cred_r)).message_3()
    received = wait_3.receive(message_3)
    assert received.verify(peer_kccs(received.id_cred_i)).oscore() == done.oscore()


@unittest.skipUnless(MICROPYTHON, "needs an interpreter that nothing else was loaded in")
class LoadingTest(unittest.TestCase):
    def setUp(self):
        forget()

    def test_method_3_suite_2_loads_p256_and_neither_signatures_nor_the_other_curves(self):
        run(3, 2)
        self.assertEqual(loaded(), ["p256"])

    def test_method_0_suite_2_adds_ecdsa(self):
        run(0, 2)
        self.assertEqual(loaded(), ["p256", "ecdsa"])

    def test_method_3_suite_0_loads_x25519_alone(self):
        run(3, 0)
        self.assertEqual(loaded(), ["x25519"])

    def test_method_0_suite_0_adds_ed25519_and_its_hash(self):
        run(0, 0)
        self.assertEqual(loaded(), ["x25519", "ed25519", "sha512"])


if __name__ == "__main__":
    unittest.main()
