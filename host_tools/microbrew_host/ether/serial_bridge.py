"""``SerialBridge``: lets a device at the other end of a byte stream use a node of this air as its radio.

To the ether the device is a client like any other, with a UDP socket of its own, its place in the topology, its losses
and its frames in the capture. The node does what radio chips do: it filters by address and acknowledges, but only what
still finds room on the line. The line may break and come back at any time. The protocol: docs/serial-radio.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from microbrew.mac import frame
from microbrew.radio.api import DEFAULT_CHANNEL, Radio
from microbrew.radio.serial_end import RadioEnd
from microbrew.radio.zep import ZepRadio
from microbrew_host.ether.serial_line import Endpoint, Line, Opener

# A MAC repeats itself every 5 s.
_SILENCE_S = 30.0
_TICK_S = 1.0
_RETRY_S = 0.2
_MAX_RETRY_S = 5.0
# Room on the line for the longest message, below which nothing is acknowledged any more.
_MESSAGE_ROOM = 256
# A sender of this air waits that long for an acknowledgement.
_ACK_WAIT_MS = 60
# Frames filtered in one go.
_BATCH = 64


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class AirRadio(Radio):
    """A radio chip's filter and acknowledgements over a ZEP node of the ether at ``host``:``port``.

    ``has_room()`` False: a frame would not get to the MAC, so it is neither acknowledged nor taken.
    ``on_open(radio)`` is told of a node's socket before it is used, ``on_close(radio)`` before it is gone.
    """

    def __init__(
        self,
        host: str,
        port: int,
        has_room: Callable[[], bool],
        counters: Counter[str],
        on_open: Callable[[ZepRadio], None],
        on_close: Callable[[ZepRadio], None],
        eui64: bytes | None = None,
    ) -> None:
        self.hardware_ack = True
        self.ack_wait_ms = _ACK_WAIT_MS
        self._air = (host, port)
        self._has_room = has_room
        self._counters = counters
        self._on_open = on_open
        self._on_close = on_close
        self._only = eui64
        self._node: ZepRadio | None = None
        self._channel = DEFAULT_CHANNEL
        self._pan_id = frame.BROADCAST_PAN
        self._short = frame.BROADCAST
        self._header = frame.Frame()
        self._ack = bytearray(3)

    def set_address(self, eui64: bytes) -> bool:
        """Be this node of the air. False: the link belongs to another, or there are no sockets left."""
        if self._only not in (None, eui64):
            return False
        if self._node is not None and self._node.eui64 == eui64:
            return True
        self.close()
        try:
            self._node = ZepRadio(eui64, *self._air, _clock_ms)
        except OSError:
            return False
        self.eui64 = eui64
        self._on_open(self._node)
        return True

    def set_channel(self, channel: int) -> None:
        self._channel = channel
        if self._node is not None:
            self._node.set_channel(channel)

    def set_filter(self, pan_id: int, short_address: int) -> None:
        self._pan_id = pan_id
        self._short = short_address.to_bytes(2, "big")

    def transmit(self, buf: bytearray | memoryview, length: int) -> bool:
        return self._node is not None and self._node.transmit(buf, length)

    def receive_into(self, buf: bytearray) -> int:
        node = self._node
        if node is None:
            return 0
        for _ in range(_BATCH):
            length = node.receive_into(buf)
            if not length:
                break
            if not self._is_wanted(buf, length):
                self._counters["serial_filtered"] += 1
            elif not self._has_room():
                self._counters["serial_missed"] += 1
            else:
                self.lqi = node.lqi
                self._acknowledge()
                return length
        return 0

    def close(self) -> None:
        """Leave the air."""
        if self._node is not None:
            self._on_close(self._node)
            self._node.close()
            self._node = None

    def _is_wanted(self, buf: bytearray, length: int) -> bool:
        # IEEE 802.15.4 section 6.7.2, third level of filtering; the MAC filters again.
        header = self._header
        if header.parse(buf, length):
            return False
        if header.kind == frame.ACK:
            return True
        if header.kind == frame.BEACON:
            return self._pan_id in (frame.BROADCAST_PAN, header.src_pan)
        if self._pan_id == frame.BROADCAST_PAN or header.dest_pan not in (self._pan_id, frame.BROADCAST_PAN, -1):
            return False
        return header.dest == frame.BROADCAST or self._is_own(header.dest)

    def _is_own(self, address: bytes | None) -> bool:
        return address is not None and (
            address == self.eui64 or (address == self._short and address != frame.BROADCAST)
        )

    def _acknowledge(self) -> None:
        header = self._header
        if header.kind != frame.ACK and header.ack_request and header.seq >= 0 and self._is_own(header.dest):
            self.transmit(self._ack, frame.put_ack(self._ack, header.seq))


class SerialBridge:
    """One ``--serial`` of the ether at ``host``:``port``. ``say(text)`` gets a line per event, for people.

    Counters, added up over all bridges: serial_connected, serial_received (frames that went to the device),
    serial_sent, serial_filtered, serial_missed (no room on the line, or nobody there), and what a RadioEnd counts.
    """

    def __init__(
        self, endpoint: Endpoint, host: str, port: int, counters: Counter[str], say: Callable[[str], None]
    ) -> None:
        self.opener = Opener(endpoint)
        self._endpoint = endpoint
        self._counters = counters
        self._say = say
        self._line: Line | None = None
        self._heard = 0.0
        self._counted: Counter[str] = Counter()
        self._radio = AirRadio(
            "127.0.0.1" if host == "0.0.0.0" else host,  # noqa: S104 - compared, not bound
            port,
            self._has_room,
            counters,
            self._on_open,
            self._on_close,
            endpoint.eui64,
        )
        self._end = RadioEnd(self._radio, self._write, lambda: time.monotonic_ns() // 1000)

    async def run(self) -> None:
        """Serve the line, and open it again whenever it ends, until cancelled; ``opener`` must have been prepared."""
        retry = _RETRY_S
        try:
            while True:
                try:
                    descriptor = await self.opener.open()
                except OSError as error:
                    if retry == _RETRY_S:
                        self._say(f"serial {self._endpoint.text}: {error.strerror or error}")
                    retry = min(2 * retry, _MAX_RETRY_S)
                else:
                    retry = _RETRY_S
                    await self._serve(Line(descriptor, self._on_data))
                await asyncio.sleep(retry)
        finally:
            self._radio.close()
            self.opener.close()

    async def _serve(self, line: Line) -> None:
        self._line = line
        self._heard = time.monotonic()
        self._counters["serial_connected"] += 1
        self._say(f"serial {self._endpoint.text}: connected")
        try:
            self._end.start()
            while not line.ended.is_set():
                try:
                    await asyncio.wait_for(line.ended.wait(), _TICK_S)
                except TimeoutError:
                    self._tick()
        finally:
            self._line = None
            line.close()
            self._end.forget()
            self._add_up()
        self._say(f"serial {self._endpoint.text}: ended")

    def _tick(self) -> None:
        if self._end.is_configured and time.monotonic() - self._heard > _SILENCE_S:
            # Nobody there any more: do not acknowledge in its name.
            self._end.forget()
        # The node says its hello from time to time.
        self._pump()

    def _has_room(self) -> bool:
        return self._end.is_configured and self._line is not None and self._line.room >= _MESSAGE_ROOM

    def _write(self, data: memoryview) -> int:
        return self._line.write(data) if self._line is not None else 0

    def _on_data(self, data: bytes) -> None:
        self._heard = time.monotonic()
        self._end.receive(data)
        self._add_up()

    def _pump(self) -> None:
        # What remains after one batch wakes the loop again.
        self._end.pump()
        self._add_up()

    def _on_open(self, node: ZepRadio) -> None:
        asyncio.get_running_loop().add_reader(node.fileno(), self._pump)

    def _on_close(self, node: ZepRadio) -> None:
        asyncio.get_running_loop().remove_reader(node.fileno())

    def _add_up(self) -> None:
        for name, value in self._end.counters.items():
            self._counters[f"serial_{name}"] += value - self._counted[name]
            self._counted[name] = value
