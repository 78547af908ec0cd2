"""Too little heap for a join: the attempt fails in words, the flash stays as it was, and with memory it works.

Which heaps are too small, and for what, is found by trying them all. That memory may run out in every single step of a
join is proved in virtual time by tests/e2e/test_memory_runs_out.py.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import flash_image
import pytest
from board_lives import BoardLives, Life

from microbrew.join import membership

AT_ONCE = 6
HEAPS = [kilobytes * 1024 for kilobytes in range(28, 84, 5)]
WORDS = "not enough memory"
START, EDHOC, LATER, JOINED = "start", "edhoc", "later", "joined"


@pytest.fixture
def network(images: None, tmp_path: Path):
    names = {str(heap): f"00124b000008{i:04x}" for i, heap in enumerate(HEAPS)}
    world = BoardLives(tmp_path, names, AT_ONCE)
    try:
        yield world
    finally:
        world.close()


def ended(life: Life) -> object:
    """Whether it has come to its end or given up once."""
    return life.proxying or life.logged("retry") or life.failures


def outcome(life: Life) -> str:
    """How far it came."""
    if life.proxying:
        return JOINED
    if not life.logged("failed"):
        return LATER if life.logged("joined") else START
    states = [state for state in life.logged("state") if state != "WAIT_RETRY"]
    return EDHOC if states[-1] in ("WAIT_PROXY", "WAIT_MESSAGE_2", "WAIT_MESSAGE_3_ACK") else LATER


@pytest.mark.long
def test_a_heap_that_is_too_small_fails_the_attempt_cleanly_and_a_larger_one_joins(network: BoardLives) -> None:
    network.found_site()
    lives: dict[int, list[Life]] = {}
    left: dict[int, list[set[str]]] = {}

    async def work(heaps: list[int], wire: int) -> None:
        while heaps:
            heap = heaps.pop()
            name = str(heap)
            lives[heap] = [await network.live(name, wire, until=ended, heap=heap)]
            left[heap] = [set(records) for records in await asyncio.to_thread(flash_image.read, network.flash(name))]
            # The second one has all that a board has.
            lives[heap].append(await network.live(name, wire))

    async def everything() -> None:
        heaps = list(HEAPS)
        await asyncio.gather(*(work(heaps, wire) for wire in range(AT_ONCE)))

    network.run(everything())

    outcomes = [outcome(lives[heap][0]) for heap in sorted(lives)]
    # The more there is the further it comes.
    assert outcomes[0] == START
    assert EDHOC in outcomes
    assert outcomes[-1] == JOINED
    for heap, (first, second) in lives.items():
        what = f"heap {heap}: {left[heap]} {first.lines}"
        is_node = membership.RECORD in left[heap][0]
        assert is_node == bool(first.logged("joined")), what
        if not first.proxying:
            assert any(WORDS in line for line in first.lines), what
            assert all("stopped " + WORDS in line for line in first.failures), what
            assert is_node or left[heap][0] <= {"factory", "seq-cojp", "replay-cojp"}, what
        assert second.proxying and not second.failures, what
        assert second.first_state == ("WAIT_ROUTE" if is_node else "WAIT_EB"), what
