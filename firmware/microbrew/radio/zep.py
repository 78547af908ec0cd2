"""Radio over UDP: ZigBee Encapsulation Protocol (ZEP) version 2, as Wireshark and RIOT's native nodes do.

Every frame goes as one datagram to an *ether* (host_tools/microbrew_host/ether) that passes it on to whoever
hears it. The hello that registers a node there is RIOT's; it is repeated so that an ether may be restarted.
CRC mode 1: the FCS is computed and checked here. Left out: ZEP version 1 and acknowledgements, carrier sense.
"""

import select
import socket

from microbrew.compat import const
from microbrew.radio.api import DEFAULT_CHANNEL, Radio

PORT = const(17754)
HEADER_LEN = const(32)
DATA = const(1)
HELLO = const(255)
MAX_DATAGRAM = const(159)

_HELLO_MS = const(5000)
_CRC_MODE = const(1)
_NTP_EPOCH = const(2208988800)
_BATCH = const(16)

# CRC-16 ITU-T, reflected (0x8408), four bits at a time.
_CRC = (
    0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285, 0x6306, 0x7387,
    0x8408, 0x9489, 0xA50A, 0xB58B, 0xC60C, 0xD68D, 0xE70E, 0xF78F,
)  # fmt: skip


def fcs(buf, start, end):
    """Frame check sequence of ``buf[start:end]`` (IEEE 802.15.4 section 7.2.11): int, sent low byte first."""
    table = _CRC
    crc = 0
    for i in range(start, end):
        crc ^= buf[i]
        crc = crc >> 4 ^ table[crc & 15]
        crc = crc >> 4 ^ table[crc & 15]
    return crc


class ZepRadio(Radio):
    """A node of the ether at ``host``:``port``.

    ``clock()`` gives monotonic ms (for the hello), ``wall_clock()``, if given, ms since 1970 for the NTP
    field. ``ack_wait_ms`` must cover the scheduling of all processes on a busy machine. Raises OSError if the
    address cannot be resolved; a missing ether is not an error, frames are lost as on air.
    """

    def __init__(self, eui64, host, port, clock, wall_clock=None, ack_wait_ms=60):
        if len(eui64) != 8:
            raise ValueError("EUI-64 must be 8 bytes")
        self.eui64 = eui64
        self.ack_wait_ms = ack_wait_ms
        self.hardware_ack = False
        self.lqi = 0
        self.dropped = 0
        self._channel = DEFAULT_CHANNEL
        self._clock = clock
        self._wall_clock = wall_clock
        self._sequence = 0
        self._tx = bytearray(MAX_DATAGRAM)
        self._tx_view = memoryview(self._tx)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Connected, so that the kernel passes on nothing but what the ether sends.
        self._socket.connect(socket.getaddrinfo(host, port)[0][-1])
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._next_hello = clock()
        self._greet()

    def fileno(self):
        """For a process that waits for other sockets too."""
        return self._socket.fileno()

    def close(self):
        """Leave the ether."""
        self._socket.close()

    def set_channel(self, channel):
        self._channel = channel

    def _send(self, length):
        try:
            self._socket.send(self._tx_view[:length])
        except OSError:
            # No ether there, or its queue is full: lost on air.
            self.dropped += 1

    def _greet(self):
        now = self._clock()
        if now < self._next_hello:
            return
        self._next_hello = now + _HELLO_MS
        self._header(HELLO, 8)
        # RIOT writes it into the reserved field.
        self._tx[21:26] = b"HELLO"
        self._tx[HEADER_LEN : HEADER_LEN + 8] = self.eui64
        self._send(HEADER_LEN + 8)

    def _header(self, kind, length):
        tx = self._tx
        for i in range(HEADER_LEN):
            tx[i] = 0
        tx[0:3] = b"EX\x02"
        tx[3] = kind
        tx[HEADER_LEN - 1] = length
        if kind != DATA:
            return
        tx[4] = self._channel
        tx[5:7] = self.eui64[6:8]
        tx[7] = _CRC_MODE
        tx[8] = 255
        if self._wall_clock:
            ms = self._wall_clock()
            tx[9:13] = (ms // 1000 + _NTP_EPOCH & 0xFFFFFFFF).to_bytes(4, "big")
            tx[13:17] = ((ms % 1000 << 32) // 1000).to_bytes(4, "big")
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        tx[17:21] = self._sequence.to_bytes(4, "big")

    def transmit(self, buf, length):
        if not 0 < length <= 125:
            raise ValueError("frame length")
        end = HEADER_LEN + length
        self._header(DATA, length + 2)
        self._tx[HEADER_LEN:end] = memoryview(buf)[:length]
        check = fcs(self._tx, HEADER_LEN, end)
        self._tx[end] = check & 0xFF
        self._tx[end + 1] = check >> 8
        self._send(end + 2)
        return True

    def receive_into(self, buf):
        self._greet()
        for _ in range(_BATCH):
            try:
                # Not readinto(), which on MicroPython fills the buffer from several datagrams.
                data = self._socket.recv(MAX_DATAGRAM + 1)
            except OSError:
                return 0
            length = self._check(data)
            if length:
                buf[0:length] = data[HEADER_LEN : HEADER_LEN + length]
                self.lqi = data[8]
                return length
            self.dropped += 1
        return 0

    def _check(self, data):
        size = len(data)
        # 3 octets of frame and 2 of FCS at least.
        if size < HEADER_LEN + 5 or size > MAX_DATAGRAM or data[HEADER_LEN - 1] != size - HEADER_LEN:
            return 0
        if data[:4] != b"EX\x02\x01" or data[4] != self._channel or data[7] != _CRC_MODE:
            return 0
        end = size - 2
        if data[end] | data[end + 1] << 8 != fcs(data, HEADER_LEN, end):
            return 0
        return end - HEADER_LEN

    def wait(self, timeout_ms):
        """Block until a datagram is there or the time is over, at most until the next hello."""
        self._greet()
        until_hello = self._next_hello - self._clock()
        if timeout_ms is None or timeout_ms > until_hello:
            timeout_ms = until_hello
        self._poll.poll(timeout_ms if timeout_ms > 0 else 0)
