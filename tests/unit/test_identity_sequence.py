"""Reserved numbers: none twice, whatever the power does."""

import unittest

from test_identity_store import Disk, PowerCut

from microbrew.errors import StoreError
from microbrew.identity.sequence import Reserved
from microbrew.identity.store import Store


class Numbers(unittest.TestCase):
    def setUp(self):
        self.disk = Disk()
        self.store = Store("d", self.disk)

    def test_the_ceiling_is_stored_before_the_first_number_is_returned(self):
        counter = Reserved(self.store, "seq-link", 4)
        self.assertIsNone(self.store.read("seq-link"))
        got = []
        for expected in (4, 4, 4, 4, 8):
            got.append(counter.next())
            self.assertEqual(self.store.read("seq-link"), expected)
        self.assertEqual(got, [0, 1, 2, 3, 4])

    def test_a_reboot_goes_on_at_the_stored_ceiling(self):
        counter = Reserved(self.store, "seq-link")
        counter.next()
        counter.next()
        self.assertEqual(Reserved(Store("d", self.disk), "seq-link").next(), 64)

    def test_a_reboot_without_use_costs_no_numbers(self):
        for _ in range(5):
            Reserved(self.store, "seq-link")
        self.assertEqual(Reserved(self.store, "seq-link").next(), 0)

    def test_no_number_twice_and_none_backwards_under_random_power_cuts(self):
        state = 99
        last = -1
        boots = 0
        handed_out = 0
        for _ in range(400):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            self.disk.cut = self.disk.count + 1 + (state >> 8) % 14
            self.disk.how = (state >> 16) % 3
            try:
                counter = Reserved(Store("d", self.disk), "seq-x", 1 + (state >> 20) % 4)
                for _ in range(12):
                    number = counter.next()
                    self.assertGreater(number, last)
                    last = number
                    handed_out += 1
            except PowerCut:
                boots += 1
            self.disk.reboot()
        self.assertGreater(boots, 100)
        self.assertGreater(handed_out, 400)

    def test_a_failing_medium_uses_no_number(self):
        counter = Reserved(self.store, "seq-x", 2)
        counter.next()
        counter.next()
        self.disk.error = 28
        self.assertRaises(StoreError, counter.next)
        self.assertRaises(StoreError, counter.next)
        self.disk.error = None
        self.assertEqual(counter.next(), 2)

    def test_a_damaged_or_foreign_record_does_not_start_anew(self):
        for value in ("x", -1, True, [1], b""):
            self.store.write("seq-x", value)
            self.assertRaises(StoreError, Reserved, self.store, "seq-x")
        self.store.write("seq-x", 64)
        self.disk.files["d/seq-x"][-1] ^= 1
        self.assertRaises(StoreError, Reserved, self.store, "seq-x")

    def test_a_step_below_one_is_the_callers_mistake(self):
        self.assertRaises(ValueError, Reserved, self.store, "seq-x", 0)
