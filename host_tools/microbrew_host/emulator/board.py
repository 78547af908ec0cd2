"""An image that runs in this process beside wall time, with consoles and an air."""

from __future__ import annotations

import random
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from microbrew_host.emulator.air import LocalAir
from microbrew_host.emulator.cc2652.chip import Cc2652
from microbrew_host.emulator.cc2652.ether import EtherStation
from microbrew_host.emulator.console import Console
from microbrew_host.emulator.cortexm import CortexM
from microbrew_host.emulator.elf import segments
from microbrew_host.emulator.nrf52840 import Flash, Nrf52840
from microbrew_host.emulator.nrf52840.flash import SIZE
from microbrew_host.emulator.nrf52840.information import Ficr
from microbrew_host.emulator.pacing import Pace
from microbrew_host.emulator.zep_air import ZepAir

# Virtual time between two looks at consoles and air while the processor is busy.
_SLICE_S = 0.001
_SLICE_ALONE_S = 0.01
# A sleep as short as this is not waited for where nobody else has a part in the board's time: two bytes of the console.
_NAP_S = 0.0002
_LONGEST_WAIT_S = 1.0
# What a probe takes from its host before the board has had it; further bytes stay with who writes them.
_PROBE_BYTES = 512


class NotForThisChip(ValueError):
    """The image has code where the chip has no flash."""


def program(flash: Flash, image: Path) -> None:
    """Put an image into flash, as a debugger does: what else is there stays. Raises NotAnImage, NotForThisChip."""
    for address, data in segments(image):
        if address + len(data) > SIZE:
            raise NotForThisChip(f"{image} has {len(data)} bytes at {address:#x}, beyond the flash")
        if flash.read(address, len(data)) != data:
            flash.load(address, data)


class Chip(Protocol):
    """What runs."""

    core: CortexM

    @property
    def uarts(self) -> Sequence[Any]:
        """Its serial ports, the console's first: each has ``on_byte`` to set, ``feed(data)`` and ``waiting``."""


class Board:
    """``air``: None for a radio that nobody hears. ``consoles``: the other ends of UART 0, UART 1.

    In an air the board keeps pace with wall time, which is the others' time. Without one it is ahead as far as it gets
    while it has something to do; only its sleep takes as long as wall time.
    """

    def __init__(self, chip: Chip, air: ZepAir | None, consoles: list[Console]) -> None:
        self.chip = chip
        self._air = air
        self._consoles = consoles
        self._pace = Pace(chip.core.hz)
        self._stopped = False
        for console, uart in zip(consoles, chip.uarts, strict=False):
            uart.on_byte = console.put

    def stop(self) -> None:
        """End ``run``, also from a signal handler."""
        self._stopped = True
        self.chip.core.stop()

    def run(self) -> None:
        """Go on until ``stop``. Raises PowerCut, Misuse, Lockup."""
        core = self.chip.core
        piece = core.cycles(_SLICE_ALONE_S if self._air is None else _SLICE_S)
        nap = core.cycles(_NAP_S)
        core.power_on()
        while not self._stopped:
            self._sleep_until_now()
            if self._hurries():
                core.run(core.now + piece, nap)
                self._pace.meet(core.now)
            else:
                allowed = self._pace.allowed(core.now)
                if allowed > core.now:
                    core.run(min(allowed, core.now + piece))
            self._exchange(self._rest())

    def _hurries(self) -> bool:
        core = self.chip.core
        if self._air is not None:
            return False
        return not core.sleeping or core.schedule.next_time() - core.now <= core.cycles(_NAP_S)

    def _sleep_until_now(self) -> None:
        # Time slept is no lag.
        core = self.chip.core
        if core.sleeping:
            until = min(self._pace.reached(), core.schedule.next_time())
            if until > core.now:
                core.run(until)

    def _rest(self) -> float:
        core = self.chip.core
        if self._hurries():
            return 0.0
        if not core.sleeping:
            return min(self._pace.seconds_until(core.now), _SLICE_S)
        return min(self._pace.seconds_until(core.schedule.next_time()), _LONGEST_WAIT_S)

    def _exchange(self, seconds: float) -> None:
        lines = [
            (console, uart)
            for console, uart in zip(self._consoles, self.chip.uarts, strict=False)
            if uart.waiting < _PROBE_BYTES
        ]
        inputs: list[int] = [descriptor for console, _ in lines for descriptor in console.inputs()]
        if self._air is not None:
            inputs.append(self._air.fileno())
        for console in self._consoles:
            console.flush()
        ready = select.select(inputs, [], [], seconds)[0]
        # What has come comes now, not when the processor fell asleep.
        self._sleep_until_now()
        for console, uart in lines:
            if any(descriptor in ready for descriptor in console.inputs()):
                data = console.take()
                if data:
                    uart.feed(data)
        if self._air is not None:
            # Also without news: its node has to greet the ether now and then.
            self._air.poll()


def nrf52840(
    image: Path,
    *,
    consoles: list[Console],
    flash: Path | None = None,
    cut: int | None = None,
    seed: int | None = None,
    identity: int = 0,
    ether: tuple[str, int] | None = None,
    eui64: bytes | None = None,
) -> Board:
    """A board as commands.py describes it. Raises ValueError with a sentence, OSError."""
    memory = Flash(flash, cut)
    program(memory, image)
    if ether is None:
        return Board(Nrf52840(LocalAir(), memory, identity, seed), None, consoles)
    air = ZepAir(*ether, eui64 or own_eui64(identity))
    return Board(Nrf52840(air, memory, identity, seed), air, consoles)


def cc2652(
    image: Path,
    *,
    consoles: list[Console],
    flash: Path | None = None,
    cut: int | None = None,
    seed: int | None = None,
    identity: int = 0,
    ether: tuple[str, int] | None = None,
    eui64: bytes | None = None,
) -> Board:
    """As ``nrf52840``, of the other chip."""
    # TI's range of addresses.
    own = bytes.fromhex("00124b") + identity.to_bytes(5, "big")
    chip = Cc2652(image, eui64=own, flash_file=flash)
    chip.flash.cut = cut or 0
    if seed is not None:
        chip.trng.source = random.Random(seed).randbytes  # noqa: S311 - meant to repeat
    if ether is None:
        return Board(chip, None, consoles)
    air = ZepAir(*ether, eui64 or own)
    EtherStation(chip.rf, air)
    return Board(chip, air, consoles)


CHIPS = {"cc2652": cc2652, "nrf52840": nrf52840}


def own_eui64(identity: int) -> bytes:
    """What a chip of that identity calls itself (boards/nrf52840dk: the DEVICEID, made local)."""
    low, high = Ficr(identity).device_id[:4], Ficr(identity).device_id[4:]
    found = bytearray(high[::-1] + low[::-1])
    found[0] = found[0] & 0xFC | 2
    return bytes(found)
