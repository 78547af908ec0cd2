"""What scenario tests build on: the simulator's World, and ``simulate`` to run a scenario in virtual time.

    from world import JOINED, World, simulate

    def test_something():
        async def scenario(world):
            acme = world.add_manufacturer("acme")
            world.trust(acme)
            await world.start()
            device = world.add_device(acme, neighbours=[world.domain])
            await world.until(lambda: device.outcome == JOINED, 60_000)

        simulate(scenario, seed=1, loss=0.1)

The API is in microbrew_host/simulator/world.py.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from microbrew_host.simulator import virtual_time
from microbrew_host.simulator.flash import Flash, PowerCut
from microbrew_host.simulator.world import FAILED, JOINED, OFF, REFUSED, Device, Domain, Maker, World

__all__ = [
    "FAILED",
    "JOINED",
    "OFF",
    "REFUSED",
    "Device",
    "Domain",
    "Flash",
    "Maker",
    "PowerCut",
    "World",
    "simulate",
]


def simulate(scenario: Callable[[World], Awaitable[Any]], seed: int = 1, loss: float = 0.0) -> Any:
    """Run ``scenario(world)`` in a fresh world, in virtual time: what it returns."""

    async def main() -> Any:
        async with World(seed=seed, loss=loss) as world:
            return await scenario(world)

    return virtual_time.run(main())
