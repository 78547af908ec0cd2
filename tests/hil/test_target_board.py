"""What only a board has: a clock for its crypto, a reset, a radio and, where there are two boards, the air between.

The second board is `--peer`; two emulated ones are in an ether of their own. Power is cut by hand, with `--ask` only.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from microbrew_host.board.packs import PRELUDE
from microbrew_host.board.repl import Repl
from microbrew_host.board.target import Target, open_target
from microbrew_host.demo import parts
from microbrew_host.demo.process import Process
from microbrew_host.demo.scenario import free_ports

_RESET_SECONDS = 30.0
CHANNELS = range(11, 27)
FRAMES = 4
ADDRESSES = ("00124b0000000801", "00124b0000000802")

TIMING = """
import time
from microbrew import crypto
try: from board import RELEASE
except ImportError: RELEASE = False
c = crypto.load(release=RELEASE)
def took(verb):
    a = time.ticks_us(); verb(); return time.ticks_diff(time.ticks_us(), a)
k = c.load_private(1, bytes(31) + b"\\x05")
s = c.sign(k, b"message")
for name, verb in (
    ("generate", lambda: c.generate(1)), ("ecdh", lambda: c.ecdh(k, k.public)), ("sign", lambda: c.sign(k, b"message")),
    ("verify", lambda: c.verify(1, k.public, b"message", s)), ("sha256", lambda: c.sha256(bytes(64))),
    ("ccm_seal", lambda: c.ccm_seal(bytes(16), bytes(13), b"", bytes(64), 8)),
):
    print(name, min([took(verb) for _ in range(3)]))
print("backend", c.name)
"""

RADIO = """
import board_radio, micropython, time
radio = board_radio.make(bytes.fromhex(%r), time.ticks_ms)
scratch = bytearray(127)
def serve(ms):
    a = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), a) < ms:
        if not radio.receive_into(scratch): radio.wait(5)
def tune(channel):
    radio.set_channel(channel)
    radio.set_filter(0x6d62, 0xffff)
    # A radio behind a wire is told, and answers.
    serve(300)
# Data frames to everybody, unsecured, without a request to acknowledge them.
def send(channel, count):
    tune(channel)
    head = b"\\xff\\xff\\xff\\xff\\x01\\x00mb" + bytes((channel,)) + bytes(range(80))
    for i in range(count):
        frame = bytearray(b"\\x41\\x88" + bytes((i,)) + head)
        a = time.ticks_ms()
        while not radio.transmit(frame, len(frame)):
            if time.ticks_diff(time.ticks_ms(), a) > 3000: raise OSError("the channel stays busy")
            serve(5)
        serve(40)
    print(count)
# Until ``count`` frames are there, or a while after ctrl-C.
def hear(channel, count):
    tune(channel)
    print("tuned")
    buf = bytearray(127)
    found = set()
    end = None
    while len(found) < count and (end is None or time.ticks_diff(end, time.ticks_ms()) > 0):
        try:
            n = radio.receive_into(buf)
            if n == 0: radio.wait(20)
            elif buf[9:11] == b"mb" and n == 92 and buf[12:92] == bytes(range(80)):
                found.add((buf[2], buf[11], radio.lqi))
        except KeyboardInterrupt:
            end = time.ticks_add(time.ticks_ms(), 1000)
    # One that comes from here on is none: upstream's nrf port loses its console for a print that is interrupted.
    try:
        micropython.kbd_intr(-1)
        time.sleep_ms(1)
    except KeyboardInterrupt: pass
    print("heard", sorted(found))
"""


def test_its_crypto_takes_some_time(target: Target, outcomes) -> None:
    with target.repl() as repl:
        repl.soft_reset()
        rows = [line.split() for line in repl(PRELUDE + TIMING, timeout=600).splitlines()]
    found = dict(rows)
    assert set(found) == {"generate", "ecdh", "sign", "verify", "sha256", "ccm_seal", "backend"}
    outcomes.facts["crypto"] = found.pop("backend")
    if not target.emulated:
        # An emulator's microseconds say nothing about a chip's.
        outcomes.facts["crypto_us"] = {name: int(value) for name, value in found.items()}


def test_it_comes_back_after_a_reset_with_its_files(target: Target, outcomes) -> None:
    if target.name == "unix":
        pytest.skip("a process is no board: it has nothing to reset")
    with outcomes.claim("reboot"):
        with target.repl() as repl:
            repl("f = open('reset-test', 'w'); f.write('kept'); f.close()")
            repl.start("import machine; machine.reset()")
            time.sleep(0.5)
        with target.repl(_RESET_SECONDS) as repl:
            assert repl("print(open('reset-test').read())") == "kept"
            repl("import os; os.remove('reset-test')")
            assert repl("import machine; print(machine.reset_cause() != machine.PWRON_RESET)") == "True"


def test_it_comes_back_after_its_power_was_cut(target: Target, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--ask"):
        pytest.skip("nobody was to be asked to pull the plug: --ask, or ASK=1 with make")
    if target.emulated:
        pytest.skip("an emulated board has no plug; test_provision.py cuts its power at every write")
    with target.repl() as repl:
        repl("f = open('power-test', 'w'); f.write('kept'); f.close()")
    manager = request.config.pluginmanager.getplugin("capturemanager")
    with manager.global_and_fixture_disabled():
        input(f"\nUnplug {target.name}, plug it in again, then press Enter. ")
    with target.repl(_RESET_SECONDS) as repl:
        assert repl("print(open('power-test').read())") == "kept"
        repl("import os; os.remove('power-test')")


def _is_emulated(name: str) -> bool:
    return name.endswith("-emulated")


@pytest.fixture
def pair(target_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Repl, Repl]]:
    """Two boards that hear each other, with RADIO in them."""
    peer = request.config.getoption("--peer")
    if not peer:
        pytest.skip("radio between two boards: name the second one, PEER=/dev/ttyACM1, for an emulated one its name")
    if "unix" in (target_name, peer):
        pytest.skip("unix has no radio of its own, it is in the ether by UDP")
    if ("/" in peer) != ("/" in target_name):
        pytest.skip("a board and an emulated one do not hear each other")
    port = free_ports().ether
    names = (target_name, peer)
    boards: dict[int, Target] = {}

    def switch_on(number: int) -> None:
        name = names[number]
        flash = tmp_path / f"flash-{number}" if "/" not in name else None
        more = {"identity": number} if _is_emulated(name) else {}
        boards[number] = open_target(name, flash, air=f"{parts.LOOPBACK}:{port}", **more)

    loop = asyncio.new_event_loop()
    ether = None
    try:
        # Radios on a wire are the ether's to know. The others make themselves known to it, so it has to be there.
        for number in range(2):
            if not _is_emulated(names[number]):
                switch_on(number)
        if "/" not in target_name:
            argv = parts.microbrew("ether", "--listen", f"{parts.LOOPBACK}:{port}")
            for number, board in boards.items():
                argv += ["--serial", f"{board.radio}={ADDRESSES[number]}"]
            ether = Process("ether", argv, tmp_path / "ether.log")
            loop.run_until_complete(ether.start("listening", 30))
        for number in range(2):
            if _is_emulated(names[number]):
                switch_on(number)
        with boards[0].repl() as first, boards[1].repl() as second:
            for repl, eui64 in zip((first, second), ADDRESSES, strict=True):
                repl.soft_reset()
                repl(PRELUDE + RADIO % eui64)
            yield first, second
    finally:
        if ether is not None:
            loop.run_until_complete(ether.stop())
        loop.close()
        for board in boards.values():
            board.close()


def transfer(sender: Repl, receiver: Repl, channel: int, tuned: int) -> list[tuple[int, int, int]]:
    """(number, channel, link quality) of the frames of ``channel`` that one hears who is tuned to ``tuned``."""
    receiver.start(f"hear({tuned}, {FRAMES})")
    while b"tuned" not in receiver.transport.read_until(1, b"\n", timeout=20):
        pass
    assert sender(f"send({channel}, {FRAMES})") == str(FRAMES)
    # How long the sender takes is nobody's business; if all was heard already, nobody minds this.
    receiver.transport.serial.write(b"\x03")
    said = receiver.result()
    return [tuple(row) for row in eval(said.partition("heard ")[2], {"__builtins__": {}})]  # noqa: S307 - a list of ints


@pytest.mark.timeout(900)
def test_two_boards_hear_each_other_on_every_channel(pair: tuple[Repl, Repl], outcomes) -> None:
    heard: dict[int, int] = {}
    with outcomes.claim("radio"):
        for channel in CHANNELS:
            for sender, receiver in (pair, pair[::-1]):
                found = transfer(sender, receiver, channel, channel)
                assert found, f"nothing on channel {channel}"
                assert {row[1] for row in found} == {channel}
                heard[channel] = heard.get(channel, 0) + len(found)
    # Of 2 * FRAMES on each.
    outcomes.facts["radio_frames_heard"] = heard


def test_they_do_not_hear_each_other_on_different_channels(pair: tuple[Repl, Repl]) -> None:
    assert transfer(*pair, 15, 20) == []
