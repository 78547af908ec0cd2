"""Whose a device is: no registrar but its own gets a device that has joined, however it is made to lose its way."""

from world import JOINED, simulate

JOIN_TIMEOUT_MS = 900_000
HOUR_MS = 3_600_000


async def two_networks_of_one_name(world, policy):
    """The first domain, and a rival with a registrar of its own that calls its network by the same name."""
    acme = world.add_manufacturer("acme")
    world.trust(acme)
    rival = world.add_domain(world.domain.network_id, 0xBEEF, policy=policy)
    rival.trust(acme)
    await world.start()
    return acme, rival


async def joined(world, device):
    await world.until(lambda: device.outcome == JOINED, JOIN_TIMEOUT_MS)


def lenient():
    from microbrew_host.jrc.config import WARN, Policy

    return Policy(WARN, WARN, WARN)


def test_a_node_that_lost_its_way_imprints_on_nobody_who_uses_its_networks_name():
    async def scenario(world):
        acme, rival = await two_networks_of_one_name(world, lenient())
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        asked = acme.masa.requests
        world.unlink(device, world.domain)
        world.link(device, rival)
        await world.until(lambda: device.times("parent-lost"), JOIN_TIMEOUT_MS)
        # By then it has given up its key and offers to prove its identity anew.
        await world.until(lambda: device.times("key"), 4 * HOUR_MS)
        await world.run_for(HOUR_MS)
        assert device.node.member is None
        # Nor did it show its certificate, or sign anything for the rival.
        assert not rival.events(device.serial)
        assert acme.masa.requests == asked
        world.unlink(device, rival)
        world.link(device, world.domain)
        await joined(world, device)
        assert device.node.member.member.pan_id == world.domain.pan_id

    simulate(scenario, seed=41)


def test_the_registrar_is_remembered_over_a_return_by_key_and_a_power_cut():
    async def scenario(world):
        acme, rival = await two_networks_of_one_name(world, lenient())
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        registrar = device.node.member.member.registrar
        assert registrar == world.domain.server.registrar.own.private.public
        # Away and back: a join by the kept key.
        world.unlink(device, world.domain)
        await world.until(lambda: device.times("parent-lost"), JOIN_TIMEOUT_MS)
        world.link(device, world.domain)
        await joined(world, device)
        assert len(world.jrc_events(device.serial, "edhoc")) == 1
        device.power_cut()
        device.power_on()
        assert device.node.member.member.registrar == registrar

    simulate(scenario, seed=42)


def test_after_a_factory_reset_a_device_may_go_to_another_registrar():
    async def scenario(world):
        acme, rival = await two_networks_of_one_name(world, lenient())
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        world.unlink(device, world.domain)
        world.link(device, rival)
        device.node.factory_reset(world.now_ms)
        device.wake()
        await joined(world, device)
        assert device.node.member.member.pan_id == rival.pan_id

    simulate(scenario, seed=43)
