"""Replay window of an OSCORE recipient (RFC 8613 sections 3.2.2 and 7.4), 32 numbers wide.

``check`` asks before decryption and changes nothing; ``mark`` is called once the message is verified. Whoever
must remember the window over a reboot gives a ``persist`` hook; without one, a context that outlives the boot
starts as ``Window.lost`` (RFC 8613 appendix B.1.2).
"""

from microbrew.compat import const
from microbrew.errors import StateError

_SIZE = const(32)


class Window:
    """Numbers below ``lower_edge`` are refused; bit i of ``bitmap`` tells that ``lower_edge + i`` was used.

    ``persist(lower_edge, bitmap)`` is called on every change, before the message it is about is acted upon.
    ``in_order``, False at first, makes every number that comes after a higher one a replay: for requests of which
    an old one, withheld by somebody, would undo a newer one.
    """

    __slots__ = ("bitmap", "in_order", "is_lost", "lower_edge", "persist")

    def __init__(self, lower_edge, bitmap, is_lost, persist):
        self.lower_edge = lower_edge
        self.bitmap = bitmap
        self.in_order = False
        self.is_lost = is_lost
        self.persist = persist

    @staticmethod
    def fresh(persist=None):
        """Window of a context whose keys have never been used."""
        return Window(0, 0, False, persist)

    @staticmethod
    def restored(lower_edge, bitmap, persist=None):
        """Window as ``persist`` was last told. Raises ValueError for values it never tells."""
        if lower_edge < 0 or not 0 <= bitmap < 1 << _SIZE:
            raise ValueError("replay window out of range")
        return Window(lower_edge, bitmap, False, persist)

    @staticmethod
    def lost(persist=None):
        """Window of a context that was in use, its state forgotten: accepts nothing until ``resume``."""
        return Window(0, 0, True, persist)

    def check(self, number):
        """True if ``number`` may be accepted. Changes nothing."""
        if self.is_lost:
            return False
        index = number - self.lower_edge
        return index >= _SIZE or (index >= 0 and not self.bitmap >> index & 1)

    def mark(self, number):
        """Remember ``number`` as used. Raises StateError where ``check`` refuses it."""
        if not self.check(number):
            raise StateError("replayed number marked")
        if self.in_order:
            self._begin(number)
            return
        index = number - self.lower_edge
        if index >= _SIZE:
            shift = index - (_SIZE - 1)
            self.lower_edge += shift
            # Shifting by the full distance could ask for a number of astronomic size, a big number on a
            # device.
            self.bitmap = self.bitmap >> shift if shift < _SIZE else 0
            index = _SIZE - 1
        self.bitmap |= 1 << index
        self._changed()

    def resume(self, number):
        """A lost window goes on at ``number``, which an Echo has proven fresh; it becomes the lower edge."""
        if not self.is_lost:
            raise StateError("replay window is not lost")
        self.is_lost = False
        self._begin(number)

    def _begin(self, number):
        self.lower_edge = number
        self.bitmap = 1
        self._changed()

    def _changed(self):
        if self.persist is not None:
            self.persist(self.lower_edge, self.bitmap)
