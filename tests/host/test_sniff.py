"""``microbrew sniff`` against a radio that a test plays behind a pseudo-terminal."""

import contextlib
import os
import pty
import signal
import struct
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import pytest

from microbrew.radio.serial_end import RadioEnd
from microbrew_host.sniff.pcap import Clock

# From a capture's examples: an immediate acknowledgement and its FCS (CRC-16/KERMIT, low byte first).
ACK, ACK_FCS = bytes.fromhex("020007"), bytes.fromhex("07c1")
LONGEST = bytes(range(125))


class Chip:
    """A radio that hears ``air``, a frame each ms of its clock."""

    hardware_ack = True
    ack_wait_ms = 5
    lqi = 200
    rssi = -60

    def __init__(self, air: list[bytes], may_sniff: bool = True) -> None:
        self.air = list(air)
        self.channel = 0
        self.promiscuous = False
        self.timestamp = 0xFFFFFFFF - 500
        if may_sniff:
            self.set_promiscuous = self._set_promiscuous

    def _set_promiscuous(self, wanted: bool) -> None:
        self.promiscuous = wanted

    def set_address(self, eui64: bytes) -> bool:
        return True

    def set_channel(self, channel: int) -> None:
        self.channel = channel

    def set_filter(self, pan_id: int, short_address: int) -> None:
        pass

    def transmit(self, buf: bytes, length: int) -> bool:
        raise AssertionError("a sniffer does not send")

    def receive_into(self, buf: bytearray) -> int:
        if not self.air or not self.promiscuous:
            return 0
        frame = self.air.pop(0)
        buf[: len(frame)] = frame
        self.timestamp = (self.timestamp + 1000) & 0xFFFFFFFF
        return len(frame)


class Played:
    """A radio at the other end of ``path``, served by a thread until closed."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        os.set_blocking(self.master, False)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        end = RadioEnd(self.chip, lambda view: os.write(self.master, view), lambda: 0)
        end.start()
        while not self.stopping.wait(0.005):
            with contextlib.suppress(BlockingIOError):
                end.receive(os.read(self.master, 4096))
            if end.is_configured:
                end.pump()

    def close(self) -> None:
        self.stopping.set()
        self.thread.join()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def play():
    played: list[Played] = []

    def start(*arguments: object, **keywords: object) -> Played:
        played.append(Played(Chip(*arguments, **keywords)))
        return played[-1]

    yield start
    for one in played:
        one.close()


def sniff(*arguments: object, **keywords: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "microbrew_host", "sniff", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)


def records(data: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    """Link type, and (us, frame) of each record of a pcap."""
    magic, major, minor, _, _, _, link_type = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor) == (0xA1B2C3D4, 2, 4)
    found = []
    position = 24
    while position < len(data):
        seconds, micros, captured, length = struct.unpack_from("<IIII", data, position)
        assert captured == length
        found.append((seconds * 1_000_000 + micros, data[position + 16 : position + 16 + captured]))
        position += 16 + captured
    return link_type, found


def test_frames_of_the_air_are_in_the_file_with_their_fcs_and_spacing(tmp_path: Path, play) -> None:
    radio = play([ACK, LONGEST, ACK])
    before = time.time_ns() // 1000
    process = sniff(tmp_path / "out.pcap", "--radio", f"serial:{radio.path}", "--channel", 20, "--count", 3)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert b"sniff: 3 frames" in errors
    link_type, found = records((tmp_path / "out.pcap").read_bytes())
    assert link_type == 195
    assert [frame[:-2] for _, frame in found] == [ACK, LONGEST, ACK]
    assert found[0][1][-2:] == ACK_FCS
    # As the radio measured it, though its clock went round in between, and about now.
    assert [b[0] - a[0] for a, b in zip(found, found[1:], strict=False)] == [1000, 1000]
    assert before <= found[0][0]
    assert radio.chip.channel == 20


def test_without_fcs_to_standard_output_until_told_to_stop(play) -> None:
    radio = play([ACK])
    process = sniff("-", "--radio", f"serial:{radio.path}", "--no-fcs")
    head = process.stdout.read(24 + 16 + len(ACK))  # live: there before the end
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    link_type, found = records(head + rest)
    assert (link_type, [frame for _, frame in found]) == (230, [ACK])


def test_a_fifo_gets_the_same_and_a_reader_that_leaves_ends_it(tmp_path: Path, play) -> None:
    radio = play([ACK] * 2000)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = sniff(fifo, "--radio", f"serial:{radio.path}")
    with fifo.open("rb") as reader:
        link_type, found = records(reader.read(24 + 16 + 5))
        assert (link_type, found[0][1]) == (195, ACK + ACK_FCS)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"Traceback" not in errors


def test_a_radio_that_cannot_listen_to_everything_is_named(tmp_path: Path, play) -> None:
    radio = play([ACK], may_sniff=False)
    process = sniff(tmp_path / "out.pcap", "--radio", f"serial:{radio.path}")
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (1, b"microbrew: This radio cannot listen to everything.\n")


def test_a_line_without_a_radio_is_named(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = sniff(tmp_path / "out.pcap", "--radio", f"serial:{os.ttyname(slave)}")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (1, b"microbrew: No radio answers at the other end of the line.\n")
    os.close(slave)
    os.close(master)


def test_the_clock_keeps_the_radios_spacing_and_follows_the_wall() -> None:
    clock = Clock()
    assert clock.time_of(10, 5_000_000) == 5_000_000
    # Late out of the line, but not late on air.
    assert clock.time_of(1010, 5_090_000) == 5_001_000
    assert clock.time_of(0xFFFFFFFF, 9_000_000_000) == 9_000_000_000
    assert clock.time_of(4, 9_000_000_100) == 9_000_000_005
    # The radio was restarted: its stamps begin anew.
    assert clock.time_of(0, 9_002_000_000) == 9_002_000_000
