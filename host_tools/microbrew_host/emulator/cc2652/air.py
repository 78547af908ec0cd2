"""The channel between an emulated radio and stations that a test scripts, in the processor's virtual time.

IEEE 802.15.4 at 2.4 GHz: 32 us a byte, 6 bytes before the frame, two of FCS behind it. Frames that overlap on a channel
destroy each other. Every station hears every other one, each at its own strength.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from microbrew_host.emulator.cortexm import CortexM

BYTE_SECONDS = 32e-6
HEADER_BYTES = 6
FCS_BYTES = 2
TURNAROUND_SECONDS = 192e-6


@dataclass
class Transmission:
    """A frame on the air, without its FCS; times in cycles. ``intact``: its FCS will hold."""

    sender: Listener
    channel: int
    frame: bytes
    start: int
    end: int
    rssi: int
    intact: bool = True
    listeners: list[Listener] = field(default_factory=list)

    def delimiter(self, core: CortexM) -> int:
        """When the start-of-frame delimiter ended."""
        return self.start + core.cycles((HEADER_BYTES - 1) * BYTE_SECONDS)


class Listener(Protocol):
    """Who may hear a frame."""

    def listens(self, channel: int) -> bool:
        """Whether it would receive a frame that begins now."""
        ...

    def heard(self, transmission: Transmission) -> None:
        """A frame that it listened to from the beginning has ended."""
        ...


class Air:
    """Everybody within reach of each other."""

    def __init__(self, core: CortexM) -> None:
        self.core = core
        self.members: list[Listener] = []
        self._now: list[Transmission] = []
        # Carrier of somebody who keeps a channel busy: channel to dBm.
        self.noise: dict[int, int] = {}

    def send(self, sender: Listener, channel: int, frame: bytes, rssi: int = -50, intact: bool = True) -> Transmission:
        """Begin to transmit, and return what ends in due time."""
        now = self.core.now
        seconds = (HEADER_BYTES + len(frame) + FCS_BYTES) * BYTE_SECONDS
        sent = Transmission(sender, channel, frame, now, now + self.core.cycles(seconds), rssi, intact)
        for other in self._now:
            if other.channel == channel:
                other.intact = sent.intact = False
        sent.listeners = [member for member in self.members if member is not sender and member.listens(channel)]
        self._now.append(sent)
        self.core.at(sent.end, lambda: self._end(sent))
        return sent

    def _end(self, sent: Transmission) -> None:
        self._now.remove(sent)
        for member in sent.listeners:
            member.heard(sent)

    def occupied(self, channel: int) -> bool:
        """Whether somebody is sending there."""
        return any(sent.channel == channel for sent in self._now)

    def energy(self, channel: int, listener: Listener) -> int:
        """What ``listener`` measures now, dBm."""
        levels = [t.rssi for t in self._now if t.channel == channel and t.sender is not listener]
        return max([*levels, self.noise.get(channel, -100)])


class Station:
    """A node that a test speaks for. ``acknowledges``: it answers frames to ``address`` that ask for it.

    ``received``: (time, frame) of all it heard intact.
    """

    def __init__(self, air: Air, channel: int, address: bytes = b"", acknowledges: bool = False) -> None:
        self.air = air
        self.channel = channel
        self.address = address
        self.acknowledges = acknowledges
        self.received: list[tuple[int, bytes]] = []
        # How many frames it leaves without acknowledgement first.
        self.deaf_to = 0
        air.members.append(self)

    def listens(self, channel: int) -> bool:
        return channel == self.channel

    def heard(self, transmission: Transmission) -> None:
        if not transmission.intact:
            return
        frame = transmission.frame
        self.received.append((transmission.end, frame))
        wants = len(frame) > 2 and frame[0] & 0x20 and self.address[::-1] in frame
        if self.acknowledges and wants:
            if self.deaf_to:
                self.deaf_to -= 1
                return
            answer = bytes((0x02, 0x00, frame[2]))
            core = self.air.core
            core.at(transmission.end + core.cycles(TURNAROUND_SECONDS), lambda: self._answer(answer))

    def _answer(self, frame: bytes) -> None:
        self.send(frame)

    def send(self, frame: bytes, rssi: int = -50, intact: bool = True) -> Transmission:
        """Transmit now, without listening first."""
        return self.air.send(self, self.channel, frame, rssi, intact)
