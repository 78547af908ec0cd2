"""What the tests with boards share: targets that are there, and a loud reason for those that are not.

``--target NAME`` is for the tests of one target (`make test-board`), which do not run without it.
"""

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from microbrew_host.board.errors import BoardError
from microbrew_host.board.target import Target, open_target

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


# Vectors are parsed on the board, and tests are not frozen: an emulated one gets the heap for both.
EMULATED_HEAP = 1 << 20


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", help="board to test: unix, qemu_an386, nrf52840-emulated or a serial port")
    parser.addoption("--peer", help="a second board for what needs two")
    parser.addoption("--ask", action="store_true", help="ask somebody to unplug the board where a test needs that")
    parser.addoption("--heap", type=int, default=EMULATED_HEAP, help="bytes of heap of an emulated board")


class Outcomes:
    """What was found out about a target, by file and test; written to build/hil/TARGET.json for docs/boards.md."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[tuple[str, str, str, str]] = []
        self.facts: dict[str, Any] = {}

    def add(self, file: str, test: str, outcome: str, reason: str) -> None:
        """One test's outcome: pass, fail or skip."""
        self.rows.append((file, test, outcome, reason))

    def summary(self) -> dict[str, Any]:
        """Counts, and the reasons of what was skipped."""
        counts = Counter(outcome for _, _, outcome, _ in self.rows)
        reasons = Counter((file, reason) for file, _, outcome, reason in self.rows if outcome == "skip")
        skipped = [f"{file}, {count}: {reason}" for (file, reason), count in sorted(reasons.items())]
        return {"target": self.name, "tests": dict(sorted(counts.items())), "skipped": skipped, **self.facts}


_OUTCOMES: list[Outcomes] = []


@pytest.fixture(scope="session")
def target_name(request: pytest.FixtureRequest) -> str:
    """The board under test. Skips without one."""
    name = request.config.getoption("--target")
    if not name:
        pytest.skip("no --target: make test-board TARGET=unix|qemu_an386|nrf52840-emulated|/dev/ttyACM0")
    return str(name)


@pytest.fixture(scope="session")
def outcomes(target_name: str) -> Outcomes:
    """Where tests note what they found."""
    found = Outcomes(target_name)
    _OUTCOMES.append(found)
    return found


@pytest.fixture(scope="module")
def target(
    target_name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The board under test, running. One that was named and cannot be opened is a failure."""
    flash = heap = None
    if "/" not in target_name:
        flash, heap = tmp_path_factory.mktemp("target") / "flash", request.config.getoption("--heap")
    options = {} if heap is None or target_name == "unix" else {"heap": heap}
    try:
        board = open_target(target_name, flash, **options)
    except BoardError as error:
        pytest.fail(str(error), pytrace=False)
    with board:
        yield board


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for found in _OUTCOMES:
        summary = found.summary()
        terminalreporter.section(f"target {found.name}")
        for line in summary["skipped"]:
            terminalreporter.line("skipped " + line)
        counts = ", ".join(f"{number} {outcome}" for outcome, number in summary["tests"].items())
        terminalreporter.line(f"{found.name}: {counts}")
        directory = ROOT / "build/hil"
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{found.name.replace('/', '-').strip('-')}.json"
        path.write_text(json.dumps(summary, indent=1) + "\n")
