"""Hours of a board in seconds: it goes on, its memory stays level and its clock passes its wrap.

In QEMU's virtual time, in which waiting costs nothing, and with a clock that goes faster. Nobody from wall time can be
in such a time, so this is a pledge that hears nobody. A member's day, all 24 hours of it, is stepped by the host:
test_board_member_day.py.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import flash_image
import pytest
import serial
from board_network import IMAGES

from microbrew_host.board.qemu import Qemu
from microbrew_host.demo import parts

HOUR_MS = 3_600_000
# MicroPython's ticks_ms() wraps there: after twelve and a half days.
WRAP_MS = 1 << 30
WALL_SECONDS = 200.0

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("images")]


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    parts.execute("factory", "init", tmp_path / "acme", "--name", "acme", "--masa-url", "localhost:9443")
    parts.execute(
        *("factory", "provision", tmp_path / "acme", "--out", tmp_path / "stores", "--eui64", "00124b0000000961")
    )
    (store,) = (tmp_path / "stores").glob("00-12-*")
    flash_image.write({tmp_path / "flash": {"factory": flash_image.store(store)["factory"]}})
    return tmp_path / "flash"


def reports(flash: Path, hours: int, **options: int) -> tuple[list[int], list[int], str]:
    """When a release image gave its signs of life (ms), the heap in use at each, and all that it said."""
    text = ""
    end = time.monotonic() + WALL_SECONDS
    with (
        Qemu(IMAGES["release"], flash=flash, icount=True, **options) as board,
        serial.Serial(board.console, timeout=0.5) as console,
    ):
        while text.count("used=") < hours:
            assert time.monotonic() < end, text
            text += console.read(4096).decode(errors="replace")
    found = re.findall(r"^(\d+) heap used=(\d+)\r?$", text, re.MULTILINE)
    return [int(ms) for ms, _ in found], [int(used) for _, used in found], text


def check(times: list[int], used: list[int], text: str, late_ms: int) -> None:
    """Check that each hour came once, with as much heap in use as in the one before, in one life."""
    assert text.count(" boot ") == 1, text
    assert "***" not in text and "stopped" not in text, text
    gaps = [after - before for before, after in zip([0, *times], times, strict=False)]
    assert all(HOUR_MS <= gap <= HOUR_MS + late_ms for gap in gaps), gaps
    # From the first hour on; before it what is made once is made.
    assert max(used) - min(used) <= 256, used


def test_eight_hours_in_which_the_clock_wraps(flash: Path) -> None:
    check(*reports(flash, 8, uptime=WRAP_MS - 4 * HOUR_MS, speed=20_000), late_ms=HOUR_MS // 4)
