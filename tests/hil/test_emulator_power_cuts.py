"""Power fails at words and erase steps of the chip's flash while the image writes to its store.

The model leaves a word half programmed and a page half erased, as the chip may.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("unicorn")

from emulated_image import Image  # noqa: E402

from microbrew_host.board.target import image  # noqa: E402
from microbrew_host.emulator.air import LocalAir  # noqa: E402
from microbrew_host.emulator.nrf52840 import Flash, PowerCut  # noqa: E402
from microbrew_host.emulator.nrf52840.flash import SIZE, WRITES_PER_WORD  # noqa: E402

SETUP = "import os; os.mkdir('/s'); from microbrew.identity.store import Store; s = Store('/s'); s.write('a', 'old')"
OPEN = "from microbrew.identity.store import Store; s = Store('/s')"
# More than one page of records, so that pages are erased too.
WRITE = "for i in range(12): s.write('b%d' % (i % 3), bytes(600)); s.write('a', 'new' * i)"
CUTS = 16


def board(path: Path, contents: bytes | None = None, cut: int | None = None) -> Image:
    flash = Flash(cut=cut)
    if contents is not None:
        flash.load(0, contents)
    return Image(path, LocalAir(), flash=flash)


@pytest.mark.timeout(900)
def test_after_a_cut_the_store_has_a_value_that_was_written(need_target: Callable[[str], str]) -> None:
    need_target("nrf52840-emulated")
    path = image("nrf52840dk")
    first = board(path)
    assert not first.answer(SETUP)
    before = first.flash.read(0, SIZE)
    whole = board(path, before)
    assert not whole.answer(OPEN)
    start = whole.flash.operations
    whole.type(WRITE)
    whole.chip.uarts[0].feed(b"\r")
    whole.run(8.0)
    end = whole.flash.operations
    assert end - start > 500
    # Written no word more often than the chip allows.
    assert whole.flash.most_writes <= WRITES_PER_WORD
    values = {"old", *("new" * i for i in range(12))}
    seen = set()
    for number in range(CUTS):
        torn = board(path, before, cut=start + 1 + (end - start - 1) * number // (CUTS - 1))
        assert not torn.answer(OPEN)
        with pytest.raises(PowerCut):
            torn.type(WRITE)
            torn.chip.uarts[0].feed(b"\r")
            torn.run(8.0)
        again = board(path, torn.flash.read(0, SIZE))
        assert not again.answer(OPEN)
        value = again.answer("print(s.read('a'))")
        assert value in values
        seen.add(value)
        # It still takes something new.
        assert again.answer("s.write('a', 'later'); print(s.read('a'))") == "later"
    assert len(seen) > 3
