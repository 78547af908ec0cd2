"""The crypto core of the CC2652 in emulation: by its registers, and as the hardware backend of the image uses it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import crypto_by_wire
import pytest
from cc2652_board import Repl, repeatable
from unit_on_target import UNIT

pytest.importorskip("unicorn", reason="unicorn is not installed: make venv")
from microbrew_host.board.target import Target, open_target  # noqa: E402
from microbrew_host.emulator.cc2652.block import ImageFault  # noqa: E402
from microbrew_host.emulator.cc2652.chip import Cc2652  # noqa: E402

TARGET = "cc2652-emulated"
RAM = range(0x20000000, 0x20000000 + 80 * 1024)
KEY = bytes(range(0x51, 0x61))
SEAL = f"""
from microbrew import crypto
c = crypto.load(release=True)
def seal(name=None):
    return crypto.load(name, True).ccm_seal({KEY!r}, bytes(13), bytes(25), b"secret of 16 bytes" * 4, 8)
def attempt():
    try: return len(seal())
    except OSError as error: return "errno %d" % error.errno
"""


@pytest.fixture(scope="module")
def target(need_target: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with open_target(need_target(TARGET), flash=tmp_path_factory.mktemp("chip") / "flash") as board:
        yield board


# The rest of the backend is the native one, which `make test-board TARGET=cc2652-emulated` tests as well.
@pytest.mark.parametrize(
    ("name", "words", "count"),
    [
        ("test_crypto_vectors.py", ("_ccm_", "_buffers_"), 3),
        ("test_crypto_negative.py", ("_ciphertexts_", "_tag_", "_empty_", "_lengths_"), 4),
    ],
)
def test_every_vector_of_aes_ccm_passes_and_no_forgery(
    target: Target, name: str, words: tuple[str, ...], count: int
) -> None:
    results = list(crypto_by_wire.WireRunner(target, ("hardware",)).run(UNIT / name, words))
    broken = [f"{result.name}\n{result.output}" for result in results if result.outcome == "fail"]
    assert not broken, "\n".join(broken)
    assert len(results) == count


# The chip in this process


@pytest.fixture
def board(cc2652: dict[str, Path]) -> Cc2652:
    return repeatable(cc2652["dev"])


@pytest.fixture
def repl(board: Cc2652) -> Repl:
    return Repl(board)


def ram(board: Cc2652) -> bytes:
    return bytes(board.core.uc.mem_read(RAM.start, len(RAM)))


def test_the_facade_picks_it_and_it_gives_what_software_gives(board: Cc2652, repl: Repl) -> None:
    repl(SEAL)
    assert repl("print(c.name, seal('hardware') == seal('native'))") == "hardware True"
    # 25 + 2 bytes of associated data and B_0, 72 of the message twice, S_0.
    assert board.crypto.blocks == 3 + 5 + 5 + 1


def test_a_frame_costs_less_than_in_software(repl: Repl) -> None:
    code = """
import time
took = []
for name in ("hardware", "native"):
    seal = crypto.load(name, True).ccm_seal
    since = time.ticks_cpu()
    for _ in range(10): seal(bytes(16), bytes(13), bytes(25), bytes(80), 8)
    took.append(time.ticks_diff(time.ticks_cpu(), since) // 10)
print(*took)
"""
    hardware, native = map(int, repl(SEAL + code).split())
    print(f"cycles of a frame with 80 bytes: {hardware} by the chip, {native} in software")
    assert hardware < native / 2


def test_the_key_is_nowhere_in_the_core_afterwards(board: Cc2652, repl: Repl) -> None:
    repl(SEAL + "seal()")
    core = board.crypto
    assert (core.written, core.key, core.blocks > 0) == (0, bytes(16), True)
    assert all(area == bytes(16) for area in core.store)
    # The driver's own buffer, by the address of its last transfer.
    at = core.words[0x04]
    assert at in RAM
    assert bytes(board.core.uc.mem_read(at - at % 16, 48)).count(KEY[:4]) == 0


def test_it_has_a_clock_while_it_is_in_use_only(board: Cc2652, repl: Repl) -> None:
    repl(SEAL)
    assert not board.prcm.crypto_clock()
    repl("seal()")
    assert not board.prcm.crypto_clock()
    assert board.prcm.trng_clock()
    repl.start("import machine; machine.mem32[0x40024790]")
    assert board.run_until(lambda: "*** reset" in board.output, 2), board.output
    assert "bfar=40024790" in board.output


@pytest.mark.parametrize("transfer", [1, 2, 3, 9])
def test_an_error_of_the_bus_at_any_transfer_is_an_oserror_and_does_not_last(
    board: Cc2652, repl: Repl, transfer: int
) -> None:
    repl(SEAL)
    core, fetch, left = board.crypto, board.crypto._fetch, transfer

    def failing() -> bytes | None:
        nonlocal left
        left -= 1
        core.bus_errors = int(left == 0)
        return fetch()

    core._fetch = failing  # type: ignore[method-assign]
    assert repl("print(attempt())") == "errno 5"
    assert not board.prcm.crypto_clock()
    assert repl("print(attempt(), seal('hardware') == seal('native'))") == "80 True"


def test_a_core_that_does_not_answer_is_an_oserror_and_does_not_last(board: Cc2652, repl: Repl) -> None:
    repl(SEAL)
    board.crypto.hangs = True
    assert repl("print(attempt())") == "errno 5"
    board.crypto.hangs = False
    assert repl("print(attempt(), seal('hardware') == seal('native'))") == "80 True"


def test_what_does_not_verify_is_no_failure_of_the_hardware(repl: Repl) -> None:
    code = f"""
sealed = bytearray(seal())
sealed[3] ^= 1
try: c.ccm_open({KEY!r}, bytes(13), bytes(25), sealed, 8)
except Exception as error: print(type(error).__name__)
"""
    assert repl(SEAL + code) == "CryptoError"


# The core without the driver: registers poked from the REPL, in the order of the manual

POKE = """
import machine, uctypes
R = machine.mem32
C = 0x40024000
def clock():
    R[0x4008203C] |= 1
    R[0x40082028] = 1
    while not R[0x40082028] & 2: pass
def dma(source, target, length):
    R[C] = 1; R[C + 4] = source; R[C + 0xC] = length
    if target: R[C + 0x20] = 1; R[C + 0x24] = target; R[C + 0x2C] = length
    for _ in range(100):
        if R[C + 0x790]: break
    status = R[C + 0x790] & 0xffffffff
    R[C + 0x788] = 0xE0000003
    return status
def area(number, key):
    R[C + 0x780] = 1; R[C + 0x784] = 1; R[C + 0x700] = 1
    R[C + 0x400] = 1 << number
    return dma(uctypes.addressof(key), 0, len(key))
def read(number):
    R[C + 0x700] = 2
    R[C + 0x40C] = number
    while R[C + 0x40C] & -0x80000000: pass
    return R[C + 0x790] & 0xffffffff
def block(mode, data):
    R[C + 0x550] = mode; R[C + 0x554] = len(data); R[C + 0x558] = 0
    out = bytearray(len(data))
    status = dma(uctypes.addressof(data), uctypes.addressof(out), len(data))
    return status, out.hex()
clock()
"""


@pytest.fixture
def registers(repl: Repl) -> Repl:
    repl(POKE)
    return repl


def test_a_block_of_fips_197_there_and_back(registers: Repl) -> None:
    code = """
print(area(5, bytes(range(16))), read(5), hex(R[C + 0x404]))
print(block(4, bytes.fromhex("00112233445566778899aabbccddeeff")))
print(read(5), block(0, bytes.fromhex("69c4e0d86a7b0430d8cdb78070b4c55a")))
"""
    assert registers(code).splitlines() == [
        "1 0 0x20",
        "(1, '69c4e0d86a7b0430d8cdb78070b4c55a')",
        "0 (1, '00112233445566778899aabbccddeeff')",
    ]


def test_a_key_that_was_not_written_or_not_whole_is_refused(registers: Repl) -> None:
    assert registers("print(hex(read(3)))") == "0x20000000"
    registers("R[C + 0x788] = 0xE0000003")
    assert registers("print(hex(area(2, bytes(12))), R[C + 0x404])") == "0x40000000 0"
    # Invalid again by its flag, and by a change of the size.
    assert registers("area(1, bytes(16)); R[C + 0x404] = 2; print(hex(read(1)))") == "0x20000000"
    registers("R[C + 0x788] = 0xE0000003; area(1, bytes(16)); R[C + 0x408] = 1")
    assert registers("print(hex(read(1)))") == "0x20000000"


def test_memory_that_is_not_there_is_an_error_of_the_bus(registers: Repl) -> None:
    registers("area(0, bytes(16)); read(0); R[C + 0x550] = 4; R[C + 0x554] = 16; R[C + 0x558] = 0")
    assert registers("print(hex(dma(0x30000000, 0x20000000, 16)), hex(R[C + 0x18]))") == "0x80000000 0x20000"


def test_an_interrupt_that_is_not_enabled_does_not_show(registers: Repl) -> None:
    registers("area(0, bytes(16)); R[C + 0x784] = 0; read(0)")
    assert registers("print(block(4, bytes(16)))") == "(0, '66e94bd4ef8a2c3b884cfa59ca342b2e')"


def test_a_mode_that_is_not_modelled_ends_the_emulation(registers: Repl) -> None:
    registers("area(0, bytes(16)); read(0)")
    with pytest.raises(ImageFault, match="ECB"):
        registers("R[C + 0x550] = 0x44")
