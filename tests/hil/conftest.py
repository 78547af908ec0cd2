"""What the tests with boards share: targets that are there, and a loud reason for those that are not."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def need_target() -> Callable[[str], str]:
    """A function of a target's name: builds what it needs, once, and skips the test where that cannot be had."""
    built: dict[str, str] = {}

    def build(name: str) -> str:
        """Empty, or why it is not there."""
        if name == "unix":
            return (
                ""
                if shutil.which(os.environ.get("MICROPYTHON", str(ROOT / ".venv/bin/micropython")))
                else "no MicroPython"
            )
        if name != "qemu_an386":
            return f"{name} is not known here"
        for tool in ("arm-none-eabi-gcc", "qemu-system-arm"):
            if shutil.which(tool) is None:
                return f"{tool} is missing, `make toolchain` installs it"
        done = subprocess.run(
            ["make", "--no-print-directory", "firmware", f"BOARD={name}", "VARIANT=dev"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode and "sources:" in done.stderr:
            return done.stderr.strip()
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return ""

    def need(name: str) -> str:
        if name not in built:
            built[name] = build(name)
        if built[name]:
            pytest.skip(f"NOT TESTED, the board {name}: {built[name]}")
        return name

    return need
