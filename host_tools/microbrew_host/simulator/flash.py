"""A device's filesystem in memory, with what a power cut does to it: what was not synchronised is gone.

Stands behind the firmware's ``Store`` (identity/store.py) in place of ``Files``. Content reaches the medium by
``sync``, names by ``sync_directory``. One directory; paths count by their last part.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class PowerCut(BaseException):
    """Ends a step of the firmware where it stands; not an Exception, since no firmware could catch it."""


class _Content:
    """An inode: what a reader sees, and what is on the medium."""

    __slots__ = ("durable", "seen")

    def __init__(self, data: bytes = b"") -> None:
        self.seen = data
        self.durable = b""


class _Handle:
    def __init__(self, content: _Content, writing: bool) -> None:
        self.content = content
        self.at = 0
        if writing:
            content.seen = b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.at = offset + (len(self.content.seen) if whence == os.SEEK_END else 0)
        return self.at

    def read(self, count: int) -> bytes:
        return self.content.seen[self.at : self.at + count]

    def write(self, data: bytes) -> None:
        self.content.seen += bytes(data)

    def close(self) -> None:
        pass


class Flash:
    """The files. ``before(operation, name)``, if set, is called ahead of every change and may raise.

    It raises PowerCut, or the OSError of a failing medium. Operations are open (for writing), sync, rename, remove and
    sync_directory; ``writes`` counts them.
    """

    def __init__(self, source: Path | None = None) -> None:
        self.before: Callable[[str, str], None] | None = None
        self.writes = 0
        self._files: dict[str, _Content] = {}
        self._durable: dict[str, _Content] = {}
        if source is not None:
            for path in sorted(source.iterdir()):
                content = self._files[path.name] = _Content(path.read_bytes())
                content.durable = content.seen
            self._durable = dict(self._files)

    def cut(self) -> None:
        """Power goes: only what is on the medium stays."""
        self._files = dict(self._durable)
        for content in self._files.values():
            content.seen = content.durable

    def dump(self) -> dict[str, bytes]:
        """Every file with its content, for comparison."""
        return {name: content.seen for name, content in sorted(self._files.items())}

    # What a Store calls

    def open(self, path: str, mode: str) -> Any:
        name = _name(path)
        if mode == "rb":
            return _Handle(self._get(name), False)
        self._change("open", name)
        return _Handle(self._files.setdefault(name, _Content()), True)

    def rename(self, old: str, new: str) -> None:
        self._change("rename", _name(new))
        self._files[_name(new)] = self._get(_name(old))
        del self._files[_name(old)]

    def remove(self, path: str) -> None:
        self._get(_name(path))
        self._change("remove", _name(path))
        del self._files[_name(path)]

    def listdir(self, _path: str) -> list[str]:
        return list(self._files)

    def mkdir(self, _path: str) -> None:
        raise OSError(errno.EEXIST, "exists")

    def sync(self, file: _Handle) -> None:
        self._change("sync", "")
        file.content.durable = file.content.seen

    def sync_directory(self, _path: str) -> None:
        self._change("sync_directory", "")
        self._durable = dict(self._files)

    def _change(self, operation: str, name: str) -> None:
        self.writes += 1
        if self.before is not None:
            self.before(operation, name)

    def _get(self, name: str) -> _Content:
        if name not in self._files:
            raise OSError(errno.ENOENT, "no such file")
        return self._files[name]


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
