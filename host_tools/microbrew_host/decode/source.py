"""Reads what is to be decoded: hex on the command line, a file, or standard input."""

import re
import sys
from pathlib import Path

from microbrew.errors import DecodeError

MAX_BYTES = 64 * 1024 * 1024

_HEX_NOISE = re.compile(r"(?:0x|[\s:,;'\"<>]|^h')", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(r"#.*$", re.MULTILINE)


def read(argument: str) -> bytes:
    """The bytes that ``argument`` names: "-" is standard input, an existing file its content, else hex digits.

    Raises DecodeError, and OSError for a file that cannot be read.
    """
    if argument == "-":
        return _content(sys.stdin.buffer.read(MAX_BYTES + 1))
    path = Path(argument)
    # Long hex is no file name, and asking the system about it is an error of its own.
    if len(argument) < 256 and path.is_file():
        with path.open("rb") as file:
            return _content(file.read(MAX_BYTES + 1))
    data = from_hex(argument)
    if data is None:
        raise DecodeError(f"{argument[:60]!r} is neither a file nor hex digits")
    return data


def _content(data: bytes) -> bytes:
    """Binary as it is, hex text as the bytes it means."""
    if len(data) > MAX_BYTES:
        raise DecodeError(f"more than {MAX_BYTES} bytes")
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return data
    decoded = from_hex(text)
    return data if decoded is None else decoded


def from_hex(text: str) -> bytes | None:
    """Bytes of hex digits with the usual separators, ``0x`` and ``#`` comments allowed; None if it is no hex."""
    digits = _HEX_NOISE.sub("", _COMMENT.sub("", text))
    if len(digits) % 2:
        return None
    try:
        return bytes.fromhex(digits) if digits else None
    except ValueError:
        return None
