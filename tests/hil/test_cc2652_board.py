"""The image of the CC2652 in its emulated chip: it boots, keeps its store, reports faults, refuses bad entropy."""

import itertools
import random
import re
from pathlib import Path

import pytest
from cc2652_board import Repl

pytest.importorskip("unicorn", reason="unicorn is not installed: make venv")
from microbrew_host.emulator.cc2652.chip import Cc2652  # noqa: E402
from microbrew_host.emulator.cc2652.flash import PAGE, SIZE, PowerCut  # noqa: E402
from microbrew_host.emulator.cc2652.pins import BUTTON_1, BUTTON_2, LED_GREEN, LED_RED  # noqa: E402

STORE_PAGES = 9
FIRST_PAGE = SIZE // PAGE - 1 - STORE_PAGES


@pytest.fixture(scope="session")
def dev(cc2652: dict[str, Path]) -> Path:
    return cc2652["dev"]


@pytest.fixture(scope="session")
def release(cc2652: dict[str, Path]) -> Path:
    return cc2652["release"]


def test_the_repl_answers_and_names_the_board(dev: Path) -> None:
    repl = Repl(Cc2652(dev))
    assert repl("import sys, machine; print(sys.platform, machine.freq())") == "cc2652 48000000"


def test_the_eui64_is_the_chips_own(dev: Path) -> None:
    repl = Repl(Cc2652(dev, eui64=bytes.fromhex("00124b0001020304")))
    assert repl("import machine; print(machine.unique_id().hex())") == "00124b0001020304"


def test_the_ccfg_is_where_the_boot_rom_looks_for_it(dev: Path, tmp_path: Path) -> None:
    content = dev.read_bytes()
    ccfg = bytes.fromhex("00008001100080fffdff5800")
    assert content.count(ccfg) == 1
    broken = tmp_path / "firmware.elf"
    broken.write_bytes(content.replace(ccfg, b"\xff" * len(ccfg)))
    with pytest.raises(ValueError, match="CCFG"):
        Cc2652(broken)


def test_a_release_closes_the_boot_loader_and_a_developers_image_opens_it_to_a_button(dev: Path, release: Path) -> None:
    configured = [Cc2652(path).flash.bytes[SIZE - 88 + 0x30 : SIZE - 88 + 0x34] for path in (dev, release)]
    assert configured == [bytes.fromhex("c50dfec5"), bytes.fromhex("ffffff00")]


def test_a_release_starts_the_device_by_itself(release: Path) -> None:
    board = Cc2652(release)
    assert board.run_until(lambda: "0 stopped StoreError" in board.output, 3), board.output


def test_the_heap_that_is_left_exceeds_what_a_join_takes(dev: Path) -> None:
    repl = Repl(Cc2652(dev))
    assert int(repl("import gc; gc.collect(); print(gc.mem_free())")) > 56 * 1024


def test_files_survive_a_reset_and_a_power_cycle(dev: Path) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    repl("f = open('a', 'w'); f.write('kept' * 500); f.close()")
    board.console.feed(b"\x02")
    board.run(0.01)
    board.output = ""
    board.core.request_reset("pin")
    assert Repl(board)("print(open('a').read() == 'kept' * 500)") == "True"
    again = Cc2652(dev, flash=bytes(board.flash.bytes))
    assert Repl(again)("print(open('a').read() == 'kept' * 500)") == "True"


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, 13])
def test_after_a_power_cut_a_file_is_the_old_one_or_the_new_one(dev: Path, cut: int) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    write = "import os\nf = open('n', 'w'); f.write('%s' * 400); f.close(); os.rename('n', 'a')"
    repl(write % "old ")
    board.flash.cut = cut
    with pytest.raises(PowerCut):
        repl(write % "new ")
    found = Repl(Cc2652(dev, flash=bytes(board.flash.bytes)))("print(open('a').read()[:4], len(open('a').read()))")
    assert found in ("old  1600", "new  1600")


def test_a_power_cut_while_a_blank_flash_is_formatted_leaves_one_that_can_be_formatted(dev: Path) -> None:
    for cut in range(1, 5):
        board = Cc2652(dev)
        board.flash.cut = cut
        try:
            board.run(0.5)
        except PowerCut:
            assert Repl(Cc2652(dev, flash=bytes(board.flash.bytes)))("import os; print(os.listdir())") == "[]"


def test_a_page_that_cannot_be_erased_is_an_error_and_not_silence(dev: Path) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    board.flash.worn.add(FIRST_PAGE + 5)
    assert repl("import board; print(board.Flash().ioctl(6, 5), board.Flash().ioctl(6, 4))") == "-5 0"


def test_a_store_never_reaches_the_program_or_the_ccfg(dev: Path) -> None:
    board = Cc2652(dev)
    before = bytes(board.flash.bytes)
    repl = Repl(board)
    repl("import board\nf = board.Flash()\nfor i in range(f.ioctl(4, 0)): f.ioctl(6, i)")
    assert repl("print(f.ioctl(4, 0), f.ioctl(5, 0))") == f"{STORE_PAGES} {PAGE}"
    assert board.flash.bytes[: FIRST_PAGE * PAGE] == before[: FIRST_PAGE * PAGE]
    assert board.flash.bytes[SIZE - PAGE :] == before[SIZE - PAGE :]


def test_randomness_that_repeats_is_refused_for_good(dev: Path) -> None:
    board = Cc2652(dev)
    board.trng.source = lambda n: b"\x5a" * n
    repl = Repl(board)
    attempt = "import os\ntry:\n print(os.urandom(8))\nexcept OSError as e:\n print(e.errno)"
    assert repl(attempt) == "5"
    board.trng.source = random.Random(1).randbytes
    assert repl(attempt) == "5"


def test_randomness_with_one_byte_in_most_places_is_refused(dev: Path) -> None:
    board = Cc2652(dev)
    generator = random.Random(2)
    board.trng.source = lambda n: bytes(0 if generator.random() < 0.8 else generator.randrange(256) for _ in range(n))
    assert Repl(board)("import os\ntry:\n print(os.urandom(8))\nexcept OSError as e:\n print(e.errno)") == "5"


def test_oscillators_that_were_shut_down_are_refused(dev: Path) -> None:
    board = Cc2652(dev)
    board.trng.source = random.Random(3).randbytes
    board.trng.shutdown = True
    assert Repl(board)("import os\ntry:\n print(os.urandom(8))\nexcept OSError as e:\n print(e.errno)") == "5"


def test_randomness_is_conditioned_and_keys_get_fresh_entropy(dev: Path) -> None:
    board = Cc2652(dev)
    drawn: list[bytes] = []
    generator = random.Random(4)

    def source(n: int) -> bytes:
        drawn.append(generator.randbytes(n))
        return drawn[-1]

    board.trng.source = source
    repl = Repl(board)
    first = repl("import os; print(os.urandom(32).hex())")
    taken = len(drawn)
    assert bytes.fromhex(first) not in b"".join(drawn)
    small = {repl("print(os.urandom(4).hex())") for _ in range(8)}
    assert len(small) == 8
    assert len(drawn) == taken
    repl("os.urandom(32)")
    # Of the 12 numbers one had been there, waiting.
    assert len(drawn) == taken + 96 // 8 - 1


def test_a_fault_is_reported_and_remembered_over_the_reset(dev: Path) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    # The doorbell of an RF core without power: a bus fault.
    repl.start("import machine; machine.mem32[0x40041000]")
    assert board.run_until(lambda: "*** reset" in board.output, 2), board.output
    report = board.output[board.output.index("*** fault") :]
    assert re.search(r" pc=000[0-5][0-9a-f]{4} ", report)
    found = Repl(board)("import machine, board; print(machine.reset_cause() == machine.FAULT_RESET, board.fault()[0])")
    assert found == "True 3"


def test_the_watchdog_says_so_and_resets(dev: Path) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    repl.start("import machine\nw = machine.WDT(timeout=100)\nw.feed()\nwhile True: pass")
    assert board.run_until(lambda: "*** watchdog" in board.output, 1), board.output
    assert Repl(board)("import machine; print(machine.reset_cause() == machine.WDT_RESET)") == "True"


def test_a_watchdog_that_is_fed_stays_quiet(dev: Path) -> None:
    board = Cc2652(dev)
    Repl(board)("import machine, time\nw = machine.WDT(timeout=100)\nfor _ in range(10): time.sleep_ms(60); w.feed()")
    assert "watchdog" not in board.output


def test_time_passes_as_the_crystal_counts_it(dev: Path) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    before = board.core.now
    repl("import time; time.sleep_ms(500)")
    # Transfer of the text at 115200 baud comes on top.
    assert 0.5 <= (board.core.now - before) / board.core.hz < 0.52


def test_a_long_paste_arrives_whole(dev: Path) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    lines = "".join(f"a{i} = {i}\n" for i in range(100))
    assert repl(lines + "print(sum(eval('a%d' % i) for i in range(100)))") == "4950"
    assert board.console.overruns == 0


def test_the_second_uart_sends_and_receives(dev: Path) -> None:
    board = Cc2652(dev)
    sent = bytearray()
    board.second_uart.on_byte = sent.append
    repl = Repl(board)
    repl("import machine; u = machine.UART(1, 115200); u.write(b'to you')")
    board.second_uart.feed(b"to me")
    board.run(0.01)
    assert (sent, repl("print(u.read(100))")) == (b"to you", "b'to me'")


def test_leds_and_buttons_are_on_their_pins(dev: Path) -> None:
    board = Cc2652(dev)
    repl = Repl(board)
    gpio = 0x40022000
    for led, register, lit in itertools.product((LED_RED, LED_GREEN), (0x90, 0xA0), (True,)):
        repl(f"import machine; machine.mem32[{gpio + register}] = {1 << led}")
        assert board.gpio.led(led) == (lit if register == 0x90 else not lit)
    assert int(repl(f"print(machine.mem32[{gpio + 0xC0}] >> 13 & 3)")) == 3
    board.gpio.pressed = {BUTTON_1, BUTTON_2}
    assert int(repl(f"print(machine.mem32[{gpio + 0xC0}] >> 13 & 3)")) == 0


def test_a_button_held_at_the_start_forgets_the_network_and_the_leds_say_so(dev: Path, release: Path) -> None:
    opened = "from microbrew.identity.store import Store; s = Store('/store')"
    board = Cc2652(dev)
    Repl(board)(f"{opened}; s.write('factory', 1); s.write('network', 2)")
    for pressed, kept in ((set(), True), ({BUTTON_1}, True), ({BUTTON_2}, False)):
        started = Cc2652(release, flash=bytes(board.flash.bytes))
        started.gpio.pressed = pressed
        # There is no identity, so that it stops there.
        started.run(4)
        assert "0 stopped" in started.output
        assert ("factory reset by button" in started.output) == (not kept)
        assert started.gpio.led(LED_RED) == (not kept)
        after = Repl(Cc2652(dev, flash=bytes(started.flash.bytes)))
        found = after(f"{opened}; print(s.read('factory'), s.read('network'))")
        assert found == ("1 2" if kept else "1 None")


def test_a_button_let_go_too_early_forgets_nothing(dev: Path, release: Path) -> None:
    board = Cc2652(release)
    board.gpio.pressed = {BUTTON_2}
    board.run(2.0)
    assert (board.gpio.led(LED_RED), board.gpio.led(LED_GREEN)) == (True, True)
    board.gpio.pressed = set()
    assert board.run_until(lambda: "0 stopped" in board.output, 5), board.output
    assert "factory reset" not in board.output
