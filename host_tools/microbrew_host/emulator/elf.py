"""Where the bytes of a linked image belong: the loadable segments of an ELF file for 32-bit ARM."""

import struct
from pathlib import Path

_LOAD = 1


class NotAnImage(ValueError):
    """Not an ELF file for this processor."""


def segments(path: Path) -> list[tuple[int, bytes]]:
    """(load address, contents) of each. Raises NotAnImage, OSError."""
    data = path.read_bytes()
    if data[:7] != b"\x7fELF\x01\x01\x01" or len(data) < 52 or data[18:20] != b"\x28\x00":
        raise NotAnImage(f"{path} is not an ELF file for ARM")
    table, size, count = struct.unpack_from("<I", data, 28)[0], *struct.unpack_from("<HH", data, 42)
    found = []
    try:
        for index in range(count):
            kind, offset, _, physical, length = struct.unpack_from("<5I", data, table + index * size)
            if kind == _LOAD and length:
                if offset + length > len(data):
                    raise NotAnImage(f"{path} is cut short")
                found.append((physical, data[offset : offset + length]))
    except struct.error:
        raise NotAnImage(f"{path} is cut short") from None
    return found
