"""What all suites share: they run at the root of the tree, where the test vectors' relative paths start."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

os.chdir(ROOT)


@pytest.fixture(scope="session")
def micropython() -> str:
    """Path of the MicroPython interpreter: $MICROPYTHON, or the one installed beside this Python."""
    named = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    path = ROOT / named
    if not path.exists():
        pytest.fail(f"no MicroPython at {named}: run `make venv` or set MICROPYTHON")
    return str(path)
