"""The device's program on a board: what firmware/main.py is on the unix port. ``run()`` does not return.

The store is /store on the board's flash. ``board_radio`` is the board's own frozen module: ``make(eui64, clock)``
gives its radio. Log lines go to the console: milliseconds since the start, event, text. Unless there is a console to
interrupt it from, the watchdog runs from here on, so that no hanging loop keeps a device off the network for long.
"""

import gc
import time

import board
import board_radio
import machine
from microbrew import crypto
from microbrew.identity.idevid import Identity
from microbrew.identity.store import Store
from microbrew.node import Node
from micropython import const

STORE = "/store"

# Longer than the longest step, a handshake computed in Python on a slow chip.
_WATCHDOG_MS = const(60000)
_IDLE_MS = const(1000)
# A sign of life, and of how much heap is in use.
_REPORT_MS = const(3600000)


class Clock:
    """Milliseconds since its making; ``ticks_ms`` wraps, this does not, if asked once in a while."""

    def __init__(self):
        self._ticks = time.ticks_ms()
        self._now = 0

    def __call__(self):
        ticks = time.ticks_ms()
        self._now += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._now


def run():
    """Be a device for ever. Raises MicrobrewError if the store or the crypto is not fit for it."""
    watchdog = None if board.CONSOLE else machine.WDT(timeout=_WATCHDOG_MS)
    backend = crypto.load(release=board.RELEASE)
    clock = Clock()

    def log(_now, event, text):
        print("%d %s %s" % (clock(), event, text))

    store = Store(STORE)
    radio = board_radio.make(Identity.load(store, backend).eui64, clock)
    node = Node(radio, store, backend, log, clock())
    log(0, "boot", "crypto %s, serial %s" % (backend.name, node.parts.identity.serial))
    peak = 0
    report_at = _REPORT_MS
    while True:
        now = clock()
        deadline = node.step(now)
        if watchdog is not None:
            watchdog.feed()
        gc.collect()
        used = gc.mem_alloc()
        if used > peak:
            peak = used
            log(now, "heap", "peak=%d" % peak)
        if now >= report_at:
            report_at = now + _REPORT_MS
            log(now, "heap", "peak=%d used=%d" % (peak, used))
        radio.wait(_IDLE_MS if deadline is None else max(0, min(_IDLE_MS, deadline - clock())))
