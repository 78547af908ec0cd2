"""A hundred devices, several hops, a fifth of all frames lost: every one of them joins, the same way each time."""

import random

from typer.testing import CliRunner
from world import JOINED, OFF, PowerCut, World, simulate

from microbrew_host.simulator import commands, topology
from microbrew_host.simulator.simulation import Settings, populate, run

DATA, ACK = 1, 2


class Listener:
    """Hears the whole air, and reads frames by hand: nothing of the firmware's parsers is in here."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.frames: list[tuple[int, bytes, bytes]] = []
        world.air.on_frame = lambda sender, psdu: self.frames.append((world.now_ms, sender, psdu))

    def of_pledge(self, device) -> list[bytes]:
        """What ``device`` sent while it was a pledge."""
        (joined,) = device.times("joined")
        # What it sends in the same millisecond may be either.
        return [psdu for ms, sender, psdu in self.frames if sender == device.eui64 and ms < joined]


def is_link_local_unicast(psdu: bytes) -> bool:
    """An unsecured data frame between two EUI-64s whose IPv6 addresses are link-local ones made of them.

    IEEE 802.15.4 section 7.2.2, RFC 4944 section 5.3, RFC 6282 section 3.1.1. A later fragment has no addresses.
    """
    control = psdu[0] | psdu[1] << 8
    is_secured = control >> 3 & 1
    to_extended = control >> 10 & 3 == 3
    from_extended = control >> 14 == 3
    if control & 7 != DATA or is_secured or not to_extended or not from_extended or not control & 0x40:
        return False
    payload = psdu[3 + 2 + 8 + 8 :]
    if payload[0] & 0xF8 == 0xE0:
        return True
    if payload[0] & 0xF8 == 0xC0:
        payload = payload[4:]
    # IPHC without context; source and destination stateless, unicast, and elided: fe80::/64 and the link's address.
    return payload[0] & 0xE0 == 0x60 and payload[1] == 0x33


def test_a_hundred_devices_join_over_several_hops_with_a_fifth_of_all_frames_lost() -> None:
    graph = topology.make("random", 100, 1)

    async def scenario(world: World):
        listener = Listener(world)
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        populate(world, graph)
        await world.until(lambda: all(device.outcome == JOINED for device in world.devices), 600_000)
        spoken = [listener.of_pledge(device) for device in world.devices]
        joined = world.jrc_events(kind="joined")
        return [device.serial for device in world.devices], spoken, joined, world.air.lost

    assert max(topology.distances(graph)) >= 5
    serials, spoken, joined, lost = simulate(scenario, seed=1, loss=0.2)
    assert lost > 10_000
    # The registrar has the same story: each device, and the border router, is in.
    assert len(joined) >= len(serials) + 1 == 101
    for frames in spoken:
        # Never without a dozen frames: discovery, three of EDHOC and their fragments, voucher, status, join.
        assert len(frames) > 12
        for psdu in frames:
            assert (psdu[0] & 7 == ACK and len(psdu) == 3) or is_link_local_unicast(psdu), psdu.hex()


def test_frames_of_a_node_are_not_taken_for_those_of_a_pledge() -> None:
    async def scenario(world: World):
        listener = Listener(world)
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        device = world.add_device(maker, neighbours=[world.domain])
        await world.until(lambda: device.outcome == JOINED, 60_000)
        (joined,) = device.times("joined")
        return [psdu for ms, sender, psdu in listener.frames if sender == device.eui64 and ms > joined]

    frames = [psdu for psdu in simulate(scenario) if psdu[0] & 7 != ACK]
    assert len(frames) >= 4
    assert not any(is_link_local_unicast(psdu) for psdu in frames)


def test_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    settings = Settings(devices=12, loss=0.2, seed=5)
    first = run(settings)
    assert first.joined == 12
    assert run(settings) == first
    other = run(Settings(devices=12, loss=0.2, seed=6))
    assert other.joined == 12
    assert other.digest != first.digest
    assert other.times_ms != first.times_ms


def test_nobody_is_invited_to_where_no_route_reaches() -> None:
    async def scenario(world: World):
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        end = world.domain
        for _ in range(17):
            end = world.add_device(maker, neighbours=[end])
        *reachable, beyond = world.devices
        await world.until(lambda: all(device.outcome == JOINED for device in reachable), 300_000)
        await world.run_for(60_000)
        return len(reachable), [text for _, _, text in beyond.log]

    assert simulate(scenario) == (16, ["WAIT_EB"])


def test_pledges_that_hear_the_same_first_beacon_do_not_all_speak_at_once() -> None:
    async def scenario(world: World):
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        devices = [world.add_device(maker, neighbours=[world.domain]) for _ in range(4)]
        await world.until(lambda: all(device.outcome == JOINED for device in devices), 60_000)
        return [device.times("proxy")[0] for device in devices]

    begins = sorted(simulate(scenario))
    assert begins[-1] - begins[0] > 100


def test_network_heals_after_power_cuts_and_restarts_of_anything() -> None:
    async def scenario(world: World):
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        populate(world, topology.make("random", 10, 4))
        rng = random.Random(4)
        cuts = 0
        for _ in range(40):
            await world.run_for(rng.randrange(500, 6000))
            device = rng.choice(world.devices)
            what = rng.randrange(8)
            if what < 3:
                # In the middle of one of its next writes to flash.
                countdown = iter(range(rng.randrange(1, 12), 0, -1))

                def before(_operation: str, _name: str, countdown=countdown) -> None:
                    if next(countdown, 0) <= 1:
                        raise PowerCut

                device.flash.before = before
            elif what == 3:
                device.power_cut()
            elif what == 4:
                await world.restart_jrc()
            elif what == 5:
                world.domain.stop_router()
                world.domain.start_router()
            else:
                cuts += sum(other.state == OFF for other in world.devices)
                for other in world.devices:
                    other.power_on()
        for device in world.devices:
            device.flash.before = None
            device.power_on()
        await world.until(lambda: all(device.outcome == JOINED for device in world.devices), 900_000)
        return cuts

    # Cuts that an earlier visit of the loop made good; the last ones come on top.
    assert simulate(scenario, seed=4, loss=0.1) >= 5


def test_devices_join_over_a_channel_that_they_share() -> None:
    result = run(Settings(devices=20, loss=0.05, seed=5, contention=True))
    assert result.joined == 20
    assert result.collisions > 100


def test_command_prints_what_happened() -> None:
    result = CliRunner().invoke(commands.app, ["--devices", "3", "--topology", "line", "--loss", "0"])
    assert result.exit_code == 0, result.output
    assert "3 of 3" in result.output
    assert "1: 1  2: 1  3: 1" in result.output


def test_command_fails_if_a_device_did_not_join() -> None:
    result = CliRunner().invoke(commands.app, ["--devices", "2", "--timeout", "1"])
    assert result.exit_code == 1
    assert "0 of 2" in result.output
    assert "00-12-4B-00-00-00-02-01 did not join" in result.output


def test_topologies_are_connected_and_no_deeper_than_they_say() -> None:
    assert topology.distances(topology.line(4, random.Random(1))) == [1, 2, 3, 4]
    assert max(topology.distances(topology.grid(99, random.Random(1)))) == 10
    for seed in range(20):
        graph = topology.scattered(60, random.Random(seed))
        assert len(topology.distances(graph)) == 60
        assert all(before and max(before) < number for number, before in enumerate(graph, 1))
