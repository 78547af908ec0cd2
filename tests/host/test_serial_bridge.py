"""An ether that plays the radio of devices behind byte streams, as seen by an implementation of its own."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tty
import zlib
from collections import Counter
from pathlib import Path

import pytest

from microbrew import crypto as facade
from microbrew.mac.link import Link
from microbrew.mac.security import KeySet
from microbrew.radio.serial import SerialRadio
from microbrew.radio.zep import ZepRadio
from microbrew_host.ether import Ether, Topology, serial_bridge
from microbrew_host.ether.serial_bridge import SerialBridge
from microbrew_host.ether.serial_line import MAX_PENDING, parse

ROOT = Path(__file__).resolve().parents[2]
VECTORS = json.loads((ROOT / "tests/vectors/serial.json").read_text())
A, B = (bytes.fromhex(f"00124b0000000{n}0{n}") for n in (1, 2))

RESET, CONFIGURE, TRANSMIT, ENERGY = 1, 2, 3, 4
HELLO, RESULT, RECEIVED, ERROR = 0x81, 0x82, 0x83, 0x8F
PAN = 0xCAFE


def stuffed(data: bytes) -> bytes:
    """COBS by its definition: every run up to a zero behind its length plus one."""
    return b"".join(bytes([len(run) + 1]) + run for run in data.split(b"\x00"))


def unstuffed(data: bytes) -> bytes:
    runs = []
    while data:
        runs.append(data[1 : data[0]])
        data = data[data[0] :]
    return b"\x00".join(runs)


def encoded(kind: int, seq: int, content: bytes) -> bytes:
    body = bytes([kind, seq]) + content
    return b"\x00" + stuffed(body + zlib.crc32(body).to_bytes(4, "big")) + b"\x00"


def data_frame(dst: bytes, src: bytes, seq: int, payload: bytes, ack: bool = True, pan: int = PAN) -> bytes:
    """A version 1 data frame, IEEE 802.15.4 section 7.2."""
    control = 0x41 | (0x20 if ack else 0)
    mode = b"\xdc" if len(dst) == 8 else b"\xd8"
    return bytes([control]) + mode + bytes([seq]) + pan.to_bytes(2, "little") + dst[::-1] + src[::-1] + payload


class Mac:
    """The other end of a line: a descriptor and the protocol, from its description only."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.rest = b""
        self.seq = 0

    def send(self, kind: int, content: bytes = b"") -> int:
        self.seq = (self.seq + 1) % 256
        os.write(self.descriptor, encoded(kind, self.seq, content))
        return self.seq

    def configure(self, eui64: bytes = B, pan: int = PAN, short: int = 0x0007, channel: int = 26) -> int:
        content = bytes([channel]) + pan.to_bytes(2, "big") + short.to_bytes(2, "big") + eui64
        return self.send(CONFIGURE, content)

    async def receive(self, kind: int) -> bytes:
        """Content of the next message of a kind; others are passed over."""
        while True:
            piece, zero, rest = self.rest.partition(b"\x00")
            if not zero:
                try:
                    self.rest += os.read(self.descriptor, 4096)
                except BlockingIOError:
                    await asyncio.sleep(0.002)
                continue
            self.rest = rest
            if not piece:
                continue
            body = unstuffed(piece)
            assert zlib.crc32(body[:-4]) == int.from_bytes(body[-4:], "big")
            if body[0] == kind:
                return body[2:-4]

    async def start(self, **settings) -> None:
        self.send(RESET, b"\x01")
        await self.receive(HELLO)
        seq = self.configure(**settings)
        while await self.receive(RESULT) != bytes([CONFIGURE, seq, 0]):
            pass


class World:
    """An ether with one serial line and the node A."""

    def __init__(self, line: str, **options) -> None:
        self.line = line
        self.options = options
        self.said: list[str] = []

    async def __aenter__(self) -> "World":
        self.ether = Ether(**self.options)
        await self.ether.start(port=0)
        self.counters = self.ether.counters
        self.bridge = SerialBridge(parse(self.line), "127.0.0.1", self.ether.port, self.counters, self.said.append)
        self.bridge.opener.prepare()
        self.task = asyncio.create_task(self.bridge.run())
        self.node = ZepRadio(A, "127.0.0.1", self.ether.port, clock_ms)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self.task.done(), self.task
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.node.close()
        self.ether.close()

    async def heard(self, timeout: float = 5.0) -> bytes:
        """The next frame that A hears; empty if there is none in time."""
        buf = bytearray(127)
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            length = self.node.receive_into(buf)
            if length:
                return bytes(buf[:length])
            await asyncio.sleep(0.002)
        return b""

    async def until(self, condition) -> None:
        while not condition():
            await asyncio.sleep(0.002)


def clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def run(scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


def open_tty(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    return descriptor


@pytest.fixture
def pty_path(tmp_path):
    return tmp_path / "radio"


def test_the_vectors_are_what_the_description_says():
    for vector in VECTORS["messages"].values():
        assert encoded(vector["kind"], vector["seq"], bytes.fromhex(vector["content"])).hex() == vector["wire"]
    for plain, coded in VECTORS["stuffing"]:
        assert stuffed(bytes.fromhex(plain)).hex() + "00" == coded


def test_the_document_shows_the_vectors():
    text = (ROOT / "docs/serial-radio.md").read_text()
    shown = {re.sub(r"\s", "", cell) for cell in re.findall(r"`((?:[0-9a-f]{2} ?)+)`", text)}
    for vector in VECTORS["messages"].values():
        assert vector["wire"] in shown
        assert not vector["content"] or f"{vector['kind']:02x}" in shown


def test_device_on_a_pty_sends_and_is_heard_through_the_air(pty_path):
    async def scenario():
        async with World(f"pty:{pty_path}") as world:
            mac = Mac(open_tty(pty_path))
            mac.send(RESET, b"\x01")
            # Version 1, acknowledges by itself, acknowledgement wait, eight frames.
            assert await mac.receive(HELLO) == bytes([1, 1, 0, 60, 8])
            seq = mac.configure()
            assert await mac.receive(RESULT) == bytes([CONFIGURE, seq, 0])
            frame = data_frame(A, B, 5, b"hello")
            seq = mac.send(TRANSMIT, frame)
            assert await mac.receive(RESULT) == bytes([TRANSMIT, seq, 0])
            assert await world.heard() == frame
            assert B in world.ether.clients
            os.close(mac.descriptor)
        assert not pty_path.exists()

    run(scenario())


def test_frames_for_the_device_are_acknowledged_and_passed_on_and_others_are_not(pty_path):
    async def scenario():
        async with World(f"pty:{pty_path}") as world:
            mac = Mac(open_tty(pty_path))
            await mac.start()
            await world.until(lambda: len(world.ether.clients) == 2)
            short = bytes.fromhex("0007")
            silent = [
                data_frame(A, B, 1, b"for another"),
                data_frame(B, A, 2, b"other PAN", pan=0xBEEF),
                data_frame(b"\x00\x08", A, 3, b"other short address"),
                b"\xff\xff\xff not a frame",
            ]
            taken = [
                (data_frame(B, A, 4, b"by EUI-64"), True),
                (data_frame(short, A, 5, b"by short address"), True),
                (data_frame(B, A, 6, b"unasked", ack=False), False),
                (data_frame(b"\xff\xff", A, 7, b"to all", ack=False), False),
                (b"\x02\x00\x09", False),
            ]
            for frame in silent:
                world.node.transmit(frame, len(frame))
            for frame, acknowledged in taken:
                world.node.transmit(frame, len(frame))
                content = await mac.receive(RECEIVED)
                # Timestamp; best link quality; signal not measured.
                assert (content[4:6], content[6:]) == (b"\xff\x80", frame)
                if acknowledged:
                    assert await world.heard() == bytes([2, 0, frame[2]])
            assert await world.heard(0.1) == b""
            assert (world.counters["serial_filtered"], world.counters["serial_received"]) == (4, 5)
            os.close(mac.descriptor)

    run(scenario())


def test_without_a_pan_beacons_of_all_are_passed_on_and_data_is_not(pty_path):
    async def scenario():
        async with World(f"pty:{pty_path}") as world:
            mac = Mac(open_tty(pty_path))
            await mac.start(pan=0xFFFF, short=0xFFFF)
            await world.until(lambda: len(world.ether.clients) == 2)
            frames = json.loads((ROOT / "tests/vectors/frames.json").read_text())["frames"]
            beacon = bytes.fromhex(frames["eb_join_info"])[:-2]
            for frame in (data_frame(B, A, 1, b"data"), data_frame(b"\xff\xff", A, 2, b"data"), beacon):
                world.node.transmit(frame, len(frame))
            assert (await mac.receive(RECEIVED))[6:] == beacon
            mac.configure(pan=0x1234)
            await mac.receive(RESULT)
            world.node.transmit(beacon, len(beacon))
            await world.until(lambda: world.counters["serial_filtered"] == 3)
            os.close(mac.descriptor)

    run(scenario())


def test_topology_and_losses_hold_for_it_as_for_all(pty_path):
    async def scenario():
        links = Topology()
        links.link(A, B, 1.0, one_way=True)
        links.link(B, A, one_way=True)
        async with World(f"pty:{pty_path}", topology=links) as world:
            mac = Mac(open_tty(pty_path))
            await mac.start()
            await world.until(lambda: len(world.ether.clients) == 2)
            frame = data_frame(B, A, 1, b"x")
            world.node.transmit(frame, len(frame))
            await world.until(lambda: world.counters["lost"] == 1)
            mac.send(TRANSMIT, frame)
            assert await world.heard() == frame
            os.close(mac.descriptor)

    run(scenario())


def test_line_of_one_address_refuses_another(pty_path):
    async def scenario():
        async with World(f"pty:{pty_path}={A.hex()}") as world:
            mac = Mac(open_tty(pty_path))
            mac.send(RESET, b"\x01")
            await mac.receive(HELLO)
            seq = mac.configure(B)
            assert await mac.receive(RESULT) == bytes([CONFIGURE, seq, 4])
            seq = mac.send(TRANSMIT, data_frame(A, B, 1, b"x"))
            assert await mac.receive(RESULT) == bytes([TRANSMIT, seq, 3])
            assert B not in world.ether.clients
            await mac.start(eui64=A)
            os.close(mac.descriptor)

    run(scenario())


def test_noise_on_the_line_is_counted_and_passes(pty_path):
    async def scenario():
        async with World(f"pty:{pty_path}") as world:
            mac = Mac(open_tty(pty_path))
            await mac.start()
            os.write(mac.descriptor, b"\x00noise\x00" + bytes(range(1, 200)) + b"\x00" + encoded(ENERGY, 99, b"")[:-3])
            seq = mac.send(ENERGY, b"\x0b\x00\x0a")
            # An ether has no carrier to measure.
            assert await mac.receive(RESULT) == bytes([ENERGY, seq, 5])
            assert (world.counters["serial_noise"], world.counters["serial_oversized"]) == (2, 1)
            os.close(mac.descriptor)

    run(scenario())


def test_line_that_nobody_reads_is_bounded_and_its_frames_are_not_acknowledged():
    async def scenario():
        near, far = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        async with World("tcp:127.0.0.1:1") as world:
            # In place of a connection that could be made: one whose other end stops reading.
            world.bridge.opener.open = lambda: asyncio.sleep(0, os.dup(near.fileno()))
            os.set_blocking(near.fileno(), False)
            mac = Mac(far.fileno())
            await world.until(lambda: world.counters["serial_connected"])
            await mac.start()
            await world.until(lambda: len(world.ether.clients) == 2)
            frame = data_frame(B, A, 1, bytes(90))
            acknowledged = 0
            for _ in range(400):
                world.node.transmit(frame, len(frame))
                if await world.heard(0.05):
                    acknowledged += 1
                else:
                    break
            assert 0 < acknowledged < 400
            assert world.counters["serial_missed"] >= 1
            assert "serial_overflow" not in world.counters
            assert MAX_PENDING - 256 < len(world.bridge._line._pending) <= MAX_PENDING
            # Everything that was acknowledged gets through in the end, and then there is room again.
            for _ in range(acknowledged):
                assert (await mac.receive(RECEIVED))[6:] == frame
            world.node.transmit(frame, len(frame))
            assert (await mac.receive(RECEIVED))[6:] == frame
            await world.heard()
        near.close()
        far.close()

    run(scenario())


def test_tcp_line_is_connected_again_and_again(monkeypatch):
    monkeypatch.setattr(serial_bridge, "_RETRY_S", 0.01)

    async def scenario():
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            async with World(f"tcp:127.0.0.1:{server.getsockname()[1]}") as world:
                for number in range(1, 4):
                    peer, _ = await loop.sock_accept(server)
                    mac = Mac(peer.fileno())
                    # Without being asked: who was there before may need to know.
                    assert (await mac.receive(HELLO))[0] == 1
                    seq = mac.send(TRANSMIT, b"\x02\x00\x07")
                    assert await mac.receive(RESULT) == bytes([TRANSMIT, seq, 3])
                    await mac.start()
                    mac.send(TRANSMIT, b"\x02\x00\x08")
                    assert await world.heard() == b"\x02\x00\x08"
                    peer.close()
                    assert world.counters["serial_connected"] == number
                assert world.ether.clients == [A, B]

    run(scenario())


def test_terminal_is_waited_for_and_opened_again(pty_path, monkeypatch):
    monkeypatch.setattr(serial_bridge, "_RETRY_S", 0.01)

    async def scenario():
        async with World(str(pty_path)) as world:
            await world.until(lambda: world.said)
            assert "No such file" in world.said[0]
            for _ in range(2):
                master, slave = os.openpty()
                pty_path.symlink_to(os.ttyname(slave))
                mac = Mac(master)
                await mac.receive(HELLO)
                await mac.start()
                pty_path.unlink()
                os.close(slave)
                os.close(master)
            await world.until(lambda: sum("ended" in line for line in world.said) == 2)

    run(scenario())


def test_file_that_is_no_terminal_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setattr(serial_bridge, "_RETRY_S", 0.001)
    (tmp_path / "file").write_text("")

    async def scenario():
        async with World(str(tmp_path / "file")) as world:
            await asyncio.sleep(0.05)
            assert len(world.said) == 1
            assert "is no terminal" in world.said[0]

    run(scenario())


def test_device_that_is_gone_is_not_spoken_for(pty_path, monkeypatch):
    monkeypatch.setattr(serial_bridge, "_TICK_S", 0.02)
    monkeypatch.setattr(serial_bridge, "_SILENCE_S", 0.2)

    async def scenario():
        async with World(f"pty:{pty_path}") as world:
            mac = Mac(open_tty(pty_path))
            await mac.start()
            await world.until(lambda: not world.bridge._end.is_configured)
            frame = data_frame(B, A, 1, b"x")
            world.node.transmit(frame, len(frame))
            assert await world.heard(0.1) == b""
            assert world.counters["serial_missed"] == 1
            await mac.start()
            os.close(mac.descriptor)

    run(scenario())


@pytest.mark.parametrize(
    ("text", "kind", "target", "eui64"),
    [
        ("/dev/ttyACM0", "tty", "/dev/ttyACM0", None),
        (f"/dev/ttyACM0={A.hex()}", "tty", "/dev/ttyACM0", A),
        ("/dev/serial/by-path/pci:1", "tty", "/dev/serial/by-path/pci:1", None),
        ("pty:/tmp/radio", "pty", "/tmp/radio", None),
        (f"tcp:localhost:4000={B.hex()}", "tcp", "localhost:4000", B),
        ("listen:127.0.0.1:0", "listen", "127.0.0.1:0", None),
    ],
)
def test_lines_as_they_are_written(text, kind, target, eui64):
    endpoint = parse(text)
    assert (endpoint.kind, endpoint.target, endpoint.eui64, endpoint.text) == (kind, target, eui64, text)


@pytest.mark.parametrize("text", ["", "pty:", "tcp:host", "tcp::1", "listen:h:70000", "/dev/x=12", f"={A.hex()}"])
def test_lines_that_are_none(text):
    with pytest.raises(ValueError, match="--serial|HOST:PORT|EUI-64"):
        parse(text)


class Sequence:
    value = 0

    def next(self) -> int:
        self.value += 1
        return self.value


def secured(radio) -> Link:
    link = Link(radio, facade.load("host"), Sequence())
    link.configure(PAN, 26)
    keys = KeySet()
    keys.install([(1, 0, bytes(range(16)))], 0)
    link.set_keys(keys)
    return link


def test_process_is_the_radio_of_a_link_over_tcp():
    code = "from microbrew_host.cli import main; main()"
    command = [sys.executable, "-c", code, "ether", "--listen", "127.0.0.1:0", "--serial", "listen:127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ether:
        try:
            assert ether.stdout is not None
            air = int(ether.stdout.readline().rsplit(":", 1)[1])
            port = int(ether.stdout.readline().rsplit(":", 1)[1])
            line = socket.create_connection(("127.0.0.1", port))
            line.setblocking(False)
            wired = SerialRadio(B, line.makefile("rwb", 0), clock_ms, 150)
            wireless = ZepRadio(A, "127.0.0.1", air, clock_ms, None, 200)
            links = [secured(wired), secured(wireless)]
            got: list[bytes] = []
            done: list[bool] = []
            for link in links:
                link.on_data = lambda src, payload, secured, lqi, now: got.append(bytes(payload))
            end = time.monotonic() + 15
            while not wired.is_up and time.monotonic() < end:
                wired.wait(10)
                links[0].receive(clock_ms())
            for link, other in ((links[0], A), (links[1], B)):
                link.send(other, b"to " + other, True, clock_ms(), lambda ok, now: done.append(ok))
            while (len(got) < 2 or len(done) < 2) and time.monotonic() < end:
                wired.wait(5)
                for link in links:
                    link.receive(clock_ms())
                    link.poll(clock_ms())
            assert (sorted(got), done) == ([b"to " + A, b"to " + B], [True, True])
            wireless.close()
            line.close()
        finally:
            ether.send_signal(signal.SIGTERM)
            output, errors = ether.communicate(timeout=10)
    assert (ether.returncode, errors) == (0, "")
    counters = Counter(json.loads(output.splitlines()[-1].removeprefix("ether: ")))
    assert counters["serial_sent"] >= 1
    assert counters["serial_received"] >= 2
