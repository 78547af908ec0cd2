"""A device that loses power anywhere is a pledge or a node afterwards, never something between.

Every test also watches the air: no link-layer nonce and no OSCORE nonce is used for two different plaintexts.
"""

import random

import pytest
from world import JOINED, PowerCut, simulate

from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.errors import DecodeError
from microbrew.identity.store import Store
from microbrew.join import membership
from microbrew.lowpan import iphc
from microbrew.mac import frame
from microbrew.oscore import option

JOIN_TIMEOUT_MS = 900_000


class NonceWatch:
    """Hears every frame and fails on a nonce that comes back with other content."""

    def __init__(self, world):
        self.secured = {}
        self.requests = {}
        world.air.on_frame = self.hear

    def hear(self, _sender, psdu):
        buf = bytearray(psdu)
        header = frame.Frame()
        if header.parse(buf, len(buf)) or header.src is None:
            return
        if header.level:
            self._once(self.secured, (header.src, header.key_index, header.counter), bytes(psdu[3:]))
        elif header.kind == frame.DATA:
            self._request(header, buf)

    def _request(self, header, buf):
        packet = bytearray(1280)
        payload = buf[header.header_end : header.end]
        length = iphc.decompress(payload, 0, len(payload), header.src, header.dest, packet, 0, None)
        if length <= 48 or packet[6] != 17:
            return
        try:
            message = Message.decode(packet[48:length])
            value = message.option(numbers.OSCORE)
            if value is None or not message.code or message.code >> 5:
                return
            piv, _kid, kid_context = option.decode(value)
        except DecodeError:
            return
        if kid_context is not None:
            self._once(self.requests, (kid_context, piv), bytes(message.payload))

    def _once(self, seen, nonce, content):
        assert seen.setdefault(nonce, content) == content, f"nonce {nonce} came twice"


def records(device):
    return Store("", device.flash).names()


async def joined(world, device):
    await world.until(lambda: device.outcome == JOINED, JOIN_TIMEOUT_MS)


async def network(world):
    acme = world.add_manufacturer("acme")
    world.trust(acme)
    await world.start()
    return acme


def cut_at(device, count):
    """Cut the power at the device's ``count``-th change of its flash from now on."""
    left = [count]

    def before(_operation, _name):
        left[0] -= 1
        if left[0] < 0:
            raise PowerCut

    device.flash.before = before


def test_a_cut_at_every_change_of_the_flash_during_a_join_leaves_a_pledge_or_a_node():
    async def scenario(world):
        watch = NonceWatch(world)
        acme = await network(world)
        model = world.add_device(acme, neighbours=[world.domain])
        await joined(world, model)
        changes = model.flash.writes
        assert changes > 10
        kinds = set()
        for count in range(changes):
            device = world.add_device(acme, neighbours=[world.domain], power=False)
            cut_at(device, count)
            try:
                device.power_on()
                await world.until(lambda device=device: device.node is None, JOIN_TIMEOUT_MS)
            except PowerCut:
                device.power_cut()
            is_node = membership.RECORD in records(device)
            kinds.add(is_node)
            device.power_on()
            assert (device.node.member is not None) == is_node
            await joined(world, device)
            device.power_cut()
        assert kinds == {False, True}
        assert watch.secured and watch.requests

    simulate(scenario, seed=11)


@pytest.mark.parametrize("seed", range(6))
def test_cuts_at_random_moments_only_delay_a_join(seed):
    async def scenario(world):
        NonceWatch(world)
        acme = await network(world)
        rng = random.Random(seed)
        near = world.add_device(acme, neighbours=[world.domain])
        far = world.add_device(acme, neighbours=[near])
        for _ in range(8):
            await world.run_for(rng.randrange(200, 9000))
            victim = rng.choice((near, far))
            victim.power_cut()
            assert set(records(victim)) <= {"factory", "network", "seq-link", "seq-cojp", "replay-cojp"}
            await world.run_for(rng.randrange(10, 3000))
            victim.power_on()
        await joined(world, near)
        await joined(world, far)

    simulate(scenario, seed=seed, loss=0.1)


def test_a_restarted_node_is_a_node_again_without_joining_anew():
    async def scenario(world):
        watch = NonceWatch(world)
        acme = await network(world)
        near = world.add_device(acme, neighbours=[world.domain])
        far = world.add_device(acme, neighbours=[near])
        await joined(world, far)
        requests = len(world.jrc_events(near.serial, "joined"))
        handshakes = len(world.jrc_events(near.serial, "edhoc"))
        near.power_cut()
        await world.run_for(2000)
        near.power_on()
        assert near.node.member is not None
        await joined(world, near)
        assert len(near.times("joined")) == 1
        assert len(world.jrc_events(near.serial, "joined")) == requests
        assert len(world.jrc_events(near.serial, "edhoc")) == handshakes
        # Its child goes on through it.
        other = world.add_device(acme, neighbours=[far])
        await joined(world, other)
        assert other.parent == far.eui64
        assert watch.secured

    simulate(scenario, seed=3, loss=0.05)


def test_a_factory_reset_makes_a_pledge_that_gets_its_short_address_back():
    async def scenario(world):
        NonceWatch(world)
        acme = await network(world)
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        short = device.node.member.member.short_address
        key = bytes(device.node.member.member.psk)
        device.node.factory_reset(world.now_ms)
        device.wake()
        assert device.node.member is None
        assert "network" not in records(device)
        await joined(world, device)
        assert device.node.member.member.short_address == short
        assert bytes(device.node.member.member.psk) != key

    simulate(scenario, seed=4)


def test_a_reset_cut_anywhere_leaves_a_pledge_or_the_node_it_was():
    async def scenario(world):
        NonceWatch(world)
        acme = await network(world)
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        count = 0
        while True:
            cut_at(device, count)
            try:
                device.node.factory_reset(world.now_ms)
            except PowerCut:
                device.power_cut()
                is_node = "network" in records(device)
                device.power_on()
                assert (device.node.member is not None) == is_node
                await joined(world, device)
                count += 1
                continue
            break
        assert count >= 2

    simulate(scenario, seed=5)


def test_a_full_flash_fails_the_attempt_and_keeps_the_device_a_pledge():
    async def scenario(world):
        acme = await network(world)
        device = world.add_device(acme, neighbours=[world.domain])

        def full(operation, name):
            if operation == "rename" and name == "network":
                raise OSError(28, "no space left on device")

        device.flash.before = full
        await world.until(lambda: device.reason is not None, JOIN_TIMEOUT_MS)
        assert device.reason[0] == "store"
        assert "network" not in records(device)
        device.flash.before = None
        await joined(world, device)

    simulate(scenario, seed=6)
