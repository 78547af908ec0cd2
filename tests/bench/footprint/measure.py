"""All figures of a board's images as one structure, for report.py to show and test_footprint.py to compare.

Instructions and heap of a join are those of a release with a console to measure through (MEASURED), sizes are those of
the release. The crypto verbs and the serial line are called on the dev image, where their whole modules are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from footprint import join, probes
from footprint.session import Session
from microbrew.radio import serial_wire as wire

ROOT = Path(__file__).resolve().parents[3]
VERBS = Path(__file__).with_name("verbs.py")
_HEAP_STEP = 1024
# Variant and IMAGE of `make bench-images`: what a release is made of, with a console.
MEASURED = "measured"

Figures = dict[str, int]


def image(target: str, variant: str) -> Path:
    """Build directory of a variant's image."""
    return ROOT / "build/firmware" / f"{target}-{variant}"


def everything(target: str, say: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Every figure; ``say`` is told what goes on. The JSON of ``make bench TARGET=``: see README.md of the tests."""
    elf = image(target, MEASURED) / "firmware.elf"
    say("a join")
    plain = join.run(elf)
    say("a join, function by function")
    by_function = join.run(elf, functions=True)
    say("a join, with what is native")
    by_native = join.run(elf, functions=True, natives=True)
    if not plain.digest == by_function.digest == by_native.digest:
        raise join.JoinFailed("two runs were not the same, frame for frame")
    say("crypto verbs")
    verbs, line = _verbs(image(target, "dev") / "firmware.elf")
    say("the smallest heap")
    needed = smallest_heap(elf, plain)
    edhoc = _edhoc(by_function)
    heap = _heap(plain, needed, line["heap"])
    return {
        "target": target,
        "edhoc_initiator_m0_s2_instructions": sum(edhoc.values()),
        "join_instructions": plain.instructions,
        "join_heap_peak_bytes": heap["in use at the peak, after collection"],
        "join_heap_needed_bytes": needed,
        **_shares(by_function, by_native),
        "verbs": verbs,
        "edhoc": edhoc,
        "steps": _steps(plain, by_function, line),
        "join": _join(plain),
        "native": _natives(by_native),
        "heap": heap,
        "heap_modules": _heap_by_module(elf),
        **sizes(target),
    }


def sizes(target: str) -> dict[str, Any]:
    """Bytes of the release image."""
    sys.path.insert(0, str(ROOT / "boards/common"))
    import sizes as image_sizes

    build = image(target, "release")
    sections = image_sizes.sections(build / "firmware.elf")
    return {
        "frozen_bytes": image_sizes.frozen_bytes(build),
        "frozen_modules": image_sizes.frozen_modules(build),
        "image_bytes": sections[".text"] + sections[".data"],
        "image_parts": image_sizes.parts(build),
        "image_sections": {name: sections[name] for name in image_sizes.SHOWN if sections.get(name)},
    }


def smallest_heap(elf: Path, plain: join.Join) -> int:
    """Bytes of heap, to 1 kB, without which the device does not come to be a join proxy; the harness' are off."""
    low = plain.booted // _HEAP_STEP
    high = low + 64
    harness = plain.harness
    if not join.fits(elf, high * _HEAP_STEP + harness):
        raise join.JoinFailed(f"no join with {high} kB of heap")
    while high - low > 1:
        middle = (low + high) // 2
        if join.fits(elf, middle * _HEAP_STEP + harness):
            high = middle
        else:
            low = middle
    return high * _HEAP_STEP


def _heap_by_module(elf: Path) -> Figures:
    with Session(elf) as session:
        session.run(VERBS.read_text())
        modules = dict(session.value("heap_by_module()"))
    return dict(sorted(modules.items(), key=lambda item: -item[1]))


def _verbs(elf: Path) -> tuple[dict[str, Figures], dict[str, int]]:
    """Per backend the verbs; of the serial line what a frame costs in and out, and its heap."""
    frame = bytes(122)
    hello = _message(wire.HELLO, bytes((wire.VERSION, 0, 0, 2, 8)))
    received = _message(wire.RECEIVED, bytes((0, 0, 0, 0, 255, 200)) + frame)
    with Session(elf) as session:
        session.run(VERBS.read_text())
        session.run("board.load()")
        costs, heap = session.value(f"serial_line({hello!r}, {received!r}, bytes({len(frame)}))")
        verbs = {name: dict(session.value(f"crypto_verbs({name!r})")) for name in ("native", "pure")}
    return verbs, dict(costs) | {"heap": heap}


def _message(kind: int, content: bytes) -> bytes:
    sent: list[bytes] = []

    def write(view: memoryview) -> int:
        sent.append(bytes(view))
        return len(view)

    writer = wire.Writer(write)
    writer.buf[wire.CONTENT : wire.CONTENT + len(content)] = content
    writer.send(kind, len(content))
    return sent[0]


def _samples(run: join.Join, name: str) -> Figures:
    """Instructions of the calls of one function while the board joins, by when they came."""
    return {
        str(i): sample.instructions - run.overhead
        for i, (found, sample) in enumerate(run.samples(run.joining))
        if found == name
    }


def _edhoc(run: join.Join) -> Figures:
    figures = {}
    for name in probes.EDHOC:
        calls = list(_samples(run, name).values())
        if len(calls) != 1:
            raise join.JoinFailed(f"{name}: {len(calls)} calls in a join")
        figures[name] = calls[0]
    return figures


def _shares(by_function: join.Join, by_native: join.Join) -> Figures:
    """What of the handshake and of the join's steps is the interpreter's: all that is not inside the native module."""
    handshake = 0
    whole = 0
    for step in by_native.joining:
        spans = [
            (sample.offset, sample.offset + sample.instructions)
            for sample in step.samples
            if probes.name_of(sample.number) in probes.EDHOC
        ]
        for sample in step.samples:
            if sample.number >= probes.FIRST_NATIVE:
                cost = sample.instructions - by_native.overhead
                whole += cost
                if any(begin <= sample.offset < end for begin, end in spans):
                    handshake += cost
    steps = sum(step.instructions for step in by_function.joining)
    return {
        "edhoc_initiator_m0_s2_interpreter_instructions": sum(_edhoc(by_function).values()) - handshake,
        "join_interpreter_instructions": steps - whole,
    }


def _natives(run: join.Join) -> dict[str, Figures]:
    """Calls, instructions and bytes of each native function in a join's steps."""
    figures: dict[str, Figures] = {}
    for name, sample in run.samples(run.joining):
        if sample.number >= probes.FIRST_NATIVE:
            row = figures.setdefault(name, {"calls": 0, "instructions": 0, "bytes": 0})
            row["calls"] += 1
            row["instructions"] += sample.instructions - run.overhead
            row["bytes"] += sample.size
    return dict(sorted(figures.items(), key=lambda item: -item[1]["instructions"]))


def _steps(plain: join.Join, run: join.Join, line: dict[str, int]) -> Figures:
    protect = list(_samples(run, "protect").values())
    unprotect = list(_samples(run, "unprotect").values())
    arrival = next(sample for sample in run.delivery.samples if probes.name_of(sample.number) == "datagram to CoAP")
    up = join.passages(plain.relaying, secured=False, frames=2)
    down = join.passages(plain.relaying, secured=True, frames=1)
    return {
        "voucher request made": _only(_samples(run, "voucher request")),
        "voucher verified": _only(_samples(run, "voucher")),
        "OSCORE protect, join request": protect[-1],
        "OSCORE unprotect, join response": unprotect[-1],
        "received secured data frame, radio up to CoAP": arrival.offset,
        "the same until it is acknowledged and answered": run.delivery.instructions,
        "JPY datagram relayed up, one frame in, two out": min(up),
        "JPY datagram relayed down, one frame in, one out": min(down),
        "a whole join of another device relayed": sum(step.instructions for step in plain.relaying),
        "frame of 122 bytes off the serial line": line["in"],
        "frame of 122 bytes onto the serial line": line["out"],
    }


def _only(samples: Figures) -> int:
    (value,) = samples.values()
    return value


def _join(plain: join.Join) -> Figures:
    return {
        "loading the frozen package": plain.load,
        "making the node": plain.boot,
        "from the first step to JOINED": sum(step.instructions for step in plain.joining),
        "on to join proxy": sum(step.instructions for step in plain.settling),
        "collections, one after each of these steps": sum(step.collecting for step in plain.joining),
    }


def _heap(plain: join.Join, needed: int, line: int) -> Figures:
    steps = plain.joining + plain.settling
    return {
        "objects of the package, once loaded": plain.loaded,
        "the node before its first step": plain.booted - plain.loaded,
        "the join, at its peak, after collection": max(step.used for step in steps) - plain.booted,
        "in use at the peak, after collection": max(step.used for step in steps),
        "allocated by one step at most, never collected": max(step.allocated - step.used for step in steps),
        "smallest heap in which it joins": needed,
        "a serial radio, its module and buffers": line,
    }
