"""What happens when, in cycles of the processor's clock: a queue of actions in virtual time."""

import heapq
from collections.abc import Callable, Iterable

Action = Callable[[], None]

NEVER = 1 << 62


class Event:
    """An action that is due at ``time``, unless cancelled before."""

    __slots__ = ("action", "time")

    def __init__(self, time: int, action: Action) -> None:
        self.time = time
        self.action: Action | None = action

    def cancel(self) -> None:
        """Forget it; harmless if it has happened."""
        self.action = None


def catch_up(events: Iterable[Event | None], now: int) -> None:
    """Have those that are due by ``now`` happen at once: whoever is about to change what they depend on comes too late.

    A processor that executes a block of code may be past an event's time before the queue is looked at.
    """
    for event in sorted((event for event in events if event is not None), key=lambda event: event.time):
        if event.time <= now and event.action is not None:
            action, event.action = event.action, None
            action()


class Schedule:
    """Actions in order of time, and of their scheduling if two are due together."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Event]] = []
        self._count = 0

    def at(self, time: int, action: Action) -> Event:
        """Have ``action`` called at ``time``; its event can be cancelled."""
        event = Event(time, action)
        self._count += 1
        heapq.heappush(self._heap, (time, self._count, event))
        return event

    def next_time(self) -> int:
        """When the next action is due; NEVER if there is none."""
        heap = self._heap
        while heap:
            if heap[0][2].action is not None:
                return heap[0][0]
            heapq.heappop(heap)
        return NEVER

    def run(self, now: int) -> None:
        """Do all that is due at ``now``, and what becomes due by it."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            event = heapq.heappop(heap)[2]
            action, event.action = event.action, None
            if action is not None:
                action()

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
