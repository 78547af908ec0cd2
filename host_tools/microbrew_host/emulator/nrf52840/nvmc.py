"""NVMC: programming and erasing flash, and what the processor waits for meanwhile.

While the flash is busy the processor stands still as soon as it fetches an instruction from flash; code in RAM goes on.
"""

from __future__ import annotations

from unicorn import UC_PROT_EXEC, UC_PROT_NONE, UC_PROT_READ

from microbrew_host.emulator.nrf52840.flash import PAGE, SIZE, Flash
from microbrew_host.emulator.peripheral import Peripheral
from microbrew_host.emulator.schedule import Event

WRITE_US = 41
ERASE_PAGE_US = 85_000
ERASE_ALL_US = 169_000
_NO_WRITE, _NO_READ = 2, 4
_REGIONS = 8
UICR = 0x10001000


class Acl(Peripheral):
    """0x4001E800: pages that cannot be written or read until the next reset."""

    def __init__(self) -> None:
        super().__init__(0x4001E800, 0x800)
        self._regions = [[0, 0, 0] for _ in range(_REGIONS)]

    def reset(self) -> None:
        self._regions = [[0, 0, 0] for _ in range(_REGIONS)]
        self.core.uc.mem_protect(0, SIZE, UC_PROT_READ | UC_PROT_EXEC)

    def protects(self, address: int) -> bool:
        """Whether the page there can be neither written nor erased."""
        return any(
            permission & _NO_WRITE and start <= address < start + size for start, size, permission in self._regions
        )

    def read(self, offset: int) -> int:
        field = offset % 16 // 4
        return self._regions[offset // 16][field] if offset < 16 * _REGIONS and field < 3 else 0

    def write(self, offset: int, value: int) -> None:
        field = offset % 16 // 4
        if offset >= 16 * _REGIONS or field > 2:
            return
        region = self._regions[offset // 16]
        if region[field]:
            return  # can be set once
        region[field] = value
        start, size, permission = region
        if size and permission & _NO_READ:
            self.core.uc.mem_protect(start & ~(PAGE - 1), size, UC_PROT_NONE)


class Nvmc(Peripheral):
    """0x4001E000."""

    def __init__(self, flash: Flash, acl: Acl) -> None:
        super().__init__(0x4001E000, 0x800)
        self._flash = flash
        self._acl = acl
        self._mode = 0
        self._slice_ms = 10
        self._cache = 0
        self._erased_us: dict[int, int] = {}
        self._busy: Event | None = None
        self.uicr = bytearray(b"\xff" * PAGE)

    def attached(self) -> None:
        self.core.add_memory(0, SIZE, writable=False, pointer=self._flash.pointer)
        self.core.add_memory(UICR, PAGE, writable=False)
        self.core.uc.mem_write(UICR, bytes(self.uicr))
        self.core.on_protected_write = self._write_flash

    def reset(self) -> None:
        self._mode = 0
        self._slice_ms = 10
        self._cache = 0
        self._busy = None
        self.core.busy_code(0, 0)

    def _occupy(self, us: int) -> None:
        until = max(self.core.now, self._busy.time if self._busy else 0) + self.core.cycles(us / 1e6)
        if self._busy:
            self._busy.cancel()
        self._busy = self.core.at(until, self._free)
        self.core.busy_code(SIZE, until)

    def _free(self) -> None:
        self._busy = None

    def _write_flash(self, address: int, size: int, value: int) -> bool:
        if self._mode != 1 or size != 4 or address & 3:
            return False
        if address < SIZE:
            if self._acl.protects(address):
                return False
            self._flash.program(address, value)
        elif UICR <= address < UICR + PAGE:
            old = int.from_bytes(self.core.uc.mem_read(address, 4), "little")
            self.core.uc.mem_write(address, (old & value).to_bytes(4, "little"))
        else:
            return False
        self._occupy(WRITE_US)
        return True

    def _erase(self, address: int, us: int) -> None:
        if self._mode != 2 or self._acl.protects(address) or address >= SIZE:
            return
        page = address & ~(PAGE - 1)
        done = self._erased_us.get(page, 0) + us
        self._flash.erase(page, done / ERASE_PAGE_US)
        self._erased_us[page] = done if done < ERASE_PAGE_US else 0
        self._changed(page, PAGE)
        self._occupy(us)

    def _changed(self, start: int, size: int) -> None:
        self.core.uc.ctl_remove_cache(start, start + size)

    def _erase_all(self) -> None:
        if self._mode == 2 and not any(self._acl.protects(page) for page in range(0, SIZE, PAGE)):
            for page in range(0, SIZE, PAGE):
                self._flash.erase(page)
            self._changed(0, SIZE)
            self._erase_uicr()
            self._occupy(ERASE_ALL_US)

    def _erase_uicr(self) -> None:
        if self._mode == 2:
            self.core.uc.mem_write(UICR, b"\xff" * PAGE)
            self._occupy(ERASE_PAGE_US)

    def read(self, offset: int) -> int:
        match offset:
            case 0x400 | 0x408:
                return int(self._busy is None)
            case 0x504:
                return self._mode
            case 0x51C:
                return self._slice_ms
            case 0x540:
                return self._cache
        return 0

    def write(self, offset: int, value: int) -> None:
        match offset:
            case 0x504:
                self._mode = value & 3
            case 0x508 | 0x510:
                self._erase(value, ERASE_PAGE_US)
            case 0x50C if value & 1:
                self._erase_all()
            case 0x514 if value & 1:
                self._erase_uicr()
            case 0x518:
                self._erase(value, self._slice_ms * 1000)
            case 0x51C:
                self._slice_ms = value & 0x7F
            case 0x540:
                self._cache = value
