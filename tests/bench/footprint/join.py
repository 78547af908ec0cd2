"""One zero-touch join of the board, then one through it, in virtual time, step by step.

The world is the simulator's: real factory, MASA, registrar, border router; the board's node sends and hears frames as
any other device of it. All randomness there is seeded and all signatures are deterministic, so the same frames go
over the air in each run, ``Join.digest``, and the board does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from footprint.probes import install_functions, install_natives, name_of
from footprint.session import BoardDevice, BoardFailed, Sample, Session, Step
from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.ip import addr
from microbrew.join import member as member_states
from microbrew.join import pledge as pledge_states
from microbrew.proxy import discovery
from microbrew_host.simulator import virtual_time
from microbrew_host.simulator.world import JOINED, World

_SEED = 1
_TIMEOUT_MS = 60_000
_COAP_PORT = 5683
_DATA = 1
_ACK = 2
_KIND = 0x07


@dataclass(frozen=True)
class Join:
    """What was measured; steps in their order. Heap in bytes, without the harness.

    ``joining``: from power-on to the network's keys; ``settling``: until the device is a join proxy itself;
    ``relaying``: while another device joins through it. ``load`` and ``boot``: instructions of importing the package
    and of making the node, ``loaded`` and ``booted``: heap in use after each. ``delivery``: the step in which
    a request of one secured frame arrived. ``harness``: bytes of heap of the measuring itself.
    ``overhead``: instructions that each sample of a probe has too many.
    """

    load: int
    boot: int
    loaded: int
    booted: int
    joining: list[Step]
    settling: list[Step]
    relaying: list[Step]
    delivery: Step
    harness: int
    digest: str
    overhead: int

    @property
    def instructions(self) -> int:
        """Of the whole join without waiting, from power-on: loading, boot, steps."""
        return self.load + self.boot + sum(step.instructions for step in self.joining)

    def samples(self, steps: list[Step]) -> list[tuple[str, Sample]]:
        """What the probes found, by name; a function comes after those that it called."""
        return [(name_of(sample.number), sample) for step in steps for sample in step.samples]


class JoinFailed(Exception):
    """The device did not join; the text says how far it came."""


def run(image: Path, *, functions: bool = False, natives: bool = False) -> Join:
    """Measure; ``functions``, ``natives``: with probes.py's. Raises JoinFailed, BoardFailed."""
    result: Join = virtual_time.run(_run(image, functions, natives))
    return result


def fits(image: Path, heap: int) -> bool:
    """Whether the board joins and becomes a join proxy with a heap of so many bytes, the harness being in it."""
    result: bool = virtual_time.run(_fits(image, heap))
    return result


async def _run(image: Path, functions: bool, natives: bool) -> Join:
    async with World(_SEED) as world:
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        device = world.add_device(maker, neighbours=[world.domain], power=False)
        with Session(image) as session:
            session.write_store(device.flash.dump())
            overhead = session.value("overhead()") if functions or natives else 0
            load, harness, loaded = session.value("cost(board.load)")
            if functions:
                session.run(install_functions())
            if natives:
                session.run(install_natives())
            boot, before, booted = session.value(f"cost(board.boot, {world.now_ms})")
            session.serve()
            board = BoardDevice(world, session, device, harness + before - loaded)
            await _until(world, board, pledge_states.JOINED)
            joined = len(board.steps)
            await _until(world, board, member_states.PROXYING)
            proxying = len(board.steps)
            far = world.add_device(maker, neighbours=[device])
            await world.until(lambda: far.outcome == JOINED, _TIMEOUT_MS)
            relayed = len(board.steps)
            router = world.domain.router
            assert router is not None
            address = addr.from_eui64(router.settings.prefix, device.eui64)
            router.net.send(_COAP_PORT, address, _COAP_PORT, _request(), world.now_ms, True)
            await world.until(lambda: _delivery(board.steps[relayed:]) is not None, _TIMEOUT_MS)
            delivery = _delivery(board.steps[relayed:])
            assert delivery is not None
            board.stop()
        return Join(
            load,
            boot,
            loaded - harness,
            booted - before + loaded - harness,
            board.steps[:joined],
            board.steps[joined:proxying],
            board.steps[proxying:relayed],
            delivery,
            harness,
            world.digest,
            overhead,
        )


async def _fits(image: Path, heap: int) -> bool:
    async with World(_SEED) as world:
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        device = world.add_device(maker, neighbours=[world.domain], power=False)
        with Session(image, heap) as session:
            session.write_store(device.flash.dump())
            if not session.works("board.load()") or not session.works(f"board.boot({world.now_ms})"):
                return False
            session.serve()
            board = BoardDevice(world, session, device, 0)
            try:
                await _until(world, board, member_states.PROXYING)
            except (JoinFailed, BoardFailed):
                return False
            finally:
                board.stop()
            return True


async def _until(world: World, board: BoardDevice, state: str) -> None:
    await world.until(lambda: board.state in (state, pledge_states.WAIT_RETRY), _TIMEOUT_MS)
    if board.state != state:
        raise JoinFailed("; ".join(f"{event} {text}" for _, event, text in board.events))


def _request() -> bytes:
    """A request that fits one frame: that of a device that looks for a join proxy, 35 bytes."""
    request = Message(numbers.CON, numbers.GET, 1, b"\x01\x02\x03\x04")
    for segment in discovery.CORE_PATH:
        request.add(numbers.URI_PATH, segment)
    request.add(numbers.URI_QUERY, "rt=" + discovery.JOIN_PROXY)
    return bytes(request.encode())


def _delivery(steps: list[Step]) -> Step | None:
    """The step in which the request came: what it answers is a frame of its own beside the acknowledgement."""
    for step in steps:
        kinds = [frame[0] & _KIND for frame in step.sent]
        if len(step.received) == 1 and step.received[0][0] & _KIND != _ACK and len(kinds) == 2:
            return step
    return None


def passages(steps: list[Step], secured: bool, frames: int) -> list[int]:
    """Instructions from each data frame that came to the proxy to the last acknowledgement of what was sent for it.

    ``secured``: True for those from the registrar's side, which leave unsecured, False for a pledge's. ``frames``: how
    many had to be sent.
    """
    found = []
    for i, step in enumerate(steps):
        if len(step.received) != 1 or step.received[0][0] & _KIND != _DATA or is_secured(step.received[0]) != secured:
            continue
        group = [step]
        for later in steps[i + 1 :]:
            if any(frame[0] & _KIND != _ACK for frame in later.received):
                break
            group.append(later)
        left = [frame for part in group for frame in part.sent if frame[0] & _KIND != _ACK]
        if len(left) == frames and all(is_secured(frame) != secured for frame in left):
            found.append(sum(part.instructions for part in group))
    return found


def is_secured(frame: bytes) -> bool:
    """The bit Security Enabled (IEEE 802.15.4 section 7.2.2)."""
    return bool(frame[0] & 0x08)
