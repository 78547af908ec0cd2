"""Bounds on what strangers can make the registrar remember or do: token buckets and a table with a size and an age."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Expiring(Generic[Key, Value]):
    """A table of at most ``capacity`` entries that each live ``lifetime`` seconds after they were last touched.

    A new entry pushes out the one that was touched longest ago: refusing newcomers instead would let a flood
    lock everybody out for a whole lifetime. ``on_drop`` is told of each entry that leaves unasked.
    """

    def __init__(
        self,
        capacity: int,
        lifetime: float,
        clock: Callable[[], float],
        on_drop: Callable[[Key, Value], None] | None = None,
    ) -> None:
        self._capacity = capacity
        self._lifetime = lifetime
        self._clock = clock
        self._on_drop = on_drop
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        self.purge()
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        self.purge()
        return key in self._entries

    def get(self, key: Key, touch: bool = True) -> Value | None:
        """The entry, or None; it lives on from now unless ``touch`` is False."""
        self.purge()
        found = self._entries.get(key)
        if found is None:
            return None
        if touch:
            self._entries[key] = (self._clock() + self._lifetime, found[1])
            self._entries.move_to_end(key)
        return found[1]

    def put(self, key: Key, value: Value) -> None:
        """Store an entry as the youngest."""
        self.purge()
        self._entries[key] = (self._clock() + self._lifetime, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._drop(next(iter(self._entries)))

    def pop(self, key: Key) -> Value | None:
        """Take an entry out; ``on_drop`` is not told."""
        self.purge()
        found = self._entries.pop(key, None)
        return None if found is None else found[1]

    def discard(self, key: Key) -> None:
        """Throw an entry away, telling ``on_drop``."""
        if key in self._entries:
            self._drop(key)

    def items(self) -> list[tuple[Key, Value]]:
        """What is alive, oldest first."""
        self.purge()
        return [(key, value) for key, (_, value) in self._entries.items()]

    def purge(self) -> None:
        """Drop what is too old. Entries are in the order of their ends of life, so this stops early."""
        now = self._clock()
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key][0] > now:
                return
            self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        for key in list(self._entries):
            self._drop(key)

    def _drop(self, key: Key) -> None:
        _, value = self._entries.pop(key)
        if self._on_drop is not None:
            self._on_drop(key, value)


class Buckets:
    """One token bucket per key: ``burst`` tokens at most, ``rate`` new ones a second; at most ``capacity`` keys.

    A key that is pushed out of the table starts again with a full bucket, so the table must hold more keys than
    can be used in the time that a bucket takes to fill.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float], capacity: int = 1024) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._capacity = capacity
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Take one token; False if there is none."""
        now = self._clock()
        level, then = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - then) * self._rate)
        allowed = level >= 1
        self._levels[key] = (level - 1 if allowed else level, now)
        while len(self._levels) > self._capacity:
            self._levels.popitem(last=False)
        return allowed
