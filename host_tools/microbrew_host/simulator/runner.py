"""Runs one device (anything with ``step(now)``) in the virtual-time loop: at its deadlines and at each frame."""

from __future__ import annotations

import asyncio
from typing import Protocol

from microbrew_host.simulator.air import AirRadio
from microbrew_host.simulator.virtual_time import VirtualTimeLoop


class Steps(Protocol):
    """What the firmware's Node and the border router's mesh side have in common."""

    def step(self, now: int) -> int | None:
        """Do what is due; the next deadline in ms."""


class Runner:
    """Steps ``device`` until it is stopped."""

    def __init__(self, loop: VirtualTimeLoop, device: Steps, radio: AirRadio) -> None:
        self._loop = loop
        self._device = device
        self._handle: asyncio.Handle | None = None
        self._radio = radio
        radio.on_receive = self.wake
        self.wake()

    def wake(self) -> None:
        """Step soon."""
        self._schedule(self._loop.now_ms)

    def stop(self) -> None:
        """Power off: no step after this."""
        if self._handle is not None:
            self._handle.cancel()
        self._radio.on_receive = lambda: None
        self._handle = None

    def _schedule(self, deadline: int) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(deadline / 1000, self._step)

    def _step(self) -> None:
        self._handle = None
        deadline = self._device.step(self._loop.now_ms)
        # A frame that the step itself caused to be delivered has scheduled the next one already.
        if deadline is not None and self._handle is None:
            self._schedule(deadline)
