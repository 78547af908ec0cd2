"""`make test-board` with a port where no board answers ends at once, and says once what to do."""

import os
import pty
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(str(path) for path in (ROOT / "tests/hil").glob("test_target_*.py"))


def run(port: Path) -> "subprocess.CompletedProcess[str]":
    """What `make test-board TARGET=port` runs; the file of what it found about a board is taken away again."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *FILES, "--target", str(port)]
    try:
        return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    finally:
        (ROOT / f"build/hil/{str(port).replace('/', '-').strip('-')}.json").unlink(missing_ok=True)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """A port where nobody answers, whatever is typed."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    port = tmp_path / "port"
    port.symlink_to(os.ttyname(theirs))
    yield port
    os.close(ours)
    os.close(theirs)


def check(done: "subprocess.CompletedProcess[str]", sentence: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count(sentence) == 1, done.stdout
    assert "What to do: " in done.stdout
    # No test of the board's has run, failed, or shown where it was when it did.
    for word in (" passed", " failed", " error", "Traceback", "test_file"):
        assert word not in done.stdout, done.stdout
    assert done.stderr == ""


def test_a_port_that_is_not_there_ends_the_run_in_one_message(tmp_path: Path) -> None:
    check(run(tmp_path / "port"), f"there is no {tmp_path / 'port'}")


def test_a_port_where_nobody_answers_ends_the_run_in_one_message(silent: Path) -> None:
    check(run(silent), f"{silent}: nothing there that answers as MicroPython's REPL does")
