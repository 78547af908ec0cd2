"""A board whose program can be stopped, looked into and continued: the image for developers, by its console."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from board_network import IMAGES
from processes import Run

from microbrew_host.board.qemu import Qemu
from microbrew_host.demo import parts

# What run() makes is made once, so that a second run() goes on with it.
_KEEP = """
import gc, device
kept = {}
def once(name, make):
    def made(*arguments):
        if name not in kept:
            kept[name] = make(*arguments)
        return kept[name]
    return made
device.Clock = once('clock', device.Clock)
device.Node = once('node', device.Node)
device.board_radio.make = once('radio', device.board_radio.make)
def level():
    # Datagrams of which only fragments came are nobody's loss, and gone after their timeout: as after it.
    if 'node' in kept:
        kept['node'].parts.net._reassembler.expire(1 << 29)
    gc.collect()
    return gc.mem_alloc()
"""
_SECONDS = 20.0


class WatchedBoard:
    """A device of the network ``run`` tells about; its radio's wire is the loopback TCP port ``wire``."""

    def __init__(self, run: Run, flash: Path, wire: int, **options: Any) -> None:
        self.run = run
        radio = f"socket,host={parts.LOOPBACK},port={wire},nodelay=on"
        self._board = Qemu(IMAGES["dev"], flash=flash, radio=radio, **options)
        self._repl = _open(self._board)
        self._pending = b""
        self._repl(_KEEP)
        self.goes = False

    def go(self) -> None:
        """Let the device's program run, or run on."""
        self._repl.start("device.run()")
        self.goes = True

    def pump(self) -> bool:
        """Take what the program has printed. False if it has ended, which it never should."""
        port = self._repl.transport.serial
        self._pending += port.read(port.in_waiting) if port.in_waiting else b""
        *lines, self._pending = self._pending.split(b"\n")
        for line in lines:
            self.run.feed(line.decode(errors="replace").rstrip("\r"))
        return b"\x04" not in self._pending

    def halt(self) -> None:
        """Stop the program between two of its steps, or in one."""
        port = self._repl.transport.serial
        port.write(b"\x03")
        deadline = time.monotonic() + _SECONDS
        while self._pending.count(b"\x04") < 2:
            assert time.monotonic() < deadline, f"the board does not stop: {self.run.lines[-5:]}"
            # No more than that: the prompt behind it is for whoever asks next.
            self._pending += port.read(1)
        said = self._pending
        self._pending = b""
        for line in said.partition(b"\x04")[0].splitlines():
            self.run.feed(line.decode(errors="replace"))
        assert b"KeyboardInterrupt" in said, said
        self.goes = False

    def ask(self, expression: str) -> Any:
        """The value of an expression on a board that is halted; ``kept`` has its clock, radio and node."""
        return eval(self._repl(f"print(repr({expression}))"), {"__builtins__": {}})  # noqa: S307 - literals only

    def close(self) -> None:
        """Pull the plug."""
        self._repl.transport.serial.close()
        self._board.close()


def _open(board: Qemu) -> Any:
    from microbrew_host.board.repl import Repl

    return Repl(board.console).__enter__()
