"""Lets a board import modules out of packs: files that hold a package's .mpy files each.

A board's filesystem gives every file and directory whole blocks of flash, 4 KiB as a rule, so that the package's many
small files would take twice their size. A pack is ``PACKAGE.pack``, in the directory that this module is loaded from,
/lib or /flash/lib; in it for each module a byte for the length of its name, its name, four bytes for its size
(little-endian), the .mpy. Modules of no package are in ``-.pack``. ``mount()`` makes them importable, before what is
frozen or in other files.
"""

import io
import sys

import vfs

_DIRECTORY = 0x4000
_FILE = 0x8000
_ENOENT = 2
_CLOSE = 4  # MP_STREAM_CLOSE

MOUNTED = "/packs"
# With the slash at its end, if any.
_BESIDE = __file__[: __file__.rfind("/") + 1]


class _Member(io.IOBase):
    """A module's bytes, read out of the pack as they are asked for."""

    def __init__(self, file, size):
        self._file = file
        self._left = size

    def readinto(self, buf):
        count = self._file.readinto(memoryview(buf)[: min(len(buf), self._left)])
        self._left -= count
        return count

    def ioctl(self, request, _argument):
        if request == _CLOSE:
            self._file.close()
        return 0


class _Packs:
    """The packs beside this module as a filesystem, as far as ``import`` looks at one."""

    def mount(self, _readonly, _mkfs):
        pass

    def umount(self):
        pass

    def stat(self, path):
        path = path.strip("/")
        if not path.endswith(".mpy"):
            try:
                self._pack(path).close()
            except OSError:
                raise OSError(_ENOENT) from None
            return (_DIRECTORY, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        file, size = self._find(path)
        file.close()
        return (_FILE, 0, 0, 0, 0, 0, size, 0, 0, 0)

    def open(self, path, _mode):
        file, size = self._find(path.strip("/"))
        return _Member(file, size)

    def _pack(self, package):
        return open("%s%s.pack" % (_BESIDE, package.replace("/", ".")), "rb")

    def _find(self, path):
        package, _, name = path.rpartition("/")
        wanted = name[:-4].encode()
        file = self._pack(package or "-")
        while True:
            head = file.read(1)
            if not head:
                file.close()
                raise OSError(_ENOENT)
            name = file.read(head[0])
            size = int.from_bytes(file.read(4), "little")
            if name == wanted:
                return file, size
            file.seek(size, 1)


def mount():
    """Make the packs importable; again is no harm."""
    if MOUNTED in sys.path:
        return
    vfs.mount(_Packs(), MOUNTED)
    sys.path.insert(0, MOUNTED)
