"""The device's program on a board: what firmware/main.py is on the unix port. ``run()`` does not return.

The store is the directory store of the board's flash, where a port starts (/ on ours). ``board_radio`` is the board's own frozen module: ``make(eui64, clock)``
gives its radio. Log lines go to the console: milliseconds since the start, event, text. Unless there is a console to
interrupt it from, the watchdog runs from here on, so that no hanging loop keeps a device off the network for long.
"""

import gc

import board
import board_radio
import machine
from microbrew import crypto
from microbrew.compat import heap_used
from microbrew.config import Config
from microbrew.device import Clock, Log, live
from microbrew.identity.idevid import Identity
from microbrew.identity.store import Store
from microbrew.node import Node
from micropython import const

STORE = "store"

# Longer than the longest step, a handshake computed in Python on a slow chip.
_WATCHDOG_MS = const(60000)


def _open_store():
    """The device's records, with its key where the board has a better place for it."""
    try:
        from board_key import open_store
    except ImportError:
        return Store(STORE)
    return open_store(STORE)


def _watched(log, store):
    """The log, with what the board shows of it; and what somebody may ask for at the board."""
    try:
        from board_panel import watch
    except ImportError:
        return log
    return watch(log, store)


def run():
    """Be a device for ever. Raises MicrobrewError if the store or the crypto is not fit for it."""
    # Upstream's nrf port has a module of that name that says neither; it has a console.
    watchdog = None if getattr(board, "CONSOLE", True) else machine.WDT(timeout=_WATCHDOG_MS)
    backend = crypto.load(release=getattr(board, "RELEASE", False))
    clock = Clock()
    store = _open_store()
    log = _watched(Log(clock), store)
    identity = Identity.load(store, backend)
    config = Config()
    config.frees_modules = True
    radio = board_radio.make(identity.eui64, clock)
    gc.collect()
    code = heap_used()
    node = Node(radio, store, backend, log, clock(), config, identity)
    if hasattr(store, "forget"):
        store.forget()
    live(node, radio, clock, log, code, None if watchdog is None else watchdog.feed)
