"""What the firmware costs on an emulated board: ``python tests/bench/board.py qemu_an386 [--write]``.

Program of ``make bench TARGET=qemu_an386``; ``--write``, of ``make footprint``, writes docs/footprint.md anew. The
images are there already. Prints tables, saves build/bench/TARGET.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from footprint import measure, report
from results import ROOT

DOCUMENT = ROOT / "docs/footprint.md"


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description="Instructions, heap and flash of the firmware on an emulated board.")
    parser.add_argument("target", choices=("qemu_an386",))
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.relative_to(ROOT)} anew")
    arguments = parser.parse_args()
    figures = measure.everything(arguments.target, lambda text: print(f"... {text}", file=sys.stderr, flush=True))
    save(ROOT / "build/bench" / f"{arguments.target}.json", figures)
    print(report.document(figures))
    if arguments.write:
        DOCUMENT.write_text(report.document(figures))
    for line in report.over_budget(figures):
        print("over budget: " + line, file=sys.stderr)
    return 0


def save(path: Path, figures: dict[str, object]) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
