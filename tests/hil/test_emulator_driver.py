"""What the image's radio core promises about time, against the model of the chip: to the microsecond, on the air."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from emulated_image import Image, acknowledgement, frame  # noqa: E402

from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.emulator.air import LocalAir, Transmission  # noqa: E402
from microbrew_host.emulator.ensemble import Ensemble  # noqa: E402

OWN = bytes.fromhex("00124b0000000a01")
PEER = bytes.fromhex("00124b0000000b02")
TURNAROUND = 192_000
BACKOFF = 320_000
ACK_DURATION = 11 * 32_000


@pytest.fixture(scope="module")
def path(need_target: Callable[[str], str]) -> Path:
    need_target("nrf52840-emulated")
    return image("nrf52840dk")


@pytest.fixture
def board(path: Path) -> Iterator[Image]:
    running = Image(path, LocalAir())
    running.listen(OWN)
    running.air.log.clear()
    yield running


def answers(board: Image, sent: list[Transmission]) -> list[int]:
    """Gap in ns between the end of each frame and the acknowledgement that came next; fails if one has none."""
    log = board.air.log
    found = []
    for transmission in sent:
        after = log[log.index(transmission) + 1]
        assert after.psdu == acknowledgement(transmission.psdu[2])
        found.append(after.start - transmission.end)
    return found


def test_an_acknowledgement_begins_192_us_after_the_frame_whatever_its_length(board: Image) -> None:
    at = board.now_ns + 1_000_000
    sent = []
    for sequence, length in enumerate((0, 1, 20, 60, 104)):
        sent.append(board.hear(at, frame(OWN, PEER, sequence, bytes(length))))
        at = sent[-1].end + 5_000_000
    board.run(0.06)
    for gap in answers(board, sent):
        # The core's clock has steps of a microsecond.
        assert TURNAROUND - 1000 <= gap <= TURNAROUND + 1000
    assert board.counters()["late_acks"] == 0


def test_the_receiver_is_back_before_a_frame_that_follows_at_once(board: Image) -> None:
    at = board.now_ns + 1_000_000
    for sequence in range(4):
        sent = board.hear(at, frame(OWN, PEER, sequence, bytes(12)))
        # SIFS after the acknowledgement.
        at = sent.end + TURNAROUND + ACK_DURATION + TURNAROUND
    for sequence in range(4, 7):
        sent = board.hear(at, frame(b"\xff" * 8, PEER, sequence, bytes(12), acknowledge=False))
        at = sent.end + TURNAROUND
    board.run(0.03)
    counters = board.counters()
    # The last three are for nobody in particular: an EUI-64 of ones is no broadcast, so they are filtered, not missed.
    assert (counters["received"], counters["filtered"], counters["crc_errors"]) == (4, 3, 0)


def test_an_acknowledgement_is_on_time_while_a_page_is_being_erased(board: Image) -> None:
    board.answer("import board")
    board.type("board.Flash().ioctl(6, 20)")
    board.run(0.02)
    before = board.flash.operations
    at = board.now_ns + 100_000
    sent = []
    for sequence in range(6):
        sent.append(board.hear(at, frame(OWN, PEER, sequence, bytes(30))))
        at = sent[-1].end + 7_000_000
    board.run(0.06)
    assert board.flash.operations > before, "the erase is over"
    for gap in answers(board, sent):
        assert TURNAROUND - 1000 <= gap <= TURNAROUND + 1000
    board.finish("board.Flash().ioctl(6, 20)")


def test_a_damaged_frame_and_a_collision_are_not_acknowledged(board: Image) -> None:
    good = frame(OWN, PEER, 1, bytes(20))
    at = board.now_ns + 1_000_000
    board.hear(at, good[:-1] + bytes((good[-1] ^ 1,)))
    board.hear(at + 10_000_000, good)
    board.hear(at + 10_300_000, frame(PEER, OWN, 2, bytes(20)))
    board.run(0.03)
    assert [sent for sent in board.air.log if sent.psdu == acknowledgement(1)] == []
    assert board.counters()["crc_errors"] == 2


def assessments(board: Image) -> list[int]:
    """Times in ns at which the chip begins to assess the channel, from now on."""
    times: list[int] = []
    radio = board.chip.radio
    start = radio.tasks[0x2C]

    def noted() -> None:
        times.append(radio.now_ns)
        start()

    radio.tasks[0x2C] = noted
    return times


def test_backoffs_are_multiples_of_320_us_and_the_channel_is_assessed_five_times(board: Image) -> None:
    times = assessments(board)
    begin = board.now_ns
    board.hear(begin, b"", is_frame=False, duration=300_000_000)
    board.type(f"r.send({frame(PEER, OWN, 1)[:-2]!r}, 21, 0)")
    board.run(0.2)
    # The first, and macMaxCSMABackoffs.
    assert len(times) == 5
    # Between two assessments: one of 128 us, a back-off, and what the core and the ramp-up take.
    rests = [(later - earlier - 128_000) % BACKOFF for earlier, later in zip(times, times[1:], strict=False)]
    assert max(rests) - min(rests) < 10_000
    assert max(rests) < 120_000
    backoffs = [(later - earlier - 128_000) // BACKOFF for earlier, later in zip(times, times[1:], strict=False)]
    for backoff, exponent in zip(backoffs, (4, 5, 5, 5), strict=True):
        assert backoff < 2**exponent
    assert [sent for sent in board.air.log if sent.is_frame] == []
    assert board.answer("print(r.sent() == r.BUSY)") == "True"


def test_a_frame_without_acknowledgement_is_sent_again_and_then_given_up(board: Image) -> None:
    board.type(f"r.send({frame(PEER, OWN, 9)[:-2]!r}, 21, 3)")
    board.run(0.3)
    assert [sent.psdu for sent in board.air.log] == [frame(PEER, OWN, 9)] * 4
    assert board.answer("print(r.sent() == r.NO_ACK)") == "True"
    for earlier, later in zip(board.air.log, board.air.log[1:], strict=False):
        # macAckWaitDuration at least.
        assert later.start - earlier.end >= 864_000


def test_a_frame_leaves_at_the_time_that_was_asked_for(board: Image) -> None:
    """First bit on the air, in the core's clock; TIMER3 is that clock."""
    timer = board.chip.timers[3]
    board.type(f"t = r.now() + 50000; print(r.send_at({frame(PEER, OWN, 1)[:-2]!r}, 21, t)); print(t)")
    board.run(0.2)
    (sent,) = board.air.log
    said = board.answer("print(t)")
    now_us, now_ns = timer.value(), board.now_ns
    assert abs((now_ns - sent.start) / 1000 - (now_us - int(said))) <= 2


def test_two_boards_exchange_frames_and_acknowledgements(path: Path) -> None:
    air = LocalAir()
    boards = [Image(path, air, identity) for identity in (1, 2)]
    for board, eui64 in zip(boards, (OWN, PEER), strict=True):
        board.listen(eui64)
    both = Ensemble([board.core for board in boards], air)
    both.run(max(board.now_ns for board in boards))
    air.log.clear()
    boards[0].type(f"r.send({frame(PEER, OWN, 5, bytes(40))[:-2]!r}, 61, 3)")
    both.run(boards[0].now_ns + 300_000_000)
    first, second = air.log
    assert (first.psdu, second.psdu) == (frame(PEER, OWN, 5, bytes(40)), acknowledgement(5))
    assert TURNAROUND - 1000 <= second.start - first.end <= TURNAROUND + 1000
    assert boards[0].answer("print(r.sent() == r.SENT)") == "True"
    assert boards[1].answer("print(r.receive(b), r.rssi())") == "61 -60"
