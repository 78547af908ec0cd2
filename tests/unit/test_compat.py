"""Modules that are forgotten are imported anew."""

import sys
import unittest

from microbrew import mac
from microbrew.compat import forget_modules, loaded_modules
from microbrew.mac import ie

NAME = "microbrew.mac.ie"


class Forgetting(unittest.TestCase):
    def setUp(self):
        self.before = sys.modules[NAME]

    def tearDown(self):
        # Others may hold what they imported before.
        sys.modules[NAME] = mac.ie = self.before

    def test_what_came_later_is_gone_and_comes_again(self):
        forget_modules([name for name in loaded_modules() if name != NAME])
        self.assertFalse(NAME in sys.modules)
        self.assertFalse(hasattr(mac, "ie"))
        from microbrew.mac import ie as again

        self.assertFalse(again is ie)
        self.assertEqual(again.HEADER_END, ie.HEADER_END)

    def test_what_was_there_before_and_what_is_not_ours_stays(self):
        loaded = loaded_modules()
        forget_modules(loaded)
        self.assertEqual(sorted(loaded_modules()), sorted(loaded))
        forget_modules([name for name in loaded if name.startswith("microbrew")])
        self.assertTrue("unittest" in sys.modules)

    def test_none_forgets_nothing(self):
        loaded = loaded_modules()
        forget_modules(None)
        self.assertEqual(sorted(loaded_modules()), sorted(loaded))


if __name__ == "__main__":
    unittest.main()
