"""Where virtual time meets wall time: the board's radio as a node of the ether between processes."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from emulated_image import CHANNEL, Image, acknowledgement, frame  # noqa: E402

from microbrew.radio.zep import HEADER_LEN  # noqa: E402
from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.emulator.air import Transmission  # noqa: E402
from microbrew_host.emulator.pacing import Pace  # noqa: E402
from microbrew_host.emulator.zep_air import ZepAir  # noqa: E402

OWN = bytes.fromhex("00124b0000000a01")
PEER = bytes.fromhex("00124b0000000b02")


class Peer:
    """The other side of a ZEP link, in a thread: notes frames and acknowledges after ``wait`` seconds of wall time."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.frames: list[bytes] = []
        self.wait: float | None = None
        self._other: tuple[str, int] | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, self._other = self.socket.recvfrom(200)
            if not data or data[3] != 1:
                if not data:
                    return
                continue
            self.frames.append(data[HEADER_LEN:])
            if self.wait is not None and data[HEADER_LEN] & 0x20:
                time.sleep(self.wait)
                self.send(acknowledgement(data[HEADER_LEN + 2]))

    def send(self, psdu: bytes) -> None:
        """To the board, which has greeted."""
        while self._other is None:
            time.sleep(0.01)
        header = bytes((0x45, 0x58, 2, 1, CHANNEL, 0, 0, 1, 255)) + bytes(22) + bytes((len(psdu),))
        self.socket.sendto(header + psdu, self._other)

    def close(self) -> None:
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self.socket.close()


class Heard(ZepAir):
    """Notes when the board's radio hears something."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, OWN)
        self.sent: list[Transmission] = []
        self.heard: list[Transmission] = []

    def finished(self, sender, transmission) -> None:
        self.sent.append(transmission)
        super().finished(sender, transmission)

    def _put_on_air(self, data: bytes, start: int) -> None:
        radio = self._chip()
        before = len(radio._heard)
        super()._put_on_air(data, start)
        self.heard.append(radio._heard[before:][-1][0] if len(radio._heard) > before else radio._heard[-1][0])


@pytest.fixture
def peer() -> Iterator[Peer]:
    other = Peer()
    yield other
    other.close()


@pytest.fixture
def air(peer: Peer) -> Iterator[Heard]:
    link = Heard(peer.port)
    yield link
    link.close()


@pytest.fixture
def board(need_target: Callable[[str], str], air: Heard) -> Image:
    need_target("nrf52840-emulated")
    running = Image(Path(image("nrf52840dk")), air)  # type: ignore[arg-type]
    running.listen(OWN)
    return running


def test_an_acknowledgement_that_takes_20_ms_of_wall_time_comes_192_us_after_the_frame(
    board: Image, peer: Peer, air: Heard
) -> None:
    peer.wait = 0.02
    board.type(f"r.send({frame(PEER, OWN, 5)[:-2]!r}, 21, 3)")
    board.run(0.3)
    assert peer.frames == [frame(PEER, OWN, 5)]
    assert [later.start - earlier.end for earlier, later in zip(air.sent, air.heard, strict=True)] == [192_000]
    assert board.answer("print(r.sent() == r.SENT)") == "True"


def test_without_an_answer_each_try_waits_for_it_and_the_frame_is_given_up(board: Image, peer: Peer) -> None:
    board.type(f"r.send({frame(PEER, OWN, 6)[:-2]!r}, 21, 1)")
    begin = time.monotonic()
    board.run(0.3)
    assert time.monotonic() - begin > 2 * 0.06
    assert peer.frames == [frame(PEER, OWN, 6)] * 2
    assert board.answer("print(r.sent() == r.NO_ACK)") == "True"


def test_frames_that_come_at_once_are_heard_one_after_the_other(board: Image, peer: Peer, air: Heard) -> None:
    sent = [frame(OWN, PEER, sequence, bytes(60)) for sequence in range(5)]
    for psdu in sent:
        peer.send(psdu)
    end = time.monotonic() + 10
    while len(air.heard) < len(sent) and time.monotonic() < end:
        air.poll()
        board.run(0.005)
    board.run(0.02)
    assert [transmission.psdu for transmission in air.heard] == sent
    counters = board.counters()
    assert (counters["received"], counters["acks"], counters["late_acks"], counters["crc_errors"]) == (5, 5, 0, 0)
    assert [psdu for psdu in peer.frames if len(psdu) == 5] == [acknowledgement(sequence) for sequence in range(5)]


def test_virtual_time_is_let_off_a_lag_and_never_runs_ahead() -> None:
    wall = 0.0
    pace = Pace(1000, lambda: wall)
    wall = 0.010
    assert pace.allowed(0) == 10
    # A second in which nothing could run: 20 ms of it are caught up with.
    wall = 1.010
    assert pace.allowed(10) == 30
    wall = 1.015
    # A cycle lost by rounding is no harm.
    assert pace.allowed(30) in (34, 35)
    assert pace.seconds_until(45) == pytest.approx(0.010)
