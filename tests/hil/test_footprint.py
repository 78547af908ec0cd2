"""What the firmware costs on a Cortex-M4F stays within docs/footprint.md and its budgets, and can be counted again."""

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/bench"))

from footprint import join, measure, report  # noqa: E402

TARGET = "qemu_an386"
PAGE = ROOT / "docs/footprint.md"
# Images may have to be built first, on a busy machine.
pytestmark = pytest.mark.timeout(900)
# A tick of the board's clock at each end of a step, and the tick's interrupt once more or less.
JITTER = 160


@pytest.fixture(scope="module")
def figures(bench_images: None) -> dict[str, Any]:
    return measure.everything(TARGET)


def test_no_figure_has_grown_beyond_the_page(figures: dict[str, Any]) -> None:
    grown = report.grown(figures, PAGE.read_text())
    assert not grown, "\n".join(["if it must be: make footprint, and commit docs/footprint.md with it", *grown])


def test_no_budget_is_exceeded(figures: dict[str, Any]) -> None:
    assert not report.over_budget(figures)


def test_two_joins_count_equally(bench_images: None) -> None:
    elf = measure.image(TARGET, measure.MEASURED) / "firmware.elf"
    one, other = join.run(elf), join.run(elf)
    assert one.digest == other.digest
    assert abs(one.instructions - other.instructions) < one.instructions / 10_000
    assert (one.loaded, one.booted) == (other.loaded, other.booted)
    steps = one.joining + one.settling + one.relaying
    others = other.joining + other.settling + other.relaying
    assert [(s.now, s.used, s.allocated, s.sent) for s in steps] == [
        (s.now, s.used, s.allocated, s.sent) for s in others
    ]
    for step, again in zip(steps, others, strict=True):
        # One interrupt more for each ms that it takes, of which the steps have the same number but for the ends.
        assert abs(step.instructions - again.instructions) <= JITTER


def test_what_the_package_is_made_of_sums_up(bench_images: None) -> None:
    sizes = measure.sizes(TARGET)
    assert sum(sizes["frozen_modules"].values()) == sizes["frozen_bytes"]
    assert sum(sizes["image_parts"].values()) == sizes["image_bytes"]
    # Everything that is compiled is somewhere, and the rest is small.
    assert sizes["image_parts"]["native crypto with BearSSL"] > 10_000
    assert 0 <= sizes["image_parts"]["C strings, alignment"] < sizes["image_bytes"] / 20
    assert sizes["frozen_modules"]["microbrew.join.pledge"] > 1000


# The comparison itself, on a made-up board.
SAMPLE: dict[str, Any] = {
    "target": "made up",
    "edhoc_initiator_m0_s2_instructions": 1_000_000,
    "edhoc_initiator_m0_s2_interpreter_instructions": 100_000,
    "join_instructions": 2_000_000,
    "join_interpreter_instructions": 200_000,
    "join_heap_peak_bytes": 30_000,
    "frozen_bytes": 90_000,
    "image_bytes": 300_000,
    "verbs": {"native": {"sign": 500_000}, "pure": {"sign": 5_000_000}},
    "edhoc": {"message_1": 1_000_000},
    "steps": {"relayed": 400_000},
    "join": {"steps": 2_000_000},
    "native": {"p256_sign": {"calls": 1, "instructions": 400_000, "bytes": 64}},
    "heap": {"peak": 30_000},
    "heap_modules": {"microbrew": 100},
    "image_sections": {".text": 300_000},
    "image_parts": {"frozen Python": 90_000},
    "frozen_modules": {"microbrew": 90_000},
}


def changed(*path: str, by: float) -> dict[str, Any]:
    figures = copy.deepcopy(SAMPLE)
    inner = figures
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = int(inner[path[-1]] * by)
    return figures


@pytest.mark.parametrize(
    "path", [("steps", "relayed"), ("verbs", "native", "sign"), ("heap", "peak"), ("image_parts", "frozen Python")]
)
def test_a_figure_may_grow_by_five_percent(path: tuple[str, ...]) -> None:
    page = report.document(SAMPLE)
    assert report.grown(SAMPLE, page) == []
    assert report.grown(changed(*path, by=1.04), page) == []
    (sentence,) = report.grown(changed(*path, by=1.06), page)
    assert path[-1] in sentence and "+6.0%" in sentence
    assert report.grown(changed(*path, by=0.5), page) == []


def test_a_figure_that_the_page_lacks_is_found() -> None:
    figures = copy.deepcopy(SAMPLE)
    figures["steps"]["new"] = 1
    assert report.grown(figures, report.document(SAMPLE)) == [
        "On the way of a join, instructions: new: not in the page"
    ]


def test_an_exceeded_budget_is_named() -> None:
    assert report.over_budget(SAMPLE) == []
    (sentence,) = report.over_budget(changed("frozen_bytes", by=1.2))
    assert sentence == "our code, frozen, bytes: 108,000 of 98,304"
