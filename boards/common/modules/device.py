"""The device's program on a board: what firmware/main.py is on the unix port. ``run()`` does not return.

The store is /store on the board's flash. ``board_radio`` is the board's own frozen module: ``make(eui64, clock)``
gives its radio. Log lines go to the console: milliseconds since the start, event, text. Unless there is a console to
interrupt it from, the watchdog runs from here on, so that no hanging loop keeps a device off the network for long.
"""

import gc

import board
import board_radio
import machine
from microbrew import crypto
from microbrew.compat import heap_used
from microbrew.device import Clock, Log, live
from microbrew.identity.idevid import Identity
from microbrew.identity.store import Store
from microbrew.node import Node
from micropython import const

STORE = "/store"

# Longer than the longest step, a handshake computed in Python on a slow chip.
_WATCHDOG_MS = const(60000)


def run():
    """Be a device for ever. Raises MicrobrewError if the store or the crypto is not fit for it."""
    watchdog = None if board.CONSOLE else machine.WDT(timeout=_WATCHDOG_MS)
    backend = crypto.load(release=board.RELEASE)
    clock = Clock()
    log = Log(clock)
    store = Store(STORE)
    radio = board_radio.make(Identity.load(store, backend).eui64, clock)
    gc.collect()
    code = heap_used()
    node = Node(radio, store, backend, log, clock())
    live(node, radio, clock, log, code, None if watchdog is None else watchdog.feed)
