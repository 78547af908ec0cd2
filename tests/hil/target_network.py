"""A network of processes in which one device is the target under test, whatever it is.

The target is provisioned over its console, into a store of the test's own, so that a board's identity stays what it
was. Its program is the one of its image, started from the REPL, and its log is what its console says.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from outcomes import Outcomes, platform_of

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from processes import Network, Run, Site, parallel  # noqa: E402

from microbrew_host.board.errors import BoardError  # noqa: E402
from microbrew_host.board.files import Files  # noqa: E402
from microbrew_host.board.packs import PRELUDE  # noqa: E402
from microbrew_host.board.repl import Repl  # noqa: E402
from microbrew_host.board.target import STORE as BOARD_STORE  # noqa: E402
from microbrew_host.board.target import open_target  # noqa: E402
from microbrew_host.demo import parts  # noqa: E402
from microbrew_host.demo.scenario import free_ports  # noqa: E402
from microbrew_host.factory.line import Order  # noqa: E402
from microbrew_host.factory.manufacturer import Manufacturer  # noqa: E402
from microbrew_host.factory.provision import Outcome, provision  # noqa: E402
from microbrew_host.factory.wire import Wire  # noqa: E402
from microbrew_host.masa import database, directory  # noqa: E402

ROUTER = "00124b0000000100"
TARGET = "T"
STORE = "join-test"
_RESET_S = 0.5
_AGAIN_S = 30.0

# What the board itself is: a digest of its store's records and of the key on its key page, if it has one. An emulated
# board is blank; it is given a key, so that there is something to lose.
_OWN = """
import hashlib, os
try:
    import board
except ImportError:
    board = None
found = hashlib.sha256()
try:
    for name in sorted(os.listdir(%r)):
        found.update(name.encode() + open(%r + '/' + name, 'rb').read())
except OSError:
    pass
if hasattr(board, 'key_read'):
    key = bytearray(32)
    if %r and not board.key_read(key):
        board.key_write(bytes(range(32)))
    found.update(b'key' if board.key_read(key) else b'none')
    found.update(key)
print(found.digest().hex())
"""
# The board's key page is its own key's: the key of this device stays in its record.
_PLAIN_STORE = "device._open_store = lambda: device.Store(device.STORE)\n"

# For a target without a radio of its own: unix. Its air is a UDP port.
_UNIX_RADIO = """
from microbrew.radio.zep import ZepRadio
def make(eui64, clock):
    return ZepRadio(eui64, %r, %d, clock)
"""


class Console:
    """A program on the target, as ``demo.process.Process`` is one on this machine."""

    def __init__(self, name: str, repl: Repl, code: str, on_line: Callable[[str], None] | None) -> None:
        self.name = name
        self.tail: list[str] = []
        self.ready_line = ""
        self._repl = repl
        self._code = code
        self._on_line = on_line
        self._reader: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def running(self) -> bool:
        """True while the program has not ended."""
        return self._reader is not None and not self._reader.done()

    async def start(self, _ready: str | None = None, _timeout: float = 0) -> str:
        """Start the program."""
        await asyncio.to_thread(self._repl.start, self._code)
        self._reader = asyncio.create_task(self._read())
        return ""

    async def _read(self) -> None:
        port = self._repl.transport.serial
        port.timeout = 0.2
        pending = b""
        ended = False
        while not self._stopping and not ended:
            pending += await asyncio.to_thread(port.read, 1)
            pending += port.read(port.in_waiting)
            # The raw REPL's mark at the end of a program's output; a traceback follows.
            ended = b"\x04" in pending
            if ended:
                pending += await asyncio.to_thread(port.read, 4096)
                pending = pending.replace(b"\x04", b"\n") + b"\n"
            *lines, pending = pending.split(b"\n")
            for raw in lines:
                line = raw.decode(errors="replace").rstrip()
                self.tail = [*self.tail[-4:], line]
                if self._on_line is not None:
                    self._on_line(line)

    async def stop(self) -> None:
        """Let go of the port; the program is interrupted by whoever opens it next."""
        self._stopping = True
        if self._reader is not None:
            await self._reader
            self._reader = None
            self._repl.transport.close()

    kill = stop


@contextlib.contextmanager
def established(make: Callable[[], "TargetNetwork"], outcomes: Outcomes) -> Iterator[tuple[Any, Outcome]]:
    """A network that ``make`` makes, and what provisioning said. What the board refuses fails in a sentence."""
    try:
        world = make()
    except BoardError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        try:
            outcome = world.set_up()
        except BoardError as error:
            pytest.fail(str(error), pytrace=False)
        with world.target.repl() as repl:
            outcomes.facts["platform"] = platform_of(world.target, repl)
        yield world, outcome
    finally:
        world.close()


class TargetNetwork(Network):
    """R -- T -- b: a border router, the target, and a process that has to join through it.

    ``eui64``: the target's, if its chip has none. ``other``: that of the process.
    """

    def __init__(self, root: Path, target: str, eui64: str, other: str = "") -> None:
        super().__init__(root, loss=0.0, seed=1)
        self._eui64 = eui64
        self._other = other
        # With the heap that it has, not with that which tests get.
        flash = root / "flash" if "/" not in target else None
        self.target = open_target(target, flash, air=f"{parts.LOOPBACK}:{self.ports.ether}", eui64=eui64)
        self.own_before = ""

    def set_up(self) -> Outcome:
        """Make everything, start all but the devices."""
        parallel(
            lambda: self.manufacture("acme", {"b": self._other}, {}),
            lambda: self.manufacture("own", {}, {"R": ROUTER}),
        )
        outcome = self.provision()
        site = Site("site", "cafe", "R", ("acme",), 5, free_ports(), self.root / "site")
        self.found(site, [("own", "6lbr")])
        self.link(("R", TARGET), (TARGET, "b"))
        self.start_parts("acme", site)
        return outcome

    def provision(self) -> Outcome:
        """Make the target a device of the manufacturer "acme", over its console."""
        maker = Manufacturer.load(self.root / "acme")
        engine = database.open_database(maker.path / directory.DATABASE)
        order = None if self.target.numbered else Order.of(bytes.fromhex(self._eui64))
        try:
            self.own_before = self.own()
            with self.target.repl() as repl:
                self._forget(repl)
                wire = Wire(repl, STORE)
                outcome = provision(wire, maker, engine, order, chip=order is None, now=datetime.now(UTC))
        finally:
            engine.dispose()
        self._eui64s[TARGET] = outcome.order.eui64.hex()
        return outcome

    def own(self) -> str:
        """A digest of what the board is apart from these tests: its store, and the key on its key page."""
        return self.on_target(_OWN % (BOARD_STORE, BOARD_STORE, self.target.emulated))

    @property
    def running(self) -> list[str]:
        """Parts and devices that were started and not killed."""
        return list(self._alive)

    def reset(self) -> None:
        """Reset the board, whose program is not watched now."""
        if self.target.name == "unix":
            # A process has no reset; its next start is one.
            return
        with self.target.repl() as repl:
            repl.start("import machine; machine.reset()")
            # Until it has gone down.
            time.sleep(_RESET_S)
        with self.target.repl(_AGAIN_S):
            pass

    def on_target(self, code: str) -> str:
        """What code prints that runs on the target while its program does not."""
        with self.target.repl() as repl:
            return repl(PRELUDE + code)

    def _forget(self, repl: Repl) -> None:
        repl(
            f"import os\nif {STORE!r} in os.listdir():\n"
            f" for n in os.listdir({STORE!r}): os.remove({STORE!r} + '/' + n)\n os.rmdir({STORE!r})"
        )

    def close(self) -> None:
        super().close()
        with self.target:
            if not self.target.emulated:
                with self.target.repl() as repl:
                    repl.soft_reset()
                    self._forget(repl)

    def device_argv(self, name: str, reset: bool) -> list[str]:
        return [] if name == TARGET else super().device_argv(name, reset)

    async def _launch(self, name: str, argv: list[str], ready: str | None = None, on_line: Any = None) -> Any:
        if name == "ether" and self.target.radio is not None:
            argv = [*argv, "--serial", f"{self.target.radio}={self.eui64(TARGET)}"]
        if name != TARGET:
            return await super()._launch(name, argv, ready, on_line)
        console = Console(name, await asyncio.to_thread(self._open), self._program(), on_line)
        self._started.append(console)  # type: ignore[arg-type]
        await console.start()
        self._alive[name] = console  # type: ignore[assignment]
        return console

    def _open(self) -> Repl:
        repl = self.target.repl()
        repl.__enter__()
        repl.soft_reset()
        if self.target.name == "unix":
            # The program of boards, with the modules that a board has.
            files = Files(repl)
            radio = _UNIX_RADIO % (parts.LOOPBACK, self.ports.ether)
            for source, content in {
                "board.py": (ROOT / "boards/stock/modules/board.py").read_bytes(),
                "device.py": (ROOT / "boards/common/modules/device.py").read_bytes(),
                "board_radio.py": radio.encode(),
            }.items():
                files.write(source, content)
        return repl

    def _program(self) -> str:
        here = "import os\nsys.path.append(os.getcwd())\n" if self.target.name == "unix" else ""
        return PRELUDE + here + f"import device\ndevice.STORE = {STORE!r}\n{_PLAIN_STORE}device.run()"


__all__ = ["Run", "Site", "TargetNetwork"]
