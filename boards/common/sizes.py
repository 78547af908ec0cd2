"""Prints what is in an image: ``sizes.py build/firmware/BOARD-VARIANT``. Needs the binutils of the toolchain.

The frozen size is that of frozen_content.o, our package and the start-up modules: code, constants and the names that
only they use. Sections as the linker scripts name them.
"""

import subprocess
import sys
from pathlib import Path

SHOWN = {
    ".text": "code and constants",
    ".tail": "code and constants in the flash's last page",
    ".ccfg": "the chip's start-up configuration",
    ".data": "initialised data, in flash and RAM",
    ".bss": "zeroed data",
    ".stack": "stack",
    ".emulated_flash": "copy of the store's flash",
}


def sections(path: Path) -> dict[str, int]:
    """Section name to bytes."""
    out = subprocess.run(["arm-none-eabi-size", "-A", path], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[0].startswith(".")}


def frozen_bytes(build: Path) -> int:
    """Bytes of flash taken by frozen Python."""
    found = sections(build / "frozen_content.o")
    return sum(size for name, size in found.items() if name.startswith((".text", ".rodata", ".data")))


def heap_bytes(build: Path) -> int:
    """Bytes of RAM that the linker left for the heap of Python."""
    out = subprocess.run(["arm-none-eabi-nm", build / "firmware.elf"], capture_output=True, text=True, check=True).stdout
    symbols = {row[2]: int(row[0], 16) for row in map(str.split, out.splitlines()) if len(row) == 3}
    return symbols["_heap_end"] - symbols["_heap_start"]


def main(build: Path) -> None:
    found = sections(build / "firmware.elf")
    print(build.relative_to(Path.cwd()) / "firmware.elf" if build.is_relative_to(Path.cwd()) else build)
    for name, text in SHOWN.items():
        if found.get(name):
            print(f"  {name:16}{found[name]:8}  {text}")
    print(f"  {'heap':16}{heap_bytes(build):8}  RAM that is left")
    image = sum(found.get(name, 0) for name in (".text", ".tail", ".ccfg", ".data"))
    print(f"  {'image':16}{image:8}  in flash, of it")
    print(f"  {'frozen':16}{frozen_bytes(build):8}  frozen Python")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
