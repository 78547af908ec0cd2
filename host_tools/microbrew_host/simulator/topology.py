"""Who hears whom: connected graphs around a border router, by name.

A topology is a list with an entry per device: the numbers of those it hears that come before it, 0 being the border
router and n the n-th device. Since every entry has at least one, the whole is connected.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from microbrew.ip.rpl import MAX_HOPS

Topology = list[list[int]]


def line(devices: int, _rng: random.Random) -> Topology:
    """Each hears the one before it."""
    return [[number] for number in range(devices)]


def grid(devices: int, _rng: random.Random) -> Topology:
    """A square with the border router in its middle; up, down, left and right hear each other."""
    side = math.ceil(math.sqrt(devices + 1))
    middle = side // 2
    places = [(row, column) for row in range(side) for column in range(side)]
    # Nearest first, so that each has a neighbour before it.
    places.sort(key=lambda place: (abs(place[0] - middle) + abs(place[1] - middle), place))
    return _before(places[: devices + 1], 1.0)


def scattered(devices: int, rng: random.Random) -> Topology:
    """Points thrown into a square with the border router in a corner; a range that makes about nine neighbours.

    A point that would hear nobody is thrown again.
    """
    radius = 1.4 * math.sqrt(math.log(devices + 1) / (math.pi * (devices + 1)))
    points = [(0.0, 0.0)]
    while len(points) <= devices:
        point = rng.random(), rng.random()
        if any(math.dist(point, other) <= radius for other in points):
            points.append(point)
    return _before(points, radius)


TOPOLOGIES: dict[str, Callable[[int, random.Random], Topology]] = {"random": scattered, "line": line, "grid": grid}


def make(name: str, devices: int, seed: int) -> Topology:
    """The topology of that name. Raises ValueError for an unknown name, or one beyond RPL's hop limit."""
    if name not in TOPOLOGIES:
        raise ValueError(f"a topology is one of {', '.join(TOPOLOGIES)}")
    found = TOPOLOGIES[name](devices, random.Random(f"{seed} topology"))  # noqa: S311
    farthest = max(distances(found))
    if farthest > MAX_HOPS:
        raise ValueError(f"this {name} topology is {farthest} hops deep; {MAX_HOPS} is the most that routes can have")
    return found


def distances(topology: Topology) -> list[int]:
    """Hops to the border router, as few as there can be, of each device."""
    hears: list[set[int]] = [set() for _ in range(len(topology) + 1)]
    for number, before in enumerate(topology, 1):
        for other in before:
            hears[number].add(other)
            hears[other].add(number)
    found = {0: 0}
    edge = [0]
    while edge:
        following = sorted({other for one in edge for other in hears[one]} - found.keys())
        found.update(dict.fromkeys(following, found[edge[0]] + 1))
        edge = following
    return [found[number] for number in range(1, len(hears))]


def _before(points: list[tuple[int, int]] | list[tuple[float, float]], reach: float) -> Topology:
    return [
        [other for other in range(number) if math.dist(points[number], points[other]) <= reach]
        for number in range(1, len(points))
    ]
