"""Time and sleep of the CC2652 in emulation: ticks from the real-time clock, and nothing to do until somebody calls."""

from pathlib import Path

import pytest
from cc2652_board import Repl, repeatable

pytest.importorskip("unicorn", reason="unicorn is not installed: make venv")
from microbrew_host.emulator.cc2652.air import Station, Transmission  # noqa: E402
from microbrew_host.emulator.cc2652.chip import Cc2652  # noqa: E402

# A tick of the clock, and the text on the line.
_SLACK = 0.02
# Register of the clock.
SECONDS = 0x08


@pytest.fixture
def board(cc2652: dict[str, Path]) -> Cc2652:
    return repeatable(cc2652["dev"])


@pytest.fixture
def repl(board: Cc2652) -> Repl:
    found = Repl(board)
    found("import time, machine")
    return found


def took(board: Cc2652, repl: Repl, code: str) -> float:
    """Seconds of virtual time that code takes."""
    before = board.core.now
    repl(code, 100)
    return (board.core.now - before) / board.core.hz


@pytest.mark.parametrize("ms", [1, 10, 999, 2500])
def test_a_sleep_lasts_as_long_as_it_should_and_says_so(board: Cc2652, repl: Repl, ms: int) -> None:
    code = f"a = time.ticks_ms(); b = time.ticks_us(); time.sleep_ms({ms})\n"
    assert 0 <= took(board, repl, code) - ms / 1000 < _SLACK
    by_ms, by_us = map(int, repl(code + "print(time.ticks_ms() - a, time.ticks_us() - b)").split())
    assert ms <= by_ms <= ms + 2
    assert ms * 1000 <= by_us <= (ms + 2) * 1000


def test_short_delays_are_not_too_short(repl: Repl) -> None:
    code = """
def shortest(us):
    least = 1 << 29
    for _ in range(100):
        a = machine.mem32[0x40043004]
        time.sleep_us(us)
        least = min(least, machine.mem32[0x40043004] - a)
    return least
import cc2652_radio
cc2652_radio.start(bytes(8), 15)
print(shortest(1) / 4, shortest(20) / 4, shortest(100) / 4)
"""
    # By the radio's timer of 4 MHz.
    found = repl(code.replace("/ 4", "// 4")).split()
    assert [int(us) >= wanted for us, wanted in zip(found, (1, 20, 100), strict=True)] == [True] * 3


def test_asleep_the_processor_does_nothing(board: Cc2652, repl: Repl) -> None:
    begin = repl.start("time.sleep_ms(3000)")
    board.run(0.1)
    before, events = board.core.instructions, board.rtc.events
    board.run(2.5)
    assert board.core.sleeping
    assert (board.core.instructions, board.rtc.events) == (before, events)
    repl.finish(begin)
    assert board.rtc.events == events + 1


def test_many_short_sleeps_in_a_row_lose_no_wake_up(board: Cc2652, repl: Repl) -> None:
    # A lost one would cost a minute.
    assert 0.5 <= took(board, repl, "for _ in range(500): time.sleep_ms(1)") < 1.2


def test_a_byte_wakes_it(board: Cc2652, repl: Repl) -> None:
    begin = repl.start("time.sleep_ms(20000)")
    board.run(0.5)
    board.console.feed(b"\x03")
    assert board.run_until(lambda: board.output[begin:].endswith("\x04>"), 0.1), board.output[begin:]
    assert "KeyboardInterrupt" in board.output[begin:]


@pytest.mark.parametrize("look", range(1, 7))
def test_a_frame_that_comes_while_it_falls_asleep_wakes_it(board: Cc2652, repl: Repl, look: int) -> None:
    repl("import cc2652_radio as r\nbuf = bytearray(127)\nr.start(bytes(8), 15)")
    begin = repl.start("time.sleep_ms(100); r.wait(20000); print(r.receive_into(buf))")
    board.run(0.05)
    # At each look at the clock between the one sleep and the other, the last one included: all has been found quiet.
    frame = Transmission(Station(board.rf.air, 15), 15, bytes.fromhex("01880100ffffff") + b"frame", 0, 0, -50)
    read, looks = board.rtc.read, 0

    def watched(offset: int) -> int:
        nonlocal looks
        looks += offset == SECONDS
        if looks == look and offset == SECONDS:
            board.core.at(board.core.now, lambda: board.rf.heard(frame))
        return read(offset)

    board.rtc.read = watched  # type: ignore[method-assign]
    assert board.run_until(lambda: board.output[begin:].startswith("12"), 0.2), (looks, board.output[begin:])


def test_a_frame_wakes_it(board: Cc2652, repl: Repl) -> None:
    repl("import cc2652_radio as r\nbuf = bytearray(127)\nr.start(bytes(8), 15)")
    peer = Station(board.rf.air, 15)
    begin = repl.start("r.wait(20000); print(r.receive_into(buf))")
    board.run(0.5)
    before = board.core.instructions
    board.run(0.5)
    assert board.core.instructions == before
    peer.send(bytes.fromhex("01880100ffffff") + b"frame")
    assert board.run_until(lambda: board.output[begin:].startswith("12"), 0.02), board.output[begin:]


def test_a_transmission_that_ends_wakes_it(board: Cc2652, repl: Repl) -> None:
    repl("import cc2652_radio as r\nr.start(bytes(8), 15)\nf = bytes.fromhex('01880100ffffff') + b'frame'")
    code = "a = time.ticks_ms(); r.send(f, 12, 0); r.wait(20000); print(r.sent() == r.SENT, time.ticks_ms() - a < 10)"
    assert repl(code) == "True True"


def test_a_sleep_across_the_wrap_of_the_compare_register(board: Cc2652, repl: Repl) -> None:
    # 65536 s: 18 hours and 12 minutes.
    board.rtc.set_time(65535.8)
    code = "a = time.ticks_ms(); time.sleep_ms(500); d = time.ticks_diff(time.ticks_ms(), a)"
    assert 0 <= took(board, repl, code) - 0.5 < _SLACK
    assert repl("print(500 <= d <= 502)") == "True"


@pytest.mark.parametrize("bits", [30, 32])
def test_a_sleep_across_the_wrap_of_the_ticks(board: Cc2652, repl: Repl, bits: int) -> None:
    # 2**30 ms, after which time.ticks_ms() begins again, and 2**32, after which ticks.h does: 12 and 50 days.
    board.rtc.set_time((2**bits - 200) / 1000)
    repl("a = time.ticks_ms(); b = time.ticks_us()")
    assert int(repl("print(a)")) > 2**30 - 250
    assert 0 <= took(board, repl, "time.sleep_ms(500); d = time.ticks_diff(time.ticks_ms(), a)") - 0.5 < _SLACK
    ms, after = map(int, repl("print(d, time.ticks_ms())").split())
    assert 500 <= ms < 600
    assert after < 1000


def test_time_begins_anew_after_a_reset_though_the_clock_goes_on(board: Cc2652, repl: Repl) -> None:
    board.rtc.set_time(1000)
    assert int(repl("print(time.ticks_ms())")) > 900_000
    board.console.feed(b"\x02")
    board.run(0.01)
    board.output = ""
    board.core.request_reset("pin")
    assert int(Repl(board)("import time; print(time.ticks_ms())")) < 1000
    assert board.rtc.read(SECONDS) >= 1000


# The clock without the port: registers from the REPL


def test_the_clock_counts_seconds_and_their_parts(board: Cc2652, repl: Repl) -> None:
    board.rtc.set_time(70000.75)
    second, part, both = repl("R = machine.mem32\nprint(R[0x40092008], R[0x4009200c], R[0x40092030])").split()
    assert int(second) == 70000
    assert 0.75 <= (int(part) & 0xFFFFFFFF) / 2**32 < 0.78
    assert (int(both) & 0xFFFFFFFF) >> 16 == 70000 - 65536


def test_channels_compare_and_an_event_of_the_last_second_comes_at_once(board: Cc2652, repl: Repl) -> None:
    repl("R = machine.mem32\nR[0x4009201c] = 0x7fff0000; R[0x40092014] |= 0x100")
    now, fired = "(R[0x40092030] & 0xffffffff)", "print(R[0x40092004] >> 8 & 1)"
    assert repl(f"R[0x4009201c] = {now} + 6554\n{fired}") == "0"
    board.run(0.11)
    assert repl(fired) == "1"
    assert repl(f"R[0x40092004] = 0x100\n{fired}") == "0"
    assert repl(f"R[0x4009201c] = {now} - 60000\ntime.sleep_ms(1)\n{fired}") == "1"
    repl("R[0x40092004] = 0x100")
    assert repl(f"R[0x4009201c] = {now} - 70000\ntime.sleep_ms(9)\n{fired}") == "0"
