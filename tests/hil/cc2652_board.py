"""The image of the CC2652 board in its emulated chip, and its raw REPL."""

import shutil
import subprocess
from pathlib import Path

import pytest

from microbrew_host.emulator.cc2652.chip import Cc2652

ROOT = Path(__file__).resolve().parents[2]
RAW = "raw REPL; CTRL-B to exit\r\n>"


def image(variant: str) -> Path:
    """Builds the board's image, from sources that make fetches."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("NOT TESTED, the board cc2652: arm-none-eabi-gcc is missing, `make toolchain` installs it")
    built = subprocess.run(
        ["make", "--no-print-directory", "firmware", "BOARD=cc2652", f"VARIANT={variant}"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if built.returncode and "sources:" in built.stderr:
        pytest.skip("NOT TESTED, the board cc2652: " + built.stderr.strip())
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]
    return ROOT / f"build/firmware/cc2652-{variant}/firmware.elf"


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
