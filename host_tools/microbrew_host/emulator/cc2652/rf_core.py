"""The RF core's firmware: what it does with commands. It checks what the manual demands of them.

What it answers is what TI's manual (SWCU185 chapter 25) says: CMDSTA for a command that it does not take, a status in
the structure for one that fails. Where hardware would do anything at all, ImageFault is raised. ``log`` has every
command as it was submitted. Not modelled: commands that boards/cc2652 does not use, slotted mode, source matching,
start triggers other than "now".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from microbrew_host.emulator.cc2652.air import TURNAROUND_SECONDS, Air, Transmission
from microbrew_host.emulator.cc2652.block import ImageFault
from microbrew_host.emulator.cc2652.doorbell import RAT_HZ, Doorbell, RadioTimer, RfPower
from microbrew_host.emulator.schedule import Action, Event

if TYPE_CHECKING:
    from microbrew_host.emulator.cc2652.power import Prcm
    from microbrew_host.emulator.cc2652.rtc import Rtc
    from microbrew_host.emulator.cortexm import CortexM

RADIO_SETUP, FS, SYNC_START_RAT = 0x0802, 0x0803, 0x080A
IEEE_RX, IEEE_ED_SCAN, IEEE_TX, IEEE_CSMA, IEEE_RX_ACK = 0x2801, 0x2802, 0x2C01, 0x2C02, 0x2C03
ABORT, STOP, BUS_REQUEST, ABORT_FG = 0x0401, 0x0402, 0x040E, 0x2401
_LENGTHS = {
    RADIO_SETUP: 24, FS: 24, SYNC_START_RAT: 20,
    IEEE_RX: 60, IEEE_ED_SCAN: 24, IEEE_TX: 24, IEEE_CSMA: 32, IEEE_RX_ACK: 20,
}  # fmt: skip
_BACKGROUND, _FOREGROUND = (IEEE_RX, IEEE_ED_SCAN), (IEEE_TX, IEEE_CSMA, IEEE_RX_ACK)

# CMDSTA
DONE, ILLEGAL_POINTER, UNKNOWN, UNKNOWN_DIRECT, CONTEXT, SCHEDULING = 0x01, 0x81, 0x82, 0x83, 0x85, 0x86
# Statuses
PENDING, ACTIVE, SUSPENDED = 0x0001, 0x0002, 0x2001
DONE_OK, ERROR_TRIGGER, ERROR_CONDITION, ERROR_PAR, ERROR_WRONG_BG = 0x0400, 0x0801, 0x0802, 0x0803, 0x0806
ERROR_NO_SETUP = 0x0807
IEEE_OK, IEEE_BUSY, IEEE_STOPPED, IEEE_ACK, IEEE_ACKPEND, IEEE_TIMEOUT, IEEE_ABORTED = (
    0x2400, 0x2401, 0x2402, 0x2403, 0x2404, 0x2405, 0x2407,
)  # fmt: skip
IEEE_ERROR_PAR, IEEE_NO_SETUP, IEEE_NO_SYNTH = 0x2800, 0x2801, 0x2802
# Flags
COMMAND_DONE, LAST_DONE, FG_DONE, LAST_FG_DONE, TX_DONE, TX_ACK = 1, 2, 4, 8, 16, 32
RX_OK, RX_NOK, RX_IGNORED, BUF_FULL, ENTRY_DONE, BOOT_DONE = 1 << 16, 1 << 17, 1 << 18, 1 << 22, 1 << 23, 1 << 30

_MODE_MULTIPLE, _MODE_IEEE = 5, 2
_CLOCKS = 0x7  # RFC, CPE, CPERAM
_BOOT_SECONDS = 1e-3
_RAT_SECONDS = 100e-6
_SETUP_SECONDS = 1e-3
_TUNE_SECONDS = 150e-6
_RX_START_SECONDS = 100e-6
_BACKOFF_SECONDS = 320e-6
_CCA_SECONDS = 128e-6
_RAM = range(0x20000000, 0x20000000 + 80 * 1024)


@dataclass(frozen=True)
class Submitted:
    """A command and its structure as the RF core found it; direct commands have none."""

    number: int
    structure: bytes = b""

    def field(self, layout: str, offset: int) -> int:
        """A field of the structure, by its struct format."""
        return int(struct.unpack_from("<" + layout, self.structure, offset)[0])


class RfCore:
    """``air``: where it transmits. ``outcome``: statuses to answer the next operations of a number with, for faults."""

    def __init__(self, core: CortexM, prcm: Prcm, rtc: Rtc) -> None:
        self.core = core
        self._prcm = prcm
        self._rtc = rtc
        self.doorbell = Doorbell(prcm.rf_clock)
        self.power = RfPower(prcm.rf_clock)
        self.timer = RadioTimer(prcm.rf_clock)
        for block in (self.doorbell, self.power, self.timer):
            core.add(block)
        self.doorbell.command = self._command
        self.doorbell.listening = lambda: self._booted
        self.power.changed = self._clocks_changed
        prcm.rf_listener = self._power_changed
        self.air = Air(core)
        self.air.members.append(self)
        self.log: list[Submitted] = []
        self.boots = 0
        self.outcome: dict[int, list[int]] = {}
        # Set: it does not boot.
        self.dead = False
        # Counts losses of power: what was to happen before one does not.
        self._epoch = 0
        self._forget()

    def _forget(self) -> None:
        self._booted = False
        self._bus = False
        self._setup = False
        self._synth = 0
        self._rx = 0
        self._channel = 0
        self._rx_event: Event | None = None
        self._fg = 0
        self._fg_event: Event | None = None
        self._transmitting = False
        self._acknowledging = False
        self._ack_sequence = -1
        self._epoch += 1

    # Power

    def _power_changed(self, on: bool) -> None:
        if not on:
            self._forget()
            self.timer.stop()
            self.doorbell.power_lost()
            self.power.words = {}

    def _clocks_changed(self, value: int) -> None:
        if value & _CLOCKS == _CLOCKS and not self._booted and not self.dead:
            self._after(_BOOT_SECONDS, self._boot)

    def _boot(self) -> None:
        if self._prcm.rf_mode() not in (_MODE_MULTIPLE, _MODE_IEEE):
            return
        self._booted = True
        self.boots += 1
        self.doorbell.raise_flags(BOOT_DONE)

    def _after(self, seconds: float, action: Action) -> Event:
        """``action()`` then, unless power was lost meanwhile."""
        epoch = self._epoch

        def unless_lost() -> None:
            if epoch == self._epoch:
                action()

        return self.core.at(self.core.now + self.core.cycles(seconds), unless_lost)

    # Memory

    def _read(self, address: int, layout: str) -> int:
        size = struct.calcsize("<" + layout)
        if address not in _RAM or address + size - 1 not in _RAM:
            raise ImageFault(f"the RF core was pointed to {address:#x}")
        return int(struct.unpack("<" + layout, self.core.uc.mem_read(address, size))[0])

    def _write(self, address: int, layout: str, value: int) -> None:
        if address not in _RAM:
            raise ImageFault(f"the RF core was made to write to {address:#x}")
        self.core.uc.mem_write(address, struct.pack("<" + layout, value))

    def _status(self, operation: int, status: int) -> None:
        self._write(operation + 2, "H", status)

    def _number(self, operation: int) -> int:
        return self._read(operation, "H")

    # Commands

    def _command(self, value: int) -> int:
        if value & 3 == 1:
            return self._direct(value >> 16)
        if value & 3 or value not in _RAM:
            return ILLEGAL_POINTER
        if not self._bus:
            raise ImageFault("a structure in the system's RAM before CMD_BUS_REQUEST")
        number = self._number(value)
        if number not in _LENGTHS:
            return UNKNOWN
        self._log(value)
        if number in _FOREGROUND:
            if self._fg:
                return SCHEDULING
            self._start_foreground(value)
            return DONE
        if self._rx or self._fg:
            return SCHEDULING
        if number != SYNC_START_RAT and not self.timer.running:
            return CONTEXT
        self._start(value, number)
        return DONE

    def _log(self, operation: int) -> None:
        number = self._number(operation)
        self.log.append(Submitted(number, bytes(self.core.uc.mem_read(operation, _LENGTHS[number]))))

    def _direct(self, number: int) -> int:
        if number not in (ABORT, STOP, BUS_REQUEST, ABORT_FG):
            return UNKNOWN_DIRECT
        self.log.append(Submitted(number))
        if number == BUS_REQUEST:
            self._bus = True
            return DONE
        if self._fg and number in (ABORT, ABORT_FG):
            self._end_foreground(IEEE_ABORTED)
        if self._rx and number in (ABORT, STOP):
            self._end_background(IEEE_ABORTED if number == ABORT else IEEE_STOPPED)
        return DONE

    def _planned(self, number: int) -> int:
        planned = self.outcome.get(number)
        return planned.pop(0) if planned else 0

    def _head_fault(self, operation: int) -> int:
        if self._read(operation + 12, "B") & 0xF:
            return ERROR_TRIGGER
        return 0 if self._read(operation + 13, "B") & 0xF <= 5 else ERROR_CONDITION

    def _start(self, operation: int, number: int) -> None:
        fault = self._head_fault(operation) or self._planned(number)
        if fault:
            self._finish(operation, fault)
            return
        self._status(operation, ACTIVE)
        if number == SYNC_START_RAT:
            if self._rtc.synchronises():
                self._after(_RAT_SECONDS, lambda: self._start_timer(operation))
        elif number == RADIO_SETUP:
            self._after(_SETUP_SECONDS, lambda: self._finish(operation, self._set_up(operation)))
        elif number == FS:
            self._after(_TUNE_SECONDS, lambda: self._finish(operation, self._tune(operation)))
        elif number == IEEE_RX:
            self._start_receiver(operation)
        else:
            self._start_scan(operation)

    def _start_timer(self, operation: int) -> None:
        self.timer.start()
        self._finish(operation, DONE_OK)

    def _finish(self, operation: int, status: int) -> None:
        self._status(operation, status)
        self.doorbell.raise_flags(COMMAND_DONE | LAST_DONE)

    def _set_up(self, operation: int) -> int:
        if self._read(operation + 14, "B") != 1 or self._read(operation + 15, "B") != 0:
            return ERROR_PAR
        override = self._read(operation + 20, "I")
        for i in range(64):
            if not override or self._read(override + 4 * i, "I") == 0xFFFFFFFF:
                self._setup = True
                return DONE_OK
        raise ImageFault("the list of overrides has no end")

    def _tune(self, operation: int) -> int:
        if not self._setup:
            return ERROR_NO_SETUP
        mhz = self._read(operation + 14, "H")
        if not 2360 <= mhz <= 2500:
            return ERROR_PAR
        self._synth = mhz
        return DONE_OK

    def _channel_of(self, operation: int) -> int:
        """Channel that an operation tunes to; 0: it may not."""
        channel = self._read(operation + 14, "B")
        if channel == 0:
            channel = (self._synth - 2405) // 5 + 11
        return channel if 11 <= channel <= 26 else 0

    def _radio_fault(self, operation: int) -> int:
        if not self._setup:
            return IEEE_NO_SETUP
        if self._read(operation + 14, "B") == 0 and not self._synth:
            return IEEE_NO_SYNTH
        return 0 if self._channel_of(operation) else IEEE_ERROR_PAR

    # Background: energy scan

    def _start_scan(self, operation: int) -> None:
        fault = self._radio_fault(operation)
        if fault:
            self._finish(operation, fault)
            return
        channel = self._channel_of(operation)
        ticks = self._read(operation + 20, "I")
        if self._read(operation + 19, "B") & 0xF != 4:
            self._finish(operation, IEEE_ERROR_PAR)
            return
        self._rx, self._channel = operation, 0
        self._write(operation + 18, "b", self.air.energy(channel, self))
        end = self.core.now + self.core.cycles(ticks / RAT_HZ)
        self._measure(operation, channel, end)

    def _measure(self, operation: int, channel: int, end: int) -> None:
        highest = max(self._read(operation + 18, "b"), self.air.energy(channel, self))
        self._write(operation + 18, "b", highest)
        if self.core.now >= end:
            self._end_background(IEEE_OK)
        else:
            self._rx_event = self._after(_CCA_SECONDS, lambda: self._measure(operation, channel, end))

    # Background: receiver

    def _start_receiver(self, operation: int) -> None:
        fault = self._radio_fault(operation)
        if fault:
            self._finish(operation, fault)
            return
        self._status(operation, PENDING)
        self._check_queue(self._read(operation + 16, "I"))
        if self._read(operation + 55, "B") & 0xF not in (1, 2, 4):
            raise ImageFault("the receiver's end trigger would end it at once")
        self._rx = operation
        self._rx_event = self._after(_RX_START_SECONDS, lambda: self._receiver_on(operation))

    def _check_queue(self, queue: int) -> None:
        entry = first = self._read(queue, "I")
        for _ in range(64):
            if self._read(entry + 5, "B") & 0x3:
                raise ImageFault("a receive entry that is not of the general type")
            if self._read(entry + 6, "H") < 127 + 8:
                raise ImageFault("a receive entry that has no room for the longest frame")
            entry = self._read(entry, "I")
            if entry in (0, first):
                return
        raise ImageFault("the receive queue has no end")

    def _receiver_on(self, operation: int) -> None:
        self._channel = self._channel_of(operation)
        self._status(operation, ACTIVE)

    def _end_background(self, status: int) -> None:
        operation, self._rx, self._channel = self._rx, 0, 0
        if self._rx_event:
            self._rx_event.cancel()
        if self._fg:
            self._end_foreground(0x2406)
        self._finish(operation, status)

    @property
    def channel(self) -> int:
        """Where the receiver is on; 0: nowhere."""
        return self._channel

    def listens(self, channel: int) -> bool:
        return bool(self._rx) and channel == self._channel and not self._transmitting

    def heard(self, transmission: Transmission) -> None:
        if not self.listens(transmission.channel):
            return
        if not transmission.intact:
            self.doorbell.raise_flags(RX_NOK)
            return
        frame = transmission.frame
        if len(frame) >= 3 and frame[0] & 7 == 2 and frame[2] == self._ack_sequence:
            self._ack_sequence = -1
            self._next(self._fg, IEEE_ACKPEND if frame[0] & 0x10 else IEEE_ACK)
            return
        options = self._read(self._rx + 24, "H")
        if options & 1:
            wanted, ours = self._filter(frame, options)
            if not wanted:
                self.doorbell.raise_flags(RX_IGNORED)
                return
            if ours and options & 4 and frame[0] & 0x20:
                self._acknowledge(frame[2])
        self._store(transmission)

    def _filter(self, frame: bytes, options: int) -> tuple[bool, bool]:
        """Whether a frame is received, and whether it is for this address alone."""
        control = frame[0] | frame[1] << 8
        kind, version = control & 7, control >> 12 & 3
        types = self._read(self._rx + 26, "B")
        if not types >> kind & 1 or version > options >> 8 & 3:
            return False, False
        pan_id = self._read(self._rx + 50, "H")
        if kind == 0:
            # A beacon names the PAN that sent it, as destination's in version 2.
            return pan_id in (0xFFFF, frame[3] | frame[4] << 8), False
        mode = control >> 10 & 3
        if mode < 2 or frame[3] | frame[4] << 8 not in (pan_id, 0xFFFF):
            return False, False
        if mode == 2:
            short = frame[5] | frame[6] << 8
            own = short == self._read(self._rx + 48, "H") != 0xFFFF
            return own or short == 0xFFFF, own
        own = int.from_bytes(frame[5:13], "little") == self._read(self._rx + 40, "Q")
        return own, own

    def _acknowledge(self, sequence: int) -> None:
        self._acknowledging = True

        def begin() -> None:
            self._transmitting = True
            sent = self.air.send(self, self._channel, bytes((0x02, 0x00, sequence)))
            self._after((sent.end - sent.start) / self.core.hz, end)

        def end() -> None:
            self._transmitting = self._acknowledging = False
            self.doorbell.raise_flags(TX_ACK)

        self._after(TURNAROUND_SECONDS, begin)

    def _store(self, transmission: Transmission) -> None:
        queue = self._read(self._rx + 16, "I")
        entry = self._read(queue, "I")
        if not entry or self._read(entry + 4, "B") != 0:
            self.doorbell.raise_flags(BUF_FULL)
            return
        config = self._read(self._rx + 15, "B")
        element = bytearray(transmission.frame)
        if config & 1 << 3:
            element += b"\x00\x00"
        if config & 1 << 4:
            element += struct.pack("b", transmission.rssi)
        if config & 1 << 5:
            element.append(min(63, max(0, transmission.rssi + 110)))
        if config & 1 << 7:
            element += struct.pack("<I", self.timer.at_cycle(transmission.delimiter(self.core)))
        if self._read(entry + 5, "B") >> 2 & 3 != 1:
            raise ImageFault("a receive entry without a length byte")
        self.core.uc.mem_write(entry + 8, bytes((len(element),)) + bytes(element))
        self._write(entry + 4, "B", 3)
        self._write(queue, "I", self._read(entry, "I"))
        self.doorbell.raise_flags(RX_OK | ENTRY_DONE)

    # Foreground: chains of CSMA, TX, RX_ACK

    def _start_foreground(self, operation: int) -> None:
        number = self._number(operation)
        fault = self._head_fault(operation)
        if not fault and (not self._rx or not self._channel):
            fault = ERROR_WRONG_BG
        fault = fault or self._planned(number)
        self._fg = operation
        if fault == PENDING:
            self._status(operation, PENDING)  # and stays so
        elif fault:
            self._next(operation, fault)
        else:
            self._status(operation, ACTIVE)
            {IEEE_CSMA: self._start_csma, IEEE_TX: self._start_tx, IEEE_RX_ACK: self._start_rx_ack}[number](operation)

    def _next(self, operation: int, status: int) -> None:
        """An operation of the chain has ended: the next one, or the end."""
        if self._fg_event:
            self._fg_event.cancel()
        self._ack_sequence = -1
        self._status(operation, status)
        condition = self._read(operation + 13, "B") & 0xF
        following = self._read(operation + 4, "I")
        true = status in (IEEE_OK, IEEE_ACK, IEEE_ACKPEND)
        goes_on = condition == 0 or (condition == 2 and true)
        self._fg = 0
        if status < 0x2800 and not 0x0800 <= status < 0x1000 and goes_on and following:
            self.doorbell.raise_flags(FG_DONE)
            self._log(following)
            self._start_foreground(following)
        else:
            self.doorbell.raise_flags(FG_DONE | LAST_FG_DONE)

    def _end_foreground(self, status: int) -> None:
        operation, self._fg = self._fg, 0
        if self._fg_event:
            self._fg_event.cancel()
        self._ack_sequence = -1
        self._transmitting = self._acknowledging
        self._status(operation, status)
        self.doorbell.raise_flags(FG_DONE | LAST_FG_DONE)

    def _random(self, operation: int, bits: int) -> int:
        state = self._read(operation + 14, "H")
        if not state:
            raise ImageFault("CSMA-CA with a random state of 0")
        value = 0
        for _ in range(bits):
            state = state >> 1 ^ (0xB400 if state & 1 else 0)
            value = value << 1 | state & 1
        self._write(operation + 14, "H", state)
        return value

    def _start_csma(self, operation: int) -> None:
        exponent, highest = self._read(operation + 20, "B"), self._read(operation + 16, "B")
        if self._read(operation + 18, "B") & 0x1F != 1 or exponent > highest:
            self._next(operation, IEEE_ERROR_PAR)
            return
        periods = self._random(operation, exponent)
        self._fg_event = self._after(
            periods * _BACKOFF_SECONDS + _CCA_SECONDS, lambda: self._assess(operation, exponent, highest)
        )

    def _assess(self, operation: int, exponent: int, highest: int) -> None:
        energy = self.air.energy(self._channel, self)
        self._write(operation + 22, "b", energy)
        if energy < self._read(self._rx + 28, "b") and not self._acknowledging:
            self._next(operation, IEEE_OK)
            return
        backoffs = self._read(operation + 19, "B") + 1
        self._write(operation + 19, "B", backoffs)
        self._write(operation + 20, "B", min(exponent + 1, highest))
        if backoffs > self._read(operation + 17, "B"):
            self._next(operation, IEEE_BUSY)
        else:
            self._start_csma(operation)

    def _start_tx(self, operation: int) -> None:
        length = self._read(operation + 15, "B")
        payload = self._read(operation + 16, "I")
        if not 1 <= length <= 125 or self._read(operation + 14, "B"):
            self._next(operation, IEEE_ERROR_PAR)
            return
        if payload not in _RAM or payload + length - 1 not in _RAM:
            raise ImageFault(f"a frame to send at {payload:#x}")
        frame = bytes(self.core.uc.mem_read(payload, length))
        self._transmitting = True
        self._fg_event = self._after(TURNAROUND_SECONDS, lambda: self._on_air(operation, frame))

    def _on_air(self, operation: int, frame: bytes) -> None:
        sent = self.air.send(self, self._channel, frame)
        self._write(operation + 20, "I", self.timer.at_cycle(sent.start))
        self._fg_event = self._after((sent.end - sent.start) / self.core.hz, lambda: self._sent(operation))

    def _sent(self, operation: int) -> None:
        self._transmitting = False
        self.doorbell.raise_flags(TX_DONE)
        self._next(operation, IEEE_OK)

    def _start_rx_ack(self, operation: int) -> None:
        if self._read(operation + 15, "B") & 0xF != 4:
            raise ImageFault("RX_ACK without an end after its start")
        ticks = self._read(operation + 16, "I")
        self._ack_sequence = self._read(operation + 14, "B")
        self._fg_event = self._after(ticks / RAT_HZ, lambda: self._next(operation, IEEE_TIMEOUT))
