"""The module ``board`` of our MicroPython port (boards/common/modboard.c)."""

CONSOLE: bool  # somebody may type: the image has a compiler, ctrl-C interrupts
RELEASE: bool  # the frozen package is that of a release: only what a device calls is in it (mpconfig/slim.py)

# On chips whose ``machine.unique_id()`` is an EUI-64 that their maker assigned.
EUI64: bool

def fault() -> tuple[int, int, int, int, int, int] | None:
    """Of the fault that ended the last run: exception number, pc, lr, CFSR, HFSR, BFAR; None if it ended otherwise."""

# On boards that have a place for it (BOARD_HAS_KEY).

def key_read(buf: bytearray | memoryview, /) -> bool:
    """Fill 32 bytes with the device's private key; False if there is none. A fault once it is locked."""

def key_write(key: bytes | bytearray | memoryview, /) -> None:
    """Keep 32 bytes as the device's private key, in place of a former one. OSError(EIO): the flash failed."""

def key_lock() -> None:
    """Let nobody read or write the key until the next reset."""

class Flash:
    """The store's flash, a block device as ``vfs`` wants it; every ``Flash()`` is the same object.

    Offsets may reach over the block's end, never over the flash's: OSError(EINVAL). Writing clears bits only, and is
    done when it returns. Each method returns 0, or ``-EIO`` when the medium fails.
    """

    def readblocks(self, block: int, buf: bytearray | memoryview, offset: int = 0, /) -> int: ...
    def writeblocks(self, block: int, buf: bytes | bytearray | memoryview, offset: int, /) -> int: ...
    def ioctl(self, request: int, argument: int, /) -> int | None: ...
