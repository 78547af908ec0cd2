"""RADIO in its IEEE 802.15.4 mode: states, ramp-up times, shorts, CCA, energy detection, CRC, EasyDMA.

Times are those of the Product Specification's chapter on RADIO, and for delays that it does not give those that
others have measured (docs/emulation.md). A frame is received only if the receiver was in RX before its preamble began.
What the air brings is written to RAM when it has been received so far, so that a program that looks early sees only
what there is.

Not modelled: the modes of BLE and the proprietary ones, whitening, antenna switching (DFE), drift and offset of clocks.
"""

from __future__ import annotations

from microbrew_host.emulator.air import BYTE_NS, HEADER_NS, NOISE_FLOOR_DBM, SHR_NS, Air, Transmission
from microbrew_host.emulator.frame_check import frame_check
from microbrew_host.emulator.nrf52840.block import Block, Misuse
from microbrew_host.emulator.nrf52840.clock_power import ClockPower
from microbrew_host.emulator.nrf52840.ppi import Ppi
from microbrew_host.emulator.schedule import Action, Event

RAMP_UP_US = 130.0
RAMP_UP_FAST_US = 40.0
TX_DISABLE_US = 21.0
RX_DISABLE_US = 0.5
# From a bit at the antenna to the event that it causes, and from START to the first bit at the antenna.
RX_CHAIN_US = 22.0
TX_CHAIN_US = 1.0
# END of a transmission comes before the last bit has left, PHYEND with it.
TX_END_AHEAD_US = 17.3
CCA_US = 128.0
ED_US = 128.0
RSSI_US = 0.25

# STATE
DISABLED, RX_RU, RX_IDLE, RX, RX_DISABLE, TX_RU, TX_IDLE, TX, TX_DISABLE = 0, 1, 2, 3, 4, 9, 10, 11, 12

READY, ADDRESS, PAYLOAD, END, DISABLED_EVENT, RSSIEND = 0x100, 0x104, 0x108, 0x10C, 0x110, 0x11C
BCMATCH, CRCOK, CRCERROR, FRAMESTART, EDEND, EDSTOPPED = 0x128, 0x130, 0x134, 0x138, 0x13C, 0x140
CCAIDLE, CCABUSY, CCASTOPPED, TXREADY, RXREADY, MHRMATCH, PHYEND = 0x144, 0x148, 0x14C, 0x154, 0x158, 0x15C, 0x16C

_IEEE = 15
_ED_OFFSET_DBM = -92
_LQI_MAX = 63
_KEEP_NS = 10_000_000
_RX_CHAIN_NS = round(RX_CHAIN_US * 1000)


class Radio(Block):
    """0x40001000, on ``air``. Its frequency is taken when it ramps up."""

    SHORTS = (
        *((0, READY, 0x08), (1, END, 0x10), (2, DISABLED_EVENT, 0x00), (3, DISABLED_EVENT, 0x04)),
        *((4, ADDRESS, 0x14), (5, END, 0x08), (6, ADDRESS, 0x1C), (8, DISABLED_EVENT, 0x18), (11, RXREADY, 0x2C)),
        *((12, CCAIDLE, 0x00), (13, CCABUSY, 0x10), (14, FRAMESTART, 0x1C), (15, READY, 0x24), (16, EDEND, 0x10)),
        *((17, CCAIDLE, 0x0C), (18, TXREADY, 0x08), (19, RXREADY, 0x08), (20, PHYEND, 0x10), (21, PHYEND, 0x08)),
    )
    RESET = {0x508: 2, 0x554: 0x40, 0x650: 0x200, 0x660: 0xA7, 0xFFC: 1}

    def __init__(self, ppi: Ppi, clock: ClockPower, air: Air) -> None:
        super().__init__(0x40001000, ppi)
        self._clock = clock
        self._air = air
        self.tasks = {
            0x00: self._tx_enable,
            0x04: self._rx_enable,
            0x08: self._start,
            0x0C: self._stop,
            0x10: self._disable,
            0x14: self._rssi_start,
            0x1C: self._count_bits,
            0x20: self._stop_counting,
            0x24: self._ed_start,
            0x28: self._ed_stop,
            0x2C: self._cca_start,
            0x30: self._cca_stop,
        }
        self.state = DISABLED
        self._heard: list[tuple[Transmission, float]] = []
        self._forget()

    def attached(self) -> None:
        self._air.attach(self)

    def _forget(self) -> None:
        self.state = DISABLED
        self._pending: list[Event] = []
        self.channel = 0
        self._since = 0  # ns, of the present RX
        self._locked: Transmission | None = None
        self._sending: Transmission | None = None
        self._corrupt = False
        self._stored = 0
        self._counting_from: int | None = None
        self._last_end: int | None = None
        self._measure: Event | None = None

    def reset(self) -> None:
        self._forget()
        super().reset()

    @property
    def is_receiving(self) -> bool:
        """Whether a frame is coming in."""
        return self._locked is not None

    @property
    def awaits_frame(self) -> bool:
        """Whether it would receive a frame that begins now."""
        return self.state == RX and not self.is_receiving

    # Time

    @property
    def now_ns(self) -> int:
        """The medium's clock."""
        return self.core.now * 1_000_000_000 // self.core.hz

    def _cycle(self, ns: int) -> int:
        return -(-ns * self.core.hz // 1_000_000_000)

    def _later(self, us: float, action: Action) -> Event:
        event = self.core.at(self.core.now + self.core.cycles(us / 1e6), action)
        self._pending.append(event)
        return event

    def _at_ns(self, ns: int, action: Action) -> None:
        self._pending.append(self.core.at(self._cycle(ns), action))

    def _cancel(self) -> None:
        for event in self._pending:
            event.cancel()
        self._pending.clear()
        self._measure = None

    # Enabling and disabling

    def _ramp_up(self, state: int, idle: int, event: int) -> None:
        if self.registers.get(0x510, 0) & 15 != _IEEE:
            raise Misuse("RADIO: only the mode of IEEE 802.15.4 is modelled")
        if not self._clock.crystal:
            raise Misuse("RADIO: started without the crystal oscillator")
        self._cancel()
        self._lose()
        self.state = state
        self.channel = 10 + (self.registers[0x508] & 0x7F) // 5
        fast = self.registers[0x650] & 1

        def ready() -> None:
            self.state = idle
            self.signal(READY)
            self.signal(event)

        self._later(RAMP_UP_FAST_US if fast else RAMP_UP_US, ready)

    def _tx_enable(self) -> None:
        if self.state in (DISABLED, RX_IDLE, RX):
            self._ramp_up(TX_RU, TX_IDLE, TXREADY)

    def _rx_enable(self) -> None:
        if self.state in (DISABLED, TX_IDLE):
            self._ramp_up(RX_RU, RX_IDLE, RXREADY)

    def _disable(self) -> None:
        if self.state == DISABLED:
            self.signal(DISABLED_EVENT)
            return
        if self.state in (RX_DISABLE, TX_DISABLE):
            return
        sending = self.state in (TX_RU, TX_IDLE, TX)
        self._cancel()
        self._lose()
        self.state = TX_DISABLE if sending else RX_DISABLE

        def done() -> None:
            self.state = DISABLED
            self.signal(DISABLED_EVENT)

        self._later(TX_DISABLE_US if sending else RX_DISABLE_US, done)

    def _start(self) -> None:
        if self.state == RX_IDLE:
            self.state = RX
            self._since = self.now_ns
            self._locked = None
        elif self.state == TX_IDLE:
            self.state = TX
            gap = (self.registers.get(0x544, 0) & 0x3FF) * 1000
            if gap and self._last_end is not None and self.shorts & 0b1100:
                self._load(max(self.now_ns + round(TX_CHAIN_US * 1000), self._last_end + gap))
            else:
                self._load(self.now_ns + round(TX_CHAIN_US * 1000))

    def _stop(self) -> None:
        if self.state in (RX, TX):
            self._cancel()
            self._lose()
            self.state = RX_IDLE if self.state == RX else TX_IDLE

    # Sending

    def _load(self, start: int) -> None:
        # The buffer is read now.
        pointer = self.registers.get(0x504, 0)
        length = self.fetch(pointer, 1)[0]
        with_crc = self.registers.get(0x514, 0) >> 26 & 1
        most = self.registers.get(0x518, 0) & 0xFF
        length = min(length, most, 127)
        data = self.fetch(pointer + 1, max(length - 2, 0) if with_crc else length)
        psdu = data + frame_check(data).to_bytes(2, "little") if self.registers.get(0x534, 0) & 3 == 2 else data
        power = self.registers.get(0x50C, 0) & 0xFF
        sending = Transmission(start, self.channel, psdu, float(power - 256 if power > 127 else power))
        self._at_ns(start, lambda: self._send(sending))

    def _send(self, sending: Transmission) -> None:
        self._sending = sending
        self._at_ns(sending.start + SHR_NS, lambda: self.signal(ADDRESS))
        self._at_ns(sending.start + SHR_NS, lambda: self.signal(FRAMESTART))
        self._at_ns(sending.end - 2 * BYTE_NS, lambda: self.signal(PAYLOAD))
        self._at_ns(sending.end - round(TX_END_AHEAD_US * 1000), lambda: self.signal(END))
        self._at_ns(sending.end, self._sent)
        self._air.transmit(self, sending)

    def _sent(self) -> None:
        sending = self._sending
        self._sending = None
        self._last_end = self.now_ns
        self.state = TX_IDLE
        if sending is not None:
            self._air.finished(self, sending)
        self.signal(PHYEND)

    # Receiving

    def on_air(self, transmission: Transmission, level: float) -> None:
        """A transmission of somebody else begins, ``level`` dBm at this antenna."""
        now = self.now_ns
        self._heard = [entry for entry in self._heard if entry[0].end > now - _KEEP_NS]
        self._heard.append((transmission, level))
        self.core.at(max(self._cycle(transmission.start), self.core.now), lambda: self._preamble(transmission, level))

    def _preamble(self, transmission: Transmission, level: float) -> None:
        if self.state != RX or transmission.channel != self.channel or level <= NOISE_FLOOR_DBM:
            return
        if self._locked is not None:
            # What is being received is damaged by whatever else is on the air.
            self._corrupt = True
            return
        if not transmission.is_frame or self._since > transmission.start:
            return
        others = (other for other, _ in self._heard if other is not transmission and other.channel == self.channel)
        self._corrupt = any(other.start <= transmission.start < other.end for other in others)
        self._locked = transmission
        self._stored = 0
        self._counting_from = None
        start = transmission.start + _RX_CHAIN_NS
        self._at_ns(start + SHR_NS, lambda: self.signal(ADDRESS))
        self._at_ns(start + HEADER_NS, self._length_received)
        if len(transmission.psdu) >= 4:
            self._at_ns(start + HEADER_NS + 4 * BYTE_NS, self._header_received)
        self._at_ns(transmission.end + _RX_CHAIN_NS, self._received)

    def _lose(self) -> None:
        self._locked = None
        if self._sending is not None:
            self._air.cut(self, self._sending)
            self._sending = None

    def cut(self, transmission: Transmission) -> None:
        """A transmission of somebody else has ended before its time."""
        if self._locked is transmission:
            self._corrupt = True

    def _write_until(self, count: int) -> None:
        locked = self._locked
        if locked is None:
            return
        pointer = self.registers.get(0x504, 0)
        if self._stored == 0:
            self.store(pointer, bytes((len(locked.psdu),)))
        data = self._data()[:count]
        if len(data) > self._stored:
            self.store(pointer + 1 + self._stored, data[self._stored :])
            self._stored = len(data)

    def _data(self) -> bytes:
        locked = self._locked
        assert locked is not None  # noqa: S101 - callers have looked
        data = locked.psdu[:-2]
        if self._corrupt:
            # Which bits depends on the waveforms; that some are wrong is enough.
            data = bytes(byte ^ 0x55 if i % 7 == 3 else byte for i, byte in enumerate(data))
        return data

    def _length_received(self) -> None:
        locked = self._locked
        if locked is None:
            return
        if len(locked.psdu) > (self.registers.get(0x518, 0) & 0xFF) or len(locked.psdu) < 3:
            self._lose()
            return
        self._write_until(0)
        self.signal(FRAMESTART)

    def _header_received(self) -> None:
        if self._locked is None:
            return
        self._write_until(4)
        header = int.from_bytes(self._data()[:4], "little")
        mask = self.registers.get(0x648, 0)
        if mask and header & mask == self.registers.get(0x644, 0) & mask:
            self.signal(MHRMATCH)

    def _level(self, transmission: Transmission) -> float:
        return next((level for heard, level in self._heard if heard is transmission), NOISE_FLOOR_DBM)

    def _received(self) -> None:
        locked = self._locked
        if locked is None:
            return
        length = len(locked.psdu) - 2
        self._write_until(length)
        sample = max(0, min(_LQI_MAX, round(self._level(locked) - _ED_OFFSET_DBM)))
        self.store(self.registers.get(0x504, 0) + 1 + length, bytes((sample,)))
        received = int.from_bytes(locked.psdu[-2:], "little")
        good = frame_check(self._data()) == received and not self._corrupt
        self.registers[0x40C] = received
        self.registers[0x400] = int(good)
        self._last_end = locked.end
        self._locked = None
        self.state = RX_IDLE
        self.signal(PAYLOAD)
        self.signal(CRCOK if good else CRCERROR)
        self.signal(PHYEND)
        self.signal(END)

    # Bit counter

    def _count_bits(self) -> None:
        self._counting_from = self.now_ns
        bits = self.registers.get(0x560, 0)
        if bits:
            self._at_ns(self.now_ns + bits * BYTE_NS // 8, lambda: self._counted(bits // 8))

    def _counted(self, count: int) -> None:
        if self._counting_from is not None:
            self._write_until(count)
            self.signal(BCMATCH)

    def _stop_counting(self) -> None:
        self._counting_from = None

    # Measuring

    def _energy(self, start: int, end: int) -> tuple[float, bool]:
        """(highest level in dBm, whether an 802.15.4 signal) between two times; a symbol at least must be heard."""
        level, frame = NOISE_FLOOR_DBM, False
        for heard, its_level in self._heard:
            overlap = min(end, heard.end) - max(start, heard.start)
            if heard.channel == self.channel and overlap >= BYTE_NS // 2:
                level = max(level, its_level)
                frame = frame or heard.is_frame
        return level, frame

    def _rssi_start(self) -> None:
        def done() -> None:
            level, _ = self._energy(self.now_ns - BYTE_NS // 2, self.now_ns)
            self.registers[0x548] = max(0, min(127, round(-level)))
            self.signal(RSSIEND)

        self._later(RSSI_US, done)

    def _sample(self, start: int) -> int:
        return max(0, min(127, round(self._energy(start, self.now_ns)[0] - _ED_OFFSET_DBM)))

    def _ed_start(self) -> None:
        if self.state not in (RX_IDLE, RX):
            return
        start = self.now_ns
        periods = (self.registers.get(0x664, 0) & 0x1FFFFF) + 1

        def done() -> None:
            self._measure = None
            self.registers[0x668] = self._sample(start)
            self.signal(EDEND)

        self._measure = self._later(ED_US * periods, done)

    def _ed_stop(self) -> None:
        if self._measure is not None:
            self._measure.cancel()
            self._measure = None
            self.signal(EDSTOPPED)

    def _cca_start(self) -> None:
        if self.state not in (RX_IDLE, RX):
            return
        start = self.now_ns

        def done() -> None:
            self._measure = None
            control = self.registers.get(0x66C, 0)
            loud = self._sample(start) >= max(1, control >> 8 & 0xFF)
            carrier = self._energy(start, self.now_ns)[1]
            mode = control & 7
            busy = (loud, carrier, loud and carrier, loud or carrier)[min(mode, 3)]
            self.signal(CCABUSY if busy else CCAIDLE)

        self._measure = self._later(CCA_US, done)

    def _cca_stop(self) -> None:
        if self._measure is not None:
            self._measure.cancel()
            self._measure = None
            self.signal(CCASTOPPED)

    # Registers

    def get(self, offset: int) -> int:
        if offset == 0x550:
            return self.state
        return super().get(offset)

    def put(self, offset: int, value: int) -> None:
        if offset == 0xFFC and not value & 1:
            self._cancel()
            self.reset()
            self.registers[0xFFC] = 0
        elif offset == 0x508 and self.state not in (DISABLED, RX_DISABLE, TX_DISABLE):
            raise Misuse("RADIO: FREQUENCY changed while not disabled")
        else:
            super().put(offset, value)
