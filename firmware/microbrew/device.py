"""What a program does with a node, on every board alike: clock, log, and the loop that lets it live.

firmware/main.py is that program on the unix port, boards/common/modules/device.py on a board of our own port.
"""

import gc
import time

from microbrew.compat import const, heap_used

_IDLE_MS = const(1000)
# A sign of life, and of how much heap is in use.
_REPORT_MS = const(3600000)


class Clock:
    """Milliseconds since its making; ``ticks_ms`` wraps, this does not, if asked once in a while."""

    def __init__(self):
        self._ticks = time.ticks_ms()  # type: ignore[attr-defined]
        self._now = 0

    def __call__(self):
        ticks = time.ticks_ms()  # type: ignore[attr-defined]
        self._now += time.ticks_diff(ticks, self._ticks)  # type: ignore[attr-defined]
        self._ticks = ticks
        return self._now


class Log:
    """Lines on standard output: milliseconds since the start, event, text."""

    def __init__(self, clock):
        self._clock = clock

    def __call__(self, _now, event, text):
        # The time of writing, not of the step: what a computation in between took shows.
        # Not formatted first, so that it takes no memory: it may be about the lack of it.
        print(self._clock(), event, text)


def live(node, radio, clock, log, code, feed=None):
    """Let ``node`` do what is due, for ever. Does not return.

    ``code``: bytes of heap in use before the node was made, for the log. ``feed()``, if given, is called once in each
    round, at least every second and a step apart: a watchdog's.
    """
    log(clock(), "boot", "crypto %s, serial %s" % (node.parts.crypto.name, node.parts.identity.serial))
    peak = 0
    report_at = _REPORT_MS
    while True:
        now = clock()
        deadline = node.step(now)
        if feed is not None:
            feed()
        gc.collect()
        used = heap_used()
        if used > peak:
            peak = used
            log(now, "heap", "code=%d peak=%d" % (code, peak))
        if now >= report_at:
            report_at = now + _REPORT_MS
            log(now, "heap", "used=%d" % used)
        radio.wait(_IDLE_MS if deadline is None else max(0, min(_IDLE_MS, deadline - clock())))
