"""What the tests with boards share: images, built once for all of them, and targets by name.

Where a tool or the sources cannot be had the tests are skipped with that reason, which pytest prints at the end; with
CI=true in the environment they fail instead.

``--target NAME`` is for the tests of one target (`make test-board`), which do not run without it.
"""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from outcomes import Outcomes, platform_of
from serial.tools import list_ports

from microbrew_host.board.errors import BoardError
from microbrew_host.board.target import Target, open_target

ROOT = Path(__file__).resolve().parents[2]
# What it takes to build and to run each board's image.
TOOLS = {
    "cc2652": ("arm-none-eabi-gcc",),
    "nrf52840dk": ("arm-none-eabi-gcc",),
    "qemu_an386": ("arm-none-eabi-gcc", "qemu-system-arm"),
}
# The board whose image a target runs, if it is of another name.
BOARDS = {"cc2652-emulated": "cc2652", "nrf52840-emulated": "nrf52840dk"}

# Goes before code that ends a board: until then nobody holds the console any more, who would half read its last words.
LATER = "import time; time.sleep_ms(500)\n"


def missing(board: str, reason: str) -> NoReturn:
    """Skip what needs that board, or fail where nothing may be skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the board {board} must be tested here: {reason}")
    pytest.skip(f"NOT TESTED, the board {board}: {reason}")


def make(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a make target of the project's, one at a time though tests may run side by side."""
    # These tests may run under make, whose own options are not meant for this one.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build/make.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


def build(board: str, *variants: str) -> None:
    """Build variants of a board's image, or skip the test."""
    for tool in TOOLS[board]:
        if shutil.which(tool) is None:
            missing(board, f"{tool} is missing, `make toolchain` installs it")
    for variant in variants:
        built = make("firmware", f"BOARD={board}", f"VARIANT={variant}")
        if built.returncode and "sources:" in built.stderr:
            missing(board, built.stderr.strip())
        assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]


@pytest.fixture(scope="session")
def images() -> None:
    """Images of the board qemu_an386, as board_network.IMAGES names them."""
    build("qemu_an386", "dev", "release")


@pytest.fixture(scope="session")
def cc2652() -> dict[str, Path]:
    """Variant to image of the board cc2652."""
    build("cc2652", "dev", "release")
    return {variant: ROOT / f"build/firmware/cc2652-{variant}/firmware.elf" for variant in ("dev", "release")}


@pytest.fixture(scope="session")
def bench_images(images: None) -> None:
    """What is counted on the board qemu_an386."""
    built = make("bench-images", "BOARD=qemu_an386")
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-4000:]


@pytest.fixture(scope="session")
def need_target() -> Callable[[str], str]:
    """A function of a target's name, which it returns: builds what it needs, once, or skips the test."""
    built = set()

    def need(name: str) -> str:
        if name == "unix":
            if not shutil.which(os.environ.get("MICROPYTHON", str(ROOT / ".venv/bin/micropython"))):
                missing(name, "no MicroPython: make venv")
        elif name not in built:
            build(BOARDS.get(name, name), "dev")
            built.add(name)
        return name

    return need


@pytest.fixture(scope="session")
def bridge_image(need_target: Callable[[str], str]) -> Path:
    """The image that makes an nRF52840 DK a host's radio."""
    # For its tools and sources.
    need_target("nrf52840-emulated")
    built = make("firmware", "BOARD=nrf52840dk", "VARIANT=release", "APP=bridge")
    if built.returncode and "sources:" in built.stderr:
        missing("nrf52840dk", built.stderr.strip())
    assert built.returncode == 0, built.stderr[-3000:]
    return ROOT / "build/firmware/nrf52840dk-release-bridge/firmware.elf"


# Vectors are parsed on the board, and tests are not frozen: an emulated one gets the heap for both.
EMULATED_HEAP = 1 << 20
HEAP_CAN_BE_CHOSEN = ("qemu_an386",)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", help="board to test: unix, qemu_an386, NAME-emulated or a serial port")
    parser.addoption("--peer", help="a second board for what needs two")
    parser.addoption("--radio", help="a second board with the bridge image, the border router's radio")
    parser.addoption("--line-ms", type=int, help="of `microbrew border-router`, for a --radio that is emulated")
    parser.addoption("--ask", action="store_true", help="ask somebody to unplug the board where a test needs that")
    parser.addoption("--heap", type=int, default=EMULATED_HEAP, help="bytes of heap of an emulated board")


_OUTCOMES: list[Outcomes] = []


@pytest.fixture(scope="session")
def target_name(request: pytest.FixtureRequest) -> str:
    """The board under test. Skips without one."""
    name = request.config.getoption("--target")
    if not name:
        pytest.skip("no --target: make test-board TARGET=unix|qemu_an386|NAME-emulated|/dev/ttyACM0")
    return str(name)


@pytest.fixture(scope="session")
def outcomes_of() -> Callable[[str], Outcomes]:
    """Makes the place where tests of a target note what they found."""

    def make(name: str) -> Outcomes:
        found = Outcomes(name)
        _OUTCOMES.append(found)
        return found

    return make


def _unreachable(name: str, error: BoardError) -> NoReturn:
    """End the run: without its board no test has anything to say, and each would say so."""
    advice = ""
    if "/" in name:
        ports = ", ".join(port.device for port in list_ports.comports()) or "none"
        advice = (
            f" Serial ports here: {ports}. What to do: plug the board in, press its reset button, close what else has"
            " its port open, try its other ports. It needs a REPL on it: a dev image, for a release has none, or stock"
            " MicroPython with what make deploy puts there."
        )
    stop = "" if str(error).endswith("?") else "."
    pytest.exit(f"cannot test {name}: {error}{stop}{advice}", returncode=pytest.ExitCode.TESTS_FAILED)


@pytest.fixture(scope="session")
def open_board(
    target_name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Target]:
    """Opens the board under test; each time an emulated one is blank."""
    options = {"heap": request.config.getoption("--heap")} if target_name in HEAP_CAN_BE_CHOSEN else {}

    def opened() -> Target:
        flash = tmp_path_factory.mktemp("target") / "flash" if "/" not in target_name else None
        return open_target(target_name, flash, **options)

    return opened


@pytest.fixture(scope="session")
def outcomes(outcomes_of: Callable[[str], Outcomes], target_name: str, open_board: Callable[[], Target]) -> Outcomes:
    """Where tests note what they found. The board is asked first whether it is there; if not, the run ends."""
    found = outcomes_of(target_name)
    try:
        with open_board() as board, found.claim("boots"), board.repl() as repl:
            found.facts["platform"] = platform_of(board, repl)
    except BoardError as error:
        _unreachable(target_name, error)
    return found


@pytest.fixture(scope="module")
def target(outcomes: Outcomes, target_name: str, open_board: Callable[[], Target]) -> Iterator[Target]:
    """The board under test, running."""
    try:
        board = open_board()
    except BoardError as error:
        _unreachable(target_name, error)
    with board:
        yield board


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for found in _OUTCOMES:
        if not found.rows and not found.facts:
            continue
        directory = ROOT / "build/hil"
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{found.name.replace('/', '-').strip('-')}.json"
        summary = found.summary(json.loads(path.read_text()) if path.exists() else {})
        terminalreporter.section(f"target {found.name}")
        for line in summary.get("skipped", []):
            terminalreporter.line("skipped " + line)
        said = {name: value for name, value in summary.items() if name not in ("skipped", "files")}
        terminalreporter.line(", ".join(f"{name} {value}" for name, value in said.items()))
        path.write_text(json.dumps(summary, indent=1) + "\n")
