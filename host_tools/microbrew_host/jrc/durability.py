"""``GroupSync``: what was committed is on the disk before anything that rests on it leaves the registrar.

A sync may take a tenth of a second, and a device that joins and registers causes seven commits. So commits do not wait
for the disk: answers do, all that are ready for one sync, while the registrar goes on with the next requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class GroupSync:
    """``sync()`` makes all commits that it finds durable; it is called in a thread, once at a time. May raise OSError.

    For one event loop; ``committed`` is to be called in it, after each commit or right before.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._committed = 0
        self._durable = 0
        self._running: asyncio.Task[None] | None = None

    def committed(self) -> None:
        """There is something new."""
        self._committed += 1

    async def settled(self) -> None:
        """Return when all that has been committed by now would outlive a power cut. Raises OSError if it might not."""
        wanted = self._committed
        while self._durable < wanted:
            # One that has begun may have missed our commit: whoever finds his own missing begins the next.
            if self._running is None:
                self._running = asyncio.create_task(self._run(), name="sync")
            await asyncio.shield(self._running)

    async def _run(self) -> None:
        covered = self._committed
        try:
            await asyncio.to_thread(self._sync)
            self._durable = covered
        finally:
            self._running = None
