"""What the emulator has in C: compiled at first use and kept in the cache directory, where there is a compiler."""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from unicorn import Uc, UcError
from unicorn.unicorn_py3.unicorn import uclib

_SOURCES = [Path(__file__).with_name(name) for name in ("block_clock.c", "data_memory.c")]


def library() -> ctypes.CDLL | None:
    """The C parts; None without a compiler, or if the environment has MICROBREW_EMULATOR_PYTHON."""
    return None if os.environ.get("MICROBREW_EMULATOR_PYTHON") else _compiled()


@functools.cache
def _compiled() -> ctypes.CDLL | None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    name = hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "microbrew"
    found = cache / f"emulator-{name}.so"
    try:
        if not found.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as directory:
                made = Path(directory) / "made.so"
                command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), *map(str, _SOURCES)]
                subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words, no shell
                made.replace(found)
        return ctypes.CDLL(str(found))
    except (OSError, subprocess.CalledProcessError):
        return None


def add_hook(uc: Uc, kind: int, function: Any, data: Any) -> None:
    """Have Unicorn call a C function with a pointer to ``data``. Raises UcError."""
    handle = ctypes.c_size_t()
    callback = ctypes.cast(function, ctypes.c_void_p)
    status = uclib.uc_hook_add(uc._uch, ctypes.byref(handle), kind, callback, ctypes.byref(data), 1, 0)
    if status:
        raise UcError(status)
