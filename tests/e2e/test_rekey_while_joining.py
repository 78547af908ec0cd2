"""A device that joins while the link key is changed belongs to the network before, during and after."""

from world import JOINED, simulate

from microbrew_host.jrc.database import DONE, NEXT, LinkKey, Rekey
from microbrew_host.jrc.rekey import request_rekey

JOIN_TIMEOUT_MS = 900_000


async def joined(world, *devices):
    await world.until(lambda: all(device.outcome == JOINED for device in devices), JOIN_TIMEOUT_MS)


def rekeys(world, kind, state):
    with world.domain.server.database.transaction() as session:
        return session.query(kind).filter_by(state=state).count()


def test_who_joins_during_a_rekey_follows_the_network_to_the_new_key():
    async def scenario(world):
        acme = world.add_manufacturer("acme")
        world.trust(acme)
        await world.start()
        near = world.add_device(acme, neighbours=[world.domain])
        gone = world.add_device(acme, neighbours=[world.domain])
        await joined(world, near, gone)
        # One that does not answer keeps the change going for minutes.
        gone.power_cut()
        request_rekey(world.domain.server.database, 0.0)
        await world.until(lambda: rekeys(world, LinkKey, NEXT), 60_000)
        late = world.add_device(acme, neighbours=[world.domain])
        child = world.add_device(acme, neighbours=[near])
        await joined(world, late, child)
        assert rekeys(world, LinkKey, NEXT)
        await world.until(lambda: rekeys(world, Rekey, DONE), JOIN_TIMEOUT_MS)
        await world.run_for(1_800_000)
        for device in (near, late, child):
            assert not device.times("parent-lost"), device
            assert device.outcome == JOINED
            assert device.node.member.member.keys.data_key().index == 2
        again = world.add_device(acme, neighbours=[late])
        await joined(world, again)
        assert again.parent == late.eui64

    simulate(scenario, seed=61)
