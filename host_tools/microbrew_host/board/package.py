"""Which modules of the firmware a device gets; the same as mpconfig/manifest_device.py freezes into an image.

``python -m microbrew_host.board.package`` writes firmware/package.json, by which `mip install` fetches them.
"""

import json
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from microbrew_host.demo import parts

PACKAGE = "microbrew"
MANIFEST = "package.json"
# As in mpconfig/manifest_device.py.
_NOT_ON_DEVICES = (
    "microbrew/crypto/host.py",
    "microbrew/edhoc/responder.py",
    "microbrew/radio/zep.py",
)
# For one chip: only for a board whose own modules import them.
_CHIP = (
    "microbrew/crypto/hardware.py",
    "microbrew/radio/cc2652.py",
    "microbrew/radio/nrf52840.py",
    "microbrew/radio/nrf52840_viper.py",
)


def device_files(firmware: Path, board_modules: Iterable[Path] = ()) -> list[str]:
    """Paths below ``firmware`` of the package's modules, sorted. ``board_modules``: files of the board itself."""
    imported = " ".join(path.read_text() for path in board_modules)
    left_out = [name for name in _CHIP if name[:-3].replace("/", ".") not in imported]
    names = [path.relative_to(firmware).as_posix() for path in (firmware / PACKAGE).rglob("*.py")]
    return sorted(name for name in names if name not in _NOT_ON_DEVICES and name not in left_out)


def mip_package(firmware: Path) -> str:
    """Content of package.json: each file beside it, to be installed under its own name."""
    # An empty __init__.py says nothing that a directory does not.
    files = [name for name in device_files(firmware) if (firmware / name).stat().st_size]
    return (
        json.dumps({"urls": [[name, name] for name in files], "version": metadata.version("microbrew")}, indent=1)
        + "\n"
    )


if __name__ == "__main__":
    (parts.firmware() / MANIFEST).write_text(mip_package(parts.firmware()))
