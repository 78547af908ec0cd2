"""The image for the nRF52840 DK on the model of the chip, in this process and in virtual time, typed at its REPL."""

import ast
from pathlib import Path

from microbrew_host.emulator.air import LocalAir, Transmission
from microbrew_host.emulator.board import program
from microbrew_host.emulator.frame_check import frame_check
from microbrew_host.emulator.nrf52840 import Flash, Nrf52840

CHANNEL = 15
PAN = 0xCAFE


class Image:
    """A board that is at its REPL, in ``air``. ``flash``: what it has, else a new one."""

    def __init__(self, image: Path, air: LocalAir, identity: int = 0, flash: Flash | None = None) -> None:
        self.air = air
        self.flash = flash or Flash()
        program(self.flash, image)
        self.chip = Nrf52840(air, self.flash, identity=identity, seed=identity)
        self.core = self.chip.core
        self._said = bytearray()
        self.chip.uarts[0].on_byte = self._said.append
        self.core.power_on()
        self.run(1.0)
        assert self._said.endswith(b">>> "), bytes(self._said)

    def run(self, seconds: float) -> None:
        """Let virtual time go on."""
        self.core.run(self.core.now + self.core.cycles(seconds))

    def type(self, line: str) -> None:
        """Begin with a line; what it prints comes while time goes on."""
        self._said.clear()
        self.chip.uarts[0].feed(line.encode() + b"\r")

    def answer(self, line: str, seconds: float = 10.0) -> str:
        """What a line prints. Fails if it has not ended after ``seconds`` of virtual time."""
        self.type(line)
        return self.finish(line, seconds)

    def finish(self, line: str, seconds: float = 10.0) -> str:
        """As ``answer``, of a line that has been typed."""
        end = self.core.now + self.core.cycles(seconds)
        while not self._said.endswith(b">>> "):
            assert self.core.now < end, bytes(self._said)
            self.run(0.001)
        text = self._said.decode().replace("\r\n", "\n")
        return text.removeprefix(line + "\n").removesuffix(">>> ").strip()

    def listen(self, eui64: bytes) -> None:
        """Start the radio core."""
        assert not self.answer("import microbrew_radio as r; b = bytearray(127)")
        assert not self.answer("r.start(1)")
        assert not self.answer(f"r.configure({CHANNEL}, {PAN}, 0xffff, {eui64!r}, False)")

    def counters(self) -> dict[str, int]:
        """The radio core's."""
        return dict(ast.literal_eval(self.answer("print(r.counters())")))

    def hear(self, at_ns: int, psdu: bytes, level: float = 0.0, **options: object) -> Transmission:
        """A frame from nowhere whose first bit arrives at ``at_ns``."""
        transmission = Transmission(at_ns, CHANNEL, psdu, level, **options)  # type: ignore[arg-type]
        cycle = -(-at_ns * self.core.hz // 1_000_000_000)
        self.core.at(cycle, lambda: self.air.transmit(None, transmission))
        return transmission

    @property
    def now_ns(self) -> int:
        """Virtual time."""
        return self.chip.radio.now_ns


def frame(dest: bytes, src: bytes, sequence: int, payload: bytes = b"", acknowledge: bool = True) -> bytes:
    """A data frame between EUI-64s in PAN, with its FCS."""
    control = b"\x61\xcc" if acknowledge else b"\x41\xcc"
    body = control + bytes((sequence,)) + PAN.to_bytes(2, "little") + dest[::-1] + src[::-1] + payload
    return body + frame_check(body).to_bytes(2, "little")


def acknowledgement(sequence: int) -> bytes:
    """An immediate acknowledgement."""
    body = bytes((2, 0, sequence))
    return body + frame_check(body).to_bytes(2, "little")
