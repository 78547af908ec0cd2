"""docs/boards.md is what its generator makes of docs/boards.json, and the generator says what was and was not seen."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("boards_table", ROOT / "tests/hil/boards_table.py")
assert _spec is not None
assert _spec.loader is not None
table = importlib.util.module_from_spec(_spec)
sys.modules["boards_table"] = table
_spec.loader.exec_module(table)


def row(page, board, where):
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{board}` | {where} |")]
    return [cell.strip() for cell in line.strip("|").split("|")[2:]]


def test_the_page_is_as_generated():
    assert table.PAGE.read_text() == table.render(table.kept()), (
        "edit tests/hil/boards_table.py, then: make boards-table"
    )


def test_what_was_not_tried_is_not_claimed():
    page = table.render([])
    for board, place in table.BOARDS.items():
        assert row(page, board, place) == ["-"] * 7
        if place != "process":
            assert row(page, board, "hardware") == ["-"] * 7


def test_a_board_is_where_it_ran():
    rows = table.merge(
        [],
        [
            {"target": "nrf52840-emulated", "platform": "nrf52840dk", "boots": "pass", "join": "fail"},
            {"target": "/dev/ttyACM3", "platform": "nrf52840dk", "boots": "pass", "air": "pass", "flash": "pass"},
            {"target": "qemu_an386", "platform": "qemu_an386", "vectors": "pass"},
        ],
    )
    page = table.render(rows)
    assert row(page, "nrf52840dk", "emulation") == ["yes", "yes", "-", "-", "NO", "-", "-"]
    assert row(page, "nrf52840dk", "hardware") == ["yes", "yes", "-", "-", "-", "yes", "yes"]
    assert row(page, "qemu_an386", "QEMU") == ["-", "-", "-", "yes", "-", "-", "-"]
    assert row(page, "qemu_an386", "hardware") == ["-"] * 7
    assert "ttyACM3" not in page


def test_a_later_run_goes_before_and_keeps_what_it_did_not_try():
    kept = [{"target": "qemu_an386", "platform": "qemu_an386", "boots": "pass", "join": "pass"}]
    rows = table.merge(kept, [{"target": "qemu_an386", "platform": "qemu_an386", "join": "fail"}])
    assert row(table.render(rows), "qemu_an386", "QEMU")[1:5] == ["yes", "-", "-", "NO"]
