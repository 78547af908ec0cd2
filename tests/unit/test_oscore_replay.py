"""The replay window against a set that remembers everything."""

import unittest

from microbrew.errors import StateError
from microbrew.oscore.replay import Window


class ReplayWindow(unittest.TestCase):
    def test_each_number_once_and_none_older_than_the_window(self):
        window = Window.fresh()
        seen = set()
        highest = -1
        state = 12345
        for _ in range(2000):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            number = max(0, highest + ((state >> 16) % 80) - 60)
            expected = number not in seen and number > highest - 32
            self.assertEqual(window.check(number), expected)
            if expected:
                window.mark(number)
                seen.add(number)
                highest = max(highest, number)
            else:
                self.assertRaises(StateError, window.mark, number)

    def test_check_changes_nothing(self):
        window = Window.restored(5, 0b1011)
        for number in (0, 4, 5, 7, 36, 37, 1 << 39):
            window.check(number)
        self.assertEqual((window.lower_edge, window.bitmap), (5, 0b1011))

    def test_edges(self):
        window = Window.restored(10, 1)
        self.assertFalse(window.check(9))
        self.assertFalse(window.check(10))
        self.assertTrue(window.check(11))
        self.assertTrue(window.check(41))
        window.mark(41)
        self.assertEqual((window.lower_edge, window.bitmap), (10, 1 | 1 << 31))
        window.mark(42)
        self.assertEqual((window.lower_edge, window.bitmap), (11, 1 << 30 | 1 << 31))

    def test_a_leap_to_the_largest_number_empties_the_window(self):
        window = Window.restored(0, 0xFFFFFFFF)
        window.mark((1 << 40) - 1)
        self.assertEqual((window.lower_edge, window.bitmap), ((1 << 40) - 32, 1 << 31))
        self.assertFalse(window.check((1 << 40) - 1))
        self.assertTrue(window.check((1 << 40) - 2))

    def test_every_change_is_persisted_and_can_be_restored(self):
        told = []

        def persist(lower_edge, bitmap):
            told.append((lower_edge, bitmap))

        window = Window.fresh(persist)
        for number in (0, 3, 90):
            window.mark(number)
        self.assertEqual(told, [(0, 1), (0, 9), (59, 1 << 31)])
        again = Window.restored(told[-1][0], told[-1][1])
        for number in range(100):
            self.assertEqual(again.check(number), window.check(number))

    def test_a_failing_persist_is_not_swallowed(self):
        def persist(lower_edge, bitmap):
            raise StateError("medium")

        self.assertRaises(StateError, Window.fresh(persist).mark, 0)

    def test_a_lost_window_accepts_nothing_until_resumed(self):
        window = Window.lost()
        self.assertFalse(window.check(0))
        self.assertFalse(window.check(1 << 30))
        self.assertRaises(StateError, window.mark, 1)
        window.resume(50)
        self.assertFalse(window.check(49))
        self.assertFalse(window.check(50))
        self.assertTrue(window.check(51))
        self.assertRaises(StateError, window.resume, 60)

    def test_a_window_in_order_refuses_whatever_is_older_than_what_came(self):
        told = []
        window = Window.fresh(lambda lower_edge, bitmap: told.append((lower_edge, bitmap)))
        window.in_order = True
        for number in (0, 3, 90, (1 << 40) - 1):
            self.assertTrue(window.check(number))
            window.mark(number)
            self.assertEqual(told[-1], (number, 1))
            for older in (0, number - 32, number - 1, number):
                self.assertFalse(window.check(older))
        again = Window.restored(40, 0b101)
        again.in_order = True
        self.assertTrue(again.check(41))
        again.mark(43)
        self.assertEqual([again.check(number) for number in (41, 42, 43, 44)], [False, False, False, True])

    def test_impossible_stored_values_are_refused(self):
        self.assertRaises(ValueError, Window.restored, -1, 0)
        self.assertRaises(ValueError, Window.restored, 0, 1 << 32)
