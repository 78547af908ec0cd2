"""A whole join on the target that --target names: provisioned over its console, joined, proxy for another, rebooted."""

from collections.abc import Iterator

import pytest
from target_network import STORE, TARGET, TargetNetwork, established

from microbrew_host.factory.provision import Outcome

EUI64 = "00124b0000000701"
OTHER = "00124b0000000702"


@pytest.fixture(scope="module")
def network(
    target_name: str, outcomes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[TargetNetwork, Outcome]]:
    if "/" in target_name:
        pytest.skip("a board's air is the real one: see test_target_air.py")
    root = tmp_path_factory.mktemp("join")
    with established(lambda: TargetNetwork(root, target_name, EUI64, OTHER), outcomes) as found:
        yield found


@pytest.mark.timeout(900)
def test_it_joins_with_a_key_made_on_it_and_is_a_proxy_for_the_next(network, outcomes) -> None:
    world, outcome = network
    with outcomes.claim("join", "radio"):
        assert outcome.key_on_device
        run = world.member(TARGET)
        assert run.outcome == "joined"
        assert run.logged("boot")[0].endswith(f"serial {world.serial(TARGET)}")
        other = world.member("b")
        assert (other.outcome, other.via) == ("joined", world.eui64(TARGET))
    outcomes.facts["crypto"] = run.logged("boot")[0].split()[1].rstrip(",")
    peaks = run.logged("heap")
    outcomes.facts["heap_peak"] = int(peaks[-1].partition("peak=")[2])


@pytest.mark.timeout(900)
def test_after_a_reset_it_is_a_node_at_once(network, outcomes) -> None:
    world, _ = network
    with outcomes.claim("flash"):
        world.member(TARGET)
        world.kill(TARGET)
        again = world.start(TARGET)
        world.until_proxying(again)
        assert again.timeline == []
        world.kill(TARGET)
        names = world.on_target(f"from microbrew.identity.store import Store; print(Store({STORE!r}).names())")
        assert "'network'" in names


@pytest.mark.timeout(900)
def test_what_the_board_was_before_it_still_is(network) -> None:
    world, _ = network
    if TARGET in world.running:
        world.kill(TARGET)
    assert world.own() == world.own_before
