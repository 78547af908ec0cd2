"""A radio medium in virtual time: who hears whom, how long a frame takes, which ones are lost.

With contention a radio finds the channel busy while somebody in its range sends, and two frames that reach a receiver
at the same time are both lost there, as are those that reach one that is sending itself. Without, ``loss`` stands for
all that. Left out: capture of the stronger frame, interference beyond the range of reception.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable

from microbrew.radio.api import Radio
from microbrew_host.simulator.virtual_time import VirtualTimeLoop

# O-QPSK at 2.4 GHz: 32 us per octet, and preamble, SFD and length before the PSDU, FCS behind it.
_OCTET_S = 32e-6
_OVERHEAD = 8
_RX_QUEUE = 16

# Frame control field (IEEE 802.15.4 section 7.2.2): first octet, then second.
_KIND = 0x07
_KIND_DATA = 1
_KIND_ACK = 2
_ACK_REQUEST = 0x20
# Version 2, whose fields move about, and the mode of the destination address.
_VERSION_AND_TO = 0x2C
_TO_EXTENDED = 0x0C


class Air:
    """The medium. Each delivery is lost with probability ``loss``, independently, by the seeded ``rng``.

    ``on_frame(sender_eui64, psdu)`` hears every frame sent. ``drops(sender, receiver, psdu)``, EUI-64s, takes a
    delivery away when it returns True. ``contention``: see the module.
    """

    def __init__(self, loop: VirtualTimeLoop, rng: random.Random, loss: float = 0.0, contention: bool = False) -> None:
        self.loop = loop
        self.loss = loss
        self.contention = contention
        self.collisions = 0
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

    def is_busy(self, listener: AirRadio) -> bool:
        """Whether ``listener`` hears somebody send, or sends itself."""
        now = self.loop.time()
        return listener.sends_until > now or any(other.sends_until > now for other in self._hears.get(listener, ()))

    def transmit(self, sender: AirRadio, psdu: bytes) -> None:
        """Deliver one frame to everybody in range after its time on air."""
        self.frames += 1
        self.octets += len(psdu) + _OVERHEAD
        if self.on_frame is not None:
            self.on_frame(sender.eui64, psdu)
        delay = (len(psdu) + _OVERHEAD) * _OCTET_S
        now = self.loop.time()
        sender.sends_until = now + delay
        if self.contention and sender.arriving is not None and sender.hears_until > now:
            # It cannot listen at the same time.
            sender.arriving.cancel()
            sender.arriving = None
            self.collisions += 1
        for receiver in self._hears.get(sender, ()):
            # Drawn for every receiver, so that interference does not change what else is lost.
            is_lost = self._rng.random() < self.loss
            if self.contention and self._collides(receiver, sender):
                continue
            if is_lost or (self.drops is not None and self.drops(sender.eui64, receiver.eui64, psdu)):
                self.lost += 1
            elif receiver.is_for(psdu):
                receiver.arriving = self.loop.call_later(delay, receiver.deliver, psdu, sender.channel)

    def _collides(self, receiver: AirRadio, sender: AirRadio) -> bool:
        if sender.channel != receiver.channel or not receiver.is_on:
            return False
        now = self.loop.time()
        is_hit = receiver.hears_until > now
        if is_hit and receiver.arriving is not None:
            receiver.arriving.cancel()
        receiver.arriving = None
        receiver.hears_until = max(receiver.hears_until, sender.sends_until)
        is_hit = is_hit or receiver.sends_until > now
        self.collisions += is_hit
        return is_hit


class AirRadio(Radio):
    """One transceiver on the air, off until ``power(True)``; ``on_receive`` is called when a frame waits in it.

    Like the real ones it passes on only what is for its address, and an acknowledgement only if it could be of its
    own last frame; with ``is_promiscuous`` everything.
    """

    # Longer than two frames at the maximum length take, so that an acknowledgement is never too late here.
    ack_wait_ms = 12

    def __init__(self, air: Air, eui64: bytes) -> None:
        self.eui64 = eui64
        self.channel = 0
        self.lqi = 255
        self.is_on = False
        self.is_promiscuous = False
        # The air's: until when (s) it sends, and something reaches it; the frame that would arrive then.
        self.sends_until = 0.0
        self.hears_until = 0.0
        self.arriving: asyncio.TimerHandle | None = None
        self.on_receive: Callable[[], None] = lambda: None
        self._air = air
        self._queue: deque[bytes] = deque()
        self._address = eui64[::-1]
        self._awaited = -1

    def power(self, is_on: bool) -> None:
        """Switch on or off; what waits in it is forgotten."""
        self.is_on = is_on
        self._queue.clear()

    def set_channel(self, channel: int) -> None:
        self.channel = channel

    def transmit(self, buf: bytes | bytearray, length: int) -> bool:
        if self.is_on:
            # An acknowledgement is due at its time, whatever the channel is like.
            if self._air.contention and buf[0] & _KIND != _KIND_ACK and self._air.is_busy(self):
                return False
            if buf[0] & _ACK_REQUEST:
                self._awaited = buf[2]
            self._air.transmit(self, bytes(buf[:length]))
        return True

    def is_for(self, psdu: bytes) -> bool:
        """Whether the address filter lets a frame through; what it does not understand is the MAC's to judge."""
        if self.is_promiscuous or len(psdu) < 3:
            return True
        if psdu[0] & _KIND == _KIND_ACK:
            return psdu[2] == self._awaited
        if psdu[0] & _KIND == _KIND_DATA and psdu[1] & _VERSION_AND_TO == _TO_EXTENDED:
            return psdu[5:13] == self._address
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
