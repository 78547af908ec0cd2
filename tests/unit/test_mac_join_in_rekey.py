"""A key set with an old and a new key, as a device gets it that joins while the link key is being changed."""

import unittest

from microbrew.mac.security import KeySet, keyset_from_list

OLD = (1, 1, b"\x11" * 16)
NEW = (2, 1, b"\x22" * 16)


def indexes(keys):
    return [key.index for key in keys]


class JoinInRekey(unittest.TestCase):
    def test_a_node_sends_with_the_old_key_and_takes_the_new_one(self):
        keys = KeySet()
        self.assertTrue(keys.install([OLD, NEW], 0))
        self.assertEqual(keys.data_key().index, 1)
        self.assertEqual((indexes(keys.current), indexes(keys.pending)), ([1], [2]))
        # The Parameter Update of the same change has nothing new.
        self.assertFalse(keys.install([NEW], 1))

    def test_a_border_router_waits_for_its_update(self):
        keys = KeySet(True)
        keys.install([OLD, NEW], 0)
        self.assertEqual(keys.data_key().index, 1)
        self.assertTrue(keys.install([NEW], 1))
        self.assertEqual(keys.data_key().index, 2)

    def test_keys_for_different_frames_are_one_set(self):
        keys = KeySet()
        keys.install([(1, 6, OLD[2]), (2, 12, NEW[2])], 0)
        self.assertEqual((indexes(keys.current), indexes(keys.pending)), ([1, 2], []))

    def test_what_was_stored_is_what_is_loaded(self):
        keys = KeySet()
        keys.install([OLD, NEW], 0)
        self.assertEqual(keyset_from_list(keys.to_list()).to_list(), keys.to_list())
        # A set of two alike that came later, and is in use, is not taken apart.
        both = [False, [list(OLD), list(NEW)], []]
        self.assertEqual(keyset_from_list(both).to_list(), both)


if __name__ == "__main__":
    unittest.main()
