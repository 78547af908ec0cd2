"""Runs an image of the board qemu_an386 in qemu-system-arm, its two UARTs on pseudo-terminals.

The options of boards/qemu_an386/options.h are keyword arguments here. The emulator is steered over QMP and dies with
the process that started it.
"""

import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from microbrew_host.board.child import Child

# QEMU looks once a second whether somebody has opened a pseudo-terminal, and before takes no input from it.
_PTY_SECONDS = 1.1


class QemuFailed(Exception):
    """The emulator did not start; the text holds what it said."""


def command(image: Path, console: str, radio: str, *, icount: bool = False, **options: object) -> list[str]:
    """Command line of an emulated board. ``console`` and ``radio``: what its UARTs 0 and 1 are, as QEMU's -chardev.

    ``options`` are those of boards/qemu_an386/options.h; None stands for one that is not given.
    """
    words = ["firmware", *(f"{name}={value}" for name, value in options.items() if value is not None)]
    if any(" " in word for word in words):
        raise ValueError("options are separated by spaces, so a path cannot have one")
    argv = ["qemu-system-arm", "-machine", "mps2-an386", "-display", "none", "-monitor", "none"]
    for name, device in (("console", console), ("radio", radio)):
        kind, comma, rest = device.partition(",")
        argv += ["-chardev", f"{kind},id={name}{comma}{rest}", "-serial", f"chardev:{name}"]
    arguments = ",".join("arg=" + word.replace(",", ",,") for word in words)
    argv += ["-semihosting-config", "enable=on,target=native," + arguments]
    if icount:
        argv += ["-icount", "shift=0,sleep=off"]
    return [*argv, "-kernel", str(image)]


class Qemu(Child):
    """A board that runs. ``console`` and ``radio`` are the paths of its UARTs 0 and 1.

    ``flash``: file that keeps the store. ``heap``: bytes. ``seed``: repeats os.urandom, for measurements. ``cut``,
    ``after``: power fails in the middle of, or right after, this flash operation. ``icount``: each instruction takes
    1 ns of the board's time and waiting none of ours, so that runs repeat; without, the board's time is wall time.
    ``uptime``, ``speed``: where its clock starts (ms) and how many ms each ms counts for.
    ``radio``: what the second UART is, as QEMU's -chardev. Raises QemuFailed.
    """

    def __init__(
        self,
        image: Path,
        *,
        flash: Path | None = None,
        heap: int | None = None,
        seed: int | None = None,
        cut: int | None = None,
        after: int | None = None,
        icount: bool = False,
        radio: str = "pty",
        uptime: int | None = None,
        speed: int | None = None,
    ) -> None:
        options = {"flash": flash, "heap": heap, "seed": seed, "cut": cut, "after": after}
        options |= {"uptime": uptime, "speed": speed}
        # Stopped at first, until somebody listens.
        argv = [*command(image, "pty", radio, icount=icount, **options), "-S", "-qmp", "stdio"]
        super().__init__(argv, stdin=subprocess.PIPE)
        try:
            self.qmp("qmp_capabilities")
            devices = {device["label"]: device["filename"] for device in self.qmp("query-chardev")}
            self.console = devices["console"].removeprefix("pty:")
            self.radio = devices["radio"].removeprefix("pty:")
            self._hold(name.removeprefix("pty:") for name in devices.values() if name.startswith("pty:"))
            time.sleep(_PTY_SECONDS)
            self.qmp("cont")
        except BaseException:
            self.close()
            raise

    def qmp(self, command: str, **arguments: Any) -> Any:
        """What QEMU returns for a command of its machine protocol."""
        stdin = self._process.stdin
        assert stdin  # noqa: S101 - said for the type checker
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            stdin.flush()
        for line in self._said:
            try:
                answer = json.loads(line)
            except json.JSONDecodeError:
                continue  # QEMU's own remarks about pseudo-terminals
            if "error" in answer:
                raise QemuFailed(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]
        raise QemuFailed(self._complaint() or "QEMU ended")
