"""A flash that takes no more: the device says so and goes on when there is room again; it never dies of it."""

from world import JOINED, simulate

JOIN_TIMEOUT_MS = 900_000


async def joined(world, device):
    await world.until(lambda: device.outcome == JOINED, JOIN_TIMEOUT_MS)


def full(record):
    def before(operation, name):
        if operation == "rename" and name == record:
            raise OSError(28, "no space left on device")

    return before


async def network(world):
    acme = world.add_manufacturer("acme")
    world.trust(acme)
    await world.start()
    return acme


def test_a_join_request_that_cannot_be_numbered_fails_the_attempt():
    async def scenario(world):
        acme = await network(world)
        device = world.add_device(acme, neighbours=[world.domain])
        device.flash.before = full("seq-cojp")
        await world.until(lambda: device.reason is not None, JOIN_TIMEOUT_MS)
        assert device.reason[0] == "store"
        device.flash.before = None
        await joined(world, device)

    simulate(scenario, seed=51)


def test_a_registration_that_cannot_be_numbered_is_tried_again():
    async def scenario(world):
        acme = await network(world)
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        device.power_cut()
        device.flash.before = full("seq-cojp")
        device.power_on()
        await world.until(lambda: device.times("registration", "failed"), JOIN_TIMEOUT_MS)
        assert device.node.member is not None
        device.flash.before = None
        await joined(world, device)

    simulate(scenario, seed=52)
