"""Puts the firmware onto a board that runs stock MicroPython: packs of .mpy, the native module, the program.

What is there already is compared by hash and not written again; what was written is read back. Each file is replaced
as a whole, so an interrupted run leaves old and new files side by side and the next one finishes it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from microbrew_host.board import package
from microbrew_host.board.errors import BoardError
from microbrew_host.board.files import Files, digest
from microbrew_host.board.packs import MODULE, PRELUDE, SUFFIX, Compiler, packs
from microbrew_host.board.repl import Repl

# Relative to where a port starts, which is where it has its filesystem and looks for its program.
LIBRARY = "lib"
NATIVE = "microbrew_native"
MAIN = "main.py"
# Collecting often, since code is loaded again at each change of role and phase of a join: else what loading leaves
# behind lies between what stays, and a large heap is full although much of it is free.
_COLLECT_OFTEN = "import gc\ngc.threshold(4096)\n"
_MAIN_TEXT = (_COLLECT_OFTEN + PRELUDE + "import device\n\ndevice.run()\n").encode()

# sys.implementation._mpy (py/persistentcode.h): version in bits 0 to 7, sub-version in 8 and 9, architecture from 10.
_ARCHITECTURES = ("none", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp")
# Cores that run what is compiled for another one.
_NATIVE_FOR = {"x64": "x64", "armv7m": "armv7m", "armv7em": "armv7m", "armv7emsp": "armv7m", "armv7emdp": "armv7m"}


@dataclass(frozen=True)
class Interpreter:
    """What runs on a board: its platform's name, what .mpy files it takes, which of our modules it has built in.

    ``chip``: that of a board that names it, in small letters. Of upstream's nrf port the platform's name is a board's,
    an older family's or the port's, from one release to the next.
    """

    platform: str
    mpy: int
    built_in: frozenset[str]
    chip: str = ""

    @property
    def version(self) -> tuple[int, int]:
        """Version and sub-version of .mpy files."""
        return self.mpy & 0xFF, self.mpy >> 8 & 3

    @property
    def architecture(self) -> str:
        """As MicroPython names it, of native code in .mpy files; "none" if it takes none."""
        number = self.mpy >> 10 & 0xF
        return _ARCHITECTURES[number] if number < len(_ARCHITECTURES) else f"number {number}"


@dataclass
class Report:
    """What was done: paths in the order of writing, bytes written and in all, modules' backend, remarks."""

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    bytes_written: int = 0
    bytes_all: int = 0
    files: int = 0
    crypto: str = ""
    remarks: list[str] = field(default_factory=list)


def interpreter_of(repl: Repl) -> Interpreter:
    """Ask a board. Raises BoardError for one that cannot load compiled code."""
    said = repl(
        "import sys\nprint(sys.platform, getattr(sys.implementation, '_mpy', 0))\n"
        "print(getattr(sys.implementation, '_machine', ''))\n"
        "path = sys.path[:]\nsys.path[:] = []\n"
        f"for n in ('board', '{NATIVE}'):\n"
        " try:\n  __import__(n); print(n)\n except ImportError: pass\n"
        "sys.path[:] = path"
    ).splitlines()
    platform, _, mpy = said[0].rpartition(" ")
    if not mpy.isdecimal() or mpy == "0":
        raise BoardError("the board's MicroPython takes no .mpy files")
    chip = said[1].rpartition(" with ")[2].lower()
    return Interpreter(platform, int(mpy), frozenset(said[2:]), chip)


def contents(
    board: Interpreter, compiler: Compiler, firmware: Path, native_directory: Path, modules: list[Path], report: Report
) -> dict[str, bytes]:
    """Path on the board to content of everything that belongs there. ``modules``: directories with modules of the
    board itself, of which ``board_radio`` makes it a device. Raises BoardError."""
    if compiler.version[0] != board.version[0]:
        raise BoardError(
            f"the board takes .mpy files of version {board.version[0]}, mpy-cross here writes {compiler.version[0]}"
        )
    boards = firmware.parent / "boards"
    own: dict[str, Path] = {}
    if "board" not in board.built_in:
        own["board.py"] = boards / "stock/modules/board.py"
    for directory in modules or _modules_of(board, boards):
        own.update({path.name: path for path in sorted(directory.glob("*.py"))})
    sources = [(name, firmware / name) for name in package.device_files(firmware, own.values())]
    top = {"device.py": boards / "common/modules/device.py", **own}
    if compiler.version == board.version and board.architecture in _ARCHITECTURES[1:]:
        # For what is in viper; mpy-cross has to be told for which processor.
        compiler.architecture = board.architecture
    found = packs(compiler, [*sources, *sorted(top.items())])
    out = {f"{LIBRARY}/{name}": content for name, content in found.items()}
    loader = firmware / f"{MODULE}.py"
    out[f"{LIBRARY}/{MODULE}.mpy"] = compiler.compile(loader, loader.name)
    if NATIVE not in board.built_in:
        out.update(_native(board, compiler, native_directory, report))
    if "board_radio.py" in top:
        out[MAIN] = _MAIN_TEXT
    else:
        report.remarks.append(f"no radio for {board.platform}: name a directory with board_radio.py by --modules")
    return out


def _modules_of(board: Interpreter, boards: Path) -> list[Path]:
    stock = [boards / "stock" / board.chip] if board.chip else []
    return [boards / board.platform / "modules", *stock]


def _native(board: Interpreter, compiler: Compiler, directory: Path, report: Report) -> dict[str, bytes]:
    built_for = _NATIVE_FOR.get(board.architecture)
    if built_for is None or compiler.version != board.version:
        report.remarks.append(
            f"no native crypto for architecture {board.architecture}, .mpy {board.version[0]}.{board.version[1]}: "
            "the pure one, which is slow and not constant time"
        )
        return {}
    path = directory / built_for / f"{NATIVE}.mpy"
    if not path.exists():
        raise BoardError(f"{path} is missing: make native NATIVE_ARCH={built_for}")
    return {f"{LIBRARY}/{NATIVE}.mpy": path.read_bytes()}


def put(
    repl: Repl, wanted: dict[str, bytes], report: Report, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Make the board's files those of ``wanted``. ``progress``: path, bytes done, bytes in all. Raises BoardError."""
    files = Files(repl)
    hashes = files.hashes(wanted)
    todo = {path: data for path, data in wanted.items() if hashes[path] != digest(data)}
    total = sum(map(len, todo.values()))
    report.files = len(wanted)
    report.bytes_all = sum(map(len, wanted.values()))
    files.make_directory(LIBRARY)
    for name in files.names(LIBRARY):
        path = f"{LIBRARY}/{name}"
        stale = name.startswith(package.PACKAGE) and name.endswith(SUFFIX) and path not in wanted
        if stale or name.endswith(SUFFIX + ".new"):
            files.remove(path)
            report.removed.append(path)
    _check_room(files, todo.values(), [data for path, data in todo.items() if hashes[path] != "-"])
    # The program last: it starts nothing before everything is there.
    for path in sorted(todo, key=lambda path: (path == MAIN, path)):

        def advance(count: int, path: str = path) -> None:
            report.bytes_written += count
            if progress is not None:
                progress(path, report.bytes_written, total)

        files.write(path, todo[path], advance)
        report.written.append(path)


def _check_room(files: Files, todo: Iterable[bytes], replaced: Iterable[bytes]) -> None:
    block, free = files.room()

    def blocks(sizes: Iterable[bytes]) -> int:
        return sum(-(-len(data) // block) for data in sizes)

    todo = list(todo)
    # While one is replaced, both are there.
    need = blocks(todo) + max((blocks([data]) for data in todo), default=0) - blocks(replaced)
    if need > free:
        raise BoardError(f"the board's filesystem has {free * block} bytes left, and {need * block} are needed")


def check(repl: Repl, report: Report) -> None:
    """A fresh interpreter on the board imports what was deployed. Raises BoardError."""
    repl.soft_reset()
    said = repl(
        _COLLECT_OFTEN + PRELUDE + "import microbrew.node as n, sys\nfrom microbrew import crypto\n"
        "print(getattr(n, '__file__', '?'), crypto.load().name)",
        timeout=120,
    ).split()
    if not said[0].startswith("/packs/"):
        raise BoardError(f"the board imports microbrew.node from {said[0]}, not from what was deployed")
    report.crypto = said[1]
