"""Several chips of one process on one clock: what one sends, the others hear at the same moment, in every run.

Each goes on only as far as no other can have sent anything before: a radio announces a transmission when its first bit
leaves, so the others may be ahead by LOOKAHEAD_NS, less than it takes to notice a preamble.
"""

from __future__ import annotations

from collections.abc import Sequence

from microbrew_host.emulator.air import LocalAir
from microbrew_host.emulator.cortexm import CortexM

LOOKAHEAD_NS = 16_000
_NS = 1_000_000_000


class Ensemble:
    """``cores`` that have been powered on, all from cycle 0, with radios in ``air``."""

    def __init__(self, cores: Sequence[CortexM], air: LocalAir) -> None:
        self._cores = list(cores)
        self._running: CortexM | None = None
        # Whoever has begun to send has given the others something to do.
        air.on_transmit = self._stop

    def _stop(self) -> None:
        if self._running is not None:
            self._running.stop()

    def run(self, until_ns: int) -> None:
        """Take all of them to that time."""
        while True:
            core = min(self._cores, key=_now_ns)
            if _now_ns(core) >= until_ns:
                return
            others = (_next_ns(other) for other in self._cores if other is not core)
            limit = min(until_ns, min(others, default=until_ns) + LOOKAHEAD_NS)
            self._running = core
            core.run(-(-limit * core.hz // _NS))
            self._running = None


def _now_ns(core: CortexM) -> int:
    return core.now * _NS // core.hz


def _next_ns(core: CortexM) -> int:
    """When it can do something next."""
    cycle = max(core.now, core.schedule.next_time()) if core.sleeping else core.now
    return cycle * _NS // core.hz
