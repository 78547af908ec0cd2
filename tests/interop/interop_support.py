"""Processes and credentials that the interoperability tests share."""

import hashlib
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

HOST = "127.0.0.1"
SCRIPT = "tests/interop/micropython_peer.py"
SECONDS = 60

with open("tests/vectors/edhoc.json") as _file:
    _TRACE = json.load(_file)["rfc9529_trace_2"]

# The parties of RFC 9529 section 3: keys, CCS with a kid, and ID_CRED by that kid and by value.
KEY = {side: bytes.fromhex(_TRACE["SK_" + side]) for side in "IR"}
CRED = {side: bytes.fromhex(_TRACE["CRED_" + side]) for side in "IR"}
PUBLIC = {side: bytes.fromhex(_TRACE["G_" + side] + _TRACE[f"G_{side}_y"]) for side in "IR"}
BY_KID = {side: bytes.fromhex(_TRACE["ID_CRED_" + side]) for side in "IR"}
BY_VALUE = {side: b"\xa1\x0e" + CRED[side] for side in "IR"}


def body(length: int) -> bytes:
    """The same bytes as in micropython_peer.py."""
    return bytes(65 + i % 26 for i in range(length))


def got(path: str, code: str, payload: bytes) -> str:
    """The line that micropython_peer.py prints for a response."""
    shown = payload.hex() if len(payload) <= 32 else "sha256 " + hashlib.sha256(payload).hexdigest()
    return f"got {path} {code} {len(payload)} {shown}"


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def tool(name: str) -> str:
    """Path of a peer's program; the test is skipped, loudly, where there is none and no CI that must have it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/bin:/usr/local/bin")
    if found is None:
        reason = f"{name} IS MISSING, SO NOTHING IS COMPARED WITH IT: run `make tools`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Process:
    """A program whose lines are read as they come; ends with the ``with`` block."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, **environment),
        )
        self.output = ""
        self._rest = b""

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def line(self, pattern: str) -> "re.Match[str]":
        """Match of the next line that fits; what comes before is in ``output``. Fails at the end of the program."""
        deadline = time.monotonic() + SECONDS
        while True:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                text = line.decode(errors="replace")
                self.output += text + "\n"
                match = re.search(pattern, text)
                if match:
                    return match
                continue
            assert self._process.stdout is not None
            handle = self._process.stdout.fileno()
            ready, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(handle, 65536) if ready else b""
            if not data:
                pytest.fail(f"no line with {pattern!r}:\n{self.output}{self._rest.decode(errors='replace')}")
            self._rest += data

    def end(self) -> int:
        """Exit status, with everything that was still printed in ``output``."""
        out, _ = self._process.communicate(timeout=SECONDS)
        self.output += (self._rest + out).decode(errors="replace")
        self._rest = b""
        return self._process.returncode


def peer(interpreter: str, mode: str, **options: object) -> Process:
    """micropython_peer.py under ``interpreter``: a path of MicroPython, or "cpython"."""
    arguments = [SCRIPT, mode] + [
        f"{name}={value.hex() if isinstance(value, bytes) else value}" for name, value in options.items()
    ]
    if interpreter == "cpython":
        return Process([sys.executable, "-u", *arguments], PYTHONPATH="firmware")
    return Process([interpreter, "-X", "heapsize=4M", *arguments], MICROPYPATH="firmware:.frozen")


def microbrew(*arguments: str) -> Process:
    """The project's own command."""
    return Process([sys.executable, "-u", "-m", "microbrew_host", *arguments])


def write_party(folder: Path, side: str) -> tuple[str, str]:
    """Files with the key and the CCS of a side, as the command takes them."""
    key, cred = folder / f"{side}.key", folder / f"{side}.ccs"
    key.write_bytes(KEY[side])
    cred.write_bytes(CRED[side])
    return str(key), str(cred)
