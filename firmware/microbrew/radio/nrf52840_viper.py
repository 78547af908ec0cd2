"""The nRF52840's transceiver by its registers alone, for MicroPython without our core in C, such as a stock image.

Polled: there are no interrupts here. So its limits, which nrf52840.py does not have:

* A frame is acknowledged while its sender still listens (macAckWaitDuration) only if it ends during ``wait``; the
  acknowledgement then begins some 210 us after it, seen in emulation. One that ends while the node computes is
  received, but its sender has to repeat it: whoever takes the frame waits for that, and computes afterwards. The
  repetition is acknowledged, and dropped as a duplicate.
* Between two polls the receiver takes one frame and is deaf after it.
* Its sender waits for the end of a transmission, up to 4.5 ms; backoff and retries are the sub-MAC's, by the ms.

Register names and offsets: nRF52840 Product Specification, chapter RADIO. Left out: energy detection, time stamps.
"""

import time

import micropython
import uctypes
from micropython import const

from microbrew.radio.api import DEFAULT_CHANNEL, Radio

# Offsets of words from the peripherals' bases, so that viper adds them without a shift.
_CLOCK = const(0x40000000)
_HFCLKSTART = const(0x000 >> 2)
_HFCLKSTARTED = const(0x100 >> 2)
_RADIO = const(0x40001000)
_TXEN = const(0x000 >> 2)
_RXEN = const(0x004 >> 2)
_START = const(0x008 >> 2)
_DISABLE = const(0x010 >> 2)
_END = const(0x10C >> 2)
_DISABLED = const(0x110 >> 2)
_CRCOK = const(0x130 >> 2)
_FRAMESTART = const(0x138 >> 2)
_CCABUSY = const(0x148 >> 2)
_PHYEND = const(0x16C >> 2)
_SHORTS = const(0x200 >> 2)
_PACKETPTR = const(0x504 >> 2)
_FREQUENCY = const(0x508 >> 2)
_MODE = const(0x510 >> 2)
_PCNF0 = const(0x514 >> 2)
_PCNF1 = const(0x518 >> 2)
_CRCCNF = const(0x534 >> 2)
_CRCPOLY = const(0x538 >> 2)
_CRCINIT = const(0x53C >> 2)
_RSSISAMPLE = const(0x548 >> 2)
_STATE = const(0x550 >> 2)
_MODECNF0 = const(0x650 >> 2)
_CCACTRL = const(0x66C >> 2)
_POWER = const(0xFFC >> 2)
# The processor's cycle counter (ARMv7-M, DWT), 64 MHz, and what switches it on.
_DEMCR = const(0xE000EDFC)
_TRCENA = const(1 << 24)
_DWT_CTRL = const(0xE0001000)
_DWT_CYCCNT = const(0xE0001004)

_STATE_DISABLED = const(0)

# READY->START is bits 18 (transmitter) and 19 (receiver).
_SHORT_RXREADY_START = const(1 << 19)
_SHORT_ADDRESS_RSSISTART = const(1 << 4)
_RECEIVING = const(_SHORT_RXREADY_START | _SHORT_ADDRESS_RSSISTART)
# RXREADY->CCASTART, CCAIDLE->TXEN, CCABUSY->DISABLE, TXREADY->START, PHYEND->DISABLE.
_CCA_THEN_SENDING = const(1 << 11 | 1 << 12 | 1 << 13 | 1 << 18 | 1 << 20)
_SENDING = const(1 << 18 | 1 << 20)
# PHYEND->DISABLE, DISABLED->RXEN, RXREADY->START: once a frame is on its way, listen after it.
_THEN_RECEIVING = const(1 << 20 | 1 << 3 | 1 << 19 | 1 << 4)

# A PHR, 125 octets, LQI; behind them the RSSI and whether an acknowledgement is owed. A multiple of 4.
_SIZE = const(132)
_RSSI = const(128)
_OWED = const(129)
_BUFFERS = const(4)
# In ``_state``: address of the buffers, next to be filled, next to be taken, lost for want of room, acknowledged.
_AT = const(0)
_HEAD = const(1)
_TAIL = const(2)
_OVERRUN = const(3)
_ACKED = const(4)
_STATE_WORDS = const(5)

# From noticing the end of a frame to the transmitter's start: 192 us less its ramp-up of 40. Noticing takes longer or
# shorter, which makes the acknowledgement later and never too early; it may be 300 us late (macAckWaitDuration).
_ACK_CYCLES = const(64 * 152)
# In which a sender that has got no acknowledgement repeats its frame: our sub-MAC waits 20 ms for one, 60 as a process.
_REPETITION_CYCLES = const(64000 * 80)
# Everything the hardware does here is over in far fewer rounds; the bound is for hardware that does not answer.
_ROUNDS = const(200000)
_ETIMEDOUT = const(110)


@micropython.viper
def _acknowledged(frame: ptr8, own: ptr8) -> int:  # noqa: F821
    """1 if the frame (behind its PHR) wants an immediate acknowledgement of ours: versions 0 and 1, data and commands.

    ``own``: EUI-64, PAN id, short address, each as on the air; PAN or short address 0xffff: none.
    """
    control = int(frame[1]) | int(frame[2]) << 8
    kind = control & 7
    if (kind != 1 and kind != 3) or control & 0x20 == 0 or control >> 12 & 3 > 1:
        return 0
    if own[8] & own[9] == 255 or int(frame[4]) != int(own[8]) or int(frame[5]) != int(own[9]):
        return 0
    mode = control >> 10 & 3
    at = 0
    count = 8
    if mode == 2:
        at = 10
        count = 2
        if own[10] & own[11] == 255:
            return 0
    elif mode != 3:
        return 0
    if int(frame[0]) < 5 + count + 2:
        return 0
    for i in range(count):
        if int(frame[6 + i]) != int(own[at + i]):
            return 0
    return 1


@micropython.viper
def _receive_on(state: ptr32):  # noqa: F821
    """Listen again, into the next buffer; the radio is disabled or in RXIDLE."""
    r = ptr32(_RADIO)  # noqa: F821
    r[_END] = 0
    r[_CRCOK] = 0
    r[_FRAMESTART] = 0
    r[_PACKETPTR] = state[_AT] + state[_HEAD] * _SIZE
    r[_SHORTS] = _RECEIVING
    if r[_STATE] == _STATE_DISABLED:
        r[_RXEN] = 1
    else:
        r[_START] = 1


@micropython.viper
def _poll(state: ptr32, own: ptr8, ack: ptr8, timely: int) -> int:  # noqa: F821
    """Take the frame that has ended, if one has, and listen on; whether there is one to be had.

    ``timely``: the last poll was microseconds ago, so an acknowledgement can still be in time.
    """
    r = ptr32(_RADIO)  # noqa: F821
    if r[_END]:
        began = ptr32(_DWT_CYCCNT)[0]  # noqa: F821
        frame = ptr8(state[_AT] + state[_HEAD] * _SIZE)  # noqa: F821
        # Its event may be a moment behind END's.
        good = 0
        for _ in range(20):
            if r[_CRCOK]:
                good = 1
                break
        if good and 5 <= int(frame[0]) <= 127:
            frame[_RSSI] = r[_RSSISAMPLE]
            frame[_OWED] = int(_acknowledged(frame, own))
            if timely and frame[_OWED]:
                frame[_OWED] = 0
                ack[3] = frame[3]
                r[_SHORTS] = _SENDING
                r[_DISABLED] = 0
                r[_DISABLE] = 1
                for _ in range(_ROUNDS):
                    if r[_DISABLED]:
                        break
                while ptr32(_DWT_CYCCNT)[0] - began < _ACK_CYCLES:  # noqa: F821
                    pass
                r[_PACKETPTR] = int(ack)
                r[_PHYEND] = 0
                r[_DISABLED] = 0
                r[_TXEN] = 1
                for _ in range(_ROUNDS):
                    if r[_DISABLED]:
                        break
                state[_ACKED] += 1
            following = (state[_HEAD] + 1) & (_BUFFERS - 1)
            if following == state[_TAIL]:
                state[_OVERRUN] += 1
            else:
                state[_HEAD] = following
        _receive_on(state)
    return int(state[_HEAD] != state[_TAIL])


@micropython.viper
def _listen(state: ptr32, own: ptr8, ack: ptr8, cycles: int) -> int:  # noqa: F821
    """Poll until there is a frame or so many cycles are over, at most 2**30; whether there is one."""
    began = ptr32(_DWT_CYCCNT)[0]  # noqa: F821
    timely = 0
    while int(_poll(state, own, ack, timely)) == 0:
        timely = 1
        if ptr32(_DWT_CYCCNT)[0] - began >= cycles:  # noqa: F821
            return 0
    return 1


@micropython.viper
def _acknowledge_repetition(state: ptr32, own: ptr8, ack: ptr8):  # noqa: F821
    """Poll until something has been acknowledged or its sender has given up."""
    began = ptr32(_DWT_CYCCNT)[0]  # noqa: F821
    acked = state[_ACKED]
    timely = 0
    while state[_ACKED] == acked and ptr32(_DWT_CYCCNT)[0] - began < _REPETITION_CYCLES:  # noqa: F821
        _poll(state, own, ack, timely)
        timely = 1


@micropython.viper
def _disable() -> int:
    """Stop whatever the radio does; 0 if it does not."""
    r = ptr32(_RADIO)  # noqa: F821
    r[_SHORTS] = 0
    r[_DISABLED] = 0
    r[_DISABLE] = 1
    for _ in range(_ROUNDS):
        if r[_STATE] == _STATE_DISABLED:
            return 1
    return 0


@micropython.viper
def _send(state: ptr32, frame: ptr8) -> int:  # noqa: F821
    """Look at the channel once and send; then listen. 1: sent, 0: busy, 2: the radio does not answer."""
    r = ptr32(_RADIO)  # noqa: F821
    if r[_FRAMESTART] and r[_END] == 0:
        # A frame is coming in.
        return 0
    if int(_disable()) == 0:
        return 2
    r[_PACKETPTR] = int(frame)
    r[_CCABUSY] = 0
    r[_FRAMESTART] = 0
    r[_PHYEND] = 0
    r[_DISABLED] = 0
    r[_SHORTS] = _CCA_THEN_SENDING
    r[_RXEN] = 1
    sent = 2
    for _ in range(_ROUNDS):
        if r[_CCABUSY]:
            sent = 0
            break
        if r[_FRAMESTART]:
            sent = 1
            break
    if sent != 1:
        _disable()
        _receive_on(state)
        return sent
    # The acknowledgement may begin 192 us after the end: the hardware turns round by itself.
    r[_PACKETPTR] = state[_AT] + state[_HEAD] * _SIZE
    r[_SHORTS] = _THEN_RECEIVING
    done = 0
    for _ in range(_ROUNDS):
        if r[_PHYEND]:
            done = 1
            break
    # Those of the transmission; the receiver's come 500 us later at the soonest.
    r[_END] = 0
    r[_CRCOK] = 0
    r[_FRAMESTART] = 0
    # No second turn after the next frame.
    r[_SHORTS] = _RECEIVING | 1 << 3
    for _ in range(_ROUNDS):
        if r[_STATE] != 12 and r[_STATE] != _STATE_DISABLED:
            break
    r[_SHORTS] = _RECEIVING
    return 1 if done else 2


@micropython.viper
def _set_up(channel: int):
    r = ptr32(_RADIO)  # noqa: F821
    r[_POWER] = 0
    r[_POWER] = 1
    r[_MODE] = 15  # 802.15.4, 250 kbit/s
    r[_MODECNF0] = 0x201  # fast ramp-up
    r[_PCNF0] = 0x06000008  # PHR of 8 bits, preamble of 32 zero bits, the length counts the FCS
    r[_PCNF1] = 127
    r[_CRCCNF] = 0x202  # two octets, as in 802.15.4
    r[_CRCPOLY] = 0x11021
    r[_CRCINIT] = 0
    r[_CCACTRL] = 0x02141403  # carrier or energy
    r[_FREQUENCY] = 5 * (channel - 10)


@micropython.viper
def _start_clocks() -> int:
    """The crystal oscillator, which the radio needs, and the cycle counter; 0 if the oscillator does not start."""
    ptr32(_DEMCR)[0] |= _TRCENA  # noqa: F821
    ptr32(_DWT_CTRL)[0] |= 1  # noqa: F821
    clock = ptr32(_CLOCK)  # noqa: F821
    clock[_HFCLKSTARTED] = 0
    clock[_HFCLKSTART] = 1
    for _ in range(_ROUNDS):
        if clock[_HFCLKSTARTED]:
            return 1
    return 0


class ViperRadio(Radio):
    """The transceiver as ``eui64``, 8 bytes; there is one of it. Raises OSError if the chip's crystal does not start.

    ``rssi`` (dBm) is that of the frame that ``receive_into`` returned last; ``acknowledged`` and ``overruns`` count.
    """

    # As far as it can: what it has not acknowledged would be too late for the sub-MAC, too.
    hardware_ack = True
    # Between two polls there may be a collection.
    ack_wait_ms = 20

    def __init__(self, eui64):
        if len(eui64) != 8:
            raise ValueError("EUI-64 must be 8 bytes")
        self.eui64 = eui64
        self.lqi = 0
        self.rssi = -128
        self._channel = DEFAULT_CHANNEL
        # For the hardware, which knows their addresses only: never to be replaced.
        self._buffers = bytearray(_BUFFERS * _SIZE)
        self._out = bytearray(_SIZE)
        self._ack = bytearray(b"\x05\x02\x00\x00\x00\x00\x00\x00")
        self._state = bytearray(4 * _STATE_WORDS)
        self._state[0:4] = uctypes.addressof(self._buffers).to_bytes(4, "little")
        self._own = bytearray(12)
        for i in range(8):
            self._own[i] = eui64[7 - i]
        for i in range(8, 12):
            self._own[i] = 0xFF
        if not _start_clocks():
            raise OSError(_ETIMEDOUT)
        self._restart()

    def close(self):
        """Stop the transceiver."""
        _disable()

    @property
    def acknowledged(self):
        """Acknowledgements sent."""
        return int.from_bytes(self._state[4 * _ACKED : 4 * _ACKED + 4], "little")

    @property
    def overruns(self):
        """Frames lost because nobody had taken those before."""
        return int.from_bytes(self._state[4 * _OVERRUN : 4 * _OVERRUN + 4], "little")

    def _restart(self):
        _set_up(self._channel)
        _receive_on(self._state)

    def set_channel(self, channel):
        self._channel = channel
        self._restart()

    def set_filter(self, pan_id, short_address):
        self._own[8:10] = pan_id.to_bytes(2, "little")
        self._own[10:12] = short_address.to_bytes(2, "little")

    def transmit(self, buf, length):
        if not 0 < length <= 125:
            raise ValueError("frame length")
        _poll(self._state, self._own, self._ack, 0)
        self._out[0] = length + 2
        self._out[1 : 1 + length] = memoryview(buf)[:length]
        sent = _send(self._state, self._out)
        if sent == 2:
            # It does not answer: from the beginning.
            self._restart()
        return sent == 1

    def receive_into(self, buf):
        if not _poll(self._state, self._own, self._ack, 0):
            return 0
        state = self._state
        tail = state[4 * _TAIL]
        at = tail * _SIZE
        length = self._buffers[at] - 2
        buf[:length] = memoryview(self._buffers)[at + 1 : at + 1 + length]
        # In place of the FCS (section 6.20.12.4): a quarter of what 802.15.4 means.
        self.lqi = min(255, 4 * self._buffers[at + 1 + length])
        self.rssi = -(self._buffers[at + _RSSI] & 0x7F)
        state[4 * _TAIL] = (tail + 1) & (_BUFFERS - 1)
        if self._buffers[at + _OWED]:
            # Now, because what the frame leads to may take longer than all its repetitions.
            _acknowledge_repetition(state, self._own, self._ack)
        return length

    def wait(self, timeout_ms):
        """Poll until a frame is there or the time is over; the processor does not sleep."""
        end = time.ticks_add(time.ticks_ms(), 1000 if timeout_ms is None else timeout_ms)
        while True:
            left = time.ticks_diff(end, time.ticks_ms())
            # In pieces, so that the port's own tasks and ctrl-C get their turn.
            if left <= 0 or _listen(self._state, self._own, self._ack, 64000 * min(left, 10)):
                return
