"""docs/requirements.md: every requirement has a row, and what a row names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "requirements.md"
MODULES = (ROOT / "firmware" / "microbrew", ROOT / "host_tools" / "microbrew_host")

# The numbers of the draft's requirements by section; the gaps between sections are no requirements.
NUMBERS = [*range(1, 38), *range(40, 54), *range(60, 79), *range(80, 86), *range(90, 95)]

_ROW = re.compile(r"^\| ZT-(\d\d) \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")

ROWS = [(int(number), what.strip(), where, shown) for number, what, where, shown in _ROW.findall(DOCUMENT.read_text())]


def fault_of_module(name):
    """What is wrong with a module of the table, or None."""
    return None if any((root / name).is_file() for root in MODULES) else f"there is no module {name}"


def fault_of_test(name):
    """What is wrong with a test of the table, or None."""
    file, _, function = name.partition("::")
    path = ROOT / "tests" / file
    if not path.is_file():
        return f"there is no file {file}"
    if not re.search(rf"^\s*(async )?def {re.escape(function)}\(", path.read_text(), re.MULTILINE):
        return f"{file} has no test {function}"
    return None


def test_every_requirement_has_one_row():
    assert [row[0] for row in ROWS] == NUMBERS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"ZT-{row[0]:02}")
def test_a_row_names_what_exists(row):
    _, what, where, shown = row
    modules, tests = _CODE.findall(where), _CODE.findall(shown)
    assert [fault_of_module(name) for name in modules if fault_of_module(name)] == []
    assert [fault_of_test(name) for name in tests if fault_of_test(name)] == []
    if what.startswith("**left out**"):
        assert not modules and not tests
    else:
        assert modules and tests


def test_faults_are_noticed():
    assert fault_of_module("join/nothing.py")
    assert fault_of_test("unit/test_nothing.py::test_a")
    assert fault_of_test("unit/test_join_voucher.py::test_nothing")
    assert fault_of_test("unit/test_join_voucher.py::test_another")
