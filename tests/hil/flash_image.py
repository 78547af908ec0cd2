"""The flash files of emulated boards, read and written without starting one: littlefs in MicroPython's unix port.

Both directions go through the firmware's own ``Store``, so a record reads here as it would on the board.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from microbrew.identity.store import Store
from microbrew_host.demo import parts

# As boards/common/modules/_boot.py mounts it; sizes are those of boards/qemu_an386/board_config.h.
_PROGRAM = """
import sys, vfs
from microbrew.identity.store import Store

BLOCK = 4096


class Flash:
    def __init__(self, data):
        self.data = data

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, block):
        if op == 4:
            return 64
        if op == 5:
            return BLOCK
        if op == 6:
            self.data[block * BLOCK : (block + 1) * BLOCK] = bytes([255]) * BLOCK
        return 0


def store_on(flash):
    vfs.mount(vfs.VfsLfs2(flash, readsize=32, progsize=32, lookahead=32, mtime=False), "/flash")
    return Store("/flash/store")


def write(path, records):
    flash = Flash(bytearray(bytes([255]) * (64 * BLOCK)))
    vfs.VfsLfs2.mkfs(flash, readsize=32, progsize=32, lookahead=32)
    store = store_on(flash)
    for name, value in records.items():
        store.write(name, value)
    vfs.umount("/flash")
    with open(path, "wb") as file:
        file.write(flash.data)


def read(path):
    with open(path, "rb") as file:
        flash = Flash(bytearray(file.read()))
    store = store_on(flash)
    print(repr({name: store.read(name) for name in store.names()}))
    vfs.umount("/flash")
"""


def write(images: dict[Path, dict[str, Any]]) -> None:
    """Make flash files, each with its records by name."""
    _run("".join(f"write({str(path)!r}, {records!r})\n" for path, records in images.items()))


def store(directory: Path) -> dict[str, Any]:
    """The records of a store directory, as the factory makes one."""
    opened = Store(str(directory))
    return {name: opened.read(name) for name in opened.names()}


def read(*paths: Path) -> list[dict[str, Any]]:
    """The records of each flash file. The files stay as they are: what mounting repairs is repaired in a copy."""
    out = _run("".join(f"read({str(path)!r})\n" for path in paths))
    # Literals only: str, bytes, int, lists and maps of them.
    return [eval(line, {"__builtins__": {}}) for line in out.splitlines()]  # noqa: S307


def _run(code: str) -> str:
    path = f"{parts.firmware()}:.frozen"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(_PROGRAM + code)
        script.flush()
        argv = ["env", f"MICROPYPATH={path}", parts.interpreter(), "-X", "heapsize=4M", script.name]
        result = subprocess.run(argv, capture_output=True, text=True)
    assert not result.returncode, result.stderr + result.stdout
    return result.stdout
