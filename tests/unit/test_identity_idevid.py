"""The factory identity: what is taken, and which sentence an installer gets for what is not."""

import json
import unittest
from binascii import unhexlify

from test_identity_store import Disk

from microbrew import crypto
from microbrew.errors import StoreError
from microbrew.identity.idevid import Identity
from microbrew.identity.store import Store

# Certificate and keys of the constrained-voucher draft; see the "source" field of the file.
VECTORS = json.load(open("tests/vectors/voucher-ietf.json"))  # noqa: SIM115
KEYS = VECTORS["keys"]
CRYPTO = crypto.load()


def zero_touch():
    return {
        1: "MB-0001",
        2: bytes(range(8)),
        3: unhexlify(VECTORS["cert-pledge-idevid"]),
        4: unhexlify(KEYS["pledge"]["d"]),
        5: unhexlify(KEYS["masa"]["spki"]),
    }


def one_touch():
    return {1: "MB-0002", 2: bytes(8), 6: bytes(range(16))}


class Loading(unittest.TestCase):
    def test_a_zero_touch_identity_comes_out_of_the_store(self):
        store = Store("d", Disk())
        store.write("factory", zero_touch())
        identity = Identity.load(store, CRYPTO)
        self.assertEqual((identity.serial, identity.eui64, identity.psk), ("MB-0001", bytes(range(8)), None))
        self.assertEqual(identity.certificate, unhexlify(VECTORS["cert-pledge-idevid"]))
        self.assertEqual(identity.private.public, unhexlify(KEYS["pledge"]["spki"])[27:])
        self.assertEqual(identity.masa_public, unhexlify(KEYS["masa"]["spki"])[27:])

    def test_a_one_touch_identity_has_a_psk_only(self):
        identity = Identity(one_touch(), CRYPTO)
        self.assertEqual(identity.psk, bytes(range(16)))
        self.assertIsNone(identity.certificate)
        self.assertIsNone(identity.private)
        self.assertIsNone(identity.masa_public)

    def test_both_may_be_there(self):
        record = zero_touch()
        record[6] = bytes(16)
        identity = Identity(record, CRYPTO)
        self.assertEqual((identity.psk, identity.private is None), (bytes(16), False))

    def test_wipe_forgets_the_secrets(self):
        record = zero_touch()
        record[6] = bytes(16)
        identity = Identity(record, CRYPTO)
        handle = identity.private
        identity.wipe()
        self.assertEqual((identity.private, identity.psk, handle.secret), (None, None, None))


class Refused(unittest.TestCase):
    def refused(self, record):
        with self.assertRaises(StoreError) as raised:
            Identity(record, CRYPTO)
        text = str(raised.exception)
        self.assertTrue(text.startswith("Factory identity: ") and text.endswith("."), text)
        return text

    def test_a_device_without_record_says_so(self):
        with self.assertRaises(StoreError) as raised:
            Identity.load(Store("d", Disk()), CRYPTO)
        self.assertIn("factory step", str(raised.exception))

    def test_wrong_types_and_lengths_are_named(self):
        names = {1: "serial", 2: "EUI-64", 3: "certificate", 4: "private key", 5: "MASA", 6: "PSK"}
        for key in names:
            for value in (None, 5, "", b"", "text" if key != 1 else b"bytes", bytes(2049), "x" * 65, [], True):
                record = zero_touch()
                record[6] = bytes(16)
                record[key] = value
                self.assertIn(names[key], self.refused(record))

    def test_missing_fields(self):
        for key in (1, 2, 3, 4, 5):
            record = zero_touch()
            del record[key]
            self.refused(record)
        self.assertIn("neither", self.refused({1: "s", 2: bytes(8)}))

    def test_things_that_are_no_record(self):
        for record in ([], "x", 5, {}):
            self.refused(record)
        record = one_touch()
        record[7] = 1
        self.assertIn("unknown", self.refused(record))

    def test_keys_that_are_none(self):
        record = zero_touch()
        record[4] = bytes(32)
        self.assertIn("private key", self.refused(record))
        record = zero_touch()
        record[5] = bytes(91)
        self.assertIn("MASA", self.refused(record))

    def test_a_key_that_is_not_the_certificates(self):
        record = zero_touch()
        record[4] = unhexlify(KEYS["registrar"]["d"])
        self.assertIn("not that of the private key", self.refused(record))
