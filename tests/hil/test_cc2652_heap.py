"""A whole join fits the RAM of a CC2652: the same frozen firmware, in QEMU, with the heap that its linker has left."""

import sys
from pathlib import Path

import pytest
from board_network import BoardNetwork

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "boards/common"))
from sizes import heap_bytes  # noqa: E402

DEVICES = {name: f"00124b00000006{ord(name):02x}" for name in "ab"}


@pytest.fixture
def network(images: None, tmp_path: Path):
    world = BoardNetwork(tmp_path, "ab", loss=0.02)
    try:
        world.one_site(DEVICES, ("R", "a"), ("a", "b"))
        yield world
    finally:
        world.close()


def test_pledges_join_and_serve_as_proxy_with_the_heap_of_a_cc2652(
    network: BoardNetwork, cc2652: dict[str, Path]
) -> None:
    network.heap = heap_bytes(cc2652["release"].parent)
    network.start_all(*DEVICES)
    for name, via in (("a", "R"), ("b", "a")):
        run = network.member(name)
        assert (run.outcome, run.via) == ("joined", network.eui64(via))
    # What is live after each step; the collector needs some room beyond it.
    said = [text for name in DEVICES for text in network.runs[name].logged("heap")]
    peaks = [int(text.rpartition("peak=")[2]) for text in said]
    print("heap", network.heap, "peaks", peaks)
    assert max(peaks) < network.heap * 3 // 4
