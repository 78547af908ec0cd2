"""What stands in the air of an emulated CC2652 for all other nodes: the link to the ether (zep_air.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microbrew_host.emulator import air as medium
from microbrew_host.emulator.cc2652.air import Air, Transmission
from microbrew_host.emulator.frame_check import frame_check
from microbrew_host.emulator.zep_air import ZepAir

if TYPE_CHECKING:
    from microbrew_host.emulator.cc2652.rf_core import RfCore


class EtherStation:
    """Passes on what the RF core sends, and puts on its air what the ether brings."""

    def __init__(self, rf: RfCore, ether: ZepAir) -> None:
        self.core = rf.core
        self._rf = rf
        self._air: Air = rf.air
        self._ether = ether
        self._air.members.append(self)
        ether.attach(self)

    @property
    def now_ns(self) -> int:
        """The ether's clock in virtual time."""
        return self.core.now * 1_000_000_000 // self.core.hz

    @property
    def channel(self) -> int:
        """Where the RF core listens; 0: nowhere."""
        return self._rf.channel

    @property
    def awaits_frame(self) -> bool:
        """Whether it would receive a frame that begins now."""
        return self._rf.listens(self._rf.channel) and not self._air.occupied(self._rf.channel)

    def listens(self, _channel: int) -> bool:
        """To all channels."""
        return True

    def heard(self, transmission: Transmission) -> None:
        """A frame of the RF core's."""
        psdu = transmission.frame + frame_check(transmission.frame).to_bytes(2, "little")
        start = transmission.start * 1_000_000_000 // self.core.hz
        self._ether.finished(self, medium.Transmission(start, transmission.channel, psdu, 0.0))

    def cut(self, _transmission: medium.Transmission) -> None:
        """The ether's frames are whole ones."""

    def on_air(self, transmission: medium.Transmission, level: float) -> None:
        """A frame of the ether's."""
        frame = transmission.psdu[:-2]
        cycle = -(-transmission.start * self.core.hz // 1_000_000_000)

        def begin() -> None:
            self._air.send(self, transmission.channel, frame, rssi=int(level))

        self.core.at(max(cycle, self.core.now), begin)
