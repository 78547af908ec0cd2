"""The CC2652's radio driver against the model of the RF core: command sequences, frames in and out, and recovery."""

import ast
import random
from pathlib import Path

import pytest
from cc2652_board import Repl

pytest.importorskip("unicorn", reason="unicorn is not installed: make venv")
from microbrew_host.emulator.cc2652 import rf_core  # noqa: E402
from microbrew_host.emulator.cc2652.air import Station  # noqa: E402
from microbrew_host.emulator.cc2652.chip import Cc2652  # noqa: E402

OWN = bytes.fromhex("00124b0000000001")
PEER = bytes.fromhex("00124b0000000002")
PAN = 0xCAFE
CHANNEL = 15
ROOT = Path(__file__).resolve().parents[2]


def data_frame(sequence: int, source: bytes, destination: bytes, payload: bytes = b"hello", ack: bool = True) -> bytes:
    """A data frame of version 2 with both addresses."""
    control = 0xEC01 | (0x20 if ack else 0)
    head = control.to_bytes(2, "little") + bytes((sequence,)) + PAN.to_bytes(2, "little")
    return head + destination[::-1] + source[::-1] + payload


@pytest.fixture(scope="session")
def dev(cc2652: dict[str, Path]) -> Path:
    return cc2652["dev"]


class Radio:
    """A board whose radio is on, and a neighbour."""

    def __init__(self, dev: Path, *, acknowledges: bool = True) -> None:
        self.board = Cc2652(dev)
        self.board.trng.source = random.Random(1).randbytes
        self.repl = Repl(self.board)
        self.peer = Station(self.board.rf.air, CHANNEL, PEER, acknowledges)
        self.repl(f"import cc2652_radio as r\nbuf = bytearray(127)\nr.start({OWN!r}, {CHANNEL})")

    def join(self) -> None:
        self.repl(f"r.filter({PAN}, 0x1234)")

    def send(self, frame: bytes, retries: int = 3) -> str:
        """Result of a transmission, by name."""
        code = f"""
f = {frame!r}
assert r.send(f, len(f), {retries})
while r.sent() == r.UNDER_WAY: r.wait(10)
print([n for n in ('SENT', 'NO_ACK', 'BUSY', 'FAILED') if getattr(r, n) == r.sent()][0])
"""
        return self.repl(code)

    def receive(self) -> bytes:
        return bytes.fromhex(self.repl("n = r.receive_into(buf)\nprint(buf[:n].hex() if n else '')"))

    def counters(self) -> dict[str, int]:
        names = ("rx", "crc", "filtered", "overrun", "acks", "tries", "restarts")
        return dict(zip(names, map(int, self.repl("print(*r.counters())").split()), strict=True))

    def numbers(self) -> list[int]:
        return [command.number for command in self.board.rf.log]


@pytest.fixture
def radio(dev: Path) -> Radio:
    return Radio(dev)


def test_it_starts_in_the_order_that_the_rf_core_demands(radio: Radio) -> None:
    log = radio.board.rf.log
    assert radio.numbers() == [
        *(rf_core.BUS_REQUEST, rf_core.SYNC_START_RAT, rf_core.RADIO_SETUP, rf_core.FS, rf_core.IEEE_RX),
    ]
    setup, synthesizer, receiver = log[2:5]
    # IEEE mode, 5 dBm; 2425 MHz; the receiver on its channel for good.
    assert (setup.field("B", 14), setup.field("H", 18)) == (1, 0x7217)
    assert synthesizer.field("H", 14) == 2425
    assert (receiver.field("B", 14), receiver.field("B", 55)) == (CHANNEL, 1)
    assert receiver.field("Q", 40) == int.from_bytes(OWN, "big")


def test_without_a_pan_nothing_is_filtered_and_nothing_acknowledged(radio: Radio) -> None:
    receiver = radio.board.rf.log[-1]
    assert receiver.field("H", 24) & 0b101 == 0
    frame = data_frame(1, PEER, OWN)
    radio.peer.send(frame)
    radio.board.run(0.01)
    assert radio.receive() == frame
    assert radio.peer.received == []


def test_in_a_pan_the_rf_core_filters_and_acknowledges(radio: Radio) -> None:
    radio.join()
    receiver = radio.board.rf.log[-1]
    assert receiver.number == rf_core.IEEE_RX
    options = receiver.field("H", 24)
    # Filter, auto-ACK, versions up to 2; beacons, data and commands but no acknowledgements.
    assert (options & 1, options >> 2 & 1, options >> 8 & 3) == (1, 1, 2)
    assert receiver.field("B", 26) == 0b1011
    assert (receiver.field("H", 48), receiver.field("H", 50)) == (0x1234, PAN)


def test_a_frame_for_us_is_acknowledged_within_192_us(radio: Radio) -> None:
    radio.join()
    frame = data_frame(7, PEER, OWN)
    sent = radio.peer.send(frame)
    radio.board.run(0.01)
    (end, acknowledgement), core = radio.peer.received[0], radio.board.core
    assert acknowledgement == b"\x02\x00\x07"
    # 192 us of turnaround and 11 bytes of 32 us.
    assert (end - sent.end) / core.hz == pytest.approx(192e-6 + 11 * 32e-6, abs=2e-6)
    assert radio.receive() == frame
    assert radio.counters()["acks"] == 1


def test_a_frame_for_somebody_else_is_neither_received_nor_acknowledged(radio: Radio) -> None:
    radio.join()
    radio.peer.send(data_frame(7, PEER, PEER))
    radio.board.run(0.01)
    assert (radio.receive(), radio.peer.received) == (b"", [])
    assert radio.counters()["filtered"] == 1


def test_strength_quality_and_time_of_a_frame_come_with_it(radio: Radio) -> None:
    board = radio.board
    first = radio.peer.send(data_frame(1, PEER, OWN), rssi=-71)
    board.run(0.01)
    radio.receive()
    rssi, lqi, time = map(int, radio.repl("print(r.rssi(), r.lqi(), r.timestamp())").split())
    second = radio.peer.send(data_frame(2, PEER, OWN), rssi=-40)
    board.run(0.01)
    radio.receive()
    stronger, better, later = map(int, radio.repl("print(r.rssi(), r.lqi(), r.timestamp())").split())
    assert (rssi, stronger) == (-71, -40)
    assert 0 < lqi < better <= 255
    assert later - time == pytest.approx((second.start - first.start) * 1e6 / board.core.hz, abs=2)


def test_a_broken_frame_is_counted_and_not_handed_up(radio: Radio) -> None:
    radio.peer.send(data_frame(1, PEER, OWN), intact=False)
    radio.board.run(0.01)
    assert (radio.receive(), radio.counters()["crc"]) == (b"", 1)


def test_frames_wait_in_order_and_those_over_the_rings_size_are_counted(radio: Radio) -> None:
    frames = [data_frame(i, PEER, OWN, bytes((i,)) * 100) for i in range(9)]
    for frame in frames:
        radio.peer.send(frame)
        radio.board.run(0.01)
    received = [radio.receive() for _ in range(7)]
    assert received == [*frames[:6], b""]
    assert radio.counters()["overrun"] == 3
    radio.peer.send(frames[8])
    radio.board.run(0.01)
    assert radio.receive() == frames[8]


def test_the_longest_and_the_shortest_frame_pass(radio: Radio) -> None:
    longest = data_frame(1, PEER, OWN, bytes(range(104)), ack=False)
    assert len(longest) == 125
    for frame in (longest, b"\x03\x00\x01\x04"):
        radio.peer.send(frame)
        radio.board.run(0.01)
        assert radio.receive() == frame
        assert radio.send(frame) == "SENT"
        assert radio.peer.received[-1][1] == frame


def test_a_frame_goes_by_csma_tx_and_rx_ack_in_one_chain(radio: Radio) -> None:
    radio.join()
    begin = len(radio.board.rf.log)
    frame = data_frame(9, OWN, PEER)
    assert radio.send(frame) == "SENT"
    csma, transmitter, acknowledgement = radio.board.rf.log[begin:]
    assert (csma.number, transmitter.number, acknowledgement.number) == (
        rf_core.IEEE_CSMA,
        rf_core.IEEE_TX,
        rf_core.IEEE_RX_ACK,
    )
    # macMaxBE 5, 4 backoffs, not slotted, from BE 3 on; 864 us for the acknowledgement of number 9.
    assert [csma.field("B", at) for at in (16, 17, 18, 20)] == [5, 4, 1, 3]
    assert transmitter.field("B", 15) == len(frame)
    assert (acknowledgement.field("B", 14), acknowledgement.field("I", 16)) == (9, 864 * 4)
    assert [received for _, received in radio.peer.received] == [frame]
    assert radio.receive() == b""


def test_a_frame_that_wants_no_acknowledgement_waits_for_none(radio: Radio) -> None:
    begin = len(radio.board.rf.log)
    assert radio.send(data_frame(9, OWN, b"\xff" * 8, ack=False)) == "SENT"
    assert radio.numbers()[begin:] == [rf_core.IEEE_CSMA, rf_core.IEEE_TX]


def test_a_frame_is_sent_again_until_it_is_acknowledged(radio: Radio) -> None:
    radio.peer.deaf_to = 2
    assert radio.send(data_frame(9, OWN, PEER)) == "SENT"
    assert len(radio.peer.received) == 3
    assert radio.counters()["tries"] == 3


def test_a_frame_that_nobody_acknowledges_is_given_up(radio: Radio) -> None:
    radio.peer.acknowledges = False
    assert radio.send(data_frame(9, OWN, PEER), retries=3) == "NO_ACK"
    assert len(radio.peer.received) == 4


def test_a_wrong_sequence_number_acknowledges_nothing(radio: Radio) -> None:
    radio.peer.acknowledges = False
    core = radio.board.core
    heard = radio.peer.heard

    def answer_wrongly(transmission) -> None:  # type: ignore[no-untyped-def]
        heard(transmission)
        core.at(transmission.end + core.cycles(192e-6), lambda: radio.peer._answer(b"\x02\x00\x0a"))

    radio.peer.heard = answer_wrongly  # type: ignore[method-assign]
    assert radio.send(data_frame(9, OWN, PEER), retries=0) == "NO_ACK"


def test_a_channel_that_stays_busy_is_reported_and_nothing_is_sent(radio: Radio) -> None:
    radio.board.rf.air.noise[CHANNEL] = -60
    assert radio.send(data_frame(9, OWN, PEER)) == "BUSY"
    assert radio.peer.received == []
    radio.board.rf.air.noise.clear()
    assert radio.send(data_frame(9, OWN, PEER)) == "SENT"


def test_backoffs_differ(radio: Radio) -> None:
    ends = []
    for _ in range(8):
        begin = radio.board.core.now
        radio.repl(f"f = {data_frame(1, OWN, PEER, ack=False)!r}; r.send(f, len(f), 0)")
        radio.board.run(0.02)
        ends.append(radio.peer.received[-1][0] - begin)
    assert len(set(ends)) > 3


def test_another_frame_is_not_taken_while_one_is_under_way(radio: Radio) -> None:
    frame = data_frame(9, OWN, PEER)
    assert radio.repl(f"f = {frame!r}\nprint(r.send(f, len(f), 0), r.send(f, len(f), 0))") == "True False"


def test_channels_are_changed_by_stop_synthesizer_and_receiver(radio: Radio) -> None:
    begin = len(radio.board.rf.log)
    radio.repl("r.tune(26)")
    stop, synthesizer, receiver = radio.board.rf.log[begin:]
    assert (stop.number, synthesizer.field("H", 14), receiver.field("B", 14)) == (rf_core.STOP, 2480, 26)
    radio.peer.send(data_frame(1, PEER, OWN))
    radio.board.run(0.01)
    assert radio.receive() == b""
    radio.peer.channel = 26
    radio.peer.send(data_frame(2, PEER, OWN))
    radio.board.run(0.01)
    assert radio.receive() == data_frame(2, PEER, OWN)


def test_frames_of_the_old_channel_are_dropped_with_it(radio: Radio) -> None:
    radio.peer.send(data_frame(1, PEER, OWN))
    radio.board.run(0.01)
    radio.repl("r.tune(26)")
    assert radio.receive() == b""


def test_energy_is_measured_and_then_it_listens_again(radio: Radio) -> None:
    radio.board.rf.air.noise[20] = -63
    assert radio.repl("print(r.energy(20, 10), r.energy(21, 10))") == "-63 -100"
    radio.peer.send(data_frame(2, PEER, OWN))
    radio.board.run(0.01)
    assert radio.receive() == data_frame(2, PEER, OWN)


@pytest.mark.parametrize(
    ("number", "status"),
    [(rf_core.IEEE_CSMA, 0x2800), (rf_core.IEEE_TX, 0x2805), (rf_core.IEEE_TX, rf_core.PENDING)],
)
def test_a_chain_that_fails_or_hangs_starts_the_rf_core_anew(radio: Radio, number: int, status: int) -> None:
    radio.join()
    radio.board.rf.outcome[number] = [status]
    assert radio.send(data_frame(1, OWN, PEER)) == "FAILED"
    assert radio.board.rf.boots == 2
    assert radio.counters()["restarts"] == 1
    # It filters as before, and works.
    assert radio.board.rf.log[-1].field("H", 50) == PAN
    assert radio.send(data_frame(2, OWN, PEER)) == "SENT"


def test_a_receiver_that_ended_is_started_anew(radio: Radio) -> None:
    radio.board.rf._end_background(0x2804)
    assert radio.receive() == b""
    radio.peer.send(data_frame(2, PEER, OWN))
    radio.board.run(0.01)
    assert radio.receive() == data_frame(2, PEER, OWN)
    assert radio.counters()["restarts"] == 1


def test_a_doorbell_that_does_not_answer_is_cured_by_a_restart_or_an_error(radio: Radio) -> None:
    doorbell = radio.board.rf.doorbell
    doorbell.hangs = True
    attempt = "try:\n r.tune(12)\nexcept OSError as e:\n print(e)"
    # The step is the request for the bus, the first command after a restart.
    assert radio.repl(attempt) == "RF core, step 5"
    doorbell.hangs = False
    radio.board.rf.doorbell.power_lost()
    assert radio.repl(f"r.start({OWN!r}, {CHANNEL})") == ""
    assert radio.send(data_frame(2, OWN, PEER)) == "SENT"


def test_an_rf_core_that_does_not_boot_is_an_error_that_names_the_step(dev: Path) -> None:
    board = Cc2652(dev)
    board.rf.dead = True
    code = f"import cc2652_radio as r\ntry:\n r.start({OWN!r}, 15)\nexcept OSError as e:\n print(e)"
    assert Repl(board)(code) == "RF core, step 4"


def test_a_setup_that_is_refused_is_an_error_that_names_the_step(dev: Path) -> None:
    board = Cc2652(dev)
    board.rf.outcome[rf_core.RADIO_SETUP] = [0x0803]
    code = f"import cc2652_radio as r\ntry:\n r.start({OWN!r}, 15)\nexcept OSError as e:\n print(e)"
    assert Repl(board)(code) == "RF core, step 7"


def test_before_it_is_started_and_after_it_is_stopped_it_refuses(radio: Radio) -> None:
    calls = "r.send(buf, 10, 0)", "r.tune(15)", "r.filter(1, 1)", "r.energy(15, 1)"
    attempt = "for f in ({}):\n".format(", ".join("lambda: " + call for call in calls))
    attempt += " try:\n  f(); print('done')\n except OSError as e:\n  print(e.errno)"
    radio.repl("r.stop()")
    assert radio.repl(attempt).split() == ["19"] * 4
    assert radio.repl("print(r.receive_into(buf), r.now())") == "0 0"
    radio.repl(f"r.start({OWN!r}, {CHANNEL})")
    assert radio.send(data_frame(2, OWN, PEER)) == "SENT"


@pytest.mark.parametrize(
    "call",
    ["r.tune(10)", "r.tune(27)", "r.send(buf, 0, 0)", "r.send(buf, 126, 0)", "r.send(b'ab', 3, 0)"]
    + ["r.receive_into(bytearray(124))", "r.start(b'1234567', 15)", "r.energy(15, 0)"],
)
def test_arguments_out_of_range_are_refused(radio: Radio, call: str) -> None:
    assert radio.repl(f"try:\n {call}\n print('done')\nexcept ValueError:\n print('refused')") == "refused"


def test_the_firmwares_driver_sends_and_receives(dev: Path) -> None:
    board = Cc2652(dev)
    board.trng.source = random.Random(1).randbytes
    repl = Repl(board)
    peer = Station(board.rf.air, 26, PEER, acknowledges=True)
    frame = data_frame(3, OWN, PEER)
    repl(
        f"""
from board_radio import make
radio = make({OWN!r}, None)
buf = bytearray(127)
radio.set_channel(26)
radio.set_filter({PAN}, 0xffff)
f = {frame!r}
assert radio.hardware_ack and radio.hardware_csma and radio.transmit(f, len(f))
while radio.sent() is None: radio.wait(5)
"""
    )
    assert repl("print(radio.sent())") == "sent"
    peer.send(data_frame(4, PEER, OWN), rssi=-55)
    board.run(0.01)
    assert repl("print(radio.receive_into(buf), radio.rssi, radio.receive_into(buf))") == "26 -55 0"
    assert peer.received[-1][1] == b"\x02\x00\x04"


def test_the_modules_description_names_what_is_there(dev: Path) -> None:
    described = ast.parse((ROOT / "boards/cc2652/cc2652_radio.pyi").read_text()).body
    names = {node.name for node in described if isinstance(node, ast.FunctionDef)}
    names |= {
        node.target.id for node in described if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    there = Repl(Cc2652(dev))("import cc2652_radio; print(*[n for n in dir(cc2652_radio) if n[0] != '_'])")
    assert set(there.split()) == names
