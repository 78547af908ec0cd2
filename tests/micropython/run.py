"""Runs unit test files inside MicroPython and reads what the shim in unittest.py prints.

``python tests/micropython/run.py FILE...`` runs files by hand. The pytest plugin in tests/unit/conftest.py
uses the functions here, so both see the same outcomes.
"""

# This file's own folder comes first in sys.path when it is run by hand, and holds a module named unittest:
# nothing that needs CPython's may be imported before the path is mended.
import sys

sys.path[:] = [entry for entry in sys.path if not entry.rstrip("/").endswith("tests/micropython")]

import os  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Iterable, Iterator  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
HEAP = "8M"  # generous: unit tests load vector files; heap budgets are measured elsewhere


@dataclass
class Result:
    """One test: its name "Class.test_name", "pass" | "fail" | "skip", the reason of a skip, what it printed."""

    name: str
    outcome: str
    reason: str
    output: str


class MicroPythonFailed(Exception):
    """The interpreter is missing, could not load the file or died; the text shows its output."""


def interpreter() -> str:
    """Path of the MicroPython to test with: $MICROPYTHON, or the one installed beside this Python."""
    named = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    # make runs at the root of the tree, an editor maybe elsewhere: relative names mean the root.
    found = shutil.which(str(ROOT / named) if "/" in named else named)
    if found is None:
        raise MicroPythonFailed(f"no MicroPython at {named}: run `make venv` or set MICROPYTHON")
    return found


def environment() -> dict[str, str]:
    """The environment in which MicroPython finds the firmware package, the shim and, where built, the native module."""
    return dict(os.environ, MICROPYPATH="firmware:tests/micropython:build/native/x64:.frozen")


def start(path: Path, names: list[str] | None = None) -> "subprocess.Popen[str]":
    """Starts MicroPython on a test file; ``names`` selects tests ("Class.test_name")."""
    command = [interpreter(), "-X", "heapsize=" + HEAP, "-m", "unittest", os.path.relpath(path, ROOT)]
    return subprocess.Popen(  # noqa: S603
        command + (names or []),
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def parse(lines: Iterable[str]) -> Iterator[Result]:
    """The outcomes in the shim's output, as they come. Raises MicroPythonFailed when the file does not load, or when
    something is printed behind the last one."""
    printed: list[str] = []
    for line in lines:
        # A test may print without a newline at the end, and the marker then follows on the same line.
        before, marker, rest = line.partition("@test ")
        if not marker:
            printed.append(line)
            continue
        printed.append(before)
        kind, name, reason = (rest.strip().split(" ", 2) + ["", ""])[:3]
        if kind == "start":
            printed = []
        elif kind == "error":
            raise MicroPythonFailed("".join(printed).strip())
        else:
            yield Result(name, kind, reason, "".join(printed))
            printed = []
    if printed:
        raise MicroPythonFailed("".join(printed))


def results(process: "subprocess.Popen[str]") -> Iterator[Result]:
    """The outcomes as they come. Raises MicroPythonFailed when the file does not load or the process dies."""
    assert process.stdout is not None
    try:
        yield from parse(process.stdout)
    except MicroPythonFailed as error:
        status = process.wait()
        if status not in (0, 1):
            raise MicroPythonFailed(f"{error}MicroPython ended with status {status}") from None
        raise
    status = process.wait()
    if status not in (0, 1):
        raise MicroPythonFailed(f"MicroPython ended with status {status}")


def main(paths: list[str]) -> int:
    """Runs the files one after another and prints a line per test; the exit status."""
    count = {"pass": 0, "fail": 0, "skip": 0}
    for path in paths:
        try:
            for result in results(start(Path(path).resolve())):
                if result.outcome == "skipfile":
                    print(f"skip {path}: {result.reason}")
                    continue
                count[result.outcome] += 1
                print(f"{result.outcome} {path}::{result.name} {result.reason}")
                if result.outcome == "fail":
                    print(result.output)
        except MicroPythonFailed as error:
            count["fail"] += 1
            print(f"fail {path}\n{error}")
    print("MicroPython: {pass} passed, {fail} failed, {skip} skipped".format(**count))
    return 1 if count["fail"] else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: run.py FILE...")
    sys.exit(main(sys.argv[1:]))
