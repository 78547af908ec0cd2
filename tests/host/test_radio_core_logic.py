"""The parts of the radio core and of the board's entropy that touch no register, compiled for the host.

The filter is compared with mac/frame.py and with what the MAC makes of a frame; CSMA-CA and the health tests with what
their standards say.
"""

import ctypes
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from microbrew.mac import frame

ROOT = Path(__file__).resolve().parents[2]
RADIO = ROOT / "firmware/native/radio"
BOARD = ROOT / "boards/nrf52840dk"
PASS, ACKNOWLEDGE, ENHANCED, IS_ACK = 1, 2, 4, 8
PAN, SHORT = 0xCAFE, 0x1234
OWN = bytes.fromhex("00124b0000000101")
PEER = bytes.fromhex("00124b0000000202")
NONE = 0xFFFF


class Address(ctypes.Structure):
    _fields_ = [("pan_id", ctypes.c_uint16), ("short_address", ctypes.c_uint16), ("eui64", ctypes.c_uint8 * 8)]


class Csma(ctypes.Structure):
    _fields_ = [("exponent", ctypes.c_uint8), ("busy", ctypes.c_uint8), ("retries", ctypes.c_uint8)]


class Health(ctypes.Structure):
    _fields_ = [
        ("repeated", ctypes.c_uint8),
        ("reference", ctypes.c_uint8),
        ("repetitions", ctypes.c_uint16),
        ("in_window", ctypes.c_uint16),
        ("matches", ctypes.c_uint16),
        ("failed", ctypes.c_bool),
    ]


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    library = tmp_path_factory.mktemp("core") / "core.so"
    sources = [RADIO / "frame_filter.c", RADIO / "csma.c", BOARD / "entropy_health.c"]
    subprocess.run(
        ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", library, *sources],
        check=True,
    )
    loaded = ctypes.CDLL(str(library))
    loaded.mb_csma_again.restype = loaded.mb_csma_retry.restype = ctypes.c_bool
    loaded.mb_csma_backoff_us.restype = ctypes.c_uint32
    loaded.entropy_health_take.restype = ctypes.c_bool
    return loaded


def verdict(core: ctypes.CDLL, data: bytes, pan_id: int = PAN, short: int = SHORT) -> int:
    own = Address(pan_id, short, (ctypes.c_uint8 * 8)(*reversed(OWN)))
    # Exactly as long as the frame, so that a read behind it can be found by a sanitizer.
    result = core.mb_frame_filter((ctypes.c_uint8 * len(data)).from_buffer_copy(data), len(data), ctypes.byref(own))
    assert isinstance(result, int)
    return result


def data_frame(dest: bytes | None = OWN, pan_id: int = PAN, ack: bool = True) -> bytes:
    buf = bytearray(125)
    end = frame.put_data(buf, 7, pan_id, dest, PEER, ack, False)
    return bytes(buf[:end]) + b"payload"


def expected(data: bytes, pan_id: int, short: int) -> int:
    """What docs/serial-radio.md says of a radio with hardware_ack, in terms of mac/frame.py."""
    header = frame.Frame()
    length = len(data)
    control = data[0] | data[1] << 8
    header.kind, header.version = control & 7, control >> 12 & 3
    if header.kind > frame.COMMAND or header.version > 2:
        return 0
    has_sequence = not (header.version == 2 and control & 0x100)
    if header._addressing(data, 3 if has_sequence else 2, length, control) < 0:
        return 0
    if header.kind == frame.ACK:
        return PASS | IS_ACK
    if header.kind == frame.BEACON:
        return PASS if pan_id in (NONE, header.src_pan) else 0
    if pan_id == NONE or header.dest_pan not in (pan_id, NONE, -1) or header.dest is None:
        return 0
    if header.dest == frame.BROADCAST:
        return PASS
    if header.dest != OWN and (short == NONE or header.dest != short.to_bytes(2, "big")):
        return 0
    if not control & 0x20 or not has_sequence:
        return PASS
    return PASS | (ENHANCED if header.version == 2 else ACKNOWLEDGE)


def test_the_filter_is_the_macs_view_of_a_hundred_thousand_headers(core: ctypes.CDLL) -> None:
    dice = random.Random(802154)
    seen: dict[int, int] = {}
    for _ in range(100_000):
        pan_id, short = dice.choice([PAN, NONE]), dice.choice([SHORT, NONE])
        parts = [PAN.to_bytes(2, "little"), OWN[::-1], SHORT.to_bytes(2, "little"), b"\xff\xff", PEER[::-1]]
        # Fields that mean something, in an order that may; and a cut anywhere.
        tail = b"".join(dice.choices(parts, k=4))
        control = dice.randrange(0x10000) & ~0x4 if dice.random() < 0.95 else dice.randrange(0x10000)
        data = (control.to_bytes(2, "little") + bytes([dice.randrange(256)]) + tail)[: dice.randrange(3, 40)]
        result = verdict(core, data, pan_id, short)
        assert result == expected(data, pan_id, short), data.hex()
        seen[result] = seen.get(result, 0) + 1
    # The comparison is of something: every outcome occurs many times.
    assert set(seen) == {0, PASS, PASS | IS_ACK, PASS | ACKNOWLEDGE, PASS | ENHANCED}
    assert min(seen.values()) > 20, seen


@pytest.mark.parametrize(
    ("data", "result"),
    [
        (data_frame(), PASS | ACKNOWLEDGE),
        (data_frame(ack=False), PASS),
        (data_frame(dest=None), PASS),
        (data_frame(dest=None, ack=True), PASS),
        (data_frame(dest=PEER), 0),
        (data_frame(pan_id=0xBEEF), 0),
        (b"\x02\x00\x07", PASS | IS_ACK),
        (bytes.fromhex("21ec07feca") + OWN[::-1] + PEER[::-1] + b"v2", PASS | ENHANCED),
        (b"\x61", 0),
        (b"", 0),
    ],
)
def test_who_is_passed_and_who_is_acknowledged(core: ctypes.CDLL, data: bytes, result: int) -> None:
    assert verdict(core, data) == result


def test_beacons_of_other_networks_are_for_pledges_only(core: ctypes.CDLL) -> None:
    buf = bytearray(125)
    beacon = bytes(buf[: frame.put_beacon(buf, 1, 0xBEEF, PEER, False)])
    assert verdict(core, beacon) == 0
    assert verdict(core, beacon, pan_id=NONE) == PASS
    assert verdict(core, data_frame(pan_id=NONE), pan_id=NONE) == 0


def test_backoffs_are_uniform_in_windows_that_double_up_to_32_periods(core: ctypes.CDLL) -> None:
    csma = Csma()
    core.mb_csma_begin(ctypes.byref(csma), 0)
    windows, again = [], True
    while again:
        waits = {core.mb_csma_backoff_us(ctypes.byref(csma), dice) for dice in range(64)}
        assert waits == {320 * n for n in range(len(waits))}
        windows.append(len(waits))
        again = core.mb_csma_again(ctypes.byref(csma))
    # macMinBe 3, macMaxBe 5, macMaxCsmaBackoffs 4: five looks at the channel.
    assert windows == [8, 16, 32, 32, 32]


def test_an_unacknowledged_frame_starts_over_as_often_as_was_asked_for(core: ctypes.CDLL) -> None:
    csma = Csma()
    core.mb_csma_begin(ctypes.byref(csma), 3)
    core.mb_csma_again(ctypes.byref(csma))
    tries = [core.mb_csma_retry(ctypes.byref(csma)) for _ in range(4)]
    assert tries == [True, True, True, False]
    assert (csma.exponent, csma.busy) == (3, 0)


def feed(core: ctypes.CDLL, samples: bytes) -> int | None:
    """Index of the sample at which the source is found broken; None: it is not."""
    health = Health()
    core.entropy_health_clear(ctypes.byref(health))
    for index, sample in enumerate(samples):
        if not core.entropy_health_take(ctypes.byref(health), sample):
            # And it stays so.
            assert not core.entropy_health_take(ctypes.byref(health), sample ^ 1)
            return index
    return None


def test_a_stuck_source_is_found_at_the_ninth_sample(core: ctypes.CDLL) -> None:
    assert feed(core, bytes([1, 2, 3] + [0x5A] * 20)) == 3 + 8
    assert feed(core, bytes([0x5A] * 8 + [1]) * 20) is not None  # too often, though never nine in a row


def test_a_source_with_a_favourite_is_found_within_a_window(core: ctypes.CDLL) -> None:
    dice = random.Random(90)
    # The favourite is what a window begins with: a fifth of all samples instead of a sixteenth.
    samples = bytes([7] + [7 if dice.random() < 0.2 else dice.randrange(256) for _ in range(511)])
    found = feed(core, samples)
    assert found is not None and found < 512


def test_a_good_source_is_left_alone(core: ctypes.CDLL) -> None:
    assert feed(core, random.Random(1).randbytes(1_000_000)) is None
    # The least that is claimed: 4 bits of min-entropy in a sample.
    dice = random.Random(2)
    assert feed(core, bytes(dice.randrange(16) for _ in range(100_000))) is None


def test_declarations_and_exports_of_the_module_are_the_same_functions() -> None:
    declared = re.findall(r"^def (\w+)\(", (RADIO / "microbrew_radio.pyi").read_text(), re.MULTILINE)
    exported = re.findall(r"MP_ROM_PTR\(&(\w+)_obj\)", (RADIO / "modmicrobrew_radio.c").read_text())
    assert sorted(declared) == sorted(exported)


def test_what_the_radios_interrupts_run_is_in_ram_and_never_leaves_it(tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    flags = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-mthumb", "-std=gnu11", "-Os"]
    program = tmp_path / "interrupts.elf"
    # The interrupts and what they reach, nothing else: all of it must land in .ramcode, with no call left open.
    (tmp_path / "news.c").write_text('__attribute__((section(".ramcode"))) void mb_radio_news(void) {}')
    subprocess.run(
        ["arm-none-eabi-gcc", *flags, "-ffunction-sections", "-fdata-sections", "-nostdlib", "-Wl,--gc-sections"]
        + ["-Wl,-e,RADIO_IRQHandler", "-Wl,-u,TIMER3_IRQHandler", "-I", RADIO, "-o", program, tmp_path / "news.c"]
        + [RADIO / name for name in ("nrf52840_core.c", "frame_filter.c", "csma.c")],
        check=True,
    )
    listing = subprocess.run(["arm-none-eabi-size", "-A", program], capture_output=True, text=True, check=True).stdout
    sizes = {name: int(size) for name, size in re.findall(r"^(\.\w+)\s+(\d+)", listing, re.MULTILINE)}
    assert sizes[".ramcode"] > 500
    assert not sizes.get(".text") and not sizes.get(".rodata"), sizes
