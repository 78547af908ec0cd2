"""Membership and its record: what was stored is what comes back, or a clear refusal."""

import unittest

from microbrew import cbor
from microbrew.errors import StoreError
from microbrew.join import membership
from microbrew.join.cojp import Configuration

PARENT = bytes.fromhex("00124b0000000101")
KEY = (1, 1, b"\x11" * 16)


def joined(config):
    return membership.joined(b"\xca\xfe", 0xCAFE, 15, PARENT, b"\x22" * 16, True, config, 0)


class Memberships(unittest.TestCase):
    def test_a_record_survives_the_store(self):
        config = Configuration([KEY], b"\xaf\x93", b"\xfd" + bytes(15), [PARENT], 100)
        member = joined(config)
        record = cbor.decode(cbor.encode(member.to_record()))
        again = membership.from_record(record)
        self.assertEqual(again.to_record(), member.to_record())
        self.assertEqual(again.short_address, b"\xaf\x93")
        self.assertEqual(again.keys.data_key().value, KEY[2])

    def test_a_record_of_another_form_is_refused(self):
        good = joined(Configuration([KEY])).to_record()
        for key in good:
            bad = dict(good)
            del bad[key]
            with self.assertRaises(StoreError):
                membership.from_record(bad)
        for bad in (None, 7, [], {}):
            with self.assertRaises(StoreError):
                membership.from_record(bad)

    def test_an_update_keeps_what_it_does_not_mention(self):
        member = joined(Configuration([KEY], b"\xaf\x93", None, [PARENT], 100))
        member.update(Configuration([(2, 1, b"\x33" * 16)]), 0)
        self.assertEqual(member.short_address, b"\xaf\x93")
        self.assertEqual(member.join_rate, 100)
        self.assertEqual(member.blacklist, [PARENT])

    def test_a_new_key_is_accepted_before_it_is_used(self):
        member = joined(Configuration([KEY]))
        member.update(Configuration([(2, 1, b"\x33" * 16)]), 0)
        self.assertEqual(member.keys.data_key().index, 1)
        self.assertEqual([key.index for key in member.keys.pending], [2])

    def test_an_update_that_cannot_be_installed_changes_nothing(self):
        member = joined(Configuration([KEY], b"\xaf\x93"))
        before = member.to_record()
        with self.assertRaises(ValueError):
            member.update(Configuration([(2, 1, b"\x33" * 16), (2, 1, b"\x44" * 16)], b"\x00\x01"), 0)
        self.assertEqual(member.to_record(), before)

    def test_a_join_without_usable_keys_is_refused(self):
        with self.assertRaises(ValueError):
            joined(Configuration([(1, 1, b"\x11" * 16)] * 2))


if __name__ == "__main__":
    unittest.main()
