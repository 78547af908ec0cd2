"""The processor of the emulator: exceptions, sleep and time as ARMv7-M has them."""

from types import SimpleNamespace

import pytest

pytest.importorskip("unicorn")

from emulated_program import compile_program, results  # noqa: E402

from microbrew_host.emulator import board as beside_wall_time  # noqa: E402
from microbrew_host.emulator.cortexm import CortexM, Lockup  # noqa: E402
from microbrew_host.emulator.instruction_cost import block_cost  # noqa: E402

HZ = 64_000_000


def chip(name, directory):
    core = CortexM(HZ, irqs=48)
    core.add_memory(0, 0x10000)
    core.add_memory(0x20000000, 0x8000)
    core.uc.mem_write(0, compile_program(name, directory))
    return core


def run(name, directory, seconds=0.1):
    core = chip(name, directory)
    core.power_on()
    core.run(core.cycles(seconds))
    return core


@pytest.fixture(params=["native", "python"])
def counting(request, monkeypatch):
    """Both versions of the block clock."""
    if request.param == "python":
        monkeypatch.setenv("MICROBREW_EMULATOR_PYTHON", "1")
    return request.param


def test_exceptions_preempt_wait_and_return_as_their_priorities_say(tmp_path, counting):
    core = run("exceptions", tmp_path)
    found = results(core.uc, 11)
    assert found[0] == 0x60
    assert found[1:5] == (14235, 84, 485, 67)
    assert found[5:7] == (45, 170)
    assert found[7] == 1 << 16
    assert found[8:] == (1 << 9 | 1 << 15, 0x60000000, 1)


def test_time_jumps_over_sleep_and_systick_keeps_it(tmp_path, counting):
    core = run("sleeping", tmp_path)
    found = results(core.uc, 6)
    assert abs(found[0] - 640_000) < 100
    assert found[1] < 30
    assert found[2:5] == (11, 11, 12)
    # A volatile counter in RAM: 1000 rounds of load, add, store, load, compare, branch.
    assert 8_000 < found[5] < 16_000
    assert core.sleeping


def test_a_board_alone_waits_for_wall_time_only_in_its_sleep(tmp_path, monkeypatch):
    core = chip("sleeping", tmp_path)
    waits = []

    def wait(_read, _write, _error, seconds):
        waits.append(seconds)
        # The program has ended: nothing will happen any more.
        if seconds >= 1:
            running.stop()
        return [], [], []

    monkeypatch.setattr(beside_wall_time.select, "select", wait)
    pace = beside_wall_time.Pace
    monkeypatch.setattr(beside_wall_time, "Pace", lambda hz: pace(hz, lambda: sum(waits)))
    running = beside_wall_time.Board(SimpleNamespace(core=core, uarts=[]), None, [])
    running.run()
    # Twelve ticks of a millisecond, less what it was awake in them; and nothing for the loop behind them.
    assert 0.0119 < sum(waits[:-1]) < 0.012
    assert results(core.uc, 6)[5] > 8_000


def test_code_in_ram_is_what_was_written_last_and_a_page_may_hold_data_too(tmp_path, counting):
    core = run("ram_code", tmp_path)
    found = results(core.uc, 5)
    assert found[:2] == (12345678, 8)
    # Conditional instructions end where they end, though a load among them was the first from its page.
    assert found[2:] == (30, 30, 0)


def test_both_clocks_count_the_same(tmp_path, monkeypatch):
    native = run("sleeping", tmp_path)
    monkeypatch.setenv("MICROBREW_EMULATOR_PYTHON", "1")
    python = run("sleeping", tmp_path)
    assert not python._clock.native
    if not native._clock.native:
        pytest.skip("no C compiler")
    assert (native.instructions, results(native.uc, 6)) == (python.instructions, results(python.uc, 6))


def test_a_reset_by_software_keeps_ram(tmp_path):
    core = run("reset", tmp_path)
    assert results(core.uc, 1) == (3,)
    assert core.reset_reason == "software"


def test_a_fault_in_the_fault_handler_is_a_lockup():
    core = CortexM(HZ, irqs=1)
    core.add_memory(0, 0x1000)
    core.add_memory(0x20000000, 0x1000)
    # Everything leads to an undefined instruction.
    core.uc.mem_write(0, (0x20001000).to_bytes(4, "little") + (0x101).to_bytes(4, "little") * 15)
    core.uc.mem_write(0x100, b"\x00\xde")
    core.power_on()
    with pytest.raises(Lockup):
        core.run(1000)


@pytest.mark.parametrize(
    ("code", "cycles", "instructions"),
    [
        ("0130", 1, 1),  # adds r0, #1
        ("0868", 2, 1),  # ldr r0, [r1]
        ("10b5", 3, 1),  # push {r4, lr}
        ("10bd", 5, 1),  # pop {r4, pc}
        ("7047", 3, 1),  # bx lr
        ("fed0", 2, 1),  # beq
        ("00f000f8", 3, 1),  # bl
        ("d1f80000", 2, 1),  # ldr.w r0, [r1]
        ("d1e90023", 3, 1),  # ldrd r0, r2, [r1] and its like
        ("2de9f041", 7, 1),  # push.w {r4-r8, lr}
        ("b0fbf1f0", 7, 1),  # udiv r0, r0, r1
        ("a0fb0123", 1, 1),  # umull r2, r3, r0, r1
        ("0130" "01307047", 5, 3),
    ],
)  # fmt: skip
def test_instructions_cost_what_the_manual_says(code, cycles, instructions):
    assert block_cost(bytes.fromhex(code))[:2] == (cycles, instructions)
