"""What was found out about a target."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microbrew_host.board.repl import Repl
from microbrew_host.board.target import Target

UNIT = Path(__file__).resolve().parents[1] / "unit"


def platform_of(board: Target, repl: Repl) -> str:
    """Under which name its row stands: the directory in boards/ of its image, or what it calls itself.

    What upstream's nrf port says of each of its boards is the port's name."""
    return board.platform or repl("import sys; print(sys.platform)")


class Outcomes:
    """What was found out about a target, by file and test; written to build/hil/TARGET.json for docs/boards.md."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[tuple[str, str, str, str]] = []
        self.facts: dict[str, Any] = {}

    def add(self, file: str, test: str, outcome: str, reason: str) -> None:
        """One test's outcome: pass, fail or skip."""
        self.rows.append((file, test, outcome, reason))

    @contextlib.contextmanager
    def claim(self, *facts: str) -> Iterator[None]:
        """What is in the context shows these facts about the target, or that they are not so."""
        for fact in facts:
            self.facts[fact] = "fail"
        yield
        for fact in facts:
            self.facts[fact] = "pass"

    def summary(self, before: dict[str, Any]) -> dict[str, Any]:
        """Facts, counts, and the reasons of what was skipped; of what did not run now, those of ``before``.

        Tests are counted file by file, so that a run of some files leaves what is known of the others.
        """
        found = {**before, "target": self.name, **self.facts}
        files: dict[str, dict[str, Any]] = {
            file: counts for file, counts in before.get("files", {}).items() if _is_there(file)
        }
        for file in {row[0] for row in self.rows}:
            files[file] = {"skip": {}}
        for file, _, outcome, reason in self.rows:
            counts = files[file]["skip"] if outcome == "skip" else files[file]
            key = reason if outcome == "skip" else outcome
            counts[key] = counts.get(key, 0) + 1
        if files:
            found["files"] = files
            crypto = [counts for file, counts in files.items() if file.startswith("test_crypto_")]
            if any("pass" in counts or "fail" in counts for counts in crypto):
                found["vectors"] = "fail" if any("fail" in counts for counts in crypto) else "pass"
            skipped = {(file, reason): n for file, counts in files.items() for reason, n in counts["skip"].items()}
            totals = {name: sum(counts.get(name, 0) for counts in files.values()) for name in ("fail", "pass")}
            totals["skip"] = sum(skipped.values())
            found["tests"] = {name: count for name, count in totals.items() if count}
            found["skipped"] = [f"{file}, {count}: {reason}" for (file, reason), count in sorted(skipped.items())]
        return found


def _is_there(file: str) -> bool:
    return not file.endswith(".py") or (UNIT / file).exists()
