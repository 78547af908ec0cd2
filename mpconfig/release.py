"""Writes the Python of a release, made smaller by slim.py: ``release.py BOARD_DIR FOLDER``, from which it is frozen.

With a file's name behind these, what that file calls stays in it as well (console.py).
"""

import os
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


if __name__ == "__main__":
    board, folder, *outside = map(Path, sys.argv[1:])
    write(Program(sources(board), START, [path.read_text() for path in outside]), folder)
