"""PPI: events trigger tasks without the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microbrew_host.emulator.nrf52840.block import Block

if TYPE_CHECKING:
    from microbrew_host.emulator.peripheral import Peripheral

_CHANNELS = 20
_GROUPS = 6
_RADIO, _TIMER0, _RTC0, _AAR, _ECB, _CCM = 0x40001000, 0x40008000, 0x4000B000, 0x4000F000, 0x4000E000, 0x4000F000
# Channels 20 to 31: event, task.
FIXED = (
    (_TIMER0 + 0x140, _RADIO + 0x000),
    (_TIMER0 + 0x140, _RADIO + 0x004),
    (_TIMER0 + 0x144, _RADIO + 0x010),
    (_RADIO + 0x128, _AAR + 0x000),
    (_RADIO + 0x100, _CCM + 0x000),
    (_RADIO + 0x104, _CCM + 0x004),
    (_RADIO + 0x104, _TIMER0 + 0x044),
    (_RADIO + 0x10C, _TIMER0 + 0x048),
    (_RTC0 + 0x140, _RADIO + 0x000),
    (_RTC0 + 0x140, _RADIO + 0x004),
    (_RTC0 + 0x140, _TIMER0 + 0x00C),
    (_RTC0 + 0x140, _TIMER0 + 0x000),
)


class Ppi(Block):
    """0x4001F000. A task follows its event in the same cycle; on the chip it takes up to one of 16 MHz."""

    def __init__(self) -> None:
        super().__init__(0x4001F000)
        self._blocks: dict[int, Block] = {}
        for group in range(_GROUPS):
            self.tasks[8 * group] = lambda group=group: self._group(group, True)  # type: ignore[misc]
            self.tasks[8 * group + 4] = lambda group=group: self._group(group, False)  # type: ignore[misc]
        self._clear()

    def _clear(self) -> None:
        self._enabled = 0
        self._event = [0] * _CHANNELS + [event for event, _ in FIXED]
        self._task = [0] * _CHANNELS + [task for _, task in FIXED]
        self._fork = [0] * 32
        self._groups = [0] * _GROUPS
        self._active: dict[int, list[int]] = {}

    def reset(self) -> None:
        self._clear()

    def connect(self, peripherals: list[Peripheral]) -> None:
        """Learn whose tasks can be triggered."""
        self._blocks = {block.base: block for block in peripherals if isinstance(block, Block)}

    def happened(self, event: int) -> None:
        """Trigger what the event at this address is connected to."""
        for channel in self._active.get(event, ()):
            for task in (self._task[channel], self._fork[channel]):
                block = self._blocks.get(task & ~0xFFF)
                if block is not None:
                    block.task(task & 0xFFF)

    def _group(self, group: int, enable: bool) -> None:
        members = self._groups[group]
        self._enabled = self._enabled | members if enable else self._enabled & ~members
        self._connect()

    def _connect(self) -> None:
        self._active = {}
        for channel in range(32):
            if self._enabled >> channel & 1 and self._event[channel]:
                self._active.setdefault(self._event[channel], []).append(channel)

    def get(self, offset: int) -> int:
        if offset in (0x500, 0x504, 0x508):
            return self._enabled
        if 0x510 <= offset < 0x510 + 8 * _CHANNELS:
            return (self._task if offset & 4 else self._event)[(offset - 0x510) // 8]
        if 0x800 <= offset < 0x800 + 4 * _GROUPS:
            return self._groups[(offset - 0x800) // 4]
        if 0x910 <= offset < 0x990:
            return self._fork[(offset - 0x910) // 4]
        return 0

    def put(self, offset: int, value: int) -> None:
        if offset == 0x500:
            self._enabled = value
        elif offset == 0x504:
            self._enabled |= value
        elif offset == 0x508:
            self._enabled &= ~value
        elif 0x510 <= offset < 0x510 + 8 * _CHANNELS:
            (self._task if offset & 4 else self._event)[(offset - 0x510) // 8] = value
        elif 0x800 <= offset < 0x800 + 4 * _GROUPS:
            self._groups[(offset - 0x800) // 4] = value
        elif 0x910 <= offset < 0x990:
            self._fork[(offset - 0x910) // 4] = value
        self._connect()
