"""The raw REPL of the CC2652 board in its emulated chip."""

import random
from pathlib import Path

from microbrew_host.emulator.cc2652.chip import Cc2652

RAW = "raw REPL; CTRL-B to exit\r\n>"


def repeatable(image: Path) -> Cc2652:
    """The chip with an image, whose random bytes are the same in each run."""
    chip = Cc2652(image)
    chip.trng.source = random.Random(1).randbytes
    return chip


class Repl:
    """Runs code on a board as mpremote does, all in virtual time."""

    def __init__(self, board: Cc2652) -> None:
        self.board = board
        assert board.run_until(lambda: board.output.endswith(">>> "), 2), board.output
        board.console.feed(b"\x01")
        assert board.run_until(lambda: board.output.endswith(RAW), 1), board.output

    def start(self, code: str) -> int:
        """Have code run, without waiting for its end; where its output will begin."""
        begin = len(self.board.output)
        self.board.console.feed(code.encode() + b"\x04")
        return begin + 2

    def finish(self, begin: int, seconds: float = 10) -> str:
        """What the code has printed; its traceback fails the test."""
        board = self.board
        assert board.run_until(lambda: board.output[begin:].endswith("\x04>"), seconds), board.output[begin:]
        printed, error, _ = board.output[begin:].split("\x04")
        assert not error, error
        return printed.replace("\r\n", "\n").strip()

    def __call__(self, code: str, seconds: float = 10) -> str:
        return self.finish(self.start(code), seconds)
