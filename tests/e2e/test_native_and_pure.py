"""A device with the native crypto module and one with Python's join the same network, one through the other."""

import pytest
from processes import Network, Site

from microbrew_host.demo import parts
from microbrew_host.demo.scenario import free_ports

ROUTER = "00124b0000000100"
DEVICES = {"a": "00124b0000000a01", "b": "00124b0000000a02"}


@pytest.fixture
def network(tmp_path):
    world = Network(tmp_path, loss=0, seed=3)
    try:
        world.manufacture("acme", DEVICES, {})
        world.manufacture("own", {}, {"R": ROUTER})
        world.site = Site("ours", "cafe", "R", ("acme",), 5, free_ports(), tmp_path / "ours")
        world.found(world.site, [("own", "6lbr")])
        world.link(("R", "a"), ("a", "b"))
        world.start_parts("acme", world.site)
        yield world
    finally:
        world.close()


@pytest.mark.parametrize("first, second", [("native", "pure"), ("pure", "native")])
def test_devices_with_different_backends_join_through_each_other(network, monkeypatch, first, second):
    if not (parts.native_module() / "microbrew_native.mpy").exists():
        pytest.skip("no native module here: make native")
    for name, backend in (("a", first), ("b", second)):
        if backend == "pure":
            monkeypatch.setenv("MICROPYPATH", ".frozen")
        else:
            monkeypatch.delenv("MICROPYPATH", raising=False)
        run = network.start(name)
        network.until_proxying(run)
        assert run.logged("boot")[0].startswith(f"crypto {backend},")
