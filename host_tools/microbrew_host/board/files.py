"""Files on a board: compared by hash, written so that each is there as a whole or as it was, read back by hash."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable

from microbrew_host.board.errors import BoardError
from microbrew_host.board.repl import Repl

_CHUNK = 3072
# Of the window that a board unpacks with (_SETUP): 1 KiB.
_WINDOW_BITS = 10
_HASH_SECONDS = 120.0

_SETUP = """
import hashlib, os
from binascii import a2b_base64
try:
    from deflate import DeflateIO, RAW
    from io import BytesIO
    def _unpack(data): return DeflateIO(BytesIO(data), RAW, 10).read()
except ImportError: _unpack = None
def _hash(path):
    try: f = open(path, "rb")
    except OSError: return "-"
    h = hashlib.sha256()
    b = bytearray(512)
    v = memoryview(b)
    while True:
        n = f.readinto(b)
        if not n: break
        h.update(v[:n])
    f.close()
    return "".join("%02x" % x for x in h.digest())
def _list(path):
    try: return os.listdir(path)
    except OSError: return []
def _make(path):
    try: os.mkdir(path)
    except OSError as e:
        if e.errno != 17: raise
"""


def digest(data: bytes) -> str:
    """What ``hashes`` gives for a file of this content."""
    return hashlib.sha256(data).hexdigest()


class Files:
    """The filesystem of the board at ``repl``. ``packs``: whether it takes data compressed.

    A path without a leading / is below the directory where the port starts, its filesystem's root: / or /flash.
    Raises BoardError, Failed for what the board refuses.
    """

    def __init__(self, repl: Repl) -> None:
        self._repl = repl
        # The line is what takes most of the time; a board that can unpack gets less over it.
        self.packs = repl(_SETUP + "print(_unpack is not None)") == "True"

    def hashes(self, paths: Iterable[str]) -> dict[str, str]:
        """SHA-256 of files in hexadecimal digits; ``-`` for one that is not there."""
        wanted = list(paths)
        said = self._repl(f"for p in {wanted!r}: print(_hash(p))", timeout=_HASH_SECONDS).split()
        if len(said) != len(wanted):
            raise BoardError(f"the board gave {len(said)} hashes for {len(wanted)} files")
        return dict(zip(wanted, said, strict=True))

    def names(self, directory: str) -> list[str]:
        """Names in a directory; none if there is no directory."""
        return [name for name in self._repl(f"for n in _list({directory!r}): print(n)").split("\n") if name]

    def make_directory(self, path: str) -> None:
        """Make a directory if it is not there."""
        self._repl(f"_make({path!r})")

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._repl(f"os.remove({path!r})")

    def remove_directory(self, path: str) -> None:
        """Delete a directory unless something is in it."""
        if not self.names(path):
            self._repl(f"os.rmdir({path!r})")

    def room(self) -> tuple[int, int]:
        """Size of a block and number of free ones."""
        size, free = self._repl("s = os.statvfs(os.getcwd()); print(s[0], s[3])").split()
        return int(size), int(free)

    def write(self, path: str, data: bytes, progress: Callable[[int], None] = lambda _: None) -> None:
        """Replace a file: a new one beside it, read back, renamed over it. ``progress``: bytes that went."""
        new = path + ".new"
        self._repl(f"f = open({new!r}, 'wb')")
        for start in range(0, len(data), _CHUNK):
            chunk = data[start : start + _CHUNK]
            text = base64.b64encode(_packed(chunk) if self.packs else chunk).decode()
            self._repl(f"f.write({'_unpack' if self.packs else ''}(a2b_base64({text!r})))")
            progress(len(chunk))
        self._repl("f.close()")
        if self.hashes([new])[new] != digest(data):
            raise BoardError(f"{path} reads back as something else than was written")
        self._repl(f"os.rename({new!r}, {path!r})")


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -_WINDOW_BITS)
    return packer.compress(data) + packer.flush()
