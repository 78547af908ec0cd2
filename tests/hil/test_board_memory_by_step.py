"""Memory runs out in one part of a join after the other, on a board that is stepped in virtual time.

Which parts a heap of a given size is too small for is found in test_board_out_of_memory.py; here it is taken away when
the part begins, until the attempt has failed, and is back for the next one. The device is not restarted in between.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/bench"))

from footprint import measure  # noqa: E402
from footprint.session import BoardDevice, Session  # noqa: E402

from microbrew.join import member, pledge  # noqa: E402
from microbrew_host.simulator import virtual_time  # noqa: E402
from microbrew_host.simulator.world import World  # noqa: E402

# Images may have to be built first, on a busy machine.
pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.usefixtures("bench_images")]

# Much more than a join takes, much less than the emulated board has: taking memory away has to be quick.
HEAP = 128 * 1024
FREE = (256, 3072)
TIMEOUT_MS = 900_000
# State to the one that says that the part after it has been done.
PARTS = {
    pledge.WAIT_EB: pledge.WAIT_PROXY,
    pledge.WAIT_PROXY: pledge.WAIT_MESSAGE_2,
    pledge.WAIT_MESSAGE_2: pledge.WAIT_VOUCHER,
    pledge.WAIT_VOUCHER: pledge.WAIT_STATUS_ACK,
    pledge.WAIT_JOIN_RESPONSE: pledge.JOINED,
}


@pytest.fixture(scope="module")
def image(bench_images: None) -> Path:
    return measure.image("qemu_an386", measure.MEASURED) / "firmware.elf"


async def starve(image: Path, part: str, free: int) -> BoardDevice:
    """The board after it has joined although it had ``free`` bytes of heap from the state ``part`` on."""
    async with World(1) as world:
        maker = world.add_manufacturer()
        world.trust(maker)
        await world.start()
        device = world.add_device(maker, neighbours=[world.domain], power=False)
        with Session(image, HEAP) as session:
            session.write_store(device.flash.dump())
            session.run("board.load()")
            session.run(f"board.boot({world.now_ms})")
            session.serve()
            board = BoardDevice(world, session, device, 0)
            if part != pledge.WAIT_EB:
                await world.until(lambda: board.state == part, TIMEOUT_MS)
            session.leave(free)

            def over() -> bool:
                return board.state == PARTS[part] or failed(board) != []

            await world.until(over, TIMEOUT_MS)
            session.leave(None)
            await world.until(lambda: board.state == member.PROXYING, TIMEOUT_MS)
            board.stop()
            return board


def failed(board: BoardDevice) -> list[str]:
    """What was given up for want of memory, and what for."""
    return [text for _, event, text in board.events if event == "memory" or (event == "failed" and "memory" in text)]


@pytest.mark.parametrize("part", PARTS)
def test_memory_that_runs_out_in_a_part_of_a_join_fails_in_words_and_the_same_device_joins(
    image: Path, part: str
) -> None:
    for free in FREE:
        board = virtual_time.run(starve(image, part, free))
        assert failed(board), f"{free} bytes were enough: {board.events}"
