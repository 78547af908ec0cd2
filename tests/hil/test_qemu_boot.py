"""The image of our port in an emulated Cortex-M4F: it boots, answers, keeps its store and reports its faults."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from conftest import LATER

from microbrew_host.board.child import POWER_CUT_STATUS
from microbrew_host.board.qemu import Qemu
from microbrew_host.board.repl import Repl, heard

ROOT = Path(__file__).resolve().parents[2]

DEV = ROOT / "build/firmware/qemu_an386-dev/firmware.elf"
RELEASE = ROOT / "build/firmware/qemu_an386-release/firmware.elf"


pytestmark = pytest.mark.usefixtures("images")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Qemu]:
    with Qemu(DEV, flash=tmp_path / "flash") as running:
        yield running


def test_the_repl_answers_and_names_the_board(board: Qemu) -> None:
    with Repl(board.console) as repl:
        assert repl("import sys; print(sys.platform, sys.implementation.version[:2])") == "qemu_an386 (1, 26)"
        assert repl("import os; print(os.uname().machine)") == "qemu_an386 with Cortex-M4F"


def test_the_node_is_imported_from_frozen_code(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl("import sys; sys.path[:] = ['.frozen']")
        assert repl("import microbrew.node as n; print(n.Node)") == "<class 'Node'>"
        assert int(repl("import gc; gc.collect(); print(gc.mem_free())")) > 100 * 1024


def test_hosts_and_registrars_modules_are_not_in_the_image(board: Qemu) -> None:
    with Repl(board.console) as repl:
        for name in ("crypto.host", "edhoc.responder", "radio.zep"):
            code = f"try:\n import microbrew.{name}\n print('there')\nexcept ImportError as e: print(e)"
            assert repl(code).startswith("no module named"), name


def test_hash_and_cipher_agree_with_published_values(board: Qemu) -> None:
    with Repl(board.console) as repl:
        # FIPS 180-4's example "abc", FIPS 197 appendix C.1.
        digest = repl("import hashlib; print(hashlib.sha256(b'abc').digest().hex())")
        assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        repl("from cryptolib import aes; from binascii import unhexlify as u")
        block = repl(
            "print(aes(u('000102030405060708090a0b0c0d0e0f'), 1).encrypt(u('00112233445566778899aabbccddeeff')).hex())"
        )
        assert block == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_time_passes_and_sleeping_waits(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl("import time")
        repl("a = time.ticks_ms(); b = time.ticks_us(); time.sleep_ms(200)")
        repl("ms = time.ticks_diff(time.ticks_ms(), a); us = time.ticks_diff(time.ticks_us(), b)")
        ms, us = map(int, repl("print(ms, us)").split())
        assert 200 <= ms < 5000
        assert abs(us / 1000 - ms) < 200


def test_random_bytes_differ_and_repeat_only_with_a_seed(tmp_path: Path) -> None:
    drawn = []
    for seed in (None, None, 7, 7, 8):
        with Qemu(DEV, seed=seed) as board, Repl(board.console) as repl:
            drawn.append(repl("import os; print(os.urandom(16).hex())"))
    assert len(set(drawn)) == 4
    assert drawn[2] == drawn[3]


@pytest.mark.parametrize("name", ["test_cbor.py", "test_identity_store.py"])
def test_unit_tests_pass_on_the_board(tmp_path: Path, name: str) -> None:
    # Files are tested on the board's own littlefs, in the directory that the unit tests know.
    code = "import os, sys; os.mkdir('/tmp'); sys.path.append('tests/micropython'); import unittest; "
    code += f"unittest.run_file('tests/unit/{name}')"
    with Qemu(DEV, heap=1 << 20) as board:
        done = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", board.console, "mount", ".", "exec", code],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )
    outcomes = re.findall(r"^@test (\w+) (\S+)", done.stdout, re.MULTILINE)
    assert not done.returncode, done.stdout + done.stderr
    started = {test for outcome, test in outcomes if outcome == "start"}
    passed = {test for outcome, test in outcomes if outcome in ("pass", "skip")}
    assert len(started) > 5
    assert passed == started, done.stdout


def test_a_soft_reset_forgets_variables_and_says_so(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl("x = 1")
        repl.transport.enter_raw_repl(soft_reset=True)  # waits for the words "soft reboot"
        assert repl("print('x' in globals())") == "False"


def test_the_store_survives_a_reset_and_a_power_cut(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    write = "from microbrew.identity.store import Store; Store('/store').write('seq-link', 1024)"
    read = "from microbrew.identity.store import Store; print(Store('/store').read('seq-link'))"
    with Qemu(DEV, flash=flash) as board:
        with Repl(board.console) as repl:
            repl(write)
            repl.transport.enter_raw_repl(soft_reset=True)
            assert repl(read) == "1024"
            repl.transport.exec_raw_no_follow("import machine; machine.reset()")
        heard(board.console, ">>> ")
        with Repl(board.console) as repl:
            assert repl(read) == "1024"
            assert repl("import machine; print(machine.reset_cause() == machine.SOFT_RESET)") == "True"
    with Qemu(DEV, flash=flash) as board, Repl(board.console) as repl:
        assert repl(read) == "1024"
        assert repl("import machine; print(machine.reset_cause() == machine.PWRON_RESET)") == "True"


@pytest.mark.long
def test_a_cut_at_every_flash_operation_of_a_write_leaves_the_old_or_the_new_record(tmp_path: Path) -> None:
    store = "from microbrew.identity.store import Store; s = Store('/store')\n"
    start, flash = tmp_path / "start", tmp_path / "flash"
    with Qemu(DEV, flash=start) as board, Repl(board.console) as repl:
        repl(store + "s.write('network', b'old' * 100)")
    left = []
    for cut in range(1, 100):
        shutil.copy(start, flash)
        with Qemu(DEV, flash=flash, cut=cut) as board:
            with Repl(board.console) as repl:
                repl.start(LATER + store + "s.write('network', b'new' * 100); print('written')")
            try:
                status = board.wait(5)
            except subprocess.TimeoutExpired:
                status = None
        with Qemu(DEV, flash=flash) as board, Repl(board.console) as repl:
            left.append(repl(store + "print(s.names(), s.read('network')[:3], len(s.read('network')))"))
        if status is None:
            break
        assert status == POWER_CUT_STATUS
    assert len(left) > 3
    assert set(left[:-1]) <= {"['network'] b'old' 300", "['network'] b'new' 300"}
    assert left[-1] == "['network'] b'new' 300"


def test_a_flash_with_something_else_on_it_is_left_alone(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    content = os.urandom(256 * 1024)
    flash.write_bytes(content)
    with Qemu(DEV, flash=flash) as board:
        assert "no readable filesystem" in heard(board.console, ">>> ")
    assert flash.read_bytes() == content


def test_a_fault_is_reported_and_the_board_starts_again(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl.start(LATER + "import machine; machine.mem32[0xF0000000]")
    report = heard(board.console, ">>> ")
    assert "*** fault" in report
    assert "bfar=f0000000" in report
    pc = int(re.search(r" pc=([0-9a-f]{8})", report)[1], 16)  # type: ignore[index]
    symbols = subprocess.run(["arm-none-eabi-addr2line", "-fe", DEV, hex(pc)], capture_output=True, text=True).stdout
    assert symbols.startswith("machine_mem_subscr"), symbols
    with Repl(board.console) as repl:
        assert repl("import machine; print(machine.reset_cause() == machine.FAULT_RESET)") == "True"


def test_deep_recursion_is_an_exception(board: Qemu) -> None:
    with Repl(board.console) as repl:
        code = "def f(): f()\ntry: f()\nexcept RuntimeError as e: print(e)"
        assert repl(code) == "maximum recursion depth exceeded"


def test_functions_with_many_variables_end_in_the_same_exception(board: Qemu) -> None:
    names = ", ".join(f"v{i}" for i in range(60))
    with Repl(board.console) as repl:
        repl(f"def f():\n {names} = range(60)\n f()")
        # Again, because what ran out has to be given back.
        for _ in range(3):
            assert repl("try: f()\nexcept RuntimeError as e: print(e)") == "pystack exhausted"
        assert repl("import microbrew.cbor as c; print(bytes(c.encode([1, [2]])))") == "b'\\x82\\x01\\x81\\x02'"


def test_a_class_costs_its_members_only_and_can_still_change(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl("class A:\n x = 1\n y = 2\n def z(self): return self.x + self.y")
        assert repl("print(sorted(A.__dict__), A, A().z())") == "['x', 'y', 'z'] <class 'A'> 3"
        repl("class B(A):\n w = 4\nfor i in range(20): setattr(B, 'n%d' % i, i)\nB.x = 5")
        assert repl("print(len(B.__dict__), B.n0, B.n19, B().z(), A().z())") == "22 0 19 7 3"
        repl("for i in range(20): delattr(B, 'n%d' % i)\ndel B.x")
        assert repl("print(sorted(B.__dict__), hasattr(B, 'n7'), B().z())") == "['w'] False 3"


def test_a_module_has_no_room_to_spare_and_can_still_change(board: Qemu) -> None:
    with Repl(board.console) as repl:
        # Fifteen entries with __name__ and __file__; a table that grew by itself has 17 places then.
        repl("f = open('/many.py', 'w')\nfor i in range(13): f.write('a%d = %d\\n' % (i, i))\nf.close()")
        repl("import gc, many\nbefore = 0\ngc.collect()\nbefore = gc.mem_alloc()\nmany.one = 1\ngc.collect()")
        assert int(repl("print(gc.mem_alloc() - before)")) > 0
        repl("many.a3 = 33\ndel many.a4")
        assert repl("print(many.a0, many.a12, many.one, many.a3, hasattr(many, 'a4'))") == "0 12 1 33 False"


# Replaces the code of a function by: ldr r0, =0x1ff00000; mov sp, r0; push {r0}; b . - as after an overflow.
OVERFLOW = """
import machine
@micropython.viper
def go(a: int) -> int:
    return (a * 3 + 5) * (a + 7) * (a + 9)
code = machine.mem32[id(go) + 12] & 0xfffffffe
for i, word in enumerate((0x46854801, 0xe7feb401, 0x1ff00000)):
    machine.mem32[code + 4 * i] = word
go(1)
"""


def test_a_stack_that_left_memory_is_reported(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl.start(LATER + OVERFLOW)
    report = heard(board.console, ">>> ")
    assert "the stack has overflowed" in report
    assert " sp=1fe" in report


def test_the_watchdog_resets_a_board_that_hangs(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl("import machine; w = machine.WDT(timeout=1500)")
        repl("import time\nfor i in range(20): w.feed(); time.sleep_ms(100)")
        repl.transport.exec_raw_no_follow("while True: pass")
    assert "*** watchdog" in heard(board.console, ">>> ")
    with Repl(board.console) as repl:
        assert repl("import machine; print(machine.reset_cause() == machine.WDT_RESET)") == "True"


def test_the_second_uart_carries_all_bytes_both_ways(board: Qemu) -> None:
    every_byte = bytes(range(256)) * 16  # four times the ring: the sender has to wait
    with Repl(board.console) as repl, serial.Serial(board.radio, timeout=5, write_timeout=20) as radio:
        repl("import machine; u = machine.UART(1, 1000000, timeout=5000)")
        assert repl("print(u.any(), u)") == "0 UART(1, baudrate=1000000, timeout=5000)"
        repl("u.write(bytes(range(256)))")
        assert radio.read(256) == every_byte[:256]
        repl.transport.exec_raw_no_follow(
            "import time; time.sleep_ms(300); b = bytearray(4096); n = 0; v = memoryview(b)\n"
            "while n < 4096:\n n += u.readinto(v[n:])\n"
            "print(b == bytes(range(256)) * 16)"
        )
        radio.write(every_byte)
        out, error = repl.transport.follow(timeout=20)
        assert (out.strip(), error) == (b"True", b"")


def test_poll_wakes_for_the_second_uart(board: Qemu) -> None:
    with Repl(board.console) as repl, serial.Serial(board.radio, timeout=5) as radio:
        repl("import machine, select, time; u = machine.UART(1); p = select.poll(); p.register(u, select.POLLIN)")
        assert repl("print(p.poll(50), u.read(1))") == "[] None"
        radio.write(b"x")
        assert repl("print(len(p.poll(5000)), u.read(9))") == "1 b'x'"


def test_a_uart_that_nobody_reads_does_not_hang_the_board(board: Qemu) -> None:
    with Repl(board.console) as repl:
        repl("import machine; u = machine.UART(1)")
        assert int(repl("n = 0\nfor i in range(40):\n n += u.write(bytes(1000)) or 0\nprint(n)")) < 40000


def test_a_release_starts_by_itself_and_has_no_console(tmp_path: Path) -> None:
    with Qemu(RELEASE, flash=tmp_path / "flash") as board:
        # Without an identity it has to stop; it says why, ignores what is typed, and tries again.
        first = heard(board.console, "0 stopped")
        with serial.Serial(board.console, timeout=1) as port:
            port.write(b"\x03\x03\x01print(1)\x04")
            typed = port.read(200)
        assert b">" not in typed
        assert b"raw REPL" not in typed
        assert ">>>" not in first
        heard(board.console, "0 stopped")


def test_instruction_counts_repeat(tmp_path: Path) -> None:
    counts = []
    code = (
        "import time, microbrew.cbor as c\nv = {1: b'x' * 50, 2: [1, 2, 3]}\nc.encode(v)\n"
        "a = time.ticks_cpu(); c.decode(c.encode(v)); print(time.ticks_diff(time.ticks_cpu(), a))"
    )
    for _ in range(2):
        with Qemu(DEV, icount=True, seed=1) as board, Repl(board.console) as repl:
            counts.append(int(repl(code)))
    assert counts[0] == pytest.approx(counts[1], rel=0.01)
    assert counts[0] > 100
