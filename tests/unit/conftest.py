"""Runs every unit test twice: here under CPython, and as an item of its own inside MicroPython.

The MicroPython items have ``[micropython]`` in their names (``-k micropython`` selects them). One interpreter
runs a whole file; each item waits for the lines of its own test, so that pass, fail, skip and time are
reported test by test.
"""

import importlib.util
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "micropython_run", Path(__file__).resolve().parents[1] / "micropython" / "run.py"
)
assert _spec is not None
assert _spec.loader is not None
run = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".py" and file_path.name.startswith("test_"):
        return MicroPythonFile.from_parent(parent, path=file_path)
    return None


class MicroPythonFile(pytest.File):
    """A unit test file as MicroPython runs it."""

    def collect(self) -> Iterator["MicroPythonTest"]:
        self._results: dict[str, run.Result] = {}
        self._stream: Iterator[run.Result] | None = None
        self._process = None
        self._broken = ""
        # The names come from CPython's import of the same file, so a test that MicroPython does not see fails.
        module = pytest.Module.from_parent(self.parent, path=self.path).obj
        for case in vars(module).values():
            if isinstance(case, type) and issubclass(case, unittest.TestCase):
                for name in unittest.defaultTestLoader.getTestCaseNames(case):
                    label = f"{case.__name__}.{name}"
                    yield MicroPythonTest.from_parent(self, name=label + "[micropython]", label=label)

    def outcome(self, name: str) -> "run.Result":
        """Reads on until the test's lines have come. Raises MicroPythonFailed."""
        if self._stream is None:
            chosen = [item.label for item in self.session.items if item.parent is self]  # type: ignore[attr-defined]
            self._process = run.start(self.path, chosen)
            self._stream = run.results(self._process)
        while name not in self._results:
            if self._broken:
                raise run.MicroPythonFailed(self._broken)
            try:
                result = next(self._stream)
            except StopIteration:
                self._broken = "MicroPython ended without running this test"
                continue
            except run.MicroPythonFailed as error:
                self._broken = str(error)
                continue
            if result.outcome == "skipfile":
                pytest.skip(result.reason)
            self._results[result.name] = result
        return self._results[name]

    def teardown(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.communicate()


class MicroPythonTest(pytest.Item):
    """One test method inside MicroPython."""

    def __init__(self, *, label: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.label = label

    def runtest(self) -> None:
        result = self.parent.outcome(self.label)  # type: ignore[union-attr]
        if result.outcome == "skip":
            pytest.skip(result.reason)
        if result.outcome != "pass":
            raise run.MicroPythonFailed(result.output)

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, run.MicroPythonFailed):
            return f"inside MicroPython:\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, None, f"micropython {self.label}"
