"""RADIO of the emulated nRF52840, register by register, against frames and noise that the test puts on the air."""

from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from emulated_program import compile_program, results  # noqa: E402

from microbrew_host.emulator.air import LocalAir, Transmission  # noqa: E402
from microbrew_host.emulator.frame_check import frame_check  # noqa: E402
from microbrew_host.emulator.nrf52840 import Flash, Nrf52840  # noqa: E402
from microbrew_host.emulator.nrf52840.radio import RX  # noqa: E402


def psdu(body: bytes) -> bytes:
    return body + frame_check(body).to_bytes(2, "little")


def test_the_check_sequence_is_the_standards() -> None:
    # CRC-16/KERMIT of the digits 1 to 9.
    assert frame_check(b"123456789") == 0x2189


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory):
    """The program with its air: what it left, what it sent, when the frame that it received began."""
    air = LocalAir(loss=60.0)
    flash = Flash()
    flash.load(0, compile_program("radio", tmp_path_factory.mktemp("radio")))
    chip = Nrf52840(air, flash, seed=1)
    core, radio = chip.core, chip.radio
    core.power_on()

    def until(condition) -> None:
        end = core.now + core.cycles(0.1)
        while not condition():
            assert core.now < end
            core.run(core.now + 64)

    def at(delay_us: int, body: bytes, power: float = 0.0, **options) -> Transmission:
        sent = Transmission(radio.now_ns + delay_us * 1000, 15, body, power, **options)
        core.at(core.now + core.cycles(delay_us / 1e6), lambda: air.transmit(None, sent))
        return sent

    until(lambda: air.log)
    # Noise during the second assessment.
    at(0, b"", is_frame=False, duration=900_000)
    until(lambda: results(core.uc, 31)[30])
    until(lambda: radio.state == RX)
    received = at(100, psdu(b"\xa1\xb2\xc3\xd4\xe5"), 5.0)
    until(lambda: results(core.uc, 32)[31])
    at(100, psdu(b"\x01\x02\x03\x04"))
    until(lambda: radio.state == RX)
    damaged = psdu(b"\x01\x02\x03\x04")
    at(100, damaged[:-1] + bytes((damaged[-1] ^ 1,)))
    until(lambda: results(core.uc, 33)[32])
    at(200, b"", -10.0, is_frame=False, duration=50_000)
    until(lambda: results(core.uc, 23)[22])
    at(0, psdu(bytes(20)))
    until(lambda: results(core.uc, 25)[24])
    return results(core.uc, 33), air.log, received


def test_ramp_up_and_down(played) -> None:
    found = played[0]
    assert 40 <= found[0] <= 41
    assert found[1] == 10
    # With the clearing of events.
    assert 21 <= found[2] <= 25
    assert found[3] == 1
    assert 130 <= found[4] <= 131


def test_a_clear_channel_is_sent_on_and_a_busy_one_is_not(played) -> None:
    found, log, _ = played
    # Ramp-up, 128 us of CCA, turnaround, 6 + 12 bytes, ramp-down.
    assert 40 + 128 + 40 + 576 + 21 <= found[5] <= 40 + 128 + 40 + 576 + 21 + 2
    assert found[6:8] == (0b01, 1)
    assert 40 + 128 <= found[8] <= 40 + 128 + 3
    assert found[9:11] == (0b10, 0)
    mine = [sent for sent in log if sent.psdu == psdu(bytes(0x40 + i for i in range(1, 11)))]
    assert len(mine) == 1
    assert (mine[0].channel, mine[0].power, mine[0].end - mine[0].start) == (15, 0.0, 576_000)


def test_a_frame_is_received_as_time_goes_on(played) -> None:
    found, _, received = played
    # At the bit counter's match: length and three bytes, and nothing of what is still on the air.
    assert found[11] == 7 << 24 | 0xA1 << 16 | 0xC3 << 8 | 0
    # FRAMESTART after the length; 24 bits later the match; END 23 us after five bytes and the FCS.
    assert found[14] - found[12] == 96
    assert found[13] - found[12] in (7 * 32 + 22, 7 * 32 + 23)
    # CRCOK, MHRMATCH, RSSIEND, CRCSTATUS.
    assert found[15] == 0b11101
    assert found[16] == 55
    # Link quality behind the frame: dBm over -92.
    assert found[17] == 37
    assert found[18] == 2


def test_rx_idle_is_deaf_and_a_wrong_check_sequence_is_told(played) -> None:
    assert played[0][19] == 0
    assert played[0][20] == 0b10


def test_energy_of_a_short_burst_is_detected(played) -> None:
    found = played[0]
    assert 40 + 3 * 128 <= found[21] <= 40 + 3 * 128 + 3
    assert found[22] == 92 - 70


def test_a_frame_that_had_begun_is_missed(played) -> None:
    assert played[0][23] == 0
