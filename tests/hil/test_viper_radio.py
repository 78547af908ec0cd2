"""The radio driver without C, on the model of the chip: what it promises, and where its limits are.

It is compiled as for a stock image and put on the board's flash; the interpreter is that of our own image.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from emulated_image import CHANNEL, PAN, Image, acknowledgement, frame  # noqa: E402

from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.emulator.air import LocalAir  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
OWN = bytes.fromhex("00124b0000000a01")
PEER = bytes.fromhex("00124b0000000b02")
# aTurnaroundTime, from the end of a frame to the first bit of its acknowledgement at the soonest.
TURNAROUND = 192_000
# macAckWaitDuration less the acknowledgement itself: when it has to begin at the latest.
LATEST = 864_000 - 352_000


@pytest.fixture(scope="module")
def compiled(need_target: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    need_target("nrf52840-emulated")
    cross = ROOT / "build/mpy-cross/mpy-cross"
    assert shutil.which(str(cross))
    out = tmp_path_factory.mktemp("viper") / "viper.mpy"
    source = ROOT / "firmware/microbrew/radio/nrf52840_viper.py"
    subprocess.run([cross, "-march=armv7emsp", "-o", out, source], check=True)
    return out.read_bytes()


@pytest.fixture(scope="module")
def typed(compiled: bytes) -> Image:
    running = Image(image("nrf52840dk"), LocalAir())
    running.answer("f = open('viper.mpy', 'wb'); from binascii import unhexlify as u")
    for at in range(0, len(compiled), 100):
        running.answer(f"n = f.write(u('{compiled[at : at + 100].hex()}'))")
    running.answer("f.close(); import viper, time; b = bytearray(127)")
    return running


@pytest.fixture
def board(typed: Image) -> Image:
    """With a radio that has just been started."""
    assert not typed.answer(f"v = viper.ViperRadio({OWN!r}); v.set_channel({CHANNEL}); v.set_filter({PAN}, 0xffff)")
    typed.air.log.clear()
    return typed


def test_a_frame_that_ends_while_it_waits_is_acknowledged_in_time(board: Image) -> None:
    line = "v.wait(20); n = v.receive_into(b); print(n, b[:n].hex(), v.lqi > 0, v.rssi)"
    for sequence, length in enumerate((0, 30, 104)):
        board.type(line)
        board.run(0.012)
        sent = board.hear(board.now_ns + 100_000, frame(OWN, PEER, sequence, bytes(length)), level=20.0)
        heard = board.finish(line).split()
        assert heard == [str(21 + length), sent.psdu[:-2].hex(), "True", "-40"]
        answer = board.air.log[-1]
        assert answer.psdu == acknowledgement(sequence)
        assert TURNAROUND <= answer.start - sent.end <= LATEST
    assert board.answer("print(v.acknowledged, v.overruns)") == "3 0"


def test_a_frame_that_ends_while_it_computes_is_kept_until_its_sender_repeats_it(board: Image) -> None:
    take = "v.receive_into(b)"
    line = f"time.sleep_ms(30); print({take}, b[2], v.acknowledged, {take}, b[2], {take})"
    board.type(line)
    board.run(0.012)
    first = board.hear(board.now_ns + 1_000_000, frame(OWN, PEER, 7, bytes(10)))
    board.hear(first.end + 2_000_000, frame(OWN, PEER, 8, bytes(10)))
    again = board.hear(first.end + 60_000_000, first.psdu)
    # Acknowledged before anybody could begin to work on it; of frame 8 nothing was heard.
    assert board.finish(line).split() == ["31", "7", "1", "31", "7", "0"]
    assert [sent.psdu for sent in board.air.log if len(sent.psdu) == 5] == [acknowledgement(7)]
    assert TURNAROUND <= board.air.log[-1].start - again.end <= LATEST


@pytest.mark.parametrize("acknowledge", [True, False])
def test_it_does_not_wait_for_ever_for_a_repetition_and_not_at_all_if_there_will_be_none(
    board: Image, acknowledge: bool
) -> None:
    board.hear(board.now_ns + 1_000_000, frame(OWN, PEER, 9, acknowledge=acknowledge))
    board.run(0.004)
    line = "a = time.ticks_us(); n = v.receive_into(b); print(n, time.ticks_diff(time.ticks_us(), a) // 1000)"
    length, took = board.answer(line).split()
    assert length == "21"
    assert 80 <= int(took) <= 90 if acknowledge else int(took) < 5


@pytest.mark.parametrize(
    "psdu",
    [
        frame(PEER, OWN, 1),
        frame(OWN, PEER, 1, acknowledge=False),
        frame(OWN, PEER, 1)[:-1] + b"\x00",
        frame(OWN, PEER, 1).replace(PAN.to_bytes(2, "little"), b"\x01\x02"),
    ],
    ids=["for somebody else", "not asked for", "damaged", "of another PAN"],
)
def test_other_frames_are_not_acknowledged(board: Image, psdu: bytes) -> None:
    board.type("v.wait(10)")
    board.run(0.003)
    board.hear(board.now_ns + 100_000, psdu)
    board.finish("v.wait(10)")
    assert board.answer("print(v.acknowledged)") == "0"
    assert len(board.air.log) == 1


def test_it_sends_when_the_channel_is_clear_and_hears_the_acknowledgement(board: Image) -> None:
    out = frame(PEER, OWN, 3, bytes(60))
    line = f"print(v.transmit({out[:-2]!r}, {len(out) - 2})); v.wait(5); print(v.receive_into(b), b[2])"
    board.type(line)
    while not board.air.log:
        board.run(0.0002)
    assert board.air.log[0].psdu == out
    board.hear(board.air.log[0].end + TURNAROUND, acknowledgement(3))
    assert board.finish(line).splitlines() == ["True", "3 3"]


def test_it_does_not_send_into_a_busy_channel(board: Image) -> None:
    line = "print(v.transmit(bytes(20), 20))"
    board.hear(board.now_ns, b"", is_frame=False, duration=200_000_000)
    assert board.answer(line) == "False"
    assert len(board.air.log) == 1
    board.run(0.2)
    assert board.answer(line) == "True"


def test_three_frames_are_kept_and_a_further_one_is_counted(board: Image) -> None:
    # Each is taken at a poll; none is handed over in between.
    for sequence in range(5):
        board.hear(board.now_ns + 1_000_000, frame(OWN, PEER, sequence))
        board.run(0.004)
        board.answer("viper._poll(v._state, v._own, v._ack, 0)")
    assert board.answer("print(v.overruns)") == "2"
    assert board.answer("print([v.receive_into(b) for i in range(4)])") == "[21, 21, 21, 0]"
