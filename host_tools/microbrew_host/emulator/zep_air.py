"""The medium of a board in a process of its own: the air between processes (``microbrew ether``), by ZEP over UDP.

Virtual time meets wall time here, in two places.

A frame that asks for an acknowledgement gets it from another process, which takes milliseconds of wall time where the
air takes 192 us. So when such a frame has ended, virtual time stands still until the acknowledgement has come, or for
ACK_WALL_S; then the acknowledgement begins 192 us of virtual time after the frame, as it does on the air. What else
comes meanwhile waits.

Frames of several nodes reach the ether at times that mean nothing at the scale of microseconds. They are put on the
virtual air one after the other, with room for an acknowledgement in between, and each waits a little for the receiver
to be receiving: what is left are the losses that the ether makes. So there are no collisions here; in-process boards
have them (air.LocalAir).
"""

from __future__ import annotations

import contextlib
import select
import time
from collections import deque
from typing import Protocol, cast

from microbrew.radio.zep import ZepRadio
from microbrew_host.emulator.air import Receiver, Transmission
from microbrew_host.emulator.cortexm import CortexM
from microbrew_host.emulator.frame_check import frame_check
from microbrew_host.emulator.schedule import Event

# Longer than other nodes of this air wait: to the board it is no time, and their machine may be busy.
ACK_WALL_S = 0.25
_TURNAROUND_NS = 192_000
# Turnaround, acknowledgement of 11 bytes, and some for the receiver to be back.
_GAP_NS = 192_000 + 352_000 + 500_000
_PATIENCE_NS = 20_000_000
_RETRY_NS = 100_000
_QUEUE = 64
_MAX_FRAME = 125
_LEVEL_DBM = -50.0


class Transceiver(Receiver, Protocol):
    """A chip's radio as the link sees it."""

    core: CortexM

    @property
    def now_ns(self) -> int:
        """The medium's clock."""

    @property
    def channel(self) -> int:
        """Where it is tuned to; 0: nowhere."""

    @property
    def awaits_frame(self) -> bool:
        """Whether it would receive a frame that begins now."""


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class ZepAir:
    """One radio's link to the ether at ``host``:``port``, as the node ``eui64``. Raises OSError."""

    def __init__(self, host: str, port: int, eui64: bytes) -> None:
        self._node = ZepRadio(eui64, host, port, _clock_ms)
        self._radio: Transceiver | None = None
        self._waiting: deque[bytes] = deque()
        self._buffer = bytearray(127)
        self._busy_until = 0
        self._since = 0
        self._pump_event: Event | None = None
        self.dropped = 0

    def fileno(self) -> int:
        """The socket, to wait for frames."""
        return self._node.fileno()

    def close(self) -> None:
        """Leave the air."""
        self._node.close()

    def attach(self, receiver: Receiver) -> None:
        """There is one radio, a Transceiver."""
        self._radio = cast("Transceiver", receiver)

    def _chip(self) -> Transceiver:
        assert self._radio is not None  # noqa: S101 - attached before anything runs
        return self._radio

    # Out

    def transmit(self, sender: Receiver, transmission: Transmission) -> None:
        """Nothing is sent to the ether before the last bit has left: it knows no beginning of a frame."""

    def cut(self, sender: Receiver, transmission: Transmission) -> None:
        """Nothing was sent: half a frame is none."""

    def finished(self, sender: Receiver, transmission: Transmission) -> None:
        """Send it, and stop time until it has been acknowledged if it wants to be."""
        psdu = transmission.psdu
        if len(psdu) < 5:
            return
        self._node.set_channel(transmission.channel)
        self._node.transmit(psdu, len(psdu) - 2)
        self._busy_until = max(self._busy_until, transmission.end)
        if psdu[0] & 0x27 == 0x21 or psdu[0] & 0x27 == 0x23:
            ack = self._acknowledgement(psdu[2])
            if ack is not None:
                start = transmission.end + _TURNAROUND_NS
                self._put_on_air(ack, start)

    def _acknowledgement(self, sequence: int) -> bytes | None:
        deadline = time.monotonic() + ACK_WALL_S
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            select.select([self._node], [], [], left)
            while True:
                frame = self._next()
                if frame is None:
                    break
                if frame[0] & 7 == 2 and len(frame) >= 3 and frame[2] == sequence:
                    return frame
                self._keep(frame)

    # In

    def _next(self) -> bytes | None:
        length = self._node.receive_into(self._buffer)
        return bytes(self._buffer[:length]) if length else None

    def _keep(self, frame: bytes) -> None:
        if len(self._waiting) < _QUEUE:
            self._waiting.append(frame)
        else:
            self.dropped += 1

    def poll(self) -> None:
        """Take what the ether has brought, between two slices of the processor's time."""
        radio = self._chip()
        if radio.channel:
            self._node.set_channel(radio.channel)
        with contextlib.suppress(OSError):
            while (frame := self._next()) is not None:
                # An acknowledgement that nobody waits for has come too late to mean anything.
                if frame[0] & 7 != 2:
                    self._keep(frame)
        # A reset of the board has taken away everything scheduled, this too.
        if self._waiting and (self._pump_event is None or self._pump_event.time < radio.core.now):
            self._since = radio.now_ns
            self._pump_event = radio.core.at(radio.core.now, self._pump)

    def _pump(self) -> None:
        radio = self._chip()
        now = radio.now_ns
        self._pump_event = None
        if not self._waiting:
            return
        patient = now - self._since < _PATIENCE_NS
        if now < self._busy_until or (patient and not radio.awaits_frame):
            self._again(_RETRY_NS)
            return
        self._put_on_air(self._waiting.popleft(), now + 1000)
        self._since = self._busy_until
        self._again(self._busy_until - now)

    def _again(self, ns: int) -> None:
        core = self._chip().core
        self._pump_event = core.at(core.now + core.cycles(ns / 1e9), self._pump)

    def _put_on_air(self, frame: bytes, start: int) -> None:
        radio = self._chip()
        psdu = frame + frame_check(frame).to_bytes(2, "little")
        transmission = Transmission(start, radio.channel, psdu, 0.0)
        self._busy_until = transmission.end + _GAP_NS
        radio.on_air(transmission, _LEVEL_DBM)
