"""``RealAir``: joins this air to the real one through a radio behind a line, a devkit with the bridge image.

To the ether it is one further node, with its place in the topology, its losses and its frames in the capture: what that
node hears goes out by the radio, what the radio hears is sent by that node. Nothing comes back the way it went, because
the ether gives no frame to its sender and a radio does not hear itself. The radio is promiscuous and acknowledges for
nobody; acknowledgements pass like other frames. The line may break and come back at any time. Left out: acknowledging
in time for the nodes of this air, several radios (two that hear each other would make a loop). docs/serial-radio.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable

from microbrew.radio import serial_wire as wire
from microbrew.radio.serial import SerialRadio
from microbrew.radio.zep import DATA, ZepRadio
from microbrew_host import radio_line
from microbrew_host.ether.serial_line import Endpoint, Line, Opener
from microbrew_host.ether.topology import RADIO

_RETRY_S = 0.5
_MAX_RETRY_S = 5.0
_CONNECT_S = 10.0
# A radio that may be there answers a configuration each 5 s, and at first a reset each second.
_SILENCE_S = 12.0
_TICK_S = 0.5
# While frames wait for the radio to be done with others.
_BUSY_TICK_S = 0.02
# Frames that wait for the radio: 0.4 s of the line if all are long. What is later is better lost.
_MAX_WAITING = 32
# What the line brings in one go, bounded by the line's own reads.
_MAX_UNREAD = 1 << 16
_FRAME_LEN = 127


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class _Node(ZepRadio):
    """A node of the ether that tells the others how well the radio heard: ``heard_lqi``, 0 to 255."""

    heard_lqi = 255

    def _header(self, kind: int, length: int) -> None:
        super()._header(kind, length)
        if kind == DATA:
            self._tx[8] = self.heard_lqi


class _Radio(SerialRadio):
    """A promiscuous SerialRadio that tells whether the radio did as it was told, or will not."""

    is_configured = False
    is_unwilling = False

    def _hello(self, content: bytearray, pos: int) -> None:
        self.is_configured = False
        super()._hello(content, pos)

    def _result(self, kind: int, status: int) -> None:
        super()._result(kind, status)
        if kind == wire.CONFIGURE:
            self.is_configured = status == wire.OK
            self.is_unwilling = status == wire.REFUSED


class _Stream:
    """What SerialRadio reads and writes, between it and a Line that is read by the event loop."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self._unread = bytearray()

    def fill(self, data: bytes) -> None:
        if len(self._unread) + len(data) <= _MAX_UNREAD:
            self._unread += data

    def readinto(self, buf: bytearray) -> int:
        length = min(len(buf), len(self._unread))
        buf[:length] = self._unread[:length]
        del self._unread[:length]
        return length

    def write(self, data: memoryview) -> int:
        return self.line.write(data) if self.line is not None else 0


class RealAir:
    """The ``--radio`` of the ether at ``host``:``port``, on ``channel``. ``say(text)`` gets a line for each event.

    ``where`` is serial:PATH or tcp:HOST:PORT; ValueError if it is not. Counters: radio_connected, radio_received
    (frames from the real air), radio_sent (given to the radio), radio_missed (too many waited, or no radio was there),
    and what a SerialRadio counts, each behind ``radio_``.
    """

    def __init__(
        self, where: str, channel: int, host: str, port: int, counters: Counter[str], say: Callable[[str], None]
    ) -> None:
        kind, target = radio_line.check(where)
        self._opener = Opener(Endpoint(where, "tty" if kind == "serial" else "tcp", target))
        self._where = where
        self._channel = channel
        self._air = ("127.0.0.1" if host == "0.0.0.0" else host, port)  # noqa: S104 - compared, not bound
        self._counters = counters
        self._tell = say
        self._said = ""
        self._node: _Node | None = None
        self._radio: _Radio | None = None
        self._stream = _Stream()
        self._waiting: deque[bytes] = deque()
        self._heard = 0.0
        self._counted: Counter[str] = Counter()
        self._buf = bytearray(_FRAME_LEN)

    async def run(self) -> None:
        """Join the two airs, and open the line again whenever it ends, until cancelled. Raises OSError: no sockets."""
        loop = asyncio.get_running_loop()
        node = self._node = _Node(RADIO, *self._air, _clock_ms)
        node.set_channel(self._channel)
        loop.add_reader(node.fileno(), self._from_ether)
        serving = asyncio.create_task(self._keep_open())
        try:
            while not serving.done():
                # The node says its hello from time to time, with a radio or without.
                self._from_ether()
                await asyncio.wait({serving}, timeout=_BUSY_TICK_S if self._waiting else _TICK_S)
            serving.result()
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            loop.remove_reader(node.fileno())
            node.close()

    async def _keep_open(self) -> None:
        retry = _RETRY_S
        while True:
            try:
                descriptor = await asyncio.wait_for(self._opener.open(), _CONNECT_S)
            except OSError as error:
                self._say(f"{error.strerror or str(error) or 'no connection'}; will be tried again")
            else:
                if await self._serve(descriptor):
                    retry = _RETRY_S
            await asyncio.sleep(retry)
            retry = min(2 * retry, _MAX_RETRY_S)

    async def _serve(self, descriptor: int) -> bool:
        """One life of the line. True: a radio was there and took its configuration."""
        stream = self._stream = _Stream()
        line = stream.line = Line(descriptor, self._on_data)
        self._heard = time.monotonic()
        self._counted.clear()
        radio = self._radio = _Radio(RADIO, stream, _clock_ms, promiscuous=True)
        radio.set_channel(self._channel)
        joined = False
        reason = "ended"
        try:
            while not line.ended.is_set():
                self._from_radio()
                if radio.is_unwilling:
                    reason = "this radio cannot listen to everything"
                    break
                if time.monotonic() - self._heard > _SILENCE_S:
                    reason = "no radio answers"
                    break
                if radio.is_configured and not joined:
                    joined = True
                    self._counters["radio_connected"] += 1
                    self._say(f"joined to the air on channel {self._channel}")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(line.ended.wait(), _TICK_S if joined else _BUSY_TICK_S)
        finally:
            self._radio = None
            while self._waiting:
                self._waiting.pop()
                self._counters["radio_missed"] += 1
            line.close()
        self._say(f"{reason}; will be opened again")
        return joined

    def _say(self, text: str) -> None:
        # Once, not at each attempt.
        if text != self._said:
            self._said = text
            self._tell(f"radio {self._where}: {text}")

    def _on_data(self, data: bytes) -> None:
        self._heard = time.monotonic()
        self._stream.fill(data)
        self._from_radio()
        # Perhaps there was a result among it, and the radio takes more.
        self._to_radio()

    def _from_radio(self) -> None:
        radio, node = self._radio, self._node
        if radio is None or node is None:
            return
        while length := radio.receive_into(self._buf):
            node.heard_lqi = radio.lqi
            node.transmit(self._buf, length)
            self._counters["radio_received"] += 1
        self._add_up(radio)

    def _from_ether(self) -> None:
        node = self._node
        if node is None:
            return
        for _ in range(_MAX_WAITING):
            length = node.receive_into(self._buf)
            if not length:
                break
            if self._radio is None or not self._radio.is_configured or len(self._waiting) >= _MAX_WAITING:
                self._counters["radio_missed"] += 1
            else:
                self._waiting.append(bytes(self._buf[:length]))
        self._to_radio()

    def _to_radio(self) -> None:
        radio = self._radio
        while radio is not None and self._waiting:
            frame = self._waiting[0]
            if not radio.transmit(frame, len(frame)):
                # It has as many as it takes; its next result is the time for more.
                break
            self._waiting.popleft()
            self._counters["radio_sent"] += 1

    def _add_up(self, radio: SerialRadio) -> None:
        for name, value in radio.counters.items():
            # Waiting for the radio is no event.
            if name != "no_credit":
                self._counters[f"radio_{name.removeprefix('radio_')}"] += value - self._counted[name]
                self._counted[name] = value
