"""The radio driver in Python alone, for images that are not ours, on the emulated nRF52840."""

import contextlib
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
from microbrew_host.board.repl import Repl  # noqa: E402
from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.demo.scenario import free_ports  # noqa: E402
from microbrew_host.emulator import Emulator  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
DRIVER = ROOT / "firmware/microbrew/radio/nrf52840_viper.py"
OWN = bytes.fromhex("00124b0000000101")
PEER = bytes.fromhex("00124b0000000202")
START = f"""
from viper_radio import ViperRadio
radio = ViperRadio({OWN!r})
radio.set_channel(15)
radio.set_filter(0xcafe, 0xffff)
buf = bytearray(127)
got = []
"""
RECEIVE = """
import time
since = time.ticks_ms()
while len(got) < 4 and time.ticks_diff(time.ticks_ms(), since) < 30000:
    radio.wait(200)
    length = radio.receive_into(buf)
    if length:
        got.append((buf[2], length))
print(got, radio.counters, radio.ack_us, radio.lqi > 0)
"""


@pytest.fixture
def air() -> Iterator[tuple[str, ZepRadio]]:
    """Where an air is, and a node in it."""
    port = free_ports().ether
    process = subprocess.Popen(
        [sys.executable, "-m", "microbrew_host", "ether", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert b"listening" in process.stdout.readline()
    with contextlib.closing(ZepRadio(PEER, "127.0.0.1", port, lambda: time.monotonic_ns() // 1_000_000)) as peer:
        peer.set_channel(15)
        yield f"127.0.0.1:{port}", peer
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def data(dest: bytes | None, seq: int, ack: bool, pan: int = 0xCAFE) -> bytes:
    buf = bytearray(125)
    end = frame.put_data(buf, seq, pan, dest, PEER, ack, False)
    return bytes(buf[:end]) + b"hello"


def drain(peer: ZepRadio, count: int, seconds: float = 20) -> list[bytes]:
    frames: list[bytes] = []
    buf = bytearray(127)
    end = time.monotonic() + seconds
    while len(frames) < count and time.monotonic() < end:
        if length := peer.receive_into(buf):
            frames.append(bytes(buf[:length]))
        else:
            peer.wait(50)
    return frames


def test_frames_both_ways_and_acknowledgements_in_time(
    need_target: Callable[[str], str], air: tuple[str, ZepRadio]
) -> None:
    need_target("nrf52840-emulated")
    where, peer = air
    with Emulator(image("nrf52840dk"), ether=where) as board, Repl(board.console) as repl:
        repl.transport.fs_writefile("viper_radio.py", DRIVER.read_bytes())
        repl(START)
        assert repl("print(radio.transmit(b'frame', 5))") == "True"
        assert drain(peer, 1) == [b"frame"]
        repl.start(RECEIVE)
        # It acknowledges what is for it and asks for it, and nothing else.
        for seq, (dest, ack, pan) in enumerate(
            [(OWN, True, 0xCAFE), (None, False, 0xCAFE), (OWN, True, 0xBEEF), (OWN, True, 0xCAFE)]
        ):
            sent = data(dest, seq, ack, pan)
            peer.transmit(sent, len(sent))
            time.sleep(0.3)
        printed = repl.result(60)
        own, all_ = len(data(OWN, 0, True)), len(data(None, 0, False))
        assert printed.startswith(f"[(0, {own}), (1, {all_}), (2, {own}), (3, {own})] "), printed
        # 192 us from the frame's end to the first bit: 23 until END is told, 40 for the ramp-up.
        assert "'acks': 2" in printed and "'late_acks': 0" in printed and "} 129 True" in printed
        assert drain(peer, 2) == [b"\x02\x00\x00", b"\x02\x00\x03"]
