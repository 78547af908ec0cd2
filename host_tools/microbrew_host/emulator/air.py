"""The medium: what radios send and what they hear of each other.

Times are in nanoseconds of one clock that all radios of a medium share. A transmission is announced when its first bit
is about to leave; every other radio on its channel then knows when it begins and ends and how strong it arrives, and
decides by itself whether it was receiving from the preamble on, whether something else collided, and whether its CCA
sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

BYTE_NS = 32_000
# Preamble of four bytes, SFD, PHR.
SHR_NS = 5 * BYTE_NS
HEADER_NS = 6 * BYTE_NS
NOISE_FLOOR_DBM = -100.0


@dataclass(frozen=True, eq=False)
class Transmission:
    """``psdu`` with its FCS; ``channel`` 11 to 26; ``start``: of the first bit of the preamble, in ns."""

    start: int
    channel: int
    psdu: bytes
    power: float
    # A burst of a jammer is energy and no frame.
    is_frame: bool = True
    duration: int | None = None

    @property
    def end(self) -> int:
        """When the last bit has left."""
        return self.start + (HEADER_NS + len(self.psdu) * BYTE_NS if self.duration is None else self.duration)


class Receiver(Protocol):
    """A radio as the medium sees it."""

    def on_air(self, transmission: Transmission, level: float) -> None:
        """A transmission of somebody else begins, ``level`` dBm at this antenna."""


class Air(Protocol):
    """A medium as a radio sees it."""

    def attach(self, receiver: Receiver) -> None:
        """A radio is here."""

    def transmit(self, sender: Receiver, transmission: Transmission) -> None:
        """It begins to send."""

    def finished(self, sender: Receiver, transmission: Transmission) -> None:
        """Its last bit has left."""


class LocalAir:
    """Radios of one process. ``loss``: dB from any to any other; ``link`` sets it for a pair, None for out of reach."""

    def __init__(self, loss: float = 60.0) -> None:
        self._loss = loss
        self._receivers: list[Receiver] = []
        self._links: dict[tuple[int, int], float | None] = {}
        # Everything that was ever sent, for tests.
        self.log: list[Transmission] = []
        # Called when something is on the air that was not.
        self.on_transmit: Callable[[], None] | None = None

    def attach(self, receiver: Receiver) -> None:
        """A radio is here."""
        self._receivers.append(receiver)

    def link(self, a: Receiver, b: Receiver, loss: float | None) -> None:
        """Set the loss between two, both ways."""
        self._links[id(a), id(b)] = self._links[id(b), id(a)] = loss

    def transmit(self, sender: Receiver | None, transmission: Transmission) -> None:
        """``sender`` None: from somewhere that is no radio here, a test's own frame or noise."""
        self.log.append(transmission)
        for receiver in self._receivers:
            if receiver is not sender:
                loss = self._links.get((id(sender), id(receiver)), self._loss)
                if loss is not None:
                    receiver.on_air(transmission, transmission.power - loss)
        if self.on_transmit is not None:
            self.on_transmit()

    def finished(self, sender: Receiver, transmission: Transmission) -> None:
        """Its last bit has left."""
