"""A join over the air: the board that --target names, and a border router whose radio is the board that --radio names.

On hardware a devkit with the bridge image is this machine's radio, and the air is the real one.
"""

from collections.abc import Iterator

import pytest
from air_network import NETWORK, AirNetwork
from target_network import ROUTER, TARGET, established

from microbrew_host.factory.provision import Outcome

EUI64 = "00124b0000000703"

_COUNTERS = """
try:
    import microbrew_radio
    print(microbrew_radio.counters())
except ImportError:
    print({})
"""


@pytest.fixture(scope="module")
def radio_name(target_name: str, request: pytest.FixtureRequest) -> str:
    """The radio of this machine. Skips without one."""
    name = request.config.getoption("--radio")
    if not name:
        pytest.skip("a join over the air: name a second board with the bridge image, RADIO=/dev/ttyACM1")
    return str(name)


@pytest.fixture(scope="module")
def network(
    target_name: str,
    radio_name: str,
    outcomes,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[AirNetwork, Outcome]]:
    line_ms = request.config.getoption("--line-ms")
    root = tmp_path_factory.mktemp("air")
    with established(lambda: AirNetwork(root, target_name, EUI64, radio_name, line_ms), outcomes) as found:
        yield found


@pytest.mark.timeout(900)
def test_it_joins_over_the_air_with_a_key_made_on_it(network, outcomes) -> None:
    world, outcome = network
    with outcomes.claim("air", "radio"):
        assert outcome.key_on_device
        run = world.member(TARGET)
        assert (run.outcome, run.via) == ("joined", ROUTER)
        assert run.logged("boot")[0].endswith(f"serial {world.serial(TARGET)}")
        assert "joined" in [entry["event"] for entry in world.jrc_log(world.site, TARGET)]


@pytest.mark.timeout(900)
def test_the_radio_acknowledges_in_time_which_its_host_could_not(network, outcomes) -> None:
    world, _ = network
    world.member(TARGET)
    world.kill(TARGET)
    counters = eval(world.on_target(_COUNTERS), {"__builtins__": {}})  # noqa: S307 - a dict of ints
    if world.pcap.exists():
        asked, acknowledged = world.acknowledged()
        # By the bridge, once for each; not by it and the host.
        assert asked / 2 < acknowledged <= asked
    if counters:
        # Each frame is sent again seven times before it is given up.
        assert counters["no_ack"] * 4 < counters["sent"]
        if not world.target.emulated:
            outcomes.facts["air_counters"] = counters
    if not world.pcap.exists() and not counters:
        pytest.skip("this board's radio does not count acknowledgements")


@pytest.mark.timeout(900)
def test_after_a_reset_it_is_a_node_at_once(network, outcomes) -> None:
    world, _ = network
    with outcomes.claim("air", "flash"):
        world.member(TARGET)
        world.kill(TARGET)
        world.reset()
        again = world.start(TARGET)
        world.until_proxying(again)
        assert again.timeline == []


@pytest.mark.timeout(900)
def test_it_invites_the_next_over_the_air(network, outcomes) -> None:
    world, _ = network
    with outcomes.claim("air"):
        world.member(TARGET)
        # Its radio is needed.
        world.kill("site-router")
        network_id, dbm = world.invitation()
        assert network_id == NETWORK
    if not world.target.emulated:
        outcomes.facts["air_dbm"] = dbm


@pytest.mark.timeout(900)
def test_what_the_board_was_before_it_still_is(network) -> None:
    world, _ = network
    if TARGET in world.running:
        world.kill(TARGET)
    assert world.own() == world.own_before
