# ruff: noqa: F821 (const, PER_TICK and board are agent.py's)
"""On the board, after agent.py: what each verb of a crypto backend and of the radio's line costs as Python calls it."""

import gc
import time

_LONG = const(200000)


def per_call(call):
    """Instructions of one call. Short ones are called often, because a tick is 40 instructions."""
    call()
    gc.collect()
    start = time.ticks_cpu()
    call()
    took = time.ticks_diff(time.ticks_cpu(), start) * PER_TICK
    if took > _LONG:
        return took
    repeat = 20
    gc.collect()
    start = time.ticks_cpu()
    for _ in range(repeat):
        call()
    return time.ticks_diff(time.ticks_cpu(), start) * PER_TICK // repeat


def crypto_verbs(name):
    """[(verb, instructions)] of a backend."""
    from microbrew import crypto

    c = crypto.load(name)
    key = c.load_private(1, bytes(range(1, 33)))
    other = c.load_private(4, bytes(range(32)))
    peer = c.load_private(1, bytes(range(2, 34))).public
    message = bytes(64)
    frame = bytes(100)
    signature = c.sign(key, message)
    nonce = bytes(13)
    sealed = c.ccm_seal(message[:16], nonce, message[:20], frame, 8)
    verbs = (
        ("P-256 key pair", lambda: c.load_private(1, peer[:32])),
        ("P-256 ECDH, x and y given", lambda: c.ecdh(key, peer)),
        ("P-256 ECDH, x given", lambda: c.ecdh(key, peer[:32])),
        ("ES256 sign 64 B", lambda: c.sign(key, message)),
        ("ES256 verify 64 B", lambda: c.verify(1, key.public, message, signature)),
        ("X25519", lambda: c.ecdh(other, peer[:32])),
        ("SHA-256 64 B", lambda: c.sha256(message)),
        ("HMAC-SHA-256 64 B", lambda: c.hmac(peer[:32], message)),
        ("HKDF-Expand 32 B", lambda: c.hkdf_expand(peer[:32], message, 32)),
        ("AES-CCM seal 100 B", lambda: c.ccm_seal(message[:16], nonce, message[:20], frame, 8)),
        ("AES-CCM open 100 B", lambda: c.ccm_open(message[:16], nonce, message[:20], sealed, 8)),
    )
    return [(verb, per_call(call)) for verb, call in verbs]


class Bytes:
    """A stream that reads the same bytes over and over, and takes what is written."""

    def __init__(self):
        self.data = b""

    def readinto(self, buf):
        length = len(self.data)
        buf[:length] = self.data
        self.data = b""
        return length

    def write(self, buf):
        return len(buf)


def serial_line(hello, received, frame):
    """Of SerialRadio: [(name, instructions)] of a frame in and out, and the bytes of heap of module and radio.

    ``hello``, ``received``: what the radio sends, docs/serial-radio.md; ``received`` brings ``frame``.
    """
    gc.collect()
    before = gc.mem_alloc()
    from microbrew.radio.serial import SerialRadio

    stream = Bytes()
    radio = SerialRadio(bytes(8), stream, lambda: 0)
    gc.collect()
    heap = gc.mem_alloc() - before
    buf = bytearray(128)
    stream.data = hello
    radio.receive_into(buf)

    def receive():
        stream.data = received
        radio._in.seq = -1  # the same message again is a duplicate otherwise
        if radio.receive_into(buf) != len(frame):
            raise RuntimeError("the frame was not understood")

    def transmit():
        radio._free = 1
        if not radio.transmit(frame, len(frame)):
            raise RuntimeError("no credit")

    return [("in", per_call(receive)), ("out", per_call(transmit))], heap


def heap_by_module():
    """[(module, bytes that its import alone keeps in RAM)] of all that a device imports, in order."""
    import builtins
    import sys

    plain = builtins.__import__
    # Nested imports: what each level has found so far, inner ones included.
    inside = [0]
    found = []

    def measured(*args):
        known = len(sys.modules)
        gc.collect()
        before = gc.mem_alloc()
        inside.append(0)
        module = plain(*args)
        gc.collect()
        whole = gc.mem_alloc() - before
        nested = inside.pop()
        inside[-1] += whole
        if len(sys.modules) != known:
            found.append((args[0], whole - nested))
        return module

    builtins.__import__ = measured
    try:
        board.load()
    finally:
        builtins.__import__ = plain
    return found
