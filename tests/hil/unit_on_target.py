"""Runs a file of tests/unit on a target: what it needs goes to its filesystem, compiled, and stays for the next.

Neither the tests nor this module know which target it is. What the target lacks is the reason of a skip.
"""

import ast
import importlib.util
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from microbrew_host.board.errors import BoardError
from microbrew_host.board.files import Files, digest
from microbrew_host.board.packs import PRELUDE, Compiler
from microbrew_host.board.repl import Failed, Repl
from microbrew_host.board.target import Target

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests/unit"
SHIM = ROOT / "tests/micropython/unittest.py"

_spec = importlib.util.spec_from_file_location("micropython_run", ROOT / "tests/micropython/run.py")
assert _spec is not None
assert _spec.loader is not None
run = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run)

# Of the package and not in every image, but tested in MicroPython all the same.
_NOT_IN_IMAGES = {
    "microbrew.edhoc.responder": "microbrew/edhoc/responder.py",
    "microbrew.radio.cc2652": "microbrew/radio/cc2652.py",
    "microbrew.radio.zep": "microbrew/radio/zep.py",
}
_VECTORS = "tests/vectors"
_NO_ROOM = "the filesystem is too small for its files"
# A signature by the pure backend on a slow chip, and then some.
_SECONDS = 600.0


class Lacking(Exception):
    """The target lacks something that the file needs; the text says what."""


class NoRoom(Lacking):
    """The file, or what it reads, does not fit into the target's filesystem."""

    def __init__(self) -> None:
        super().__init__(_NO_ROOM)


class Needs:
    """What a test file reads: modules of tests/unit, files that it names, modules that no image has.

    ``optional``: files of which a module that many share reads some, whichever its user asks for.
    """

    def __init__(self, path: Path) -> None:
        self.sources: list[Path] = []
        self.files: set[str] = set()
        self.optional: set[str] = set()
        self.extra: set[str] = set()
        self._read(path)
        self.optional -= self.files

    def _read(self, path: Path) -> None:
        if path in self.sources:
            return
        self.sources.append(path)
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._named(node.value)
            for name in names:
                if (UNIT / f"{name}.py").exists():
                    self._read(UNIT / f"{name}.py")
                if name in _NOT_IN_IMAGES:
                    self.extra.add(name)

    def _named(self, text: str) -> None:
        if text.startswith(_VECTORS) and "%" in text:
            self.optional.update(f"{_VECTORS}/{file.name}" for file in (ROOT / _VECTORS).glob("*.json"))
        elif re.fullmatch(r"(tests|firmware)/[\w./-]+", text) and (ROOT / text).is_file():
            self.files.add(text)


class Runner:
    """Unit tests on ``target``."""

    def __init__(self, target: Target, compiler: Compiler) -> None:
        self._target = target
        self._compiler = compiler
        self._compiled: dict[Path, bytes] = {}
        self._elsewhere: set[str] = set()

    def run(self, path: Path) -> Iterator["run.Result"]:
        """The outcomes of a file. Raises Lacking, MicroPythonFailed, or BoardError for a target that has gone."""
        needs = Needs(path)
        with self._target.repl() as repl:
            repl.soft_reset()
            try:
                self._bring(repl, needs)
            except Failed as error:
                # Directories, too, take their blocks.
                if re.match(r"OSError: (\[Errno )?28\b", error.traceback.strip().splitlines()[-1]):
                    raise NoRoom from None
                raise
            # What the package's own files left behind is not the test's heap.
            repl.soft_reset()
            lines: list[str] = []
            broken = ""
            try:
                repl(PRELUDE + "import sys\nsys.path.append('tests/micropython')\nsys.path.append('tests/unit')\n")
                for name in sorted(needs.extra):
                    self._alias(repl, name)
                code = f"import unittest; unittest.run_file('tests/unit/{path.name}')"
                repl.stream(code, lambda line: lines.append(line + "\n"), timeout=_SECONDS)
            except Failed as error:
                broken = error.traceback
            heap = repl("import gc; gc.collect(); print(gc.mem_alloc() + gc.mem_free())")
        try:
            if broken:
                raise run.MicroPythonFailed(broken)
            for result in run.parse(lines):
                reason = _lacking(result.output, heap) if result.outcome == "fail" else None
                yield run.Result(result.name, "skip", reason, result.output) if reason else result
        except run.MicroPythonFailed as error:
            reason = _lacking(str(error), heap)
            raise Lacking(reason) if reason else error from None

    def _alias(self, repl: Repl, name: str) -> None:
        """Let the module be imported under its own name, wherever it lies."""
        upload = name.replace(".", "_")
        repl(f"try:\n import {name}\nexcept ImportError:\n import sys, {upload}\n sys.modules[{name!r}] = {upload}")

    def _bring(self, repl: Repl, needs: Needs) -> None:
        wanted = {f"tests/unit/{path.stem}.mpy": self._code(path) for path in needs.sources}
        wanted["tests/micropython/unittest.mpy"] = self._code(SHIM)
        for name in needs.extra:
            wanted[f"tests/unit/{name.replace('.', '_')}.mpy"] = self._code(ROOT / "firmware" / _NOT_IN_IMAGES[name])
        for name in needs.files:
            wanted[name] = (ROOT / name).read_bytes()
        files = Files(repl)
        files.make_directory("tmp")
        if not self._send(files, wanted):
            raise NoRoom
        for name in sorted(needs.optional):
            # Best effort: a test that finds one missing says so.
            more = {name: (ROOT / name).read_bytes()}
            self._send(files, more, keep=wanted)
            wanted.update(more)

    def _send(self, files: Files, wanted: dict[str, bytes], keep: Iterable[str] = ()) -> bool:
        """Make these files the target's, if there is room; what other tests needed goes, but for ``keep``."""
        directories = {str(parent) for name in wanted for parent in PurePosixPath(name).parents} - {"."}
        for directory in sorted(directories):
            files.make_directory(directory)
        hashes = files.hashes(wanted)
        todo = {name: data for name, data in wanted.items() if hashes[name] != digest(data)}
        block, free = files.room()
        # One more for each, for what littlefs itself needs.
        need = sum(-(-len(data) // block) + 1 for data in todo.values())
        if need > free:
            self._clear(files, set(wanted).union(keep))
            if need > files.room()[1]:
                return False
        for name, data in todo.items():
            files.write(name, data)
            if not name.startswith("tests/"):
                self._elsewhere.add(name)
        return True

    def _clear(self, files: Files, keep: set[str]) -> None:
        for directory in ("tests/unit", _VECTORS):
            for name in files.names(directory):
                if f"{directory}/{name}" not in keep:
                    files.remove(f"{directory}/{name}")
        for name in self._elsewhere - keep:
            files.remove(name)
            for parent in list(PurePosixPath(name).parents)[:-1]:
                files.remove_directory(str(parent))
            self._elsewhere.discard(name)

    def _code(self, path: Path) -> bytes:
        if path not in self._compiled:
            # With asserts, and line numbers for who reads the traceback.
            self._compiled[path] = self._compiler.compile(path, path.name, optimise=False)
        return self._compiled[path]


def _lacking(output: str, heap: str) -> str | None:
    """What a traceback says that the target does not have; None if it says anything else."""
    last = output.strip().splitlines()[-1] if output.strip() else ""
    if last.startswith("MemoryError"):
        return f"heap of {heap} bytes is too small"
    missing = re.match(r"ImportError: (?:no module named|can't import name) '?([\w.]+)'?$", last)
    if missing and missing[1] in _NOT_IN_IMAGES:
        return f"the image has no {missing[1]}"
    if missing and not missing[1].startswith("microbrew"):
        return f"the interpreter has no {missing[1]}"
    return _NO_ROOM if last.startswith("OSError: [Errno 2]") and "decoder_targets" in output else None


__all__ = ["BoardError", "Lacking", "NoRoom", "Runner", "run"]
