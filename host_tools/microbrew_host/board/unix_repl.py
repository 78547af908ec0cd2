"""Runs inside MicroPython's unix port, which has no raw REPL of its own: one on standard input and output.

What mpremote needs of it: ctrl-A and the banner, code up to ctrl-D, its output and its traceback each ended by
ctrl-D, ctrl-D alone for a soft reset. A program is interrupted by SIGINT, since ctrl-C comes as any other byte here.
"""

import gc
import io
import sys

import micropython

_BANNER = b"raw REPL; CTRL-B to exit\r\n>"


def _execute(out: io.BytesIO, code: bytes, names: dict) -> None:
    out.write(b"OK")
    traceback = b""
    try:
        exec(code, names)  # noqa: S102 - it is what a REPL is for
    except BaseException as error:
        text = io.StringIO()
        sys.print_exception(error, text)  # type: ignore[attr-defined]
        traceback = text.getvalue().encode()
    out.write(b"\x04" + traceback + b"\x04>")


def _forget(names: dict, modules: set) -> None:
    names.clear()
    names["__name__"] = "__main__"
    for name in list(sys.modules):
        if name not in modules:
            del sys.modules[name]
    gc.collect()


def run() -> None:
    """Serve until the other side closes."""
    source = sys.stdin.buffer
    out: io.BytesIO = sys.stdout.buffer  # type: ignore[assignment]
    modules = set(sys.modules)
    names: dict = {"__name__": "__main__"}
    line = bytearray()
    raw = False
    micropython.kbd_intr(3)
    out.write(b">>> ")
    while True:
        try:
            byte = source.read(1)
        except KeyboardInterrupt:
            # Nothing was running.
            continue
        if not byte:
            return
        if byte == b"\x01":
            raw = True
            line = bytearray()
            out.write(_BANNER)
        elif byte == b"\x02":
            raw = False
            out.write(b"\r\n>>> ")
        elif byte == b"\x03":
            line = bytearray()
        elif byte == b"\x05" and raw and not line:
            source.read(2)
            # Raw paste mode: understood and not offered, since a pseudo-terminal has flow control.
            out.write(b"R\x00")
        elif byte == b"\x04" and raw:
            code = bytes(line)
            line = bytearray()
            if code:
                _execute(out, code, names)
            else:
                _forget(names, modules)
                out.write(b"OK\r\nMPY: soft reboot\r\n" + _BANNER)
        elif raw:
            line.extend(byte)


if __name__ == "__main__":
    run()
