"""Where the benches leave their figures: build/bench/unix.json, one section per bench, under the root of the tree."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "build" / "bench" / "unix.json"


def save(section: str, facts: dict[str, object]) -> None:
    """Replace one section of the file; the others stay."""
    try:
        sections = json.loads(FILE.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        sections = {}
    sections[section] = facts
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(sections, indent=1, sort_keys=True) + "\n")
