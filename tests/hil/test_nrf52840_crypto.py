"""The hardware backend on the emulated nRF52840: every vector of the unit tests, and what its ECB does not change."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microbrew_host.board.repl import Repl
from microbrew_host.board.target import open_target

ROOT = Path(__file__).resolve().parents[2]
TARGET = "nrf52840-emulated"
FILES = {
    "unittest.py": "tests/micropython/unittest.py",
    "backends.py": "tests/unit/backends.py",
    **{f"tests/vectors/{name}.json": f"tests/vectors/{name}.json" for name in ("crypto", "curve25519")},
    **{f"test_crypto_{name}.py": f"tests/unit/test_crypto_{name}.py" for name in ("facade", "negative", "vectors")},
}
RUN = """
import unittest, gc
module = __import__("test_crypto_%s")
for name in sorted(dir(module)):
    if "Hardware" in name:
        unittest.run_file("/test_crypto_%s.py", [name + "." + test for test in dir(getattr(module, name))
            if test.startswith("test")])
"""


@pytest.fixture(scope="module")
def repl(need_target: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repl]:
    with (
        open_target(need_target(TARGET), flash=tmp_path_factory.mktemp("chip") / "flash") as target,
        target.repl() as repl,
    ):
        repl("import os\nfor name in ('tests', 'tests/vectors'):\n    os.mkdir(name)")
        for there, here in FILES.items():
            repl.transport.fs_writefile(there, (ROOT / here).read_bytes())
        yield repl


@pytest.mark.parametrize("name", ["vectors", "negative", "facade"])
def test_the_unit_tests_of_every_backend_pass_on_the_chip(repl: Repl, name: str) -> None:
    printed = repl(RUN % (name, name), timeout=240)
    passed = re.findall(r"^@test pass (\S+)", printed, re.MULTILINE)
    assert not re.findall(r"^@test (?:fail|error) .*", printed, re.MULTILINE), printed[-3000:]
    declared = (ROOT / f"tests/unit/test_crypto_{name}.py").read_text()
    assert "Hardware" in declared
    assert len(passed) >= 5


def test_the_facade_picks_it_and_says_so(repl: Repl) -> None:
    code = "from microbrew import crypto\nprint(crypto.load().name, crypto.load(release=True).name)"
    assert repl(code) == "hardware hardware"


def test_a_frame_costs_less_than_in_software_and_reads_the_same(repl: Repl) -> None:
    code = """
import time
from microbrew import crypto
took = []
sealed = []
for name in ("hardware", "native"):
    seal = crypto.load(name).ccm_seal
    since = time.ticks_cpu()
    sealed.append(seal(bytes(16), bytes(13), bytes(25), bytes(80), 8))
    took.append(time.ticks_diff(time.ticks_cpu(), since))
print(sealed[0] == sealed[1], took[0], took[1])
"""
    same, hardware, native = repl(code).split()
    assert same == "True"
    assert int(hardware) < int(native), (hardware, native)


def test_the_key_does_not_stay_where_the_hardware_reads_it(repl: Repl) -> None:
    code = """
import machine
from microbrew import crypto
key = bytes(range(0x51, 0x61))
crypto.load("hardware").ccm_seal(key, bytes(13), b"", b"secret of 16 bytes", 8)
# ECBDATAPTR still tells where it read.
at = machine.mem32[0x4000E504] & 0xFFFFFFFF
print(hex(at)[:4], bytes(machine.mem8[at + i] for i in range(48)) == bytes(48))
"""
    assert repl(code) == "0x20 True"
