"""An ether joined to another air, by the firmware's own radio end at the other end of a line."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from microbrew import crypto as facade
from microbrew.mac.link import Link
from microbrew.mac.security import KeySet
from microbrew.radio.serial_end import RadioEnd
from microbrew.radio.zep import ZepRadio
from microbrew_host.ether import Ether, Topology, real_air
from microbrew_host.ether.control import execute
from microbrew_host.ether.real_air import RealAir
from microbrew_host.ether.topology import RADIO, add_link, load

A, B, FAR = (bytes.fromhex(f"00124b0000000{n}0{n}") for n in (1, 2, 3))
CHIP = bytes.fromhex("00124b00000000ff")
CHANNEL = 17
FRAME = bytes.fromhex("418805fecaffff0100") + b"from here"
REPLY = bytes.fromhex("618806feca02000100") + b"from there"
ACK = b"\x02\x00\x06"


def clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Chip:
    """A radio chip in the far air: a node of an ether of its own, which notes how it was set."""

    hardware_ack = True
    ack_wait_ms = 5
    rssi = -60

    def __init__(self, air: int) -> None:
        self.node = ZepRadio(CHIP, "127.0.0.1", air, clock_ms)
        self.lqi = 100
        self.eui64 = b""
        self.promiscuous = False
        self.sent: list[bytes] = []

    def set_address(self, eui64: bytes) -> bool:
        self.eui64 = eui64
        return True

    def set_channel(self, channel: int) -> None:
        self.node.set_channel(channel)

    def set_filter(self, pan_id: int, short_address: int) -> None:
        pass

    def set_promiscuous(self, wanted: bool) -> None:
        self.promiscuous = wanted

    def transmit(self, buf: memoryview, length: int) -> bool:
        self.sent.append(bytes(buf[:length]))
        return self.node.transmit(buf, length)

    def receive_into(self, buf: bytearray) -> int:
        return self.node.receive_into(buf)


class DeafChip(Chip):
    """One that cannot hear everything."""

    set_promiscuous = None  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        if name == "set_promiscuous":
            raise AttributeError(name)
        return super().__getattribute__(name)


class Devkit:
    """The firmware's radio end over ``chip``, at a descriptor; served while the loop runs."""

    def __init__(self, descriptor: int, chip: Chip, credits: int = 4) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.end = RadioEnd(chip, lambda view: os.write(descriptor, view), lambda: 0, credits)
        self.end.start()
        self.task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            try:
                self.end.receive(os.read(self.descriptor, 4096))
            except BlockingIOError:
                await asyncio.sleep(0.002)
            except OSError:
                # Nobody has the other end open.
                await asyncio.sleep(0.002)
            self.end.pump()

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class World:
    """Two airs: A and B in the near one, FAR and the chip in the far one, and a line with nobody at its end yet."""

    def __init__(self, line: Path, chip: type[Chip] = Chip, topology: Topology | None = None) -> None:
        self.line = line
        self.make_chip = chip
        self.near, self.far = Ether(topology), Ether()
        self.said: list[str] = []
        self.pty: tuple[int, int] | None = None

    async def __aenter__(self) -> "World":
        await self.near.start(port=0)
        await self.far.start(port=0)
        self.counters = self.near.counters
        self.chip = self.make_chip(self.far.port)
        self.nodes = {
            name: ZepRadio(name, "127.0.0.1", air.port, clock_ms)
            for name, air in ((A, self.near), (B, self.near), (FAR, self.far))
        }
        for node in self.nodes.values():
            node.set_channel(CHANNEL)
        self.bridge = RealAir(
            f"serial:{self.line}", CHANNEL, "127.0.0.1", self.near.port, self.counters, self.said.append
        )
        self.task = asyncio.create_task(self.bridge.run())
        await self.until(lambda: len(self.near.clients) == 3 and len(self.far.clients) == 2)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self.task.done(), self.task
        if self.pty:
            await self.unplug()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        for node in (*self.nodes.values(), self.chip.node):
            node.close()
        self.near.close()
        self.far.close()

    def plug(self) -> None:
        self.pty = os.openpty()
        tty.setraw(self.pty[1])
        self.line.symlink_to(os.ttyname(self.pty[1]))
        self.devkit = Devkit(self.pty[0], self.chip)

    async def unplug(self) -> None:
        assert self.pty
        self.line.unlink()
        await self.devkit.close()
        for descriptor in self.pty:
            os.close(descriptor)
        self.pty = None

    async def joined(self, times: int = 1) -> None:
        await self.until(lambda: self.counters["radio_connected"] == times)

    def send(self, node: bytes, frame: bytes) -> None:
        self.nodes[node].transmit(frame, len(frame))

    def take(self, node: bytes) -> bytes:
        buf = bytearray(127)
        return bytes(buf[: self.nodes[node].receive_into(buf)])

    async def heard(self, node: bytes) -> bytes:
        """The next frame that ``node`` hears."""
        while not (frame := self.take(node)):
            await asyncio.sleep(0.002)
        return frame

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            await asyncio.sleep(0.002)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(real_air, "_RETRY_S", 0.01)
    return tmp_path / "radio"


def test_what_a_node_sends_is_on_the_far_air_and_what_is_there_comes_to_every_node(line: Path) -> None:
    async def scenario() -> None:
        async with World(line) as world:
            world.plug()
            await world.joined()
            assert (world.chip.promiscuous, world.chip.eui64) == (True, RADIO)
            world.send(A, FRAME)
            assert [await world.heard(FAR), await world.heard(B)] == [FRAME, FRAME]
            # Whoever it is for, and of whatever network; and with how well the radio heard it.
            world.chip.lqi = 77
            world.send(FAR, REPLY)
            assert [await world.heard(A), await world.heard(B)] == [REPLY, REPLY]
            assert [world.nodes[name].lqi for name in (A, B)] == [77, 77]
            assert world.said[-1] == f"radio serial:{line}: joined to the air on channel {CHANNEL}"

    run(scenario())


def test_nothing_comes_back_the_way_it_went(line: Path) -> None:
    async def scenario() -> None:
        async with World(line) as world:
            world.plug()
            await world.joined()
            for number in range(20):
                world.send(FAR, REPLY + bytes([number]))
                assert await world.heard(A) == REPLY + bytes([number])
                world.send(A, FRAME + bytes([number]))
                assert await world.heard(FAR) == FRAME + bytes([number])
            assert world.chip.sent == [FRAME + bytes([number]) for number in range(20)]
            assert [world.take(name) for name in (A, FAR)] == [b"", b""]
            assert (world.near.counters["frames"], world.far.counters["frames"]) == (40, 40)

    run(scenario())


def test_nobody_acknowledges_in_between_and_acknowledgements_pass_both_ways(line: Path) -> None:
    async def scenario() -> None:
        async with World(line) as world:
            world.plug()
            await world.joined()
            # It asks for one.
            world.send(FAR, REPLY)
            assert await world.heard(A) == REPLY
            assert world.chip.sent == []
            world.send(A, ACK)
            assert await world.heard(FAR) == ACK
            world.send(FAR, ACK)
            assert await world.heard(A) == ACK

    run(scenario())


def test_other_channels_stay_where_they_are(line: Path) -> None:
    async def scenario() -> None:
        async with World(line) as world:
            world.plug()
            await world.joined()
            for name, away in ((A, FRAME), (FAR, REPLY)):
                world.nodes[name].set_channel(CHANNEL + 1)
                world.send(name, away)
                world.nodes[name].set_channel(CHANNEL)
            world.send(A, FRAME + b"last")
            world.send(FAR, REPLY + b"last")
            assert [await world.heard(FAR), await world.heard(A)] == [FRAME + b"last", REPLY + b"last"]

    run(scenario())


def test_radio_that_vanishes_is_opened_again_and_the_ether_goes_on(line: Path) -> None:
    async def scenario() -> None:
        async with World(line) as world:
            await world.until(lambda: world.said)
            for times in (1, 2):
                world.plug()
                await world.joined(times)
                world.send(A, FRAME)
                assert [await world.heard(FAR), await world.heard(B)] == [FRAME, FRAME]
                await world.unplug()
                await world.until(lambda times=times: len(world.said) == 1 + 3 * times)
                world.send(A, FRAME)
                assert await world.heard(B) == FRAME
                await world.until(lambda times=times: world.counters["radio_missed"] == times)
            told = [text.removeprefix(f"radio serial:{line}: ") for text in world.said]
            lost = "No such file or directory; will be tried again"
            joined = f"joined to the air on channel {CHANNEL}"
            assert told == [lost, *[joined, "ended; will be opened again", lost] * 2]

    run(scenario())


def test_devkit_that_starts_anew_is_configured_anew(line: Path) -> None:
    async def scenario() -> None:
        async with World(line) as world:
            world.plug()
            await world.joined()
            world.chip.promiscuous = False
            world.devkit.end.start()
            await world.until(lambda: world.chip.promiscuous and world.devkit.end.is_configured)
            world.send(FAR, REPLY)
            assert await world.heard(A) == REPLY

    run(scenario())


def test_silence_at_the_other_end_is_told(line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_air, "_SILENCE_S", 0.05)

    async def scenario() -> None:
        async with World(line) as world:
            world.plug()
            await world.devkit.close()
            await world.until(lambda: any("no radio answers" in text for text in world.said))

    run(scenario())


def test_radio_that_cannot_hear_everything_is_told_once_and_never_used(line: Path) -> None:
    async def scenario() -> None:
        async with World(line, DeafChip) as world:
            world.plug()
            await world.until(lambda: world.counters["radio_refused"] >= 3)
            world.send(A, FRAME)
            assert await world.heard(B) == FRAME
            assert sum("cannot listen to everything" in text for text in world.said) == 1
            assert (world.counters["radio_connected"], world.chip.sent) == (0, [])

    run(scenario())


def test_burst_waits_for_the_radio_and_what_is_too_much_is_counted(line: Path) -> None:
    async def scenario() -> None:
        async with World(line) as world:
            world.plug()
            await world.joined()
            frames = [FRAME + bytes([number]) for number in range(24)]
            for frame in frames:
                world.send(A, frame)
            for frame in frames:
                assert await world.heard(FAR) == frame
            # The devkit stands still: what it gave no credit for waits, but not all of it.
            await world.devkit.close()
            sent = len(frames)
            while not world.counters["radio_missed"]:
                world.send(A, FRAME)
                assert await world.heard(B)
                sent += 1
            assert sent > 24 + 32
            assert world.counters["radio_sent"] < sent - 32

    run(scenario())


def test_radio_has_its_place_where_links_name_it_and_is_everywhere_else(tmp_path: Path) -> None:
    links = Topology(0.1)
    add_link(links, f"{A.hex()},{B.hex()},0.5")
    pairs: list[tuple[bytes, bytes]] = [(A, RADIO), (RADIO, FAR), (A, B), (A, FAR)]
    assert [links.loss_between(*pair) for pair in pairs] == [0.1, 0.1, 0.5, None]
    add_link(links, f"radio,{A.hex()},0.2")
    assert [links.loss_between(*pair) for pair in ((A, RADIO), (RADIO, A), (RADIO, B), (B, RADIO))] == [
        0.2,
        0.2,
        None,
        None,
    ]
    path = tmp_path / "links.toml"
    path.write_text(f'[[link]]\na = "radio"\nb = "{A.hex()}"\none_way = true\n')
    links = load(path)
    assert [links.loss_between(*pair) for pair in ((RADIO, A), (A, RADIO), (RADIO, B))] == [0.0, None, None]
    hub = Ether(links)
    assert json.loads(execute(hub, f"unlink {A.hex()} radio")) == {"ok": True}
    # Cut off is not forgotten.
    assert links.loss_between(RADIO, A) is None
    assert json.loads(execute(hub, f"link radio {B.hex()}")) == {"ok": True}
    assert links.loss_between(B, RADIO) == 0.0


def test_topology_holds_for_it(line: Path) -> None:
    async def scenario() -> None:
        links = Topology()
        links.link(A, B)
        links.link(B, RADIO)
        async with World(line, topology=links) as world:
            world.plug()
            await world.joined()
            world.send(A, FRAME)
            assert await world.heard(B) == FRAME
            world.send(B, FRAME + b"B")
            assert [await world.heard(name) for name in (A, FAR)] == [FRAME + b"B"] * 2
            world.send(FAR, REPLY)
            assert await world.heard(B) == REPLY
            assert world.take(A) == b""

    run(scenario())


class Sequence:
    value = 0

    def next(self) -> int:
        self.value += 1
        return self.value


def secured(radio: ZepRadio) -> Link:
    link = Link(radio, facade.load("host"), Sequence())
    link.configure(0xCAFE, CHANNEL)
    keys = KeySet()
    keys.install([(1, 0, bytes(range(16)))], 0)
    link.set_keys(keys)
    return link


def test_process_joins_links_of_two_airs_over_tcp() -> None:
    async def scenario() -> None:
        far = Ether()
        await far.start(port=0)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            port = server.getsockname()[1]
            ether = subprocess.Popen(
                [sys.executable, "-m", "microbrew_host", "ether", "--listen", "127.0.0.1:0"]
                + ["--radio", f"tcp:127.0.0.1:{port}", "--channel", str(CHANNEL)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert ether.stdout is not None
            try:
                peer, _ = await asyncio.get_running_loop().sock_accept(server)
                devkit = Devkit(peer.fileno(), Chip(far.port))
                air = int(ether.stdout.readline().rsplit(":", 1)[1])
                assert await asyncio.to_thread(ether.stdout.readline) == (
                    f"ether: radio tcp:127.0.0.1:{port}: joined to the air on channel {CHANNEL}\n"
                )
                radios = [ZepRadio(A, "127.0.0.1", air, clock_ms, None, 250)]
                radios.append(ZepRadio(FAR, "127.0.0.1", far.port, clock_ms, None, 250))
                links = [secured(radio) for radio in radios]
                got: list[bytes] = []
                done: list[bool] = []
                for link in links:
                    link.on_data = lambda src, payload, secured, lqi, now: got.append(bytes(payload))
                for link, other in ((links[0], FAR), (links[1], A)):
                    link.send(other, b"to " + other, True, clock_ms(), lambda ok, now: done.append(ok))
                # Acknowledged by the other air's node: where time is patient, they are not too late.
                while len(got) < 2 or len(done) < 2:
                    await asyncio.sleep(0.002)
                    for link in links:
                        link.receive(clock_ms())
                        link.poll(clock_ms())
                assert (sorted(got), done) == ([b"to " + A, b"to " + FAR], [True, True])
                await devkit.close()
                for radio in radios:
                    radio.close()
                peer.close()
            finally:
                ether.send_signal(signal.SIGTERM)
                output, errors = ether.communicate(timeout=10)
        far.close()
        assert (ether.returncode, errors) == (0, "")
        counters = json.loads(output.splitlines()[-1].removeprefix("ether: "))
        assert min(counters["radio_sent"], counters["radio_received"]) >= 2

    asyncio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("where", ["/dev/ttyACM0", "tcp:host", "udp:1:2"])
def test_radios_that_are_none_are_refused_with_the_forms_that_are(where: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "microbrew_host", "ether", "--listen", "127.0.0.1:0", "--radio", where],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert result.returncode != 0
    assert "--radio" in result.stderr
