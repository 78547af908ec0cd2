"""One run of ``microbrew sim``: many devices of one manufacturer, all switched on at once, until each has joined."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from microbrew.join import member as states
from microbrew_host.simulator import topology, virtual_time
from microbrew_host.simulator.world import JOINED, Device, World


@dataclass(frozen=True)
class Settings:
    """What to simulate. ``loss`` is the share of frames lost at each receiver, ``timeout_s`` is virtual time.

    ``contention``: one channel is shared, frames collide (air.py).
    """

    devices: int = 100
    loss: float = 0.2
    seed: int = 1
    topology: str = "random"
    timeout_s: int = 1800
    contention: bool = False


@dataclass
class Result:
    """What happened. Times in ms of virtual time from power-on until the device was a join proxy itself.

    ``failed``: serial number -> state it was left in. ``hops``: hops over join parents -> devices. ``attempts`` are
    joins that were begun. ``digest`` is the same for the same settings.
    """

    joined: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    times_ms: list[int] = field(default_factory=list)
    hops: dict[int, int] = field(default_factory=dict)
    virtual_ms: int = 0
    attempts: int = 0
    frames: int = 0
    octets: int = 0
    frames_lost: int = 0
    collisions: int = 0
    channel_busy: int = 0
    link_retries: int = 0
    coap_retries: int = 0
    datagrams_lost: int = 0
    digest: str = ""

    def percentile(self, share: float) -> int | None:
        """The time within which this share of those who joined had done so (nearest rank); None if nobody had."""
        if not self.times_ms:
            return None
        rank = max(1, -(-len(self.times_ms) * share // 1))
        return self.times_ms[int(rank) - 1]


def run(settings: Settings, progress: Callable[[int, int], None] = lambda joined, now_ms: None) -> Result:
    """Simulate; ``progress(joined, now_ms)`` is called as time passes. Raises ValueError for unusable settings."""
    graph = topology.make(settings.topology, settings.devices, settings.seed)
    result: Result = virtual_time.run(_run(settings, graph, progress))
    return result


def populate(world: World, graph: topology.Topology) -> None:
    """A manufacturer's devices, trusted by the first domain, in the places of ``graph``; the domain must run."""
    maker = world.makers[0]
    for before in graph:
        hears = [world.domain if number == 0 else world.devices[number - 1] for number in before]
        world.add_device(maker, neighbours=hears)


async def _run(settings: Settings, graph: topology.Topology, progress: Callable[[int, int], None]) -> Result:
    async with World(settings.seed, settings.loss, contention=settings.contention) as world:
        world.trust(world.add_manufacturer())
        await world.start()
        populate(world, graph)

        def finished() -> bool:
            joined = sum(device.outcome == JOINED for device in world.devices)
            progress(joined, world.now_ms)
            return joined == len(world.devices)

        # Who is missing is in the result.
        with contextlib.suppress(TimeoutError):
            await world.until(finished, settings.timeout_s * 1000)
        return _result(world)


def _result(world: World) -> Result:
    result = Result(virtual_ms=world.now_ms, digest=world.digest)
    counters: Counter[str] = Counter()
    hops: Counter[int] = Counter()
    for device in world.devices:
        result.attempts += len(device.times("proxy"))
        proxying = device.times("state", states.PROXYING)
        if device.outcome == JOINED and proxying and device.powered_ms is not None:
            result.times_ms.append(proxying[0] - device.powered_ms)
            hops[_hops(world, device)] += 1
        else:
            result.failed[device.serial] = device.state
        if device.node is not None:
            counters.update(device.node.parts.link.counters)
            counters.update(device.node.parts.net.counters)
            counters.update(device.node.parts.endpoint.counters)
    result.joined = len(result.times_ms)
    result.times_ms.sort()
    result.hops = dict(sorted(hops.items()))
    air = world.air
    result.frames, result.octets, result.frames_lost = air.frames, air.octets, air.lost
    result.collisions = air.collisions
    result.channel_busy = counters["channel_busy"]
    result.link_retries = counters["tx_retry"]
    result.coap_retries = sum(_repeated(device) for device in world.devices)
    result.datagrams_lost = counters["tx_link"] + counters["tx_queue"] + counters["tx_join_traffic"]
    return result


def _hops(world: World, device: Device) -> int:
    by_address = {other.eui64: other for other in world.devices}
    hops = 1
    while device.parent in by_address and hops <= len(by_address):
        device = by_address[device.parent]
        hops += 1
    return hops


def _repeated(device: Device) -> int:
    """Datagrams of the join that the device sent again: the same message twice without an answer in between."""
    repeated = 0
    last = None
    for _, event, text in device.log:
        if event == "msg":
            sent = text.startswith("up ") and not text.endswith("acknowledgement")
            repeated += sent and text == last
            last = text if sent else None
        elif event == "proxy":
            last = None
    return repeated
