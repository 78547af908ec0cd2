"""First code after each reset: mounts the flash's littlefs at /.

A blank flash, as it comes from the factory, is formatted. A flash that holds something unreadable is left as it is and
reported: to format it would destroy the device's identity, which it cannot get again.
"""

import board
import vfs
from micropython import const

# littlefs programs and reads in these units; small ones, because records are small. A file of up to four of them lies in
# its directory, any longer one takes a block of its own, which few and large blocks are too dear for.
_UNIT = const(32)
_UNIT_OF_LARGE_BLOCKS = const(128)
_LARGE_BLOCK = const(8192)
# Its superblock is in blocks 0 and 1; files longer than a few units lie behind. Nothing there: the flash is new, or its
# first formatting was cut short, and no identity was ever written.
_FIRST = const(2)

_BLOCK_COUNT = const(4)
_BLOCK_SIZE = const(5)


def _is_blank(flash):
    blank = b"\xff" * 256
    chunk = bytearray(256)
    for block in range(_FIRST, flash.ioctl(_BLOCK_COUNT, 0)):
        for offset in range(0, flash.ioctl(_BLOCK_SIZE, 0), 256):
            flash.readblocks(block, chunk, offset)
            if chunk != blank:
                return False
    return True


def _mount(flash, unit):
    vfs.mount(vfs.VfsLfs2(flash, readsize=unit, progsize=unit, lookahead=unit, mtime=False), "/")


def _start():
    flash = board.Flash()
    unit = _UNIT if flash.ioctl(_BLOCK_SIZE, 0) < _LARGE_BLOCK else _UNIT_OF_LARGE_BLOCKS
    try:
        _mount(flash, unit)
    except OSError as error:
        if not _is_blank(flash):
            print("0 stopped the flash holds no readable filesystem: %s" % error)
            return
        vfs.VfsLfs2.mkfs(flash, readsize=unit, progsize=unit, lookahead=unit)
        _mount(flash, unit)


_start()
