"""What all suites share: they run at the root of the tree, where the test vectors' relative paths start."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

os.chdir(ROOT)

# Linux's memory as a directory, and the room that all suites together find ample.
MEMORY = Path("/dev/shm")
ROOM = 1 << 30


def pytest_configure() -> None:
    """Keep the tests' databases, captures and flashes in memory where that can be had.

    Registrars and MASAs write to the disk before they answer. A disk that stalls would decide what a join looks like.
    """
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        system = os.statvfs(MEMORY)
        if system.f_bavail * system.f_frsize >= ROOM and not system.f_flag & os.ST_NOEXEC:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.fixture(scope="session")
def micropython() -> str:
    """Path of the MicroPython interpreter: $MICROPYTHON, or the one installed beside this Python."""
    named = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    path = ROOT / named
    if not path.exists():
        pytest.fail(f"no MicroPython at {named}: run `make venv` or set MICROPYTHON")
    return str(path)
