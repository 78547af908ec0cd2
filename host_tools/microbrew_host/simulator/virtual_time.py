"""An asyncio event loop whose clock jumps to the next deadline instead of waiting for it.

Everything that runs in one such loop (nodes, registrar, MASA) shares its time, and a run that takes an hour of it takes
seconds. Nothing in the loop may hand work to a thread: time would run on without it.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _JumpingSelector(selectors.DefaultSelector):
    """Polls without blocking; a wait that would have been becomes elapsed virtual time."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None and timeout > 0:
            self.elapsed += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop in virtual time, which starts at 0 s."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed

    @property
    def now_ms(self) -> int:
        """Virtual time as the firmware counts it."""
        return round(self.time() * 1000)


def run(main: Any) -> Any:
    """``asyncio.run`` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
