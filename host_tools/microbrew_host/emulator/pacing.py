"""Virtual time beside wall time: not ahead of it, unless it is let off, and not chasing it."""

from __future__ import annotations

import time
from collections.abc import Callable

# What virtual time may be behind before it is let off the rest. A board that has been kept from running (a slow
# machine, or time that stood still for an acknowledgement) must not hurry through its timeouts afterwards.
_LAG_S = 0.02


class Pace:
    """Cycles that a processor of ``hz`` may have done by now."""

    def __init__(self, hz: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._hz = hz
        self._clock = clock
        self._origin = clock()

    def reached(self) -> int:
        """The cycle that wall time has reached."""
        return int((self._clock() - self._origin) * self._hz)

    def allowed(self, now: int) -> int:
        """As ``reached``, for a processor that is at cycle ``now`` and is let off what it is too far behind."""
        cycle = self.reached()
        lag = cycle - now - int(_LAG_S * self._hz)
        if lag > 0:
            self._origin += lag / self._hz
            cycle -= lag
        return cycle

    def meet(self, now: int) -> None:
        """Let a processor that is ahead off what it is ahead: wall time has reached its cycle ``now``."""
        ahead = now - self.reached()
        if ahead > 0:
            self._origin -= ahead / self._hz

    def seconds_until(self, cycle: int) -> float:
        """Wall time until a cycle is allowed, not negative."""
        return max(0.0, cycle / self._hz - (self._clock() - self._origin))
