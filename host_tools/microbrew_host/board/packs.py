"""Packs of compiled modules, as firmware/microbrew_packs.py reads them on a board."""

import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from microbrew_host.board.errors import BoardError

# For code that is sent to a board: makes what was deployed there importable, if anything was. Our port does not look
# into /lib by itself; a port that mounts its filesystem elsewhere has lib there, and starts there.
PRELUDE = """import os, sys
_lib = os.getcwd().rstrip("/") + "/lib"
if _lib not in sys.path: sys.path.append(_lib)
try:
    import microbrew_packs
    microbrew_packs.mount()
except ImportError: pass
"""

MODULE = "microbrew_packs"
SUFFIX = ".pack"
# Of modules that are in no package.
TOP = "-"
# Without asserts and line numbers: code from a file is in RAM on a board.
_OPTIMISE = "-O3"
_MAX_NAME = 255


class Compiler:
    """mpy-cross. ``architecture``: MicroPython's name of it, for native code. Raises BoardError if it is not there."""

    def __init__(self, program: Path) -> None:
        if not program.exists():
            raise BoardError(f"{program} is missing: make deploy builds it, and so does make firmware")
        self._program = program
        self._version: tuple[int, int] | None = None
        self.architecture = "none"

    @property
    def version(self) -> tuple[int, int]:
        """Version and sub-version of the .mpy files that it writes."""
        if self._version is None:
            said = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
            major, _, minor = said.rpartition("emitting mpy v")[2].strip().partition(".")
            self._version = int(major), int(minor)
        return self._version

    def compile(self, source: Path, name: str, optimise: bool = True) -> bytes:
        """The .mpy of a file; ``name`` is what tracebacks call it. Raises BoardError."""
        options = [_OPTIMISE if optimise else "-O0"]
        if self.architecture != "none":
            options.append("-march=" + self.architecture)
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            [self._program, *options, "-s", name, "-o", "-", str(source)], capture_output=True
        )
        if done.returncode:
            raise BoardError(f"mpy-cross: {source}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout


def pack(modules: Iterable[tuple[str, bytes]]) -> bytes:
    """A pack of modules, each a name and its .mpy."""
    out = bytearray()
    for name, code in modules:
        encoded = name.encode()
        if len(encoded) > _MAX_NAME:
            raise ValueError(f"{name} is too long for a pack")
        out += bytes((len(encoded),)) + encoded + len(code).to_bytes(4, "little") + code
    return bytes(out)


def packs(compiler: Compiler, files: Iterable[tuple[str, Path]]) -> dict[str, bytes]:
    """Pack file name to content, of modules given as path in the package and source file; empty ones are left out."""
    members: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for name, source in files:
        path = PurePosixPath(name)
        package = ".".join(path.parent.parts) or TOP
        # A package of nothing has its pack, or it could not be imported through.
        found = members[package]
        if source.stat().st_size:
            found.append((path.stem, compiler.compile(source, name)))
    return {package + SUFFIX: pack(found) for package, found in members.items()}
