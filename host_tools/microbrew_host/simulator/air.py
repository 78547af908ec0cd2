"""A radio medium in virtual time: who hears whom, how long a frame takes, which ones are lost."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from microbrew.radio.api import Radio
from microbrew_host.simulator.virtual_time import VirtualTimeLoop

# O-QPSK at 2.4 GHz: 32 us per octet, and preamble, SFD and length before the PSDU, FCS behind it.
_OCTET_S = 32e-6
_OVERHEAD = 8
_RX_QUEUE = 16


class Air:
    """The medium. Each delivery is lost with probability ``loss``, independently, by the seeded ``rng``."""

    def __init__(self, loop: VirtualTimeLoop, rng: random.Random, loss: float = 0.0) -> None:
        self.loop = loop
        self.loss = loss
        self.frames = 0
        self.octets = 0
        self.lost = 0
        self.overrun = 0
        self.on_frame: Callable[[bytes, bytes], None] | None = None
        self._rng = rng
        self._hears: dict[bytes, list[AirRadio]] = {}

    def link(self, one: AirRadio, other: AirRadio) -> None:
        """Let two radios hear each other."""
        self._hears.setdefault(one.eui64, []).append(other)
        self._hears.setdefault(other.eui64, []).append(one)

    def unlink(self, radio: AirRadio) -> None:
        """Take a radio off the air."""
        for others in self._hears.values():
            if radio in others:
                others.remove(radio)
        self._hears.pop(radio.eui64, None)

    def transmit(self, sender: AirRadio, psdu: bytes) -> None:
        """Deliver one frame to everybody in range after its time on air."""
        self.frames += 1
        self.octets += len(psdu) + _OVERHEAD
        if self.on_frame is not None:
            self.on_frame(sender.eui64, psdu)
        delay = (len(psdu) + _OVERHEAD) * _OCTET_S
        for receiver in self._hears.get(sender.eui64, ()):
            if self._rng.random() < self.loss:
                self.lost += 1
            else:
                self.loop.call_later(delay, receiver.deliver, psdu, sender.channel)


class AirRadio(Radio):
    """One transceiver on the air; ``on_receive`` is called when a frame waits in it."""

    # Longer than two frames at the maximum length take, so that an acknowledgement is never too late here.
    ack_wait_ms = 12

    def __init__(self, air: Air, eui64: bytes) -> None:
        self.eui64 = eui64
        self.channel = 0
        self.lqi = 255
        self.on_receive: Callable[[], None] = lambda: None
        self._air = air
        self._queue: deque[bytes] = deque()

    def set_channel(self, channel: int) -> None:
        self.channel = channel

    def transmit(self, buf: bytearray, length: int) -> bool:
        self._air.transmit(self, bytes(buf[:length]))
        return True

    def deliver(self, psdu: bytes, channel: int) -> None:
        """A frame arrives; dropped when the receive queue is full."""
        if channel != self.channel:
            return
        if len(self._queue) >= _RX_QUEUE:
            self._air.overrun += 1
            return
        self._queue.append(psdu)
        self.on_receive()

    def receive_into(self, buf: bytearray) -> int:
        if not self._queue:
            return 0
        psdu = self._queue.popleft()
        buf[: len(psdu)] = psdu
        return len(psdu)
