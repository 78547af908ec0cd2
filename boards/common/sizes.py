"""Prints what is in an image: ``sizes.py build/firmware/BOARD-VARIANT``. Needs the binutils of the toolchain.

The frozen size is that of frozen_content.o, our package and the start-up modules: code, constants and the names that
only they use. Sections as the linker scripts name them. ``frozen_modules`` and ``parts`` say where the bytes go; both
sum up exactly.
"""

import re
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

# Where an object file lies in the build directory.
PARTS = (
    ("frozen Python", "frozen_content.o"),
    ("MicroPython core", ("py/", "shared/", "lib/libm/", "lib/uzlib/")),
    ("MicroPython extmod", "extmod/"),
    ("littlefs", "lib/littlefs/"),
    ("mbedTLS", "mbedtls/"),
    ("native crypto with BearSSL", "crypto/"),
)
NAMES = "names of all modules"

_OF_MODULE = re.compile(
    r"^\.[a-z]+\.(fun_data|const_obj_table_data|const_qstr_table_data|const_obj|proto_fun|children|frozen_module)_"
)
# An input section in the linker's map, its name on a line of its own if it is long.
_INPUT = re.compile(r"^ (\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", re.MULTILINE)


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


def frozen_modules(build: Path) -> dict[str, int]:
    """Bytes of each frozen module, largest first; they sum up to ``frozen_bytes``.

    ``NAMES`` is what modules share: each name and attribute is stored once, with its hash and length.
    """
    # In C a module is called by its path.
    modules = {}
    for path in (build / "frozen_mpy").rglob("*.mpy"):
        name = str(path.relative_to(build / "frozen_mpy").with_suffix(""))
        modules[name.replace("/", "_")] = name.replace("/", ".").removesuffix(".__init__")
    by_length = sorted(modules, key=len, reverse=True)
    sizes: dict[str, int] = {}
    for section, size in sections(build / "frozen_content.o").items():
        if not section.startswith((".text", ".rodata", ".data")):
            continue
        symbol = _OF_MODULE.sub("", section)
        found = next((name for name in by_length if symbol.startswith(name)), None)
        module = modules[found] if found and symbol != section else NAMES
        sizes[module] = sizes.get(module, 0) + size
    return dict(sorted((item for item in sizes.items() if item[1]), key=lambda item: -item[1]))


def parts(build: Path) -> dict[str, int]:
    """Bytes of flash by where the code comes from; they sum up to the image.

    The linker merges equal strings of all of C, so these, with what aligns, are what is left over.
    """
    sizes = dict.fromkeys((*(name for name, _ in PARTS), "the board and our port", "C library"), 0)
    sizes["frozen Python"] = frozen_bytes(build)
    image = build.resolve().as_posix()
    text = (build / "firmware.map").read_text()
    text = text[text.index("\n.text ") : text.index("\n.stack ")]
    for section, size, path in _INPUT.findall(text):
        if ".str1." in section or path.endswith("/frozen_content.o"):
            continue
        if image not in path:
            part = "C library"
        else:
            inside = path.split(image + "/", 1)[1]
            part = next((name for name, begin in PARTS if inside.startswith(begin)), "the board and our port")
        sizes[part] += int(size, 16)
    found = sections(build / "firmware.elf")
    sizes["C strings, alignment"] = found[".text"] + found[".data"] - sum(sizes.values())
    return sizes


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
