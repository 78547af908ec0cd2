"""Power cuts at every flash operation of a join, on an emulated board that joins a real network.

The emulator itself ends, in the middle of an operation or right after it, and the board starts again from what is in
its flash. Each cut has a device of its own that comes from the factory; they all join one network.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import air_nonces
import flash_image
import pytest
from board_lives import BoardLives, Life

from microbrew.join import membership
from microbrew_host.board.child import POWER_CUT_STATUS

AT_ONCE = 8
# More than there are flash operations in a join; how many there are is found out.
MOST = 24
PREFIX = bytes.fromhex("fd006d6200000000")


@dataclass
class Cut:
    """``kind`` and ``number`` are the emulator's option; ``left``: names of the records that the cut left."""

    kind: str
    number: int
    cut: Life
    left: set[str]
    again: Life


class Cuts:
    """Cuts of one kind, 1, 2, ... up to the first life that had no such operation any more."""

    def __init__(self, network: BoardLives, kind: str) -> None:
        self.network = network
        self.kind = kind
        self.done: list[Cut] = []
        self.operations: int | None = None
        self._number = 0

    async def work(self, wire: int) -> None:
        """Make one cut after the other, next to others that do."""
        while self.operations is None and self._number < MOST:
            self._number += 1
            await self._cut(self._number, wire)

    async def _cut(self, number: int, wire: int) -> None:
        name = f"{self.kind}{number}"
        first = await self.network.live(name, wire, **{self.kind: number})
        if first.status is None:
            self.operations = min(number - 1, self.operations or MOST)
            return
        (records,) = await asyncio.to_thread(flash_image.read, self.network.flash(name))
        again = await self.network.live(name, wire)
        self.done.append(Cut(self.kind, number, first, set(records), again))


@pytest.fixture
def network(images: None, tmp_path: Path):
    names = [f"{kind}{number}" for kind in ("cut", "after") for number in range(1, MOST + 1)]
    world = BoardLives(tmp_path, {name: f"00124b000007{i:04x}" for i, name in enumerate(names)}, AT_ONCE)
    try:
        yield world
    finally:
        world.close()


@pytest.mark.long
def test_a_cut_at_every_flash_operation_of_a_join_leaves_a_pledge_or_a_node_and_no_nonce_repeats(
    network: BoardLives,
) -> None:
    site = network.found_site()
    kinds = [Cuts(network, "cut"), Cuts(network, "after")]

    async def cut_all() -> None:
        await asyncio.gather(*(kinds[wire % 2].work(wire) for wire in range(AT_ONCE)))

    network.run(cut_all())

    operations = kinds[0].operations
    assert operations == kinds[1].operations
    assert operations is not None and operations > 10
    cuts = [cut for kind in kinds for cut in kind.done]
    assert sorted((cut.kind, cut.number) for cut in cuts) == sorted(
        (kind, number) for kind in ("cut", "after") for number in range(1, operations + 1)
    )
    became = set()
    for cut in cuts:
        what = f"{cut.kind} {cut.number}: {cut.left} {cut.again.lines}"
        assert cut.cut.status == POWER_CUT_STATUS, what
        assert cut.cut.failures == cut.again.failures == [], what
        assert cut.left <= {"factory", "network", "seq-link", "seq-cojp", "replay-cojp"}, what
        is_node = membership.RECORD in cut.left
        # A node goes on where it was; a pledge begins with the beacon and joins anew.
        assert cut.again.first_state == ("WAIT_ROUTE" if is_node else "WAIT_EB"), what
        assert bool(cut.again.logged("joined")) != is_node, what
        assert cut.again.proxying, what
        became.add(is_node)
    assert became == {False, True}

    with network.database(site) as database:
        keys = dict(database.execute("SELECT key_id, value FROM link_keys"))
        joined = database.execute(
            "SELECT serial, count(*) FROM events WHERE kind = 'joined' GROUP BY serial"
        ).fetchall()
        odd = database.execute("SELECT text FROM events WHERE kind IN ('refused', 'warning')").fetchall()
        windows = database.execute("SELECT eui64, replay_index, replay_bitmap FROM cojp_contexts").fetchall()
    assert odd == []
    assert {network.serial(cut.cut.name) for cut in cuts} <= {serial for serial, _ in joined}

    nonces = air_nonces.listen(network.psdus(), keys, PREFIX)
    assert nonces.repeated == []
    # Every device was heard securing frames, and asking the JRC under its key, in its last life at least.
    for cut in cuts:
        eui64 = bytes.fromhex(network.eui64(cut.cut.name))
        assert any(nonce[0] == eui64 for nonce in nonces.link), cut.cut.name
        numbers = [int.from_bytes(nonce[4], "big") for nonce in nonces.requests if nonce[0] == eui64 and nonce[2]]
        assert len(numbers) >= 2
        # The JRC has taken no number that was not on the air, and not one that it had to take for used.
        (window,) = [(index, bitmap) for owner, index, bitmap in windows if owner == eui64]
        assert window[0] + window[1].bit_length() - 1 <= max(numbers)
