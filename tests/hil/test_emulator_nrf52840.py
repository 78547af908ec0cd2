"""The model of the nRF52840 does what its Product Specification says, as programs on it see it."""

import struct
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from emulated_program import RESULT, compile_program, results  # noqa: E402

from microbrew_host.emulator.air import LocalAir  # noqa: E402
from microbrew_host.emulator.nrf52840 import Flash, Misuse, Nrf52840, PowerCut  # noqa: E402


def chip(name: str, directory: Path, flash: Flash | None = None, seed: int | None = 1) -> Nrf52840:
    """One with a program of tests/hil/programs, started."""
    flash = flash or Flash()
    flash.load(0, compile_program(name, directory))
    made = Nrf52840(LocalAir(), flash, seed=seed)
    made.core.power_on()
    return made


def run(running: Nrf52840, seconds: float) -> None:
    running.core.run(running.core.now + running.core.cycles(seconds))


def finished(name: str, directory: Path, seconds: float = 1.0) -> tuple[int, ...]:
    """What a program leaves; it must have come to its end."""
    running = chip(name, directory)
    run(running, seconds)
    assert running.core.sleeping
    return results(running.core.uc, 16)


def test_clocks_timers_and_what_the_ppi_connects(tmp_path: Path) -> None:
    found = finished("timers", tmp_path)
    assert found[0] == 1 << 16
    assert 358 <= found[1] <= 362
    assert found[2] == 1 << 16 | 1
    assert 999 <= found[3] <= 1002
    # 328 ticks of 32768 Hz, the first of them shorter than a whole one.
    assert 9979 <= found[4] <= 10010
    assert found[5] in (328, 329)
    assert found[6] == 0
    assert found[7] == 2
    assert found[8] == 0


def test_a_compare_event_comes_though_registers_are_written_at_that_moment(tmp_path: Path) -> None:
    assert finished("rewritten", tmp_path, seconds=10)[:2] == (50, 50)


def test_code_in_ram_runs_where_the_code_bus_sees_it(tmp_path: Path) -> None:
    assert finished("code_ram", tmp_path)[:2] == (42, 43)


def test_random_bytes_aes_temperature_and_identity(tmp_path: Path) -> None:
    found = finished("crypto_blocks", tmp_path)
    assert 298 <= found[0] <= 302
    assert 1198 <= found[1] <= 1202
    assert found[2] == 1
    assert 7 <= found[3] <= 8
    # FIPS 197, appendix C.1.
    assert struct.pack("<4I", *found[4:8]).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    assert found[8:10] == (100, 0x52840)


def test_seeded_chips_repeat_their_random_bytes_and_others_do_not(tmp_path: Path) -> None:
    def drawn(seed: int | None) -> list[int]:
        running = chip("crypto_blocks", tmp_path, seed=seed)
        values: list[int] = []
        ready = running.rng.signal
        running.rng.signal = lambda event: (values.append(running.rng.registers[0x508]), ready(event))  # type: ignore
        run(running, 0.01)
        return values

    assert drawn(1) == drawn(1) != drawn(2)
    assert drawn(None) != drawn(None)


def test_flash_is_nor_flash_with_its_times_and_protection(tmp_path: Path) -> None:
    found = finished("flash", tmp_path)
    assert 41 <= found[0] <= 43
    assert found[1] == 0x0FFF00FF
    assert found[2:5] == (1, 0xFFFFFFFF, 0xFFFFFFFF)
    assert 85_000 <= found[5] <= 85_002
    assert found[6] == 0xFFFFFFFF
    # One slice before the end its cells are somewhere in between.
    assert found[7] == 0
    assert 90_000 <= found[8] <= 90_020
    assert found[9:12] == (0xFFFFFFFF, 5, 5)
    assert found[12:15] == (1, 1, 1)


def test_power_can_fail_at_each_operation_of_the_flash_and_the_file_has_the_rest(tmp_path: Path) -> None:
    """The program's operations: two words, an erase, a word, nine slices, a word."""
    seen = []
    for cut in range(1, 16):
        path = tmp_path / f"flash-{cut}"
        flash = Flash(path, cut)
        running = chip("flash", tmp_path, flash)
        try:
            run(running, 1.0)
        except PowerCut:
            assert flash.operations == cut
            seen.append(path.read_bytes()[0xC0000:0xC1000])
        else:
            assert flash.operations == cut - 1 == 14
    # In the middle of the first word some of its bits are cleared; in the middle of the erase they come back.
    assert seen[0][:4] not in (b"\xff\xff\xff\xff", b"\xff\x00\xff\xff")
    assert len(seen) == 14
    assert seen[2][:4] not in (b"\xff\x00\xff\x0f", b"\xff\xff\xff\xff")


def test_a_flash_file_has_one_user(tmp_path: Path) -> None:
    first = Flash(tmp_path / "flash")
    first.program(0xC0000, 0x12345678)
    with pytest.raises(ValueError, match="runs"):
        Flash(tmp_path / "flash")
    first.close()
    assert Flash(tmp_path / "flash").read(0xC0000, 4) == bytes.fromhex("78563412")


def test_uart_bytes_take_their_time_and_dma_fills_buffers_in_turn(tmp_path: Path) -> None:
    running = chip("uart", tmp_path)
    said = bytearray()
    running.uarts[0].on_byte = said.append
    dma = bytearray()
    running.uarts[1].on_byte = dma.append
    run(running, 0.00001)
    running.uarts[0].feed(b"hello.")
    run(running, 0.002)
    running.uarts[1].feed(b"DMA-ring++")
    run(running, 0.1)
    found = results(running.core.uc, 8)
    assert said == b"hello."
    # Ten microseconds, six bytes in, the last one out: 10 bits each at 115200.
    assert 610 <= found[0] <= 630
    assert dma == b"DMA-ring"
    assert found[1:3] == (4, 4)
    assert all(43 <= us <= 45 for us in found[3:5])
    assert found[5:7] == (4, 4)
    assert found[7] == 1 << 8 | 2


class Steps:
    """The program that stops at its steps."""

    def __init__(self, running: Nrf52840) -> None:
        self.running = running

    def at(self, number: int) -> None:
        """It has come there, and as much time has passed as many bytes take."""
        run(self.running, 0.001)
        assert results(self.running.core.uc, 1) == (number,)

    def go_on(self, number: int) -> None:
        self.running.core.uc.mem_write(RESULT + 4, struct.pack("<I", number))


def test_rts_holds_back_who_sends_and_cts_the_transmitter(tmp_path: Path) -> None:
    running = chip("flow", tmp_path)
    legacy, dma = running.uarts
    steps = Steps(running)
    said = bytearray()
    legacy.on_byte = said.append

    steps.at(1)
    legacy.feed(bytes(range(20)))
    steps.at(1)
    assert (legacy.waiting, legacy.holds_back) == (20, True)
    steps.go_on(1)
    steps.at(2)
    assert (legacy.waiting, legacy.holds_back) == (18, True)
    steps.go_on(2)
    steps.at(3)
    legacy.feed(bytes(7))
    steps.at(3)
    assert (legacy.waiting, legacy.holds_back) == (7, True)
    legacy.set_clear(False)
    steps.go_on(3)
    steps.at(4)
    assert (said, legacy.lost) == (b"", 0)
    steps.go_on(4)
    steps.at(5)
    legacy.set_clear(True)
    steps.go_on(5)
    steps.at(6)
    assert said == b"x"

    dma.feed(b"aaaabbbbcccc")
    steps.at(6)
    assert (dma.waiting, dma.holds_back) == (7, True)
    steps.go_on(6)
    steps.at(7)
    assert (dma.waiting, dma.lost) == (0, 0)
    dma.feed(b"DDDDEEEEEfffff")
    steps.at(7)
    assert (dma.waiting, dma.holds_back, dma.lost) == (0, False, 5)
    steps.go_on(7)
    steps.at(8)
    found = results(running.core.uc, 13)
    # Bytes read before and after a stop; NCTS came, then CTS.
    assert found[2:6] == (20, 7, 2, 1)
    assert found[6] == 4
    assert found[7:10] == tuple(int.from_bytes(4 * letter, "little") for letter in (b"a", b"b", b"c"))
    assert found[10:12] == (0, 1)
    assert found[12] == int.from_bytes(b"EEEE", "little")

    dma.feed(b"0123456789")
    # One has come and the next one is on its way.
    run(running, 15 / 921_600)
    steps.go_on(8)
    steps.at(9)
    found = results(running.core.uc, 15)
    assert found[13:15] == (1, 4)
    assert (dma.waiting, dma.lost) == (0, 5 + 5)
    left = bytearray()

    def leaves(byte: int) -> None:
        left.append(byte)
        dma.set_clear(False)

    dma.on_byte = leaves
    steps.go_on(9)
    steps.at(10)
    assert left == b"o"
    dma.on_byte = left.append
    dma.set_clear(True)
    steps.go_on(10)
    run(running, 0.001)
    assert left == b"out"
    assert results(running.core.uc, 16)[15] == 3


def test_the_watchdog_resets_says_so_and_outlives_no_reset_of_its_own(tmp_path: Path) -> None:
    running = chip("watchdog", tmp_path)
    run(running, 0.2)
    found = results(running.core.uc, 13)
    # Power, watchdog, software.
    assert found[:4] == (3, 0, 2, 4)
    assert found[10] == 1 << 16 | 327
    assert found[11:13] == (1, 0)


def test_pins_buttons_and_leds(tmp_path: Path) -> None:
    running = chip("pins", tmp_path)
    run(running, 0.001)
    assert [running.led(n) for n in (1, 2, 3, 4)] == [False, True, False, False]
    for _ in range(2):
        running.press(1, True)
        run(running, 0.001)
        running.press(1, False)
        run(running, 0.001)
    found = results(running.core.uc, 5)
    assert found == (1, 0b1101, 1 << 2, 0, 0)
    assert running.led(1)


def test_dma_to_flash_and_a_radio_without_crystal_are_misuse(tmp_path: Path) -> None:
    running = chip("pins", tmp_path)
    with pytest.raises(Misuse, match="crystal"):
        running.radio.put(0x510, 15)
        running.radio.task(0x00)
    running.uarts[1].put(0x500, 8)
    running.uarts[1].put(0x544, 0x1000)
    running.uarts[1].put(0x548, 4)
    with pytest.raises(Misuse, match="RAM"):
        running.uarts[1].task(0x08)
