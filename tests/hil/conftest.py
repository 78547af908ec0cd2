"""What the tests with boards share: images, built once for all of them, and targets by name.

Where a tool or the sources cannot be had the tests are skipped with that reason, which pytest prints at the end; with
CI=true in the environment they fail instead.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What it takes to build and to run each board's image.
TOOLS = {
    "cc2652": ("arm-none-eabi-gcc",),
    "nrf52840dk": ("arm-none-eabi-gcc",),
    "qemu_an386": ("arm-none-eabi-gcc", "qemu-system-arm"),
}
# The board whose image a target runs, if it is of another name.
BOARDS = {"nrf52840-emulated": "nrf52840dk"}


def missing(board: str, reason: str) -> NoReturn:
    """Skip what needs that board, or fail where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the board {board} must be tested here: {reason}")
    pytest.skip(f"NOT TESTED, the board {board}: {reason}")


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a make target of the project's, one at a time though tests may run side by side."""
    # These tests may run under make, whose own options are not meant for this one.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build/make.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


def build(board: str, *variants: str) -> None:
    """Build variants of a board's image, or skip the test."""
    for tool in TOOLS[board]:
        if shutil.which(tool) is None:
            missing(board, f"{tool} is missing, `make toolchain` installs it")
    for variant in variants:
        built = make("firmware", f"BOARD={board}", f"VARIANT={variant}")
        if built.returncode and "sources:" in built.stderr:
            missing(board, built.stderr.strip())
        assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]


@pytest.fixture(scope="session")
def images() -> None:
    """Images of the board qemu_an386, as board_network.IMAGES names them."""
    build("qemu_an386", "dev", "release")


@pytest.fixture(scope="session")
def cc2652() -> dict[str, Path]:
    """Variant to image of the board cc2652."""
    build("cc2652", "dev", "release")
    return {variant: ROOT / f"build/firmware/cc2652-{variant}/firmware.elf" for variant in ("dev", "release")}


@pytest.fixture(scope="session")
def need_target() -> Callable[[str], str]:
    """A function of a target's name, which it returns: builds what it needs, once, or skips the test."""
    built = set()

    def need(name: str) -> str:
        if name == "unix":
            if not shutil.which(os.environ.get("MICROPYTHON", str(ROOT / ".venv/bin/micropython"))):
                missing(name, "no MicroPython: make venv")
        elif name not in built:
            build(BOARDS.get(name, name), "dev")
            built.add(name)
        return name

    return need
