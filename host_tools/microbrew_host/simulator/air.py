"""A radio medium in virtual time: who hears whom, how long a frame takes, which ones are lost.

Left out: frames that collide, and listening before talking; ``loss`` stands for both.
"""

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
    """The medium. Each delivery is lost with probability ``loss``, independently, by the seeded ``rng``.

    ``on_frame(sender_eui64, psdu)`` hears every frame sent. ``drops(sender, receiver, psdu)``, EUI-64s, takes a
    delivery away when it returns True.
    """

    def __init__(self, loop: VirtualTimeLoop, rng: random.Random, loss: float = 0.0) -> None:
        self.loop = loop
        self.loss = loss
        self.frames = 0
        self.octets = 0
        self.lost = 0
        self.overrun = 0
        self.on_frame: Callable[[bytes, bytes], None] | None = None
        self.drops: Callable[[bytes, bytes, bytes], bool] | None = None
        self._rng = rng
        # Dicts as ordered sets: the order of the receivers decides who draws which random number.
        self._hears: dict[AirRadio, dict[AirRadio, None]] = {}

    def link(self, one: AirRadio, other: AirRadio) -> None:
        """Let two radios hear each other."""
        if one is other:
            raise ValueError("a radio does not hear itself")
        self._hears.setdefault(one, {})[other] = None
        self._hears.setdefault(other, {})[one] = None

    def unlink(self, one: AirRadio, other: AirRadio) -> None:
        """Let two radios hear each other no more."""
        self._hears.get(one, {}).pop(other, None)
        self._hears.get(other, {}).pop(one, None)

    def neighbours(self, radio: AirRadio) -> list[AirRadio]:
        """Who hears ``radio``."""
        return list(self._hears.get(radio, ()))

    def transmit(self, sender: AirRadio, psdu: bytes) -> None:
        """Deliver one frame to everybody in range after its time on air."""
        self.frames += 1
        self.octets += len(psdu) + _OVERHEAD
        if self.on_frame is not None:
            self.on_frame(sender.eui64, psdu)
        delay = (len(psdu) + _OVERHEAD) * _OCTET_S
        for receiver in self._hears.get(sender, ()):
            # Drawn for every receiver, so that interference does not change what else is lost.
            is_lost = self._rng.random() < self.loss
            if is_lost or (self.drops is not None and self.drops(sender.eui64, receiver.eui64, psdu)):
                self.lost += 1
            else:
                self.loop.call_later(delay, receiver.deliver, psdu, sender.channel)


class AirRadio(Radio):
    """One transceiver on the air; ``on_receive`` is called when a frame waits in it. It is off until ``power(True)``."""

    # Longer than two frames at the maximum length take, so that an acknowledgement is never too late here.
    ack_wait_ms = 12

    def __init__(self, air: Air, eui64: bytes) -> None:
        self.eui64 = eui64
        self.channel = 0
        self.lqi = 255
        self.is_on = False
        self.on_receive: Callable[[], None] = lambda: None
        self._air = air
        self._queue: deque[bytes] = deque()

    def power(self, is_on: bool) -> None:
        """Switch on or off; what waits in it is forgotten."""
        self.is_on = is_on
        self._queue.clear()

    def set_channel(self, channel: int) -> None:
        self.channel = channel

    def transmit(self, buf: bytes | bytearray, length: int) -> bool:
        if self.is_on:
            self._air.transmit(self, bytes(buf[:length]))
        return True

    def deliver(self, psdu: bytes, channel: int) -> None:
        """A frame arrives; dropped when the receive queue is full."""
        if channel != self.channel or not self.is_on:
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
