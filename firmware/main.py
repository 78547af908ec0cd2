"""Entry point of a device on the unix port: ``micropython main.py STORE RADIO [reset]``.

STORE is the directory that the factory filled. RADIO is HOST:PORT of an air (``microbrew ether``), or ``serial:PATH``
or ``tcp:HOST:PORT`` of a radio behind a wire (docs/serial-radio.md). With ``reset`` the device forgets its networks
first. Log lines go to standard output: milliseconds since the start, event, text.
"""

import gc
import sys

# Where our package is frozen into the interpreter (boards/unix) its code is not on the heap: that one goes before.
if ".frozen" in sys.path:
    sys.path.remove(".frozen")
    sys.path.insert(0, ".frozen")

from microbrew.errors import MicrobrewError  # noqa: E402

# Bytes between collections while source is compiled, which takes many times the heap of the code that comes out. With
# the default, collecting only when nothing is left, code ends up all over the heap with holes that nothing fits in.
_COMPILING = 4096

_LATER = (
    "edhoc.combined",
    "edhoc.credentials",
    "edhoc.initiator",
    "join.cojp",
    "join.context",
    "join.member",
    "join.membership",
    "join.pledge",
    "join.update",
    "join.voucher",
    "oscore.protect",
    "proxy.discovery",
)


def open_radio(where, eui64, clock):
    """The radio that ``where`` names. Raises OSError."""
    kind, _, target = where.partition(":")
    if kind not in ("serial", "tcp"):
        from microbrew.radio.zep import ZepRadio

        host, port = where.rsplit(":", 1)
        return ZepRadio(eui64, host, int(port), clock)
    from microbrew.radio.serial import SerialRadio

    if kind == "serial":
        import termios

        stream = open(target, "r+b")
        termios.setraw(stream.fileno())
        mode = termios.tcgetattr(stream.fileno())
        # VMIN 0: a read returns what is there.
        mode[6][6] = 0
        termios.tcsetattr(stream.fileno(), termios.TCSANOW, mode)
    else:
        import socket

        host, port = target.rsplit(":", 1)
        stream = socket.socket()
        stream.connect(socket.getaddrinfo(host, port)[0][-1])
        stream.setblocking(False)
        # IPPROTO_TCP, TCP_NODELAY: messages are small, and an acknowledgement waits for each.
        stream.setsockopt(6, 1, 1)
    return SerialRadio(eui64, stream, clock)


def main(argv):
    path, where = argv[1], argv[2]
    gc.threshold(_COMPILING)
    from microbrew import crypto
    from microbrew.compat import heap_used
    from microbrew.identity.idevid import Identity
    from microbrew.identity.store import Store

    backend = crypto.load()
    if backend.name == "pure":
        # Otherwise it comes with the first signature, on a heap that is full by then.
        __import__("microbrew.crypto.pure.ecdsa")
    store = Store(path)
    # The first use of the pure backend makes its table, also better now.
    identity = Identity.load(store, backend)
    from microbrew.device import Clock, Log, live
    from microbrew.node import Node

    # What a node loads when it comes to it, likewise: compiled from source it would need a heap in one piece.
    for name in _LATER:
        __import__("microbrew." + name)

    clock = Clock()
    radio = open_radio(where, identity.eui64, clock)
    gc.collect()
    gc.threshold(-1)
    code = heap_used()
    if "reset" in argv[3:]:
        store.factory_reset()
    log = Log(clock)
    node = Node(radio, store, backend, log, clock(), None, identity)
    live(node, radio, clock, log, code)


try:
    main(sys.argv)
except (MicrobrewError, OSError) as error:
    print("0 stopped %s" % error)
    sys.exit(1)
