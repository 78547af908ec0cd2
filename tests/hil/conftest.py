"""Images for the tests on boards, built once for all of them from sources that make fetches.

Where a tool or the sources cannot be had the tests are skipped with that reason, which pytest prints at the end; with
CI=true in the environment they fail instead.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]


def missing(board: str, reason: str) -> NoReturn:
    """Skip what needs that board, or fail where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the board {board} must be tested here: {reason}")
    pytest.skip(f"NOT TESTED, the board {board}: {reason}")


def build(board: str, *tools: str) -> None:
    """Build both variants of a board's image, which takes these programs to build and to run."""
    for tool in tools:
        if shutil.which(tool) is None:
            missing(board, f"{tool} is missing, `make toolchain` installs it")
    # These tests may run under make, whose own options are not meant for this one.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    for variant in ("dev", "release"):
        built = subprocess.run(
            ["make", "--no-print-directory", "firmware", f"BOARD={board}", f"VARIANT={variant}"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if built.returncode and "sources:" in built.stderr:
            missing(board, built.stderr.strip())
        assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]


@pytest.fixture(scope="session")
def images() -> None:
    """Images of the board qemu_an386, as board_network.IMAGES names them."""
    build("qemu_an386", "arm-none-eabi-gcc", "qemu-system-arm")
