"""The device's private key on a page of its own beside the store (docs/decisions/0010-device-key.md).

Provisioning writes the whole record ``factory`` to the store. The first start after it moves the key from there to its
page and wears out what is left of it in the store's flash. From then on the key is read once at each start; a release
then locks the page until the next reset.
"""

import board
from microbrew.crypto import wipe
from microbrew.errors import StoreError
from microbrew.identity.store import Store
from micropython import const

_FACTORY = "factory"
# While it is there the store has not been cleaned yet. A factory reset leaves it.
_SCRATCH = "factory-wear"
_CERTIFICATE = const(3)
_PRIVATE_KEY = const(4)
_KEY = const(32)
_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)
# Several times round the store's 64 blocks.
_ROUNDS = const(300)
# Beyond what littlefs keeps in a directory: each such record erases another block.
_SCRATCH_LEN = const(300)


class GuardedStore(Store):
    """A Store whose record ``factory`` has its private key from the page, for as long as ``key`` is there."""

    def __init__(self, path):
        super().__init__(path)
        self.key = None

    def read(self, name):
        record = super().read(name)
        if name == _FACTORY and self.key is not None and isinstance(record, dict) and _CERTIFICATE in record:
            record[_PRIVATE_KEY] = bytes(self.key)
        return record

    def forget(self):
        """Keep no copy of the key, once everybody has read it."""
        if self.key is not None:
            wipe(self.key)
        self.key = None


def _where(key):
    """Number of a block of the store's flash in which the key can be read, or -1."""
    flash = board.Flash()
    size = flash.ioctl(_BLOCK_SIZE, 0)
    chunk = bytearray(size + _KEY)
    blocks = flash.ioctl(_BLOCK_COUNT, 0)
    for block in range(blocks):
        # With the beginning of the next one, over whose edge it might lie.
        end = size if block == blocks - 1 else size + _KEY
        flash.readblocks(block, memoryview(chunk)[:end], 0)
        if chunk.find(key, 0, end) >= 0:
            return block
    return -1


def _wear_out(store, key):
    """Write to the store until no old copy of the key is left in its flash."""
    for round in range(_ROUNDS):
        if _where(key) < 0:
            break
        store.write(_SCRATCH, bytes((round & 0xFF,)) * _SCRATCH_LEN)
    store.erase(_SCRATCH)
    if _where(key) >= 0:
        raise StoreError("old copies of the private key cannot be removed")


def _move(store, record):
    key = record[_PRIVATE_KEY]
    if not isinstance(key, bytes) or len(key) != _KEY:
        # For Identity to complain about.
        return
    held = bytearray(_KEY)
    if not board.key_read(held) or held != key:
        board.key_write(key)
    wipe(held)
    # A power cut up to here finds the key in both places, and does this again; after that it goes on cleaning.
    store.write(_SCRATCH, b"")
    del record[_PRIVATE_KEY]
    store.write(_FACTORY, record)


def open_store(path):
    """The store at ``path``, with the key guarded. Raises StoreError."""
    store = GuardedStore(path)
    record = store.read(_FACTORY)
    if isinstance(record, dict) and _PRIVATE_KEY in record:
        _move(store, record)
    key = bytearray(_KEY)
    if board.key_read(key):
        if store.read(_SCRATCH) is not None:
            _wear_out(store, key)
        store.key = key
    if board.RELEASE:
        board.key_lock()
    return store
