"""Child processes of the demo: started, read line by line, ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path


class ProcessError(Exception):
    """A part of the demo that did not start or ended early; the text says which and shows its last words."""


class Process:
    """One child. Its output goes line by line to ``on_line`` and to a log file."""

    def __init__(self, name: str, argv: list[str], log: Path, on_line: Callable[[str], None] | None = None) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._marker: str | None = None
        self.ready_line = ""
        self.tail: list[str] = []

    async def start(self, ready: str | None = None, timeout: float = 20) -> str:
        """Start; with ``ready``, wait for a line that contains it and return that line. Raises ProcessError."""
        self._marker = ready
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reader = asyncio.create_task(self._read())
        if ready is not None:
            try:
                await asyncio.wait_for(self._ready.wait(), timeout)
            except TimeoutError:
                raise ProcessError(f"{self.name} was not ready within {timeout:.0f} s{self._last_words()}") from None
            if not self.ready_line:
                raise ProcessError(f"{self.name} ended before it was ready{self._last_words()}")
        return self.ready_line

    @property
    def running(self) -> bool:
        """True while the child lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def status(self) -> int | None:
        """Exit status; None while the child lives or before it was started."""
        return None if self._process is None else self._process.returncode

    async def kill(self) -> None:
        """End it without asking, as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self.stop()

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not within three seconds."""
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), 3)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101
        with self._log.open("w") as log:
            async for raw in self._process.stdout:
                line = raw.decode(errors="replace").rstrip()
                log.write(line + "\n")
                log.flush()
                self.tail = [*self.tail[-4:], line]
                if self._marker is not None and not self._ready.is_set() and self._marker in line:
                    self.ready_line = line
                    self._ready.set()
                if self._on_line is not None:
                    self._on_line(line)
        self._ready.set()

    def _last_words(self) -> str:
        return "; it said: " + " | ".join(self.tail) if self.tail else ""
