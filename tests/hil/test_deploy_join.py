"""Deployed code joins: a board that has nothing of ours in its image gets the firmware by the real command, as .mpy on
its filesystem and all of it in RAM at work, joins a network, and is the join proxy of the next device.
"""

from pathlib import Path

import pytest
from board_network import BoardNetwork
from conftest import ROOT, build, make

from microbrew_host import cli
from microbrew_host.board import target
from microbrew_host.demo import parts

PLAIN = ROOT / "build/firmware/qemu_an386-plain/firmware.elf"
DEVICES = {name: f"00124b0000000a{ord(name):02x}" for name in "ab"}
# Upstream's port leaves more of an nRF52840's RAM; docs/boards.md says how much it takes.
HEAP = 200 * 1024


class DeployedNetwork(BoardNetwork):
    """As BoardNetwork, of boards to which the firmware was deployed."""

    def fill(self, name: str) -> None:
        """Put the firmware and the device's identity onto its board."""
        words = ("board", "deploy", "--target", "qemu_an386", "--flash", self.flash(name), "--store", self.store(name))
        with pytest.raises(SystemExit) as ended:
            cli.main([str(word) for word in words])
        assert ended.value.code == 0

    def device_argv(self, name: str, reset: bool) -> list[str]:
        if name not in self._radios:
            return super().device_argv(name, reset)
        return parts.emulated_board(PLAIN, self.flash(name), self._radios[name], heap=HEAP)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    build("qemu_an386", "dev")
    for words in (
        ("native", "NATIVE_ARCH=armv7m"),
        ("firmware", "BOARD=qemu_an386", "VARIANT=dev", "FROZEN=plain", f"IMAGE={PLAIN.parent}"),
    ):
        built = make(*words)
        assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]
    monkeypatch.setattr(target, "image", lambda board: PLAIN)
    world = DeployedNetwork(tmp_path, "a", variant="dev")
    try:
        world.one_site(DEVICES, ("R", "a"), ("a", "b"))
        yield world
    finally:
        world.close()


@pytest.mark.long
def test_deployed_code_joins_and_is_the_proxy_of_a_process(network: DeployedNetwork) -> None:
    network.start_all(*DEVICES)
    for name, via in (("a", "R"), ("b", "a")):
        run = network.member(name)
        assert (run.outcome, run.via) == ("joined", network.eui64(via))
    # The module in C was deployed, too.
    assert network.runs["a"].logged("boot")[0].startswith("crypto native,")
