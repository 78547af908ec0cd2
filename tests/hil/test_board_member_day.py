"""A day of a board as a member and join proxy, in QEMU, stepped in virtual time across the point where its clock wraps.

The network is the simulator's. A step of the board takes the host some 20 ms, so this network is a quiet one: beacons,
routes and registrations are refreshed a few times an hour. tests/e2e/test_days.py has a day of usual traffic, of
processes' nodes; a pledge that hears nobody is in test_board_days.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import air_nonces
import pytest
from board_network import IMAGES, ROOT

sys.path.insert(0, str(ROOT / "tests/bench"))

from footprint.session import BoardDevice, Session, Step  # noqa: E402

from microbrew.config import Config  # noqa: E402
from microbrew.join.member import PROXYING  # noqa: E402
from microbrew.mac.frame import BEACON  # noqa: E402
from microbrew_host.jrc import rekey  # noqa: E402
from microbrew_host.jrc.database import LinkKey  # noqa: E402
from microbrew_host.simulator import virtual_time  # noqa: E402
from microbrew_host.simulator.world import JOINED, World  # noqa: E402

HOUR_MS = 3_600_000
# MicroPython's ticks_ms() wraps there, and its integers go to the heap: after twelve and a half days.
WRAP_MS = 1 << 30
HOURS = 24
BEACON_MS = 600_000
# More often: after a rekey a node follows when it hears the border router, which it gives up after a minute without it.
ROUTER_BEACON_MS = 60_000
REGISTRATION_MS = HOUR_MS
# The border router's lifetime of a route, 2 units.
LIFETIME_UNIT = 3600
VISITS = 4
PREFIX = bytes.fromhex("fd006d6200000000")

# The board's settings, as a network's operator would choose them.
_SETTINGS = f"""
make = board.parts[0]
def settings():
    made = make()
    made.beacon_ms = {BEACON_MS}
    made.registration_ms = {REGISTRATION_MS}
    return made
board.parts = (settings,) + board.parts[1:]
"""

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("images")]


def level(steps: list[Step]) -> int:
    """Bytes of heap in use when nothing is under way."""
    return min(step.used for step in steps)


def test_a_quiet_day_in_which_the_clock_wraps_with_children_that_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    # Looking for an operator's commands is most of what a registrar does in a quiet day.
    monkeypatch.setattr(rekey, "POLL", 60.0)
    config = Config()
    config.beacon_ms = BEACON_MS
    config.registration_ms = REGISTRATION_MS

    async def scenario(image: Path) -> None:
        async with World(1) as world:
            world.router_settings = {"beacon_ms": ROUTER_BEACON_MS, "lifetime_unit": LIFETIME_UNIT}
            spoken: list[bytes] = []
            world.air.on_frame = lambda _, psdu: spoken.append(bytes(psdu))
            maker = world.add_manufacturer()
            world.trust(maker)
            await world.start()
            device = world.add_device(maker, neighbours=[world.domain], power=False)
            begin = WRAP_MS - HOURS * HOUR_MS // 2
            with Session(image) as session:
                session.write_store(device.flash.dump())
                session.run("board.load()")
                session.run(_SETTINGS)
                session.run(f"board.boot({begin + world.now_ms})")
                session.serve()
                board = BoardDevice(world, session, device, 0, begin)
                await world.until(lambda: board.state == PROXYING, 3 * BEACON_MS)
                child = world.add_device(maker, neighbours=[device], config=config)
                hours: list[list[Step]] = []
                keys: dict[int, bytes] = {}
                for hour in range(HOURS):
                    first = len(board.steps)
                    if hour % (HOURS // VISITS) == 1:
                        if child.node is None:
                            child.power_on()
                            child.node.factory_reset(world.now_ms)
                        await world.until(lambda: child.outcome == JOINED, 3 * BEACON_MS)
                        assert child.parent == device.eui64
                        child.power_cut()
                        # New keys reach the board by an exchange of its own with the registrar.
                        rekey.request_rekey(world.domain.server.database, 0.0)
                    await world.run_for(HOUR_MS - world.now_ms % HOUR_MS)
                    hours.append(board.steps[first:])
                    with world.domain.server.database.transaction() as tx:
                        # One that is retired is wiped.
                        keys.update((key.key_id, bytes(key.value)) for key in tx.query(LinkKey) if any(key.value))
                board.stop()
        said = [event for _, event, _ in board.events]
        assert said.count("joined") == said.count("proxying") == 1
        assert not {"parent-lost", "failed", "memory", "oscore"} & set(said), board.events
        assert said.count("update") == VISITS
        beacons = sum(frame[0] & 7 == BEACON for step in board.steps for frame in step.sent)
        assert beacons >= HOURS * HOUR_MS // BEACON_MS
        assert board.steps[0].now < WRAP_MS < board.steps[-1].now
        nonces = air_nonces.listen(spoken, keys, PREFIX)
        assert nonces.repeated == []
        mine = [nonce for nonce in nonces.link if nonce[0] == device.eui64]
        assert len(mine) > beacons
        assert len([nonce for nonce in nonces.requests if nonce[0] == device.eui64]) >= HOURS
        levels = [level(steps) for steps in hours]
        # Once times are beyond 2**30, and three children and keys have come and gone: whatever comes and goes.
        settled = levels[15:]
        assert max(settled) - min(settled) <= 512 and settled[0] == settled[-1], levels
        # Such times are objects of 16 bytes, and lists have grown to what a visit takes.
        assert settled[-1] - levels[0] <= 1024, levels

    virtual_time.run(scenario(IMAGES["dev"]))
