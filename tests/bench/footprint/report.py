"""docs/footprint.md from the figures of measure.py, its figures read back, and the two compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

# Key of the JSON, name in the document, budget, what comes after that one.
BUDGETS = (
    ("edhoc_initiator_m0_s2_instructions", "EDHOC initiator, instructions", 40_000_000, 5_000_000),
    ("join_heap_peak_bytes", "heap of a whole join at its peak, bytes", 32 * 1024, 24 * 1024),
    ("frozen_bytes", "our code, frozen, bytes", 96 * 1024, 64 * 1024),
)
# More than this above the document is a growth that somebody has to write down.
GROWTH = 0.05

_HEAD = """\
# Footprint

What the firmware costs on a Cortex-M4F, counted on the emulated board `{target}` (boards/README.md). `make footprint`
writes this page; `tests/hil/test_footprint.py` fails when a figure is more than 5 % above it, or a budget is exceeded.
Nothing here was seen on hardware: the emulator counts instructions, of which a real core makes about 0.7 per cycle.

Sizes are those of the `release` image; instructions and heap of a join are those of the same code in an image that has
a console besides, to measure through. QEMU runs with `-icount shift=0,sleep=off`, so an instruction takes 1 ns of the
board's time and SysTick counts them in steps of 40. Counts repeat: the board's node is stepped by the host in virtual
time, in the simulator's world of real factory, MASA, registrar and border router, all of it seeded and signing
deterministically. What is left to chance is where in a millisecond a step begins, which decides how often the
tick's interrupt, about 30 instructions, falls into it: less than one in ten thousand. Waiting does not count, nor does
what the measuring itself takes. The radio is the host's; what the serial line would add is given by frame.
"""

_CRYPTO = """
On the `dev` image. `native` is the C module over BearSSL, `pure` the same in Python, which a release refuses. As Python
calls them, so a call costs at least about 1,000, and allocating its result more, the fuller the heap is.
"""

_EDHOC = """
Method 0, suite 2, own certificate by value (x5chain), the registrar's key by value (kccs), during a join. With its
ephemeral key pair. All that is not inside the native module is the interpreter's: {edhoc:,} instructions here, {join:,}
in all steps of a join.
"""

_STEPS = """
A relayed datagram counts from its frame to the last acknowledgement of what was sent for it; link-layer security,
fragments and acknowledgements are in it.
"""

_HEAP = """
From power-on, in bytes. The frozen code itself is in flash; what is in RAM is what importing makes of it: modules,
classes, functions. The peak is looked for at the end of each step and at each call of the native module, after a
collection; how much garbage there may be besides is in the smallest heap.
Frames of running functions are elsewhere, on a stack of 4 kB of their own (decision 0009).
"""

_FROZEN = """
`frozen_content.o` of the release image: {total:,} bytes. The modules are not compared one by one, their sum is.
"""


def document(figures: dict[str, Any]) -> str:
    """The page."""
    lines = [_HEAD.format(target=figures["target"])]
    lines += _section("Budgets", ("", "now", "budget", "then"), _budgets(figures))
    lines.append(f"\nThe whole image is {figures['image_bytes']:,} bytes.")
    verbs = figures["verbs"]
    rows = [(verb, _round(count), _round(verbs["pure"][verb])) for verb, count in verbs["native"].items()]
    lines += _section("Crypto, instructions", ("verb", "native", "pure"), rows, _CRYPTO)
    shares = _EDHOC.format(
        edhoc=_round(figures["edhoc_initiator_m0_s2_interpreter_instructions"]),
        join=_round(figures["join_interpreter_instructions"]),
    )
    edhoc = [*_rounded(figures["edhoc"]), ("together", _round(figures["edhoc_initiator_m0_s2_instructions"]))]
    lines += _section("EDHOC initiator, instructions", ("step", "instructions"), edhoc, shares)
    lines += _section(
        "On the way of a join, instructions", ("what", "instructions"), _rounded(figures["steps"]), _STEPS
    )
    whole = [
        *_rounded(figures["join"]),
        ("power-on to JOINED, without collections", _round(figures["join_instructions"])),
    ]
    lines += _section("The whole join without waiting, instructions", ("part", "instructions"), whole)
    native = [
        (name, row["calls"], _round(row["instructions"]), row["bytes"]) for name, row in figures["native"].items()
    ]
    lines += _section("Of it in the native module", ("function", "calls", "instructions", "bytes"), native)
    lines += _section("Heap, bytes", ("what", "bytes"), figures["heap"].items(), _HEAP)
    lines += _section("Heap after import, by module, bytes", ("module", "bytes"), figures["heap_modules"].items())
    lines += _section("Image by section, bytes", ("section", "bytes"), figures["image_sections"].items())
    lines += _section("Image by part, bytes", ("part", "bytes"), figures["image_parts"].items())
    frozen = _FROZEN.format(total=figures["frozen_bytes"])
    lines += _section("Frozen code by module, bytes", ("module", "bytes"), figures["frozen_modules"].items(), frozen)
    return "\n".join(lines) + "\n"


def over_budget(figures: dict[str, Any]) -> list[str]:
    """A sentence for each budget that is exceeded."""
    return [f"{name}: {figures[key]:,} of {budget:,}" for key, name, budget, _ in BUDGETS if figures[key] > budget]


# Sections of the page whose rows are compared, and the only ones read back.
_COMPARED = (
    "Budgets",
    "Crypto, instructions",
    "EDHOC initiator, instructions",
    "On the way of a join, instructions",
    "The whole join without waiting, instructions",
    "Heap, bytes",
    "Image by part, bytes",
)


def grown(figures: dict[str, Any], page: str) -> list[str]:
    """A sentence for each figure that is more than GROWTH above that of a page, or that the page lacks."""
    written = _read(page)
    sentences = []
    for key, value in _read(document(figures)).items():
        if key not in written:
            sentences.append(f"{key}: not in the page")
        elif value > written[key] * (1 + GROWTH):
            sentences.append(f"{key}: {value:,}, {value / written[key] - 1:+.1%} from {written[key]:,}")
    return sentences


def _read(page: str) -> dict[str, int]:
    """The first figure of each row, by section and row."""
    figures = {}
    section = ""
    for line in page.splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif section in _COMPARED and (row := re.match(r"\| (.+?) \| ([0-9,]+) \|", line)):
            figures[f"{section}: {row[1]}"] = int(row[2].replace(",", ""))
    return figures


def _budgets(figures: dict[str, Any]) -> list[tuple[str, int, int, int]]:
    rows = []
    for key, name, budget, later in BUDGETS:
        rows.append((name, _round(figures[key]) if key.endswith("_instructions") else figures[key], budget, later))
    return rows


def _rounded(figures: dict[str, int]) -> list[tuple[str, int]]:
    return [(name, _round(value)) for name, value in figures.items()]


def _round(count: int) -> int:
    """Instructions to four digits, which do not change from run to run."""
    return round(count, 4 - len(str(count))) if count > 9999 else count


def _section(title: str, head: tuple[str, ...], rows: Iterable[tuple[Any, ...]], text: str = "") -> list[str]:
    lines = [f"\n## {title}", *([text.rstrip("\n")] if text else []), ""]
    lines.append("| " + " | ".join(head) + " |")
    lines.append("|---|" + "---:|" * (len(head) - 1))
    for name, *values in rows:
        lines.append(f"| {name} | " + " | ".join(f"{value:,}" for value in values) + " |")
    return lines
