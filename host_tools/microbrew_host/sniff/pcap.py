"""Classic pcap of IEEE 802.15.4 frames, complete after every frame: for files, and pipes to Wireshark."""

import struct
from typing import BinaryIO

from microbrew.radio.zep import fcs

_MAGIC_US = 0xA1B2C3D4
_SNAPLEN = 127
WITH_FCS = 195
WITHOUT_FCS = 230


class FrameCapture:
    """Writes to ``out``. ``with_fcs``: link type 195, with the FCS that the radio has taken off; else 230."""

    def __init__(self, out: BinaryIO, with_fcs: bool) -> None:
        self._out = out
        self._with_fcs = with_fcs
        link_type = WITH_FCS if with_fcs else WITHOUT_FCS
        out.write(struct.pack("<IHHiIII", _MAGIC_US, 2, 4, 0, 0, _SNAPLEN, link_type))
        out.flush()

    def write(self, frame: bytes, time_us: int) -> None:
        """Add a PSDU without FCS that ended at ``time_us`` since 1970. Raises OSError, as when a reader has gone."""
        if self._with_fcs:
            frame += fcs(frame, 0, len(frame)).to_bytes(2, "little")
        seconds, micros = divmod(time_us, 1_000_000)
        self._out.write(struct.pack("<IIII", seconds & 0xFFFFFFFF, micros, len(frame), len(frame)) + frame)
        self._out.flush()


class Clock:
    """Turns the radio's stamps, us modulo 2**32, into time since 1970, with the spacing that the radio measured.

    Anchored at the first frame; again when the result differs from the wall clock by more than ``slack_us``, because
    the radio was restarted, more than a turn has gone by, or the two clocks have drifted apart.
    """

    def __init__(self, slack_us: int = 500_000) -> None:
        self._slack = slack_us
        self._stamp = 0
        self._time: int | None = None

    def time_of(self, stamp: int, wall_us: int) -> int:
        """Of a frame with ``stamp`` that came out of the line at ``wall_us``."""
        if self._time is not None:
            time = self._time + ((stamp - self._stamp) & 0xFFFFFFFF)
            if abs(time - wall_us) <= self._slack:
                self._stamp, self._time = stamp, time
                return time
        self._stamp, self._time = stamp, wall_us
        return wall_us
