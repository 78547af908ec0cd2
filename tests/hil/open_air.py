"""An ether inside the test: who hears whom changes while it runs, its counters can be read, and anybody may speak."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from board_network import BoardNetwork
from processes import TIMEOUT
from watched_board import WatchedBoard

from microbrew.radio.zep import ZepRadio
from microbrew_host.demo import parts
from microbrew_host.ether import topology
from microbrew_host.ether.capture import Capture
from microbrew_host.ether.hub import Ether
from microbrew_host.ether.serial_bridge import AirRadio, SerialBridge
from microbrew_host.ether.serial_line import parse

# Frames of a stranger's that may be under way to a board's line.
_WINDOW = 64


class OpenAir(BoardNetwork):
    """A BoardNetwork whose ether is here: ``air``. Boards hear everything, as by a radio without a filter."""

    air: Ether

    async def _launch(self, name: str, argv: list[str], ready: str | None = None, on_line: Any = None) -> Any:
        if name != "ether":
            return await super()._launch(name, argv, ready, on_line)
        self.air = Ether(topology.load(self.root / "topology.toml", None), 1, Capture(self.pcap))
        await self.air.start(parts.LOOPBACK, self.ports.ether)
        self._bridges = []
        for board, port in self._radios.items():
            endpoint = parse(f"listen:{parts.LOOPBACK}:{port}={self.eui64(board)}")
            bridge = SerialBridge(endpoint, parts.LOOPBACK, self.air.port, self.air.counters, lambda _text: None)
            bridge._radio.__class__ = _Unfiltered
            bridge.opener.prepare()
            self._bridges.append(asyncio.create_task(bridge.run()))
        return None

    async def _stop(self) -> None:
        await super()._stop()
        for task in self._bridges:
            task.cancel()
        await asyncio.gather(*self._bridges, return_exceptions=True)
        self.air.close()

    def link_now(self, a: str, b: str) -> None:
        """Let two hear each other from now on."""
        self.air.topology.link(bytes.fromhex(self.eui64(a)), bytes.fromhex(self.eui64(b)))

    def unlink_now(self, a: str, b: str) -> None:
        """Cut two apart."""
        self.air.topology.unlink(bytes.fromhex(self.eui64(a)), bytes.fromhex(self.eui64(b)))

    def wire(self, name: str) -> int:
        """Loopback TCP port of a board's radio."""
        return self._radios[name]

    def watch(self, board: WatchedBoard, condition: Callable[[], object], what: str) -> None:
        """As ``until``, with what the board says."""
        self.until(lambda: _alive(board) and condition(), what)

    def until_quiet(self, board: WatchedBoard) -> None:
        """Give a board a second."""
        end = time.monotonic() + 1
        self.watch(board, lambda: time.monotonic() > end, "a second is over")

    def say(self, eui64: bytes, board: WatchedBoard, psdus: Iterable[bytes]) -> int:
        """Have a stranger whom only ``board`` hears send frames, as fast as its line takes them: how many it got."""
        return self._loop.run_until_complete(self._say(eui64, board, psdus))

    async def _say(self, eui64: bytes, board: WatchedBoard, psdus: Iterable[bytes]) -> int:
        radio = ZepRadio(eui64, parts.LOOPBACK, self.air.port, lambda: int(time.monotonic() * 1000))
        radio.set_channel(parts.CHANNEL)
        listener = bytes.fromhex(board.run.eui64)
        self.air.topology.link(eui64, listener, one_way=True)
        counters: Counter[str] = self.air.counters
        try:
            deadline = time.monotonic() + TIMEOUT
            while listener not in self.air.clients:
                assert _alive(board) and time.monotonic() < deadline, f"the board has no radio: {board.run.lines[-8:]}"
                await asyncio.sleep(0.02)
            before = counters["serial_received"]
            sent = 0
            for psdu in psdus:
                radio.transmit(psdu, len(psdu))
                sent += 1
                await self._taken(board, before + sent - _WINDOW)
            # The host may lose a datagram of ours, too.
            await self._taken(board, before + sent - _WINDOW)
            await asyncio.sleep(0.3)
            return counters["serial_received"] - before
        finally:
            self.air.topology.unlink(eui64, listener)
            radio.close()

    async def _taken(self, board: WatchedBoard, count: int) -> None:
        deadline = time.monotonic() + TIMEOUT
        while self.air.counters["serial_received"] < count:
            assert _alive(board)
            assert time.monotonic() < deadline, f"the line takes no more: {self.air.counters}"
            await asyncio.sleep(0.002)


def _alive(board: WatchedBoard) -> bool:
    assert board.pump(), f"the board's program has ended: {board.run.lines[-8:]}"
    return True


class _Unfiltered(AirRadio):
    _mine = False

    def _is_wanted(self, buf: bytearray, length: int) -> bool:
        self._mine = super()._is_wanted(buf, length)
        return True

    def _acknowledge(self) -> None:
        if self._mine:
            super()._acknowledge()
