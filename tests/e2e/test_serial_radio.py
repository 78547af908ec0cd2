"""Devices whose radio is behind a wire join the same network: one over a pseudo-terminal, one over TCP. Real processes.

R -- a (pty) -- b (TCP) -- c (UDP, as all others)
"""

import json

import pytest
from processes import Network, Site, frames, needs_tshark, parallel

from microbrew_host.demo.scenario import free_ports

ROUTER = "00124b0000000100"
DEVICES = {name: f"00124b00000005{ord(name):02x}" for name in "abc"}


class WiredNetwork(Network):
    """A network with an ether that has serial lines; ``radios``: what main.py of a device is told instead."""

    def __init__(self, root, loss, seed):
        super().__init__(root, loss, seed)
        port = free_ports().masa
        pty = root / "radio-a"
        self.radios = {"a": f"serial:{pty}", "b": f"tcp:127.0.0.1:{port}"}
        # b's line is b's alone; a's serves whoever is there.
        self.lines = [f"pty:{pty}", f"listen:127.0.0.1:{port}={DEVICES['b']}"]

    async def _launch(self, name, argv, ready=None, on_line=None):
        if name == "ether":
            argv = [*argv, *(word for line in self.lines for word in ("--serial", line))]
            ready = f"serial {self.lines[-1]}: waiting"
        elif name in self.radios:
            ether = f"127.0.0.1:{self.ports.ether}"
            assert ether in argv
            argv = [self.radios[name] if word == ether else word for word in argv]
        return await super()._launch(name, argv, ready, on_line)

    def stop_ether(self):
        """End the ether as an operator would: its counters. Who hangs on a TCP line ends too."""
        self._alive.pop("b")
        process = self._alive.pop("ether")
        self._loop.run_until_complete(process.stop())
        return json.loads(process.tail[-1].removeprefix("ether: "))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    root = tmp_path_factory.mktemp("serial")
    world = WiredNetwork(root, loss=0.02, seed=3)
    try:
        parallel(
            lambda: world.manufacture("acme", DEVICES, {}),
            lambda: world.manufacture("own", {}, {"R": ROUTER}),
        )
        world.site = Site("site", "cafe", "R", ("acme",), 5, free_ports(), root / "site")
        world.found(world.site, [("own", "6lbr")])
        world.link(("R", "a"), ("a", "b"), ("b", "c"))
        world.start_parts("acme", world.site)
        yield world
    finally:
        world.close()


def test_devices_join_through_each_other_whatever_their_radio_is(network):
    network.start_all(*DEVICES)
    for name, via in (("a", "R"), ("b", "a"), ("c", "b")):
        run = network.member(name)
        assert (run.outcome, run.via) == ("joined", network.eui64(via))


def test_node_on_a_wire_that_is_restarted_is_a_node_again(network):
    for name in "ab":
        network.member(name)
        network.kill(name)
        run = network.start(name)
        network.until_proxying(run)
        assert run.timeline == []


@needs_tshark
def test_capture_shows_their_frames_and_the_counters_their_lines(network):
    for name in DEVICES:
        network.member(name)
    seen = {frame["wpan.src64"][0].replace(":", "") for frame in frames(network.pcap, "wpan.src64", only="wpan.src64")}
    assert seen == {ROUTER, *DEVICES.values()}
    assert frames(network.pcap, "frame.number", only="wpan.fcs_ok == 0") == []
    counters = network.stop_ether()
    assert counters["serial_connected"] >= 2
    assert min(counters["serial_sent"], counters["serial_received"]) > 50
    assert "serial_noise" not in counters
    # A line that had ended is the end of the process that it was the radio of.
    run = network.runs["b"]
    network.until(lambda: not run.process.running, "b noticed")
    assert run.lines[-1] == "0 stopped the radio's line has ended"
