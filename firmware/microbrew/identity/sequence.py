"""Numbers that are never used twice, reserved ahead in flash (RFC 8613 appendix B.1.1).

The stored number is a ceiling that no number handed out has reached. It is raised, and on the medium,
before the first number beyond the old one is returned; a power cut loses at most ``step`` numbers and
repeats none.
"""

from microbrew.errors import StoreError


class Reserved:
    """Counter in record ``name``; StoreError if that is damaged: starting anew would repeat numbers."""

    __slots__ = ("_ceiling", "_name", "_next", "_step", "_store")

    def __init__(self, store, name, step=64):
        if step < 1:
            raise ValueError("step must be at least 1")
        ceiling = store.read(name)
        if ceiling is None:
            ceiling = 0
        if not isinstance(ceiling, int) or ceiling is True or ceiling is False or ceiling < 0:
            raise StoreError("record %s is no counter" % name)
        self._store = store
        self._name = name
        self._step = step
        self._next = ceiling
        self._ceiling = ceiling

    def next(self):
        """The next number. Raises StoreError if the medium fails; no number is used then."""
        number = self._next
        if number >= self._ceiling:
            self._store.write(self._name, number + self._step)
            self._ceiling = number + self._step
        self._next = number + 1
        return number
