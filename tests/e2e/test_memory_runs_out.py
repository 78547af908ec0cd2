"""Memory that runs out anywhere in a join fails the attempt, or loses a frame, and never more than that.

On a device every allocation may fail. Here the calls that allocate most do: each verb of the crypto in turn, by number.
What a real heap does is in tests/hil/test_board_out_of_memory.py.
"""

import pytest
from world import JOINED, simulate

from microbrew.join import membership

JOIN_TIMEOUT_MS = 900_000
VERBS = ("random", "sha256", "hmac", "hkdf_extract", "hkdf_expand", "ccm_seal", "ccm_open", "generate", "ecdh", "sign")
AT_ONCE = 3


class Starving:
    """A device's crypto whose calls are counted; from call ``at`` on ``AT_ONCE`` of them find no memory."""

    def __init__(self, device, at=None):
        self.calls = 0
        self.failed = 0
        self._at = at
        for verb in VERBS:
            if hasattr(device.crypto, verb):
                setattr(device.crypto, verb, self._counted(getattr(device.crypto, verb)))

    def _counted(self, call):
        def counted(*arguments):
            self.calls += 1
            if self._at is not None and self._at < self.calls <= self._at + AT_ONCE:
                self.failed += 1
                raise MemoryError
            return call(*arguments)

        return counted


async def joined(world, device):
    await world.until(lambda: device.outcome == JOINED, JOIN_TIMEOUT_MS)


@pytest.mark.parametrize("part", range(4))
def test_a_device_that_runs_out_of_memory_anywhere_joins_in_the_end(part):
    async def scenario(world):
        acme = world.add_manufacturer("acme")
        world.trust(acme)
        await world.start()
        model = world.add_device(acme, neighbours=[world.domain], power=False)
        counted = Starving(model)
        model.power_on()
        at_start = counted.calls
        await joined(world, model)
        assert counted.calls - at_start > 40
        model.power_cut()
        reasons = set()
        states = set()
        lost = 0
        for at in range(at_start + part, counted.calls, 4):
            device = world.add_device(acme, neighbours=[world.domain], power=False)
            starving = Starving(device, at)
            device.power_on()
            await joined(world, device)
            assert starving.failed
            assert membership.RECORD in device.flash.dump()
            state = ""
            for _, event, text in device.log:
                if event == "failed":
                    reasons.add(text.partition(":")[0])
                    states.add(state)
                elif event == "state" and text != "WAIT_RETRY":
                    state = text
            lost += len(device.times("memory"))
            device.power_cut()
        assert reasons <= {"memory", "unreachable"}
        assert "memory" in reasons
        assert {"WAIT_MESSAGE_2", "WAIT_VOUCHER", "WAIT_JOIN_RESPONSE"} <= states
        assert lost

    simulate(scenario, seed=61)


def test_a_node_that_runs_out_of_memory_stays_a_node_and_a_proxy():
    async def scenario(world):
        acme = world.add_manufacturer("acme")
        world.trust(acme)
        await world.start()
        near = world.add_device(acme, neighbours=[world.domain])
        starving = Starving(near)
        await joined(world, near)
        for _ in range(30):
            starving._at = starving.calls
            await world.run_for(2500)
        assert starving.failed > 40
        assert near.times("memory")
        far = world.add_device(acme, neighbours=[near])
        await joined(world, far)
        assert far.parent == near.eui64
        assert len(near.times("joined")) == 1

    simulate(scenario, seed=62)


def test_a_device_that_never_gets_a_step_done_starts_anew():
    async def scenario(world):
        device = world.add_device(world.add_manufacturer("acme"), power=False)
        device.power_on()
        node = device.node

        def starve(_now):
            raise MemoryError

        node.parts.link.receive = starve
        steps = 0
        with pytest.raises(MemoryError):
            for now in range(0, 20_000, 100):
                assert node.step(now) == now + 100
                steps += 1
        assert steps == 100
        assert len([event for _, event, _ in device.log if event == "memory"]) == 1
        device.power_cut()

    simulate(scenario, seed=63)


def test_a_device_that_has_no_memory_for_any_frame_starts_anew_though_it_has_some_between_them():
    async def scenario(world):
        acme = world.add_manufacturer("acme")
        world.trust(acme)
        await world.start()
        device = world.add_device(acme, neighbours=[world.domain])
        link = device.node.parts.link

        def starve(*_beacon):
            raise MemoryError

        link.on_beacon = starve
        with pytest.raises(MemoryError):
            await world.until(lambda: device.outcome == JOINED, 60_000)
        assert len(device.times("memory")) == 1
        assert device.times("memory")[0] + 10_000 <= world.now_ms <= device.times("memory")[0] + 15_000

    simulate(scenario, seed=64)
