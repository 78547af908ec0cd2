"""An asyncio event loop whose clock jumps to the next deadline instead of waiting for it, with UDP in memory.

Everything that runs in one such loop (nodes, registrar, MASA) shares its time, and a run that takes an hour of it takes
seconds. Nothing in the loop may hand work to a thread: time would run on without it. UDP endpoints that are opened
through the loop are ports of ``loop.wire`` (wire.py), so that no datagram leaves the process and none is late.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from microbrew_host.simulator.wire import Wire


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
        self.wire = Wire(self)

    def time(self) -> float:
        return self._jumping.elapsed

    @property
    def now_ms(self) -> int:
        """Virtual time as the firmware counts it."""
        return round(self._jumping.elapsed * 1000)

    async def create_datagram_endpoint(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], local_addr: tuple[str, int] | None = None, **_: Any
    ) -> tuple[asyncio.DatagramTransport, Any]:
        """As asyncio's, on ``wire``. Raises OSError for an address in use."""
        protocol = protocol_factory()
        transport = self.wire.endpoint(local_addr or ("127.0.0.1", 0), protocol)
        return transport, protocol

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Not in virtual time."""
        raise RuntimeError("virtual time does not wait for threads")


def run(main: Any) -> Any:
    """``asyncio.run`` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
