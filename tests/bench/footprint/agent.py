"""On the board: steps the real Node at the host's times, with the frames that the host's air brings, and counts.

Sent to the raw REPL as text by session.py. ``serve(store)`` speaks over the second UART, big-endian, one answer to
each S, so that nothing arrives while something is counted, and M to each M:

    command  S now(4) n(1) n x (length(1) frame)          step
             M free(4)                                    no more heap than that until the next M, 0xffffffff: all
             Q                                            end
    answer   deadline(4, 0xffffffff: none) instructions(4) collecting(4) used(4) allocated(4) n(2) n x record
    record   F length(1) frame | L length(2) event 0 text | P number(1) offset(4) instructions(4) length(2)

``used`` is what is allocated after the collection that follows a step, as device.py makes one, or within it, as far as
``look`` saw; ``allocated`` is before that collection.
The counter is the processor's SysTick, whose clock is 25 MHz where an instruction takes 1 ns: 40 instructions.
Buffers are fixed and commands are read byte by byte, because what the heap holds decides what a collection costs.
"""

import builtins
import gc
import sys
import time

import machine
import microbrew_native
from micropython import const

PER_TICK = const(40)
_ROOM = const(6000)


class Line:
    """The second UART, blocking."""

    def __init__(self):
        self._uart = machine.UART(1, timeout=1000)
        self._one = bytearray(1)

    def byte(self):
        while not self._uart.readinto(self._one):
            pass
        return self._one[0]

    def number(self, length):
        value = 0
        for _ in range(length):
            value = value << 8 | self.byte()
        return value

    def write(self, view):
        sent = 0
        while sent < len(view):
            sent += self._uart.write(view[sent : sent + 64]) or 0


class Answer:
    """Records of the running step, in a buffer of its own."""

    def __init__(self):
        self.buf = bytearray(_ROOM)
        self.clear()

    def clear(self):
        self.end = 22
        self.count = 0

    def put(self, value, length):
        for shift in range(8 * (length - 1), -8, -8):
            self.buf[self.end] = value >> shift & 0xFF
            self.end += 1

    def record(self, kind, data, length, length_size):
        self.count += 1
        self.buf[self.end] = kind
        self.end += 1
        self.put(length, length_size)
        for i in range(length):
            self.buf[self.end] = data[i]
            self.end += 1

    def head(self, numbers):
        end = self.end
        self.end = 0
        for value in numbers:
            self.put(value, 4)
        self.put(self.count, 2)
        self.end = end


# Made before anything is measured: they are the host's, as the radio is.
_FRAMES = [bytearray(128) for _ in range(16)]
_LENGTHS = bytearray(16)
_SPARE = 512


class HostRadio:
    """microbrew.radio.api.Radio of a step: its frames are there before, its own leave after."""

    # As the simulator's.
    ack_wait_ms = 12
    hardware_ack = False
    lqi = 255

    def __init__(self, eui64, answer):
        self.eui64 = eui64
        self.lengths = _LENGTHS
        self.frames = _FRAMES
        self.first = self.last = 0
        self._answer = answer

    def set_channel(self, channel):
        pass

    def set_filter(self, pan_id, short_address):
        pass

    def transmit(self, buf, length):
        probe = hold()
        self._answer.record(70, buf, length, 1)
        release(probe)
        return True

    def receive_into(self, buf):
        if self.first == self.last:
            return 0
        length = self.lengths[self.first]
        buf[:length] = memoryview(self.frames[self.first])[:length]
        self.first += 1
        return length


# What is ours of a step's time: passing frames and log lines on, writing down what probes found.
_ours = 0
_began = 0


def hold():
    return time.ticks_cpu()


def release(start):
    global _ours
    _ours += time.ticks_diff(time.ticks_cpu(), start)


# Heap in use at its peak in a step, as ``look`` saw it.
watching = False
_peak = 0


def look():
    """Note how much is in use now, in the midst of a step; costs a collection."""
    global _peak
    if watching:
        gc.collect()
        _peak = max(_peak, gc.mem_alloc())


answer = Answer()
_drawn = 0


def repeatable(length):
    """In place of os.urandom, which would not give the same again. Nothing about it is random."""
    global _drawn
    start = hold()
    drawn = b""
    while len(drawn) < length:
        _drawn += 1
        drawn += microbrew_native.sha256(_drawn.to_bytes(4, "big"))
    release(start)
    return drawn[:length]


def probe(number, function, sized=()):
    """``function``, with its cost without what is ours noted under ``number``; ``sized``: which arguments' lengths."""

    def probed(*args):
        global _ours
        start = hold()
        look()
        release(start)
        ours = _ours
        start = time.ticks_cpu()
        try:
            return function(*args)
        finally:
            end = time.ticks_cpu()
            took = time.ticks_diff(end, start) - (_ours - ours)
            offset = time.ticks_diff(start, _began) - ours
            answer.count += 1
            answer.buf[answer.end] = 80
            answer.end += 1
            answer.put(number, 1)
            answer.put(offset * PER_TICK, 4)
            answer.put(took * PER_TICK, 4)
            size = 0
            for i in sized:
                if i < len(args):
                    size += len(args[i])
            answer.put(size, 2)
            _ours = ours + time.ticks_diff(time.ticks_cpu(), start) - took

    return probed


def overhead():
    """Instructions that a sample shows of a function in C that does nothing."""
    answer.clear()
    nothing = probe(0, gc.isenabled)
    nothing()
    nothing()
    return int.from_bytes(answer.buf[answer.end - 6 : answer.end - 2], "big")


# What is to be probed as soon as it is there: (number, module, class or "", function).
_wanted = []
_plain_import = builtins.__import__


def probe_method(number, owner, name, sized=()):
    """Probe a function where it is found: in a module, or a method in a class."""
    setattr(owner, name, probe(number, getattr(owner, name), sized))


def importing(*args):
    """In place of ``__import__``: modules come and go while a device joins, and their functions with them."""
    module = _plain_import(*args)
    start = hold()
    for number, name, owner, function in _wanted:
        there = sys.modules.get(name)
        if there is not None and owner:
            there = getattr(there, owner, None)
        # Not there yet: its module is still being executed.
        if hasattr(there, function) and not hasattr(there, "probed_" + function):
            setattr(there, "probed_" + function, True)
            probe_method(number, there, function)
    release(start)
    return module


def probe_when_imported(wanted):
    """Before ``board.load``."""
    _wanted.extend(wanted)
    builtins.__import__ = importing


class Natives:
    """The native module, probed."""


def probe_natives(first, names, sized):
    """Probe ``names`` of the native module, numbered from ``first`` on, wherever the backend calls them."""
    from microbrew.crypto import native as backend

    natives = Natives()
    for i in range(len(names)):
        name = names[i]
        probed = probe(first + i, getattr(backend.native, name), sized[i])
        setattr(natives, name, probed)
        if name in backend.NativeCrypto.__dict__:
            setattr(backend.NativeCrypto, name, staticmethod(probed))
    backend.native = natives


class Board:
    """What a device is made of, made one after the other so that each can be measured."""

    node = None
    radio = None

    def load(self):
        """Import all that a device is."""
        from microbrew import device
        from microbrew.config import Config
        from microbrew.crypto.native import NativeCrypto
        from microbrew.identity.idevid import Identity
        from microbrew.identity.store import Store
        from microbrew.node import Node

        self.backend = NativeCrypto(repeatable)
        self.parts = Config, Identity, Store, Node, device

    def boot(self, now):
        """A node on the store at /store."""
        make_config, identity, store, node, _ = self.parts
        store = store("/store")
        identity = identity.load(store, self.backend)
        config = make_config()
        config.frees_modules = True
        self.radio = HostRadio(identity.eui64, answer)
        self.node = node(self.radio, store, self.backend, log, now, config, identity)


def cost(function, *args):
    """[instructions, bytes in use before, after] of a function, after collections; without what is ours."""
    global _ours
    gc.collect()
    before = gc.mem_alloc()
    answer.clear()
    _ours = 0
    start = time.ticks_cpu()
    function(*args)
    took = time.ticks_diff(time.ticks_cpu(), start) - _ours
    gc.collect()
    return [took * PER_TICK, before, gc.mem_alloc()]


# What nobody else can have: a chain, as a list that grows wants one piece of heap that may be gone.
_taken = None
# What a line of the log is made in when nothing else is left. A device's own log takes no memory.
_spare = None


def leave(free):
    """Take heap until no more than ``free`` bytes are left, and give back what was taken before."""
    global _taken, _spare
    _taken = _spare = None
    gc.collect()
    size = gc.mem_free()
    if free < size:
        _spare = bytearray(_SPARE)
    while size >= 16 and gc.mem_free() > free:
        try:
            _taken = (_taken, bytearray(min(size, gc.mem_free() - free)))
        except MemoryError:
            size //= 2


def log(_now, event, text):
    global _spare
    start = hold()
    starved = _spare is not None
    _spare = None
    data = (event + "\0" + text).encode()
    answer.record(76, data, len(data), 2)
    if starved:
        del data
        gc.collect()
        _spare = bytearray(_SPARE)
    release(start)


board = Board()


def serve():
    """Step ``board.node`` until the host says Q."""
    global _ours, _began, _peak
    line = Line()
    node = board.node
    radio = board.radio
    line.write(b"R")
    while True:
        command = line.byte()
        if command == 77:
            leave(line.number(4))
            line.write(b"M")
            continue
        if command != 83:
            break
        now = line.number(4)
        count = line.byte()
        for i in range(count):
            radio.lengths[i] = length = line.byte()
            frame = radio.frames[i]
            for j in range(length):
                frame[j] = line.byte()
        radio.first = 0
        radio.last = count
        answer.clear()
        gc.collect()
        _ours = _peak = 0
        _began = time.ticks_cpu()
        deadline = node.step(now)
        took = time.ticks_diff(time.ticks_cpu(), _began) - _ours
        allocated = gc.mem_alloc()
        start = time.ticks_cpu()
        gc.collect()
        collecting = time.ticks_diff(time.ticks_cpu(), start)
        used = max(_peak, gc.mem_alloc())
        deadline = 0xFFFFFFFF if deadline is None else deadline
        answer.head((deadline, took * PER_TICK, collecting * PER_TICK, used, allocated))
        line.write(memoryview(answer.buf)[: answer.end])
