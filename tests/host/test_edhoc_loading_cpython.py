"""What an initiator loads, on CPython: as tests/unit/test_edhoc_loading.py, in a process of its own."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("method", "suite", "expected"),
    [
        # CPython's hashlib has SHA-512, so that of ours is never loaded.
        (3, 2, ["p256"]),
        (0, 2, ["p256", "ecdsa"]),
        (3, 0, ["x25519"]),
        (0, 0, ["x25519", "ed25519"]),
    ],
)
def test_only_what_method_and_suite_use(method: int, suite: int, expected: list[str]) -> None:
    program = (
        "import sys; sys.path.insert(0, 'tests/unit')\n"
        "import test_edhoc_loading as t\n"
        f"t.run({method}, {suite}); print(t.loaded())"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(expected)
