"""A whole day of a network in virtual time: it goes on, its memory stays level, and no nonce comes again.

Beacons are rare, so that it takes half a minute; everything else is at its default. The board of
tests/hil/test_board_member_day.py lives a day in QEMU.
"""

from __future__ import annotations

import gc
import types
from typing import Any

import pytest
from world import JOINED, World, simulate

from microbrew.config import Config
from microbrew.mac.frame import BEACON, Frame
from microbrew_host.jrc import rekey
from microbrew_host.jrc.database import LinkKey

HOUR_MS = 3_600_000
BEACON_MS = 60_000


def belongings(root: Any) -> int:
    """How many objects a node is made of: what can be reached from it, apart from code and from the simulator."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        found = waiting.pop()
        is_code = isinstance(found, type | types.ModuleType | types.FunctionType | types.CodeType | types.FrameType)
        if id(found) in seen or is_code or type(found).__module__.startswith(("microbrew_host", "cryptography")):
            continue
        seen.add(id(found))
        waiting.extend(gc.get_referents(found))
    return len(seen)


@pytest.mark.long
def test_a_day_with_a_beacon_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    # Looking for an operator's commands is most of what a registrar does in a day.
    monkeypatch.setattr(rekey, "POLL", 60.0)
    config = Config()
    config.beacon_ms = BEACON_MS

    async def scenario(world: World):
        nonces: dict[tuple[bytes, int, int], bytes] = {}
        repeated = []
        beacons: dict[bytes, int] = {}
        header = Frame()

        def hear(sender: bytes, psdu: bytes) -> None:
            if header.parse(psdu, len(psdu)) is not None or not header.level:
                return
            beacons[sender] = beacons.get(sender, 0) + (header.kind == BEACON)
            # Without the sequence number and what comes before: a retransmission is the same frame.
            nonce = header.src, header.key_index, header.counter
            if nonces.setdefault(nonce, psdu[3:]) != psdu[3:]:
                repeated.append(nonce)

        world.air.on_frame = hear
        world.router_settings = {"beacon_ms": BEACON_MS}
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        near = world.add_device(maker, neighbours=[world.domain], config=config)
        await world.until(lambda: near.outcome == JOINED, 3 * BEACON_MS)
        child = world.add_device(maker, neighbours=[near], config=config)
        levels = []
        for hour in range(24):
            await world.until(lambda: child.outcome == JOINED, 3 * BEACON_MS)
            await world.run_for(HOUR_MS)
            assert (near.outcome, child.outcome) == (JOINED, JOINED)
            if hour % 6 == 3:
                rekey.request_rekey(world.domain.server.database, 0.0)
            if hour % 4 == 3:
                # As one that was never here.
                child.node.factory_reset(world.now_ms)
                child.wake()
            else:
                levels.append(belongings(near.node))
        with world.domain.server.database.transaction() as tx:
            keys = tx.query(LinkKey).count()
        assert not near.times("parent-lost") and len(near.times("joined")) == 1
        return repeated, len(nonces), beacons[near.eui64], len(child.times("joined")), keys, levels

    repeated, nonces, beacons, joined, keys, levels = simulate(scenario)
    assert repeated == []
    assert beacons >= 24 * 60 and nonces > 3 * beacons
    assert (joined, keys) == (6, 5)
    # From the second hour on: before it what is made once is made. Something may be under way at either time.
    assert max(levels[1:]) - min(levels[1:]) < 20, levels
