"""The device's half of provisioning: what it gives away, what it refuses, and power that fails at every operation."""

import json
import unittest
from binascii import unhexlify

from test_identity_store import Disk, PowerCut

from microbrew import crypto
from microbrew.crypto import P256, spki_p256
from microbrew.errors import StoreError
from microbrew.identity import provision
from microbrew.identity.idevid import Identity
from microbrew.identity.store import Store

CRYPTO = crypto.load()
MASA_SPKI = unhexlify(json.load(open("tests/vectors/voucher-ietf.json"))["keys"]["masa"]["spki"])  # noqa: SIM115
SERIAL, EUI64 = "MB-0001", bytes(range(8))


def certificate_for(request):
    """Something with the SubjectPublicKeyInfo of the request in it, which is all that a device looks at."""
    start = request.find(b"\x30\x59\x30\x13")
    return b"\x30\x82" + request[start : start + 91] + b"signed"


def given(request):
    return {1: SERIAL, 2: EUI64, 3: certificate_for(request), 5: MASA_SPKI}


class Counting:
    """The crypto backend with private keys from a list, so that tests repeat."""

    def __init__(self, *secrets):
        self.secrets = list(secrets)
        for name in ("load_private", "sign"):
            setattr(self, name, getattr(CRYPTO, name))

    def random(self, length):
        return self.secrets.pop(0)


def secret(number):
    return bytes(31) + bytes((number,))


class Request(unittest.TestCase):
    def test_the_request_is_signed_by_the_key_in_it(self):
        # A key that makes short integers of DER likely is not needed: signatures of both shapes come by themselves.
        for number in range(1, 9):
            der = provision.request(Store("d", Disk()), Counting(secret(number)), SERIAL, EUI64)
            public = CRYPTO.load_private(P256, secret(number)).public
            self.assertEqual(der[:2], b"\x30\x81" if der[1] == 0x81 else b"\x30\x82")
            start = 3 if der[1] == 0x81 else 4
            info = der[start : start + 2 + der[start + 1]] if der[start + 1] < 0x80 else None
            if info is None:
                info = der[start : start + 3 + der[start + 2]]
            self.assertTrue(info.find(spki_p256(public)) > 0)
            self.assertTrue(info.find(b"\x13\x07MB-0001") > 0)
            CRYPTO.verify(P256, public, info, integers(der[start + len(info) + 12 :]))

    def test_asked_again_it_is_for_the_same_key(self):
        store = Store("d", Disk())
        backend = Counting(secret(7), secret(8))
        first = provision.request(store, backend, SERIAL, EUI64)
        again = provision.request(store, backend, SERIAL, EUI64)
        other = provision.request(store, backend, "MB-0002", EUI64)
        self.assertEqual(certificate_for(first), certificate_for(again))
        self.assertNotEqual(certificate_for(first), certificate_for(other))

    def test_a_number_that_is_no_key_is_drawn_again(self):
        store = Store("d", Disk())
        provision.request(store, Counting(bytes(32), b"\xff" * 32, secret(9)), SERIAL, EUI64)
        self.assertEqual(store.read("factory-pending")[4], secret(9))

    def test_status_tells_no_secret(self):
        store = Store("d", Disk())
        self.assertEqual(provision.status(store), [None, None])
        request = provision.request(store, CRYPTO, SERIAL, EUI64)
        self.assertEqual(provision.status(store), [None, {1: SERIAL, 2: EUI64}])
        provision.accept(store, CRYPTO, given(request))
        self.assertEqual(provision.status(store), [given(request), None])
        record = store.read("factory")
        record[6] = bytes(16)
        store.write("factory", record)
        self.assertEqual(provision.status(store), [given(request), None])

    def test_a_damaged_pending_record_is_made_anew(self):
        disk = Disk()
        store = Store("d", disk)
        provision.request(store, CRYPTO, SERIAL, EUI64)
        disk.files["d/factory-pending"][5] ^= 1
        self.assertEqual(provision.status(store), [None, None])
        provision.accept(store, CRYPTO, given(provision.request(store, CRYPTO, SERIAL, EUI64)))


def integers(bits):
    """r || s of a BIT STRING with an ECDSA signature."""
    at = 5
    out = b""
    for _ in range(2):
        assert bits[at] == 2
        number = bits[at + 2 : at + 2 + bits[at + 1]]
        assert len(number) == 1 or number[0] or number[1] & 0x80, "not the shortest form"
        assert not number[0] & 0x80, "negative"
        number = number[1:] if number[0] == 0 else number
        out += bytes(32 - len(number)) + number
        at += 2 + bits[at + 1]
    return out


class Accepting(unittest.TestCase):
    def setUp(self):
        self.store = Store("d", Disk())
        self.request = provision.request(self.store, CRYPTO, SERIAL, EUI64)

    def refused(self, record):
        with self.assertRaises(StoreError):
            provision.accept(self.store, CRYPTO, record)
        self.assertIsNone(self.store.read("factory"))

    def test_an_identity_comes_out(self):
        provision.accept(self.store, CRYPTO, given(self.request))
        self.assertEqual(Identity.load(self.store, CRYPTO).serial, SERIAL)
        self.assertEqual(self.store.names(), ["factory"])

    def test_repeated_it_changes_nothing_and_another_is_refused(self):
        provision.accept(self.store, CRYPTO, given(self.request))
        provision.accept(self.store, CRYPTO, given(self.request))
        other = given(self.request)
        other[1] = "MB-0002"
        with self.assertRaises(StoreError):
            provision.accept(self.store, CRYPTO, other)

    def test_what_is_not_for_the_pending_key_is_refused(self):
        self.refused(given(provision.request(Store("e", Disk()), CRYPTO, SERIAL, EUI64)))
        for key, value in ((1, "MB-0002"), (2, bytes(8)), (3, b""), (5, bytes(91)), (4, secret(1)), (6, bytes(16))):
            record = given(self.request)
            record[key] = value
            self.refused(record)
        for key in (1, 2, 3, 5):
            record = given(self.request)
            del record[key]
            self.refused(record)

    def test_who_it_was_before_leaves_no_network_and_no_number_repeats(self):
        provision.accept(self.store, CRYPTO, given(self.request))
        for name in ("network", "pledge", "seq-link"):
            self.store.write(name, 1)
        request = provision.request(self.store, CRYPTO, "MB-0002", EUI64)
        record = given(request)
        record[1] = "MB-0002"
        provision.accept(self.store, CRYPTO, record)
        self.assertEqual(self.store.names(), ["factory", "seq-link"])

    def test_a_damaged_identity_can_be_replaced(self):
        disk = Disk()
        store = Store("d", disk)
        provision.accept(store, CRYPTO, given(provision.request(store, CRYPTO, SERIAL, EUI64)))
        disk.files["d/factory"][5] ^= 1
        with self.assertRaises(StoreError):
            provision.status(store)
        provision.accept(store, CRYPTO, given(provision.request(store, CRYPTO, SERIAL, EUI64)))
        self.assertEqual(Identity.load(store, CRYPTO).serial, SERIAL)

    def test_a_factory_reset_keeps_what_is_pending(self):
        self.store.factory_reset()
        provision.accept(self.store, CRYPTO, given(self.request))


class PowerFails(unittest.TestCase):
    """At every operation of the disk; afterwards the line starts again, knowing of nothing but what status says."""

    def provision(self, disk, issued, key):
        store = Store("d", disk)
        has, _ = provision.status(store)
        if has is not None and has[1] == SERIAL:
            return
        # The certificate is issued between the two steps, so from the first on the key must not change.
        request = provision.request(store, Counting(secret(key)), SERIAL, EUI64)
        issued.append(certificate_for(request))
        provision.accept(store, CRYPTO, given(request))

    def every_cut(self, before):
        for how in range(3):
            cut = 0
            while True:
                cut += 1
                disk = Disk()
                if before is not None:
                    provision.install(Store("d", disk), CRYPTO, before)
                    Store("d", disk).write("network", {1: 2})
                issued = []
                disk.count = 0
                disk.cut = cut
                disk.how = how
                try:
                    self.provision(disk, issued, 1)
                    whole = True
                except PowerCut:
                    whole = False
                disk.reboot()
                store = Store("d", disk)
                # Blank or who it was before, or complete; never something that Identity does not take.
                record = store.read("factory")
                if record is not None:
                    Identity(record, CRYPTO)
                    if record[1] == SERIAL:
                        self.assertIsNone(store.read("network"))
                self.provision(disk, issued, 2)
                self.assertEqual(Identity.load(store, CRYPTO).serial, SERIAL)
                self.assertEqual(provision.status(store)[1], None)
                self.assertEqual(store.names(), ["factory"])
                # However often it was asked, it was for one key, which it has.
                self.assertEqual(len(set(issued)), 1)
                self.assertEqual(store.read("factory")[3], issued[0])
                if whole:
                    break
            self.assertTrue(cut > 5)

    def test_a_blank_device_is_blank_or_complete(self):
        self.every_cut(None)

    def test_a_replaced_device_is_the_old_or_the_new_one(self):
        public = spki_p256(CRYPTO.load_private(P256, secret(5)).public)
        self.every_cut({1: "MB-OLD", 2: bytes(8), 3: b"\x30" + public, 4: secret(5), 5: MASA_SPKI})


if __name__ == "__main__":
    unittest.main()
