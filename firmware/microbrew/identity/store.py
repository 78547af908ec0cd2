"""The device's records on its filesystem; the only file of the firmware that touches one.

A record is a file: a version byte, eight bytes of SHA-256 over version, name and content, the content as
CBOR. A write goes to NAME.new, is flushed, and is renamed over NAME, which littlefs and POSIX do
atomically: after a power cut a record reads as it was before or as it is after, and never as anything else.
Left out: wear levelling, which is the filesystem's, and encryption: who reads the flash of a device owns
its keys.
"""

import hashlib
import os

from microbrew import cbor
from microbrew.compat import const
from microbrew.crypto import equal
from microbrew.errors import DecodeError, StoreError

# What a device has joined (join/membership.py).
NETWORK = "network"
MAX_RECORD = 4096
MAX_RECORDS = 24

_VERSION = const(1)
_CHECKSUM = const(8)
_MAX_NAME = const(24)
_ENOENT = const(2)
_EEXIST = const(17)
_PSK = const(6)
# os.SEEK_END, which MicroPython's os does not name.
_END = const(2)


class Files:
    """The operations on files that a store needs, over ``os``; a test gives others."""

    def open(self, path, mode):
        """A binary file."""
        return open(path, mode)

    # Over what is there.
    rename = staticmethod(os.rename)
    remove = staticmethod(os.remove)
    listdir = staticmethod(os.listdir)
    mkdir = staticmethod(os.mkdir)

    def sync(self, file):
        """Content of an open file to the medium."""
        file.flush()
        if hasattr(os, "fsync"):
            os.fsync(file.fileno())

    def sync_directory(self, path):
        """Names of a directory to the medium, where the system has it apart from the files."""
        if hasattr(os, "fsync"):
            directory = os.open(path, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)


def _is_name(name):
    if not 0 < len(name) <= _MAX_NAME:
        return False
    for char in name:
        if not ("a" <= char <= "z" or "0" <= char <= "9" or char == "-"):
            return False
    return True


def _checksum(name, content):
    return hashlib.sha256(bytes((_VERSION,)) + name.encode() + b"\x00" + content).digest()[:_CHECKSUM]


class Store:
    """Records in the directory ``path``, made if it is not there. A failing medium is a StoreError.

    Names are 1 to 24 characters of ``a-z0-9-``; anything else is a ValueError.
    """

    __slots__ = ("_files", "_path")

    def __init__(self, path, files=None):
        self._path = path
        self._files = Files() if files is None else files
        try:
            self._files.mkdir(path)
        except OSError as error:
            if error.errno != _EEXIST:
                raise StoreError("store cannot be made: %s" % error) from None
        for name in self._list():
            if name.endswith(".new") and _is_name(name[:-4]):
                self._remove(name)

    def names(self):
        """Names of the records, sorted."""
        return sorted([name for name in self._list() if _is_name(name)])

    def read(self, name):
        """Content of a record, or ``None`` if there is none. Raises StoreError for a damaged one."""
        self._check(name)
        try:
            file = self._files.open(self._file(name), "rb")
        except OSError as error:
            if error.errno == _ENOENT:
                return None
            raise StoreError("record %s cannot be read: %s" % (name, error)) from None
        try:
            # MicroPython takes as much memory as is asked for, however little there is to read.
            size = file.seek(0, _END)
            file.seek(0)
            data = file.read(min(size, MAX_RECORD + 1))
        except OSError as error:
            raise StoreError("record %s cannot be read: %s" % (name, error)) from None
        finally:
            file.close()
        content = data[1 + _CHECKSUM :]
        if (
            not content
            or len(data) > MAX_RECORD
            or data[0] != _VERSION
            or not equal(data[1 : 1 + _CHECKSUM], _checksum(name, content))
        ):
            raise StoreError("record %s is damaged" % name)
        try:
            return cbor.decode(content)
        except DecodeError:
            raise StoreError("record %s is damaged" % name) from None

    def write(self, name, value):
        """Replace a record; on return it is on the medium. Raises StoreError, the old record being intact.

        ``value`` is anything that cbor.py encodes, up to about 4 KiB.
        """
        self._check(name)
        content = cbor.encode(value)
        if len(content) + 1 + _CHECKSUM > MAX_RECORD:
            raise StoreError("record %s is too large" % name)
        names = self.names()
        if name not in names and len(names) >= MAX_RECORDS:
            raise StoreError("store is full")
        new = self._file(name) + ".new"
        try:
            file = self._files.open(new, "wb")
            try:
                file.write(bytes((_VERSION,)) + _checksum(name, content) + content)
                self._files.sync(file)
            finally:
                file.close()
            self._files.rename(new, self._file(name))
            self._files.sync_directory(self._path)
        except OSError as error:
            raise StoreError("record %s cannot be written: %s" % (name, error)) from None

    def erase(self, name):
        """Remove a record; nothing happens if there is none. Raises StoreError."""
        self._check(name)
        self._remove(name)

    def factory_reset(self):
        """Forget every network, keep what the factory wrote (``factory*``). Raises StoreError; can be repeated.

        Counters (``seq-*``) stay: rejoining a network yields the same link keys for the same EUI-64, and a
        number kept too long costs nothing, one used twice under a key costs the key. Replay windows
        (``replay-*``) stay if the device has a one-touch PSK, for its keys stay the same too, and go last
        otherwise. The ``network`` record goes first: a power cut after that leaves a device that has not
        joined.
        """
        try:
            factory = self.read("factory")
            one_touch = factory is None or _PSK in factory
        except (StoreError, TypeError):
            one_touch = True
        order = [NETWORK]
        late = []
        for name in self.names():
            if name.startswith("replay-"):
                if not one_touch:
                    late.append(name)
            elif name != NETWORK and not name.startswith("factory") and not name.startswith("seq-"):
                order.append(name)
        for name in order + late:
            self._remove(name)

    def _remove(self, name):
        try:
            self._files.remove(self._file(name))
            self._files.sync_directory(self._path)
        except OSError as error:
            if error.errno != _ENOENT:
                raise StoreError("%s cannot be erased: %s" % (name, error)) from None

    def _list(self):
        try:
            return self._files.listdir(self._path)
        except OSError as error:
            raise StoreError("store cannot be listed: %s" % error) from None

    def _file(self, name):
        return self._path + "/" + name

    def _check(self, name):
        if not _is_name(name):
            raise ValueError("not a record name: " + name)
