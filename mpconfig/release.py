"""Writes the Python of a release, made smaller by slim.py, from which it is frozen.

    release.py BOARD_DIR FOLDER [--names HEADER] [FILE ...]

What a FILE calls stays in it as well (console.py). HEADER lists the names in the image's C code (MicroPython's
qstrdefs.generated.h): with it names of ours that can be nobody else's become short, which is for images without a
console. ``FOLDER.names`` tells what was what.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from slim import Program, read, write

ROOT = Path(__file__).resolve().parent.parent
# Imported by MicroPython's start-up (boards/common/main.c); what they reach is the release.
START = ("_boot", "_main")
# Backends that a device does not have; the crypto facade goes on to the next one. The pure one is not constant time.
LEFT_OUT = ("microbrew/crypto/host.py", "microbrew/crypto/native_ed25519.py", "microbrew/crypto/pure/")
# Files for some chips only, which their board.mk names in BOARD_FREEZES; as in manifest_device.py.
CHIP = (
    "microbrew/crypto/hardware.py",
    "microbrew/radio/cc2652.py",
    "microbrew/radio/nrf52840.py",
    "microbrew/radio/nrf52840_viper.py",
)


def sources(board: Path) -> dict[str, str]:
    """Module name to text of all that a release of a board may be made of."""
    firmware = ROOT / "firmware"
    paths = sorted(str(path.relative_to(firmware)) for path in (firmware / "microbrew").rglob("*.py"))
    left_out = LEFT_OUT + tuple(set(CHIP) - set(os.environ.get("BOARD_FREEZES", "").split()))
    found = read(firmware, [path for path in paths if not path.startswith(left_out)])
    for folder in (ROOT / "boards/common/modules", board / "modules"):
        found |= read(folder, sorted(path.name for path in folder.glob("*.py")))
    return found


def main() -> None:
    """Command line; see above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("board", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("outside", type=Path, nargs="*")
    parser.add_argument("--names", type=argparse.FileType())
    options = parser.parse_args()
    names = None if options.names is None else re.findall(r"MP_QSTR_(\w+)", options.names.read())
    outside = [path.read_text() for path in options.outside]
    program = Program(sources(options.board), START, outside, names)
    write(program, options.folder)
    listed = sorted((new, old) for old, new in program.names.items())
    options.folder.with_suffix(".names").write_text("".join(f"{new} {old}\n" for new, old in listed))


if __name__ == "__main__":
    main()
