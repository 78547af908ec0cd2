"""The image of our port joins a real network: emulated boards and MicroPython processes in one air."""

from pathlib import Path

import pytest
from board_network import BoardNetwork

DEVICES = {name: f"00124b00000006{ord(name):02x}" for name in "abc"}


@pytest.fixture
def network(images: None, tmp_path: Path):
    world = BoardNetwork(tmp_path, "ab", loss=0.02)
    try:
        world.one_site(DEVICES, ("R", "a"), ("a", "b"), ("b", "c"))
        yield world
    finally:
        world.close()


def test_boards_join_and_are_proxies_of_each_other_and_of_a_process(network: BoardNetwork) -> None:
    network.start_all(*DEVICES)
    for name, via in (("a", "R"), ("b", "a"), ("c", "b")):
        run = network.member(name)
        assert (run.outcome, run.via) == ("joined", network.eui64(via))
    assert network.runs["a"].logged("boot")[0].startswith("crypto native,")
    # A restarted board is a node at once, by what is in its flash.
    network.kill("b")
    again = network.start("b")
    network.until_proxying(again)
    assert again.timeline == []
    network.kill("b")
    assert network.record("b", "network") is not None
