"""Entry point of a device on the unix port: ``micropython main.py STORE ETHER_HOST:PORT [reset]``.

STORE is the directory that the factory filled; ETHER is the air (``microbrew ether``). With ``reset`` the device
forgets its networks first. Log lines go to standard output: milliseconds since the start, event, text.
"""

import gc
import sys
import time

from microbrew import crypto
from microbrew.errors import MicrobrewError

# Compiling source takes much more heap than the code that comes out, in large pieces. So the stack is imported from
# the bottom up, no import inside another that waits for it, and tidied in between: three quarters of the heap suffice.
_LAYERS = (
    "mac.link",
    "ip.network",
    "coap.exchange",
    "coap.blockwise",
    "edhoc.initiator",
    "join.pledge",
    "join.member",
    "node",
    "radio.zep",
)


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


def load():
    """Import everything that a device needs above its identity."""
    for name in _LAYERS:
        __import__("microbrew." + name)
        gc.collect()


def main(argv):
    path, ether = argv[1], argv[2]
    host, port = ether.rsplit(":", 1)
    backend = crypto.load()
    if backend.name == "pure":
        # Otherwise it comes with the first signature, on a heap that is full by then.
        __import__("microbrew.crypto.pure.ecdsa")
    gc.collect()
    from microbrew.identity.idevid import Identity
    from microbrew.identity.store import Store

    store = Store(path)
    # First use of the pure backend: its table is made while the heap is still empty.
    eui64 = Identity.load(store, backend).eui64
    load()
    from microbrew.compat import heap_used
    from microbrew.node import Node
    from microbrew.radio.zep import ZepRadio

    code = heap_used()
    clock = Clock()

    def log(_now, event, text):
        # The time of writing, not of the step: what a computation in between took shows.
        print("%d %s %s" % (clock(), event, text))

    if "reset" in argv[3:]:
        store.factory_reset()
    radio = ZepRadio(eui64, host, int(port), clock)
    node = Node(radio, store, backend, log, clock())
    log(clock(), "boot", "crypto %s, serial %s" % (backend.name, node.parts.identity.serial))
    peak = 0
    while True:
        now = clock()
        deadline = node.step(now)
        gc.collect()
        used = heap_used()
        if used > peak:
            peak = used
            log(now, "heap", "code=%d peak=%d" % (code, peak))
        radio.wait(1000 if deadline is None else max(0, min(1000, deadline - clock())))


try:
    main(sys.argv)
except MicrobrewError as error:
    print("0 stopped %s" % error)
    sys.exit(1)
