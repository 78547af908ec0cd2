"""A devkit as the host's radio: the bridge image on the emulated chip, between a line and the air of the others."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from microbrew.mac import frame  # noqa: E402
from microbrew.radio.zep import ZepRadio  # noqa: E402
from microbrew_host.demo.scenario import free_ports  # noqa: E402
from microbrew_host.emulator import Emulator  # noqa: E402
from microbrew_host.radio_line import LineRadio  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAN, CHANNEL = 0xCAFE, 15
MAC = bytes.fromhex("00124b0000000a01")
PEER = bytes.fromhex("00124b0000000a02")


@contextlib.contextmanager
def air(*options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """An ether: its port, and the process that has said so."""
    port = free_ports().ether
    process = subprocess.Popen(
        [sys.executable, "-m", "microbrew_host", "ether", "--listen", f"127.0.0.1:{port}", *options],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert b"listening" in process.stdout.readline()
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


@pytest.fixture
def ether() -> Iterator[int]:
    """The port of an air."""
    with air() as (port, _):
        yield port


@pytest.fixture
def line(bridge_image: Path, ether: int) -> Iterator[str]:
    """Path of the port of a bridge in that air."""
    with Emulator(bridge_image, ether=f"127.0.0.1:{ether}", identity=7) as board:
        yield board.console


def clock() -> int:
    return time.monotonic_ns() // 1_000_000


def node(ether: int) -> ZepRadio:
    radio = ZepRadio(PEER, "127.0.0.1", ether, clock)
    radio.set_channel(CHANNEL)
    return radio


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def data(dest: bytes | None, src: bytes, seq: int, ack: bool) -> bytes:
    buf = bytearray(125)
    end = frame.put_data(buf, seq, PAN, dest, src, ack, False)
    return bytes(buf[:end]) + b"payload"


class Taking:
    """Drains a radio: every frame that came."""

    def __init__(self, radio: LineRadio | ZepRadio) -> None:
        self.radio = radio
        self.frames: list[bytes] = []
        self.buf = bytearray(127)

    def __call__(self) -> list[bytes]:
        while length := self.radio.receive_into(self.buf):
            self.frames.append(bytes(self.buf[:length]))
        return self.frames


def opened(line: str) -> LineRadio:
    radio = LineRadio(MAC, f"serial:{line}")
    radio.set_channel(CHANNEL)
    radio.set_filter(PAN, 0xFFFF)
    buf = bytearray(127)
    until(lambda: radio.receive_into(buf) or radio.is_up)
    # Configured: a result has come for it.
    until(lambda: radio.receive_into(buf) or radio._due - clock() > 1000)
    return radio


def test_it_acknowledges_by_itself_and_passes_on_what_is_addressed_to_its_mac(line: str, ether: int) -> None:
    with contextlib.closing(opened(line)) as mac, contextlib.closing(node(ether)) as peer:
        assert mac.hardware_ack
        at_mac, at_peer = Taking(mac), Taking(peer)
        for seq, (dest, ack) in enumerate([(MAC, True), (PEER, True), (None, False), (MAC, False)]):
            sent = data(dest, PEER, seq, ack)
            peer.transmit(sent, len(sent))
            time.sleep(0.05)
        until(lambda: len(at_mac()) == 3)
        assert [frame[2] for frame in at_mac()] == [0, 2, 3]
        until(lambda: at_peer())
        assert at_peer() == [b"\x02\x00\x00"]
        assert -100 < mac.rssi < 0 and mac.lqi > 0


def test_frames_of_its_mac_are_on_air_and_the_answer_comes_back(line: str, ether: int) -> None:
    with contextlib.closing(opened(line)) as mac, contextlib.closing(node(ether)) as peer:
        at_mac, at_peer = Taking(mac), Taking(peer)
        sent = data(None, MAC, 9, False)
        assert mac.transmit(sent, len(sent))
        until(lambda: at_mac() or at_peer())
        assert at_peer() == [sent]
        # Nobody acknowledges this one: it is tried four times, and the MAC is told.
        lost = data(PEER, MAC, 10, True)
        mac.transmit(lost, len(lost))
        until(lambda: at_mac() or mac.counters.get("no_ack"))
        assert at_peer()[1:] == [lost] * 4


def test_energy_is_measured(line: str, ether: int) -> None:
    with contextlib.closing(opened(line)) as mac:
        mac.detect_energy(20, 5)
        buf = bytearray(127)
        until(lambda: mac.receive_into(buf) or mac.energy)
        channel, dbm = mac.energy
        assert channel == 20 and -100 <= dbm <= 0


def test_it_sniffs(line: str, ether: int, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    sniffing = subprocess.Popen(
        [sys.executable, "-m", "microbrew_host", "sniff", out, "--radio", f"serial:{line}", "--count", "5"],
        stderr=subprocess.PIPE,
    )
    with contextlib.closing(node(ether)) as peer:
        for seq in range(600):
            # Whoever it is for, and of whatever network.
            sent = data(MAC if seq % 2 else PEER, PEER, seq % 256, True)
            peer.transmit(sent, len(sent))
            time.sleep(0.05)
            if sniffing.poll() is not None:
                break
        # Nobody is in between: a sniffer acknowledges nothing.
        assert Taking(peer)() == []
    _, errors = sniffing.communicate(timeout=30)
    assert sniffing.returncode == 0, errors
    captured = out.read_bytes()
    assert captured.count(b"payload") == 5


def test_it_joins_another_ether_to_its_air(line: str, ether: int) -> None:
    with (
        air("--radio", f"serial:{line}", "--channel", str(CHANNEL)) as (near, process),
        contextlib.closing(node(ether)) as peer,
        contextlib.closing(ZepRadio(MAC, "127.0.0.1", near, clock)) as mac,
    ):
        assert process.stdout is not None
        assert b"joined to the air" in process.stdout.readline()
        mac.set_channel(CHANNEL)
        at_mac, at_peer = Taking(mac), Taking(peer)
        # Each is sent once, acknowledged or not: repeating it is the affair of the node that sent it.
        asked = []
        for seq in range(20):
            asked.append(data(PEER, MAC, seq, True))
            mac.transmit(asked[-1], len(asked[-1]))
            until(lambda: at_peer()[-1:] == asked[-1:])
            if seq == 0:
                continue
            acknowledgement = bytes([2, 0, seq])
            peer.transmit(acknowledgement, 3)
            # The emulated air has time for it only so long.
            with contextlib.suppress(AssertionError):
                until(lambda: at_mac(), 1)
                break
        assert at_mac() == [acknowledgement]
        # Acknowledging what comes is their affair too, whoever it is for.
        for sent in (data(MAC, PEER, 102, True), data(PEER, MAC, 103, True)):
            peer.transmit(sent, len(sent))
            until(lambda sent=sent: at_mac()[-1:] == [sent])
        mac.transmit(b"\x02\x00\x66", 3)
        until(lambda: at_peer()[-1] == b"\x02\x00\x66")
        assert at_peer() == [*asked, b"\x02\x00\x66"]
        process.send_signal(signal.SIGTERM)
        counters = json.loads(process.stdout.read().split(b"ether: ")[-1])
        # The radio knows an acknowledgement of what it sent, also when it listens to everything.
        assert counters["radio_no_ack"] == len(asked) - 1


def test_a_border_router_serves_the_air_through_it(line: str, ether: int, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "tests/host"))
    import jrc_support
    from test_border_router import PSK, Process, make_store
    from test_border_router import ROOT as ROUTER

    from microbrew_host.jrc import manage

    async def scenario() -> list[bytes]:
        async with jrc_support.running(jrc_support.make_registrar(tmp_path)) as server:
            manage.add(server.database, server.journal, [manage.OneTouch(ROUTER, PSK)], "6lbr", None)
            coap, join = server.coap_port.local, server.jpy_port.local
            process = await Process.start(
                *("--store", make_store(tmp_path / "store"), "--radio", f"serial:{line}", "--beacon-ms", "200"),
                *("--jrc", f"{coap.host}:{coap.port}", "--jpy", f"{join.host}:{join.port}"),
            )
            with contextlib.closing(node(ether)) as peer:
                at_peer = Taking(peer)
                try:
                    await process.line("border-router: ready")
                    async with asyncio.timeout(30):
                        while len(at_peer()) < 3:
                            await asyncio.sleep(0.05)
                finally:
                    status, _ = await process.stop()
            assert status == 0
            return at_peer()

    for beacon in asyncio.run(scenario()):
        header = frame.Frame()
        assert header.parse(beacon, len(beacon)) is None
        assert (header.kind, header.src) == (frame.BEACON, ROUTER)
