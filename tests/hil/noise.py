"""What strangers may put on the air: random bytes, valid headers, spoilt copies of real frames, hostile fragments."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from microbrew.mac import beacon, frame

_MIN, _MAX = 3, 125
_ADDRESS_LENGTHS = (0, 0, 2, 8)


class Noise:
    """Frames without FCS for the node ``target`` in the PAN ``pan_id``. ``captured``: real frames to spoil.

    ``proxies`` False: no beacon among them names a network, since a pledge would spend minutes on each that does.
    """

    def __init__(self, seed: int, target: bytes, pan_id: int, captured: list[bytes], proxies: bool) -> None:
        self._random = random.Random(seed)
        self._target = target
        self._pan_id = pan_id
        self._captured = captured
        self._proxies = proxies
        self._kinds: list[Callable[[], bytes]] = [
            self.random_bytes,
            self.random_header,
            self.truncated,
            self.mutated,
            self.mutated,
            self.fragment,
            self.fragment,
            self.hostile_beacon,
            self.acknowledgement,
        ]

    def frames(self, count: int) -> Iterator[bytes]:
        """``count`` frames of all kinds in turn."""
        for number in range(count):
            psdu = self._kinds[number % len(self._kinds)]()[:_MAX]
            # Radios take nothing shorter for a frame.
            psdu += self._bytes(max(0, _MIN - len(psdu)))
            yield self._without_proxy(psdu) or self.random_bytes()

    def random_bytes(self) -> bytes:
        """Anything."""
        return self._bytes(self._length(_MAX))

    def random_header(self) -> bytes:
        """A header of any type and version with all its fields, often addressed to the target, and any payload."""
        draw = self._random.randrange
        kind, version = draw(4), draw(3)
        dest, src = draw(4), draw(4)
        control = kind | draw(2) << 3 | draw(2) << 5 | draw(2) << 6 | draw(2) << 9 | dest << 10 | version << 12
        control |= src << 14
        out = control.to_bytes(2, "little") + self._bytes(1) + self._pan_id.to_bytes(2, "little")
        out += self._target[::-1] if dest == 3 else self._random.choice((b"\xff\xff", self._bytes(2)))
        out += self._bytes(_ADDRESS_LENGTHS[src])
        return out + self._bytes(self._length(_MAX - len(out)))

    def truncated(self) -> bytes:
        """The beginning of a real frame."""
        psdu = self._random.choice(self._captured)
        return psdu[: self._random.randint(1, len(psdu))]

    def mutated(self) -> bytes:
        """A real frame, with up to four bytes changed, behind the addresses more often than in them."""
        psdu = bytearray(self._random.choice(self._captured))
        first = 0 if self._random.random() < 0.2 else min(21, len(psdu) - 1)
        for _ in range(self._random.randint(0, 4)):
            psdu[self._random.randrange(first, len(psdu))] = self._random.randrange(256)
        return bytes(psdu)

    def fragment(self) -> bytes:
        """A 6LoWPAN fragment to the target from some neighbour: too large, too late, overlapping, never completed."""
        draw = self._random.randrange
        size = self._random.choice((40, 127, 1280, 1281, 2047, draw(2048)))
        head = (0xC0 | draw(2) << 5 | size >> 8, size & 0xFF, 0, draw(4))
        body = bytes(head) + self._random.choice((b"\x7a\x33", b"\x41\x60", b"\xf0", bytes((draw(256),))))
        neighbour = b"\x02\x00\x00\x00\x00\x00\x00" + bytes((draw(40),))
        return self._data(neighbour, body + self._bytes(self._length(90)))

    def hostile_beacon(self) -> bytes:
        """An enhanced beacon whose information elements lie about their lengths, their nesting or their content."""
        draw = self._random.randrange
        buf = bytearray(_MAX + 2)
        neighbour = b"\x02\x00\x00\x00\x00\x00\x01" + bytes((draw(64),))
        pos = frame.put_beacon(buf, draw(256), self._pan_id, neighbour, False)
        said = beacon.Beacon(self._pan_id, draw(1 << 40), self._bytes(draw(17)), draw(0x7F), draw(256), draw(4096))
        end = beacon.encode(said, buf, pos)
        for _ in range(draw(5)):
            buf[draw(pos, end)] = draw(256)
        return bytes(buf[: draw(pos, end + 1)])

    def acknowledgement(self) -> bytes:
        """An acknowledgement that nobody waits for, or somebody does."""
        return b"\x02\x00" + self._bytes(1)

    def _length(self, limit: int) -> int:
        # Short ones more often: they pass as many checks, and cost less.
        return min(self._random.randrange(1, limit), self._random.randrange(1, limit), self._random.randrange(1, limit))

    def _data(self, src: bytes, payload: bytes) -> bytes:
        buf = bytearray(64)
        end = frame.put_data(buf, self._random.randrange(256), self._pan_id, self._target, src, False, False)
        return bytes(buf[:end]) + payload

    def _without_proxy(self, psdu: bytes) -> bytes | None:
        header = frame.Frame()
        if self._proxies or header.parse(psdu, len(psdu)) is not None or header.kind != frame.BEACON:
            return psdu
        heard = beacon.parse(psdu, header.header_end, header.end)
        return psdu if heard is None or heard.network_id is None else None

    def _bytes(self, length: int) -> bytes:
        return self._random.randbytes(length)
