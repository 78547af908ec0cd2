"""An emulated board whose node is stepped by the host: agent.py's other end.

The emulator runs with ``-icount shift=0,sleep=off`` and ``seed=``: an instruction takes 1 ns of the board's time. A
node's own time comes with each step, so a board is a device of the simulator (microbrew_host.simulator) like any
other: air, border router, registrar and MASA are those of a World, in virtual time. The board's clock and the host's
never meet, which is why counts repeat although the host answers when it can.
"""

from __future__ import annotations

import ast
import contextlib
import os
import select
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microbrew.config import Config
from microbrew_host.board.errors import BoardError
from microbrew_host.board.qemu import Qemu
from microbrew_host.board.repl import Failed, Repl
from microbrew_host.simulator.runner import Runner
from microbrew_host.simulator.world import Device, World

AGENT = Path(__file__).with_name("agent.py")
_NEVER = 0xFFFFFFFF
_SECONDS = 60.0
_SEED = 1
# A release has started its own program before it gave up for lack of an identity: what that has loaded goes.
_FORGET = """
import gc, sys
sys.modules.clear()
for name in list(globals()):
    if name not in ("__name__", "gc", "sys"):
        del globals()[name]
gc.collect()
"""


class BoardFailed(BoardError):
    """The board stopped answering; the text holds what it said on its console."""


@dataclass(frozen=True)
class Sample:
    """One call of a probed function: its number, instructions from the step's begin to the call and of the call,
    and the lengths of the arguments that were asked for, in all."""

    number: int
    offset: int
    instructions: int
    size: int


@dataclass(frozen=True)
class Step:
    """One ``Node.step``. Heap in bytes: ``used`` after the collection that follows, ``allocated`` before it."""

    now: int
    instructions: int
    collecting: int
    used: int
    allocated: int
    received: list[bytes]
    sent: list[bytes]
    log: list[tuple[str, str]]
    samples: list[Sample] = field(default_factory=list)


class Session:
    """A running image with the agent in it. ``heap``: bytes, the image's default if None. Use as a context."""

    def __init__(self, image: Path, heap: int | None = None) -> None:
        self._qemu = Qemu(image, heap=heap, seed=_SEED, icount=True)
        self._line = -1
        self._open = contextlib.ExitStack()
        self._open.callback(self._qemu.close)
        try:
            self._repl = self._open.enter_context(Repl(self._qemu.console))
            self.run(_FORGET)
            self.run(AGENT.read_text())
        except BaseException:
            self.close()
            raise

    def run(self, code: str) -> str:
        """What code prints on the board. Raises BoardError, Failed if the code raised."""
        return self._repl(code, _SECONDS)

    def value(self, expression: str) -> Any:
        """A literal that an expression has on the board."""
        return ast.literal_eval(self.run(f"print(repr({expression}))"))

    def works(self, code: str) -> bool:
        """Whether code ends well on the board, whose heap may be too small for it."""
        try:
            self.run(code)
        except Failed:
            return False
        return True

    def write_store(self, files: dict[str, bytes]) -> None:
        """The records of a device's store."""
        # A release has looked for its store before it gave up.
        self.run("import os\nif 'store' not in os.listdir('/'): os.mkdir('/store')")
        for name, content in files.items():
            self.run(f"f = open('/store/{name}', 'wb')\nf.write({content!r})\nf.close()\ndel f")

    def serve(self) -> None:
        """From here on the board takes steps."""
        self._line = os.open(self._qemu.radio, os.O_RDWR | os.O_NOCTTY)
        self._open.callback(os.close, self._line)
        self._repl.start("serve()")
        if self._read(1) != b"R":
            raise BoardFailed("no greeting")

    def step(self, now: int, frames: list[bytes], harness: int) -> tuple[int | None, Step]:
        """One step: the deadline and what it cost; ``harness``: bytes of heap that do not count."""
        command = b"S" + now.to_bytes(4, "big") + bytes((len(frames),))
        os.write(self._line, command + b"".join(bytes((len(frame),)) + frame for frame in frames))
        head = self._read(22)
        deadline, instructions, collecting, used, allocated = (
            int.from_bytes(head[at : at + 4], "big") for at in range(0, 20, 4)
        )
        step = Step(now, instructions, collecting, used - harness, allocated - harness, frames, [], [])
        for _ in range(int.from_bytes(head[20:], "big")):
            kind = self._read(1)
            if kind == b"F":
                step.sent.append(self._read(self._read(1)[0]))
            elif kind == b"L":
                event, _, text = self._read(int.from_bytes(self._read(2), "big")).decode().partition("\0")
                step.log.append((event, text))
            else:
                data = self._read(11)
                numbers = (int.from_bytes(data[a:b], "big") for a, b in ((0, 1), (1, 5), (5, 9), (9, 11)))
                step.samples.append(Sample(*numbers))
        return None if deadline == _NEVER else deadline, step

    def leave(self, free: int | None) -> None:
        """From here on the board has no more than ``free`` bytes of heap left, or all there are."""
        os.write(self._line, b"M" + (_NEVER if free is None else free).to_bytes(4, "big"))
        if self._read(1) != b"M":
            raise BoardFailed("no answer")

    def _read(self, length: int) -> bytes:
        data = b""
        console = self._repl.transport.serial
        while len(data) < length:
            ready = select.select([self._line, console], [], [], _SECONDS)[0]
            if self._line not in ready:
                # It says something only when it has stopped stepping.
                raise BoardFailed(self._last_words())
            data += os.read(self._line, length - len(data))
        return data

    def _last_words(self) -> str:
        try:
            return self._repl.result(_SECONDS)
        except BoardError as error:
            return str(error)

    def close(self) -> None:
        """Switch off."""
        self._open.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BoardDevice:
    """The board in a world, in place of the node of ``device``, which has no power itself. ``steps`` grows.

    ``harness``: bytes of heap that are not the device's. ``begin``: what its clock says in ms when the world's is 0.
    """

    def __init__(self, world: World, session: Session, device: Device, harness: int, begin: int = 0) -> None:
        self.steps: list[Step] = []
        self.state = ""
        self.events: list[tuple[int, str, str]] = []
        self._world = world
        self._session = session
        self._harness = harness
        self._begin = begin
        self._radio = device.radio
        self._eui64 = device.eui64
        self._radio.set_channel(Config().channel)
        self._radio.power(True)
        self._runner = Runner(world.loop, self, self._radio)

    def step(self, now: int) -> int | None:
        """Runner's."""
        frames = []
        buf = bytearray(127)
        while length := self._radio.receive_into(buf):
            frames.append(bytes(buf[:length]))
        deadline, step = self._session.step(self._begin + now, frames, self._harness)
        self.steps.append(step)
        for frame in step.sent:
            self._radio.transmit(frame, len(frame))
        for event, text in step.log:
            self.events.append((now, event, text))
            self._world.note(self._eui64, event, text)
            if event == "state":
                self.state = text
        return None if deadline is None else deadline - self._begin

    def stop(self) -> None:
        """No step after this."""
        self._runner.stop()
        self._radio.power(False)
