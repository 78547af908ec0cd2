"""Every decoder on vectors with bytes changed, cut, doubled and spliced: its own errors and no other, inside limits.

The same on both interpreters, whose integers, slices and exceptions differ. tests/fuzz searches on for longer.
"""

import unittest

from decoder_targets import TARGETS

ROUNDS = 250
INTERESTING = (0, 1, 0x17, 0x18, 0x1F, 0x20, 0x7F, 0x80, 0xFF)


class Mutator:
    """Small changes to seeds, from a linear congruential generator."""

    def __init__(self, seeds, state):
        self.seeds = seeds
        self.state = state

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self.state >> 33) % limit

    def next(self):
        data = bytearray(self.seeds[self.below(len(self.seeds))])
        for _ in range(1 + self.below(4)):
            if not data:
                break
            at = self.below(len(data))
            what = self.below(7)
            if what == 0:
                data[at] = self.below(256)
            elif what == 1:
                data[at] ^= 1 << self.below(8)
            elif what == 2:
                data[at] = INTERESTING[self.below(len(INTERESTING))]
            elif what == 3:
                data = data[:at]
            elif what == 4:
                data = data[:at] + data[at + 1 + self.below(8) :]
            elif what == 5:
                data = data[:at] + data[at : at + 16] + data[at:]
            else:
                other = self.seeds[self.below(len(self.seeds))]
                data = data[:at] + other[self.below(len(other) or 1) :]
        return bytes(data)


class Decoders(unittest.TestCase):
    def try_target(self, name):
        function, seeds = TARGETS[name]
        found = seeds()
        self.assertGreater(len(found), 0)
        mutator = Mutator(found, len(name))
        for data in found[:100] + [mutator.next() for _ in range(ROUNDS)]:
            try:
                function(data)
            except Exception as error:
                self.fail("%s: %s %r on %s" % (name, type(error).__name__, error, data.hex()))


def _test_of(name):
    def test(self):
        self.try_target(name)

    return test


for _name in sorted(TARGETS):
    setattr(Decoders, "test_" + _name.replace("-", "_"), _test_of(_name))
