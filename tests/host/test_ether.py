"""The ether: registration, forwarding, topology, loss, bounds, capture, and the process with its control lines."""

import asyncio
import json
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microbrew import crypto as facade
from microbrew.mac.link import Link
from microbrew.mac.security import KeySet
from microbrew.radio.zep import ZepRadio
from microbrew_host.ether import Ether, Topology, topology
from microbrew_host.ether.capture import Capture, checksum, ipv4_udp
from microbrew_host.ether.control import execute

ROOT = Path(__file__).resolve().parents[2]
ZEP = {
    name: bytes.fromhex(text)
    for name, text in json.loads((ROOT / "tests/vectors/zep.json").read_text())["frames"].items()
}
FRAME = ZEP["zep_eb_join_info"]
A, B, C = (bytes.fromhex(f"00124b0000000{n}0{n}") for n in (1, 2, 3))
ADDRESS = {A: ("127.0.0.1", 1001), B: ("127.0.0.1", 1002), C: ("127.0.0.1", 1003)}


def hello(eui64: bytes) -> bytes:
    return ZEP["zep_hello_riot"][:-8] + eui64


class Wire:
    """Stands for the transport: collects what the hub sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        self.sent.append((data, address))

    def close(self) -> None:
        pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def hub(clients=(A, B, C), **options) -> tuple[Ether, Wire]:
    ether = Ether(**options)
    wire = Wire()
    ether._transport = wire  # type: ignore[assignment]
    for eui64 in clients:
        ether.datagram_received(hello(eui64), ADDRESS[eui64])
    return ether, wire


def test_frame_goes_unchanged_to_everyone_but_its_sender():
    ether, wire = hub()
    ether.datagram_received(FRAME, ADDRESS[A])
    assert wire.sent == [(FRAME, ADDRESS[B]), (FRAME, ADDRESS[C])]
    assert ether.counters == {"hello": 3, "frames": 1, "delivered": 2}


def test_topology_decides_who_hears_whom():
    links = Topology()
    links.link(A, B)
    links.link(B, C, one_way=True)
    ether, wire = hub(topology=links)
    for sender in (A, B, C):
        ether.datagram_received(FRAME, ADDRESS[sender])
    assert [address for _, address in wire.sent] == [ADDRESS[B], ADDRESS[A], ADDRESS[C]]
    assert ether.counters["unheard"] == 1


def test_loss_is_independent_per_receiver_and_reproducible():
    def losses(seed: int) -> tuple[list[tuple[str, int]], int]:
        ether, wire = hub(topology=Topology(0.3), seed=seed)
        for _ in range(500):
            ether.datagram_received(FRAME, ADDRESS[A])
        assert ether.counters["lost"] + ether.counters["delivered"] == 1000
        return [address for _, address in wire.sent], ether.counters["lost"]

    first, lost = losses(1)
    assert 240 < lost < 360
    assert losses(1)[0] == first
    assert losses(2)[0] != first
    # One receiver missing a frame says nothing about the other.
    assert 300 < first.count(ADDRESS[B]) < 400
    assert 300 < first.count(ADDRESS[C]) < 400


def test_loss_of_one_link():
    links = Topology(0.0)
    links.link(A, B, 1.0)
    links.link(A, C)
    _, wire = (ether_wire := hub(topology=links))
    ether_wire[0].datagram_received(FRAME, ADDRESS[A])
    assert [address for _, address in wire.sent] == [ADDRESS[C]]


@pytest.mark.parametrize(
    ("data", "counter"),
    [
        (b"", "malformed"),
        (b"EX", "malformed"),
        (b"XE" + FRAME[2:], "malformed"),
        (b"EX\x01" + FRAME[3:], "malformed"),
        (FRAME[:-1], "malformed"),
        (FRAME + b"\x00", "malformed"),
        (hello(A)[:-1], "malformed"),
        (hello(A).replace(b"HELLO", b"hello"), "malformed"),
        (FRAME + bytes(100), "oversized"),
        (ZEP["zep_ack"], "ignored"),
        (FRAME[:3] + b"\x07" + FRAME[4:], "ignored"),
    ],
)
def test_bad_datagrams_are_counted_and_dropped(data, counter):
    ether, wire = hub()
    ether.datagram_received(data, ADDRESS[A])
    assert (wire.sent, ether.counters[counter], ether.counters["frames"]) == ([], 1, 0)


def test_unknown_sender_is_not_forwarded():
    ether, wire = hub((B, C))
    ether.datagram_received(FRAME, ADDRESS[A])
    assert (wire.sent, ether.counters["unknown_sender"]) == ([], 1)


def test_restarted_node_is_reached_at_its_new_address_only():
    ether, wire = hub((A, B))
    ether.datagram_received(hello(B), ADDRESS[C])
    ether.datagram_received(FRAME, ADDRESS[A])
    assert [address for _, address in wire.sent] == [ADDRESS[C]]
    ether.datagram_received(FRAME, ADDRESS[B])
    assert ether.counters["unknown_sender"] == 1
    # Another node on an address that was somebody's.
    ether.datagram_received(hello(C), ADDRESS[A])
    assert ether.clients == [B, C]


def test_number_of_clients_is_bounded_and_only_the_silent_give_way():
    clock = Clock()
    ether, _ = hub((A, B), max_clients=2, monotonic=clock)
    clock.now = 59.0
    ether.datagram_received(FRAME, ADDRESS[B])
    ether.datagram_received(hello(C), ADDRESS[C])
    assert (ether.clients, ether.counters["clients_full"]) == ([A, B], 1)
    clock.now = 61.0
    ether.datagram_received(hello(C), ADDRESS[C])
    assert ether.clients == [B, C]
    assert len(ether._by_address) == 2


def test_control_lines():
    ether, wire = hub()
    assert json.loads(execute(ether, "clients")) == {"ok": [A.hex(), B.hex(), C.hex()]}
    assert json.loads(execute(ether, f"unlink {A.hex()} {B.hex()}"))["error"].startswith("everyone hears")
    assert json.loads(execute(ether, f"link {A.hex()} {B.hex()} 0")) == {"ok": True}
    assert ether.topology.loss_between(A, B) == 0
    assert ether.topology.loss_between(A, C) is None
    assert json.loads(execute(ether, f"unlink {B.hex()} {A.hex()}")) == {"ok": True}
    assert ether.topology.loss_between(A, B) is None
    assert json.loads(execute(ether, "loss 0.5")) == {"ok": True}
    assert ether.topology.loss == 0.5
    assert json.loads(execute(ether, "stats")) == {"ok": {"hello": 3}}
    for line in ("", "loss", "loss x", "loss 2", "loss nan", "link a b", "drop table"):
        assert list(json.loads(execute(ether, line))) == ["error"]
    assert ether.topology.loss == 0.5


def test_topology_file(tmp_path):
    path = tmp_path / "air.toml"
    path.write_text(
        'loss = 0.25\n[[link]]\na = "00124b0000000101"\nb = "00:12:4b:00:00:00:02:02"\n'
        '[[link]]\na = "00124b0000000202"\nb = "00124b0000000303"\nloss = 1\none_way = true\n'
    )
    links = topology.load(path)
    assert (links.loss_between(A, B), links.loss_between(B, A)) == (0.25, 0.25)
    assert (links.loss_between(B, C), links.loss_between(C, B)) == (1.0, None)
    assert topology.load(path, 0.5).loss_between(A, B) == 0.5
    path.write_text("")
    assert topology.load(path).loss_between(A, C) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "loss = 2",
        'loss = "x"',
        "loss = nan",
        "speed = 1",
        "link = 3",
        "link = [1]",
        '[[link]]\na = "00124b0000000101"',
        '[[link]]\na = "00124b0000000101"\nb = "0012"',
        '[[link]]\na = "00124b0000000101"\nb = "00124b0000000202"\nloss = true',
        '[[link]]\na = "00124b0000000101"\nb = "00124b0000000202"\ncolour = 1',
        "[[[",
    ],
)
def test_bad_topology_file_is_one_sentence_that_names_it(tmp_path, text):
    path = tmp_path / "air.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"air\.toml|loss must be"):
        topology.load(path)


@pytest.mark.parametrize("text", ["", "00124b0000000101", "1,2", "00124b0000000101,00124b0000000202,x", "a,b,c,d"])
def test_bad_link_option(text):
    with pytest.raises(ValueError, match="link|EUI-64|loss"):
        topology.add_link(Topology(), text)


def test_captured_packet_has_valid_headers():
    packet = ipv4_udp(FRAME, ("127.0.0.1", 40000), 7)
    assert checksum(packet[:20]) == 0
    assert struct.unpack(">H", packet[2:4])[0] == len(packet) == 28 + len(FRAME)
    pseudo = packet[12:20] + struct.pack(">BBH", 0, 17, 8 + len(FRAME))
    assert checksum(pseudo + packet[20:]) == 0
    assert struct.unpack(">HH", packet[20:24]) == (40000, 17754)


def test_capture_has_each_frame_once_with_its_time(tmp_path):
    path = tmp_path / "air.pcap"
    clock = Clock()
    clock.now = 1_700_000_000.25
    ether, _ = hub(topology=Topology(1.0), capture=Capture(path), wall_clock=clock)
    ether.datagram_received(FRAME, ADDRESS[A])
    data = path.read_bytes()
    assert struct.unpack("<IHHiIII", data[:24]) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    assert struct.unpack("<IIII", data[24:40])[:2] == (1_700_000_000, 250_000)
    assert data[-len(FRAME) :] == FRAME
    assert len(data) == 24 + 16 + 28 + len(FRAME)
    ether.close()


def test_full_disk_does_not_stop_the_air(tmp_path):
    class Full(Capture):
        def write(self, payload, source, time_us):
            raise OSError(28, "No space left on device")

    ether, wire = hub(capture=Full(tmp_path / "air.pcap"))
    ether.datagram_received(FRAME, ADDRESS[A])
    ether.datagram_received(FRAME, ADDRESS[A])
    assert (len(wire.sent), ether.counters["capture_failed"], ether.capture) == (4, 1, None)


class Counter:
    value = 0

    def next(self) -> int:
        self.value += 1
        return self.value


def clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def node(eui64: bytes, port: int) -> tuple[Link, ZepRadio]:
    radio = ZepRadio(eui64, "127.0.0.1", port, clock_ms, ack_wait_ms=200)
    link = Link(radio, facade.load("host"), Counter())
    link.configure(0xCAFE, 26)
    keys = KeySet()
    keys.install([(1, 0, bytes(range(16)))], 0)
    link.set_keys(keys)
    return link, radio


def test_links_talk_through_the_library():
    async def run() -> None:
        ether = Ether()
        await ether.start(port=0)
        a, radio_a = node(A, ether.port)
        b, radio_b = node(B, ether.port)
        while len(ether.clients) < 2:
            await asyncio.sleep(0.005)
        got: list[tuple] = []
        done: list[bool] = []
        b.on_data = lambda src, payload, secured, lqi, now: got.append((src, bytes(payload), secured))
        a.send(B, b"through the air", True, clock_ms(), lambda ok, now: done.append(ok))
        while not done:
            for link in (a, b):
                link.receive(clock_ms())
                link.poll(clock_ms())
            await asyncio.sleep(0.001)
        assert (got, done) == ([(A, b"through the air", True)], [True])
        radio_a.close()
        radio_b.close()
        ether.close()
        assert ether.counters["frames"] == 2

    asyncio.run(asyncio.wait_for(run(), 20))


MICROPYTHON_NODE = """
import sys, time
from microbrew import crypto as facade
from microbrew.mac.link import Link
from microbrew.mac.security import KeySet
from microbrew.radio.zep import ZepRadio

class Counter:
    value = 0
    def next(self):
        self.value += 1
        return self.value

radio = ZepRadio(bytes.fromhex("00124b0000000202"), "127.0.0.1", int(sys.argv[1]), time.ticks_ms, None, 200)
link = Link(radio, facade.load("pure"), Counter())
link.configure(0xCAFE, 26)
keys = KeySet()
keys.install([(1, 0, bytes(range(16)))], 0)
link.set_keys(keys)
state = []

def on_data(src, payload, secured, lqi, now):
    assert secured
    link.send(src, b"re: " + bytes(payload), True, now, lambda ok, now: state.append(ok))

link.on_data = on_data
print("ready")
end = time.ticks_ms() + 15000
while not state and time.ticks_ms() < end:
    radio.wait(20)
    link.receive(time.ticks_ms())
    link.poll(time.ticks_ms())
print(state)
"""


@pytest.fixture
def process(tmp_path):
    """Starts ``microbrew ether`` and ends it: f(*options) -> (Popen, port)."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> tuple[subprocess.Popen[str], int]:
        code = "from microbrew_host.cli import main; main()"
        ether = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code, "ether", "--listen", "127.0.0.1:0", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(ether)
        assert ether.stdout is not None
        line = ether.stdout.readline()
        assert line.startswith("ether: listening on 127.0.0.1:")
        return ether, int(line.rsplit(":", 1)[1])

    yield start
    for ether in started:
        ether.kill()
        ether.communicate()


def test_process_joins_micropython_and_cpython(process, micropython, tmp_path):
    capture = tmp_path / "air.pcap"
    ether, port = process("--pcap", str(capture), "--link", f"{A.hex()},{B.hex()}", "--control")
    script = tmp_path / "node.py"
    script.write_text(MICROPYTHON_NODE)
    with subprocess.Popen(  # noqa: S603 - the interpreter under test
        [micropython, str(script), str(port)],
        env={"MICROPYPATH": str(ROOT / "firmware") + ":.frozen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        link, radio = node(A, port)
        got: list[bytes] = []
        link.on_data = lambda src, payload, secured, lqi, now: got.append(bytes(payload))
        link.send(B, b"hello", True, clock_ms())
        deadline = time.monotonic() + 15
        while other.poll() is None and time.monotonic() < deadline:
            radio.wait(10)
            link.receive(clock_ms())
            link.poll(clock_ms())
        assert (got, other.stdout.read()) == ([b"re: hello"], "[True]\n")
        radio.close()
    assert ether.stdin is not None
    assert ether.stdout is not None
    ether.stdin.write("stats\nnonsense\n")
    ether.stdin.flush()
    stats = json.loads(ether.stdout.readline())["ok"]
    assert stats["frames"] >= 4
    assert "error" in json.loads(ether.stdout.readline())
    ether.send_signal(signal.SIGTERM)
    output, errors = ether.communicate(timeout=10)
    assert (ether.returncode, errors) == (0, "")
    assert json.loads(output.removeprefix("ether: "))["frames"] == stats["frames"]
    assert capture.stat().st_size > 24


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--listen", "nowhere"], "--listen takes HOST:PORT"),
        (["--link", "1,2"], "not an EUI-64"),
        (["--topology", "does-not-exist.toml"], "No such file"),
        (["--loss", "7"], "--loss"),
    ],
)
def test_wrong_options_give_one_sentence(options, sentence):
    code = "from microbrew_host.cli import main; main()"
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, "ether", *options], capture_output=True, text=True, timeout=30
    )
    assert ran.returncode != 0
    assert sentence in ran.stderr
    assert "Traceback" not in ran.stderr


def test_port_in_use_gives_one_sentence():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        code = "from microbrew_host.cli import main; main()"
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code, "ether", "--listen", address], capture_output=True, text=True, timeout=30
        )
    assert ran.returncode == 1
    assert len(ran.stderr.strip().splitlines()) == 1
