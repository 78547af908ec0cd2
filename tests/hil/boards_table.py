"""Makes docs/boards.md from what the tests of targets found: ``boards_table.py`` after `make test-board TARGET=...`.

Each run leaves build/hil/TARGET.json; what is new there goes into docs/boards.json, which is kept, and the page is
made from that. A board that has no target for `make test-board` may leave such a file too: {"target": its name,
"platform": directory in boards/, "builds", "boots", "radio", "vectors", "join", "air", "flash": "pass" or "fail", each
if it was tried}. A target's name says where it ran: a serial port is hardware, NAME-emulated our model of a chip,
qemu_NAME QEMU.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build/hil"
KEPT = ROOT / "docs/boards.json"
PAGE = ROOT / "docs/boards.md"

COLUMNS = ("builds", "boots", "radio", "vectors", "join", "air", "flash")
_TITLES = ("builds", "boots", "radio", "crypto", "join", "by air", "flash")
# Directories in boards/ that are boards, in the order of the page; where each could run if not on hardware.
BOARDS = {
    "qemu_an386": "QEMU",
    "nrf52840dk": "emulation",
    "nrf52840_stock": "emulation",
    "cc2652": "emulation",
    "unix": "process",
}

_HEAD = """# Boards, and what was seen of them

<!-- Made by `make boards-table` from docs/boards.json; edit tests/hil/boards_table.py. -->

Every claim names where it was seen: in QEMU, in our model of a chip (*emulation*), or on *hardware*. **No board of ours
has been on hardware yet**, unless a row below says so. `yes` and `NO` are what the last run found, `-` means it has not
been tried. The columns: an image is built; it boots to the REPL; frames go and come; every vector of tests/vectors on
every crypto backend it has; provisioned over its console, it joins a network of processes and is the join proxy of the
next device; it joins by air, through a second board that is the border router's radio, is a node at once after a
reset, and its beacons invite the next; its store survives a reset. An emulated chip's air is that of the emulators.

"""
_TAIL = """
## Fill in a row

    make test-board TARGET=qemu_an386            # or nrf52840-emulated, nrf52840_stock-emulated, cc2652-emulated, unix
    make test-board TARGET=/dev/ttyACM0          # a board with our `dev` image, or with what `make deploy` put there
    make test-board TARGET=/dev/ttyACM0 PEER=/dev/ttyACM1 ASK=1
    make test-board TARGET=/dev/ttyACM0 RADIO=/dev/ttyACM1
    make boards-table

`TARGET` is the board under test. `PEER` is a second one, for the radio: frames both ways on channels 11 to 26, and none
between different channels; two emulated boards can be each other's, too (`TARGET=qemu_an386 PEER=qemu_an386`). `ASK=1`
asks you to pull a plug where a test is about that. What a target lacks is skipped and listed with its reason. A port
that is not there, or where nobody answers, ends the run in one message before any test.

`RADIO` is an nRF52840 DK with the bridge image, this machine's radio, for a join over the air: the board under test is
provisioned over its console, joins through a border router that has that radio, a registrar and a MASA, and says
`joined` and `proxying`; reset, it is a node at once; and its beacons are heard by the radio. When it fails, it
says what to look at: a port where no radio answers, no beacon heard, whose beacons instead, refused and why. The same
runs with `TARGET=nrf52840-emulated RADIO=nrf52840-emulated`, and `tests/hil/test_nrf52840_air.py` runs it always.

Stock MicroPython (`make deploy`) keeps the code in RAM. Seen in QEMU, on an image with nothing of ours in it and the
native module loaded from a `.mpy`: 121 kB of heap before the node begins, 141 kB while it listens for beacons, 176 kB
in EDHOC, 184 kB at the peak, as a node and join proxy. It joins and is the proxy of the next device with a heap of
200 kB (`tests/hil/test_deploy_join.py`), and did so once with 192 kB. The files take about 50 blocks of 4 KiB. The
upstream nrf port gives its nRF52840 boards a filesystem of 64 KiB unless built with `FS_SIZE=256k`, and a stack of 8
KiB, too small for a join: [boards/nrf52840_stock](../boards/nrf52840_stock/README.md) has both, and the package
frozen; it joins and is a join proxy, seen in emulation. `mip` installs sources (firmware/package.json), about 500 kB
of them, for boards with flash to spare.

A board's files are where its port mounts its filesystem and starts: / on ours, `/flash` on many of upstream's. The
tests keep theirs apart from the board's store (`store` there) and its key page: its identity and its network stay.
They do leave compiled tests and vectors in `tests`, so that the next run is quicker.
"""


def where(target: str) -> str:
    """Where a target runs."""
    if "/" in target:
        return "hardware"
    if target.endswith("-emulated"):
        return "emulation"
    return "QEMU" if target.startswith("qemu_") else "process"


def merge(kept: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results by board and place, the new ones over the old ones."""
    found = {(row["platform"], where(row["target"])): row for row in kept}
    for row in new:
        place = where(row["target"])
        # The number of somebody's serial port says nothing.
        target = "/dev/ttyACM0" if place == "hardware" else row["target"]
        key = (row["platform"], place)
        found[key] = {**found.get(key, {}), **row, "target": target}
    return [found[key] for key in sorted(found)]


def render(rows: list[dict[str, Any]]) -> str:
    """The page."""
    found = {(row["platform"], where(row["target"])): row for row in rows}
    boards = [*BOARDS, *sorted({row["platform"] for row in rows} - set(BOARDS))]
    out = [_HEAD, "| board | where | " + " | ".join(_TITLES) + " |\n", "|---" * (2 + len(COLUMNS)) + "|\n"]
    for board in boards:
        places = [BOARDS.get(board, "emulation"), "hardware"] if board != "unix" else ["process"]
        for place in places:
            row = found.get((board, place), {})
            # An image that runs has been built.
            cells = [_cell(row, column) for column in COLUMNS]
            out.append(f"| `{board}` | {place} | " + " | ".join(cells) + " |\n")
    out.append("\n## Tests\n\n")
    for row in rows:
        if "tests" not in row or "pass" not in row["tests"]:
            continue
        counts = ", ".join(f"{number} {name}" for name, number in sorted(row["tests"].items()))
        out.append(f"`{row['platform']}`, {where(row['target'])}: unit tests of the firmware: {counts}")
        if "crypto" in row:
            out.append(f"; crypto {row['crypto']}")
        if "heap_peak" in row:
            out.append(f"; heap with a join {row['heap_peak']} bytes, code that is not in flash included")
        out.append(". Skipped:\n\n")
        out.extend(f"- {line}\n" for line in row.get("skipped", []))
        out.append("\n")
        if "crypto_us" in row:
            times = ", ".join(f"{name} {value}" for name, value in row["crypto_us"].items())
            out.append(f"Microseconds: {times}.\n\n")
    return "".join(out).rstrip() + "\n" + _TAIL


def _cell(row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    if column == "builds" and value is None and row.get("boots") == "pass":
        value = "pass"
    return {"pass": "yes", "fail": "NO"}.get(str(value), "-")


def kept() -> list[dict[str, Any]]:
    """What docs/boards.json holds."""
    return list(json.loads(KEPT.read_text())) if KEPT.exists() else []


def new() -> list[dict[str, Any]]:
    """What runs have left in build/hil; one that never reached its board does not count."""
    rows = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    for row in rows:
        # Of the files, the sums are kept.
        row.pop("files", None)
    rows = [{**row, "platform": "unix"} if row.get("target") == "unix" else row for row in rows]
    return [row for row in rows if "platform" in row]


def main() -> int:
    """Writes both files."""
    rows = merge(kept(), new())
    KEPT.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(render(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
