"""The radio core in C (radio_core.h), in images for the nRF52840. The one user is microbrew.radio.nrf52840.

Arguments are positional. Frames are PSDUs without FCS, 1 to 125 bytes. Nothing here allocates but ``counters`` and
numbers beyond 2**30. ValueError: a length or number that is not the one named here.
"""

from typing import Union

Buffer = Union[bytes, bytearray, memoryview]

# Results of sent().
IDLE: int
UNDER_WAY: int
SENT: int
NO_ACK: int
BUSY: int
MISSED: int

def start(seed: int, /) -> None:
    """Power up and listen on channel 11; ``seed``: 30 random bits for back-offs. OSError(EIO): no crystal."""

def stop() -> None:
    """Power down."""

def configure(channel: int, pan_id: int, short: int, eui64: Buffer, promiscuous: bool, /) -> None:
    """Tune to 11..26 and filter; 0xffff: no PAN id, no short address. ``eui64``: 8 bytes, most significant first."""

def power(dbm: int, /) -> None:
    """Transmit with the next power step at or below ``dbm``, -40..8."""

def send(frame: Buffer, length: int, retries: int, /) -> bool:
    """Begin to send ``frame[:length]``: False if another one is under way.

    ``retries`` -1: look at the channel once, send if it is clear. 0..7: CSMA-CA; a frame that asks for an
    acknowledgement is waited for and sent again that many times.
    """

def send_at(frame: Buffer, length: int, time: int, /) -> bool:
    """Send so that the first bit leaves at ``time`` of ``now()``, 0.5 ms to 1 s ahead; False if that cannot be."""

def sent() -> int:
    """How the last frame went: one of the constants above."""

def receive(buf: Union[bytearray, memoryview], /) -> int:
    """Copy the oldest received frame into ``buf``, at least 125 bytes: its length, or 0 for none."""

def lqi() -> int:
    """Link quality of the frame that ``receive`` returned last, 0..255."""

def rssi() -> int:
    """Its strength in dBm."""

def timestamp() -> int:
    """``now()`` at its end."""

def now() -> int:
    """The radio's clock, us, modulo 2**32."""

def wait(timeout_ms: int, /) -> None:
    """Sleep until a frame is there, the frame being sent has been dealt with, or the time is over."""

def energy(channel: int, duration_ms: int, /) -> int:
    """The strongest signal in 1..1000 ms on a channel, dBm. OSError(EBUSY): a frame is being sent or received."""

def counters() -> dict[str, int]:
    """What went on since the start; the names are those of radio_core.h."""
