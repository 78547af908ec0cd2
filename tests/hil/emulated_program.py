"""Small programs in C (tests/hil/programs) that try the emulated chips."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("programs")
RESULT = 0x20000000
_FLAGS = [
    "-mcpu=cortex-m4",
    "-mthumb",
    "-mfloat-abi=hard",
    "-mfpu=fpv4-sp-d16",
    "-O1",
    "-ffreestanding",
    "-nostdlib",
    "-Wall",
    "-Werror",
]


def compile_program(name: str, directory: Path) -> bytes:
    """The flash contents, from address 0, of ``programs/NAME.c``."""
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    elf, binary = directory / f"{name}.elf", directory / f"{name}.bin"
    script = PROGRAMS / "program.ld"
    sources = [str(PROGRAMS / "start.c"), str(PROGRAMS / f"{name}.c")]
    subprocess.run(["arm-none-eabi-gcc", *_FLAGS, "-T", str(script), "-o", str(elf), *sources], check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", str(elf), str(binary)], check=True)
    return binary.read_bytes()


def results(uc: object, count: int) -> tuple[int, ...]:
    """The first words that the program left."""
    return struct.unpack(f"<{count}I", uc.mem_read(RESULT, 4 * count))  # type: ignore[attr-defined]
