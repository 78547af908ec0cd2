"""Runs one device (anything with ``step(now)``) in the virtual-time loop: at its deadlines and at each frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from microbrew_host.simulator.air import AirRadio
from microbrew_host.simulator.flash import PowerCut
from microbrew_host.simulator.virtual_time import VirtualTimeLoop


class Steps(Protocol):
    """What the firmware's Node and the border router have in common."""

    def step(self, now: int) -> int | None:
        """Do what is due; the next deadline in ms."""


class Runner:
    """Steps ``device`` until it is stopped. A step that raises PowerCut is the last; ``on_power_cut`` is told."""

    def __init__(
        self,
        loop: VirtualTimeLoop,
        device: Steps,
        radio: AirRadio,
        on_power_cut: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._device = device
        self._on_power_cut = on_power_cut
        self._handle: asyncio.TimerHandle | None = None
        self._is_running = True
        self._radio = radio
        radio.on_receive = self.wake
        self.wake()

    def wake(self) -> None:
        """Step soon."""
        if self._is_running:
            self._schedule(self._loop.now_ms)

    def stop(self) -> None:
        """Power off: no step after this."""
        self._is_running = False
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._radio.on_receive = lambda: None

    def _schedule(self, deadline: int) -> None:
        when = deadline / 1000
        if self._handle is not None:
            if self._handle.when() <= when:
                return
            self._handle.cancel()
        self._handle = self._loop.call_at(when, self._step)

    def _step(self) -> None:
        self._handle = None
        try:
            deadline = self._device.step(self._loop.now_ms)
        except PowerCut:
            self._on_power_cut()
            return
        if deadline is not None and self._is_running:
            self._schedule(deadline)
