"""The firmware's unit tests and all vectors on the target that --target names: `make test-board TARGET=...`.

Each file is one item here. What a single test skips, and why, is printed at the end. An image whose frozen package is
that of a release has little of what the tests call: of it only the crypto is tested, from here (crypto_by_wire.py). So
is that of a board whose filesystem has no room for the vectors.
"""

from collections.abc import Iterator

import crypto_by_wire
import pytest
from unit_on_target import UNIT, Lacking, NoRoom, Runner, run

from microbrew_host.board.packs import Compiler
from microbrew_host.board.target import Target, build_directory

FILES = sorted(path.name for path in UNIT.glob("test_*.py"))
_SLIMMED = "the image has the package of a release, and not what the test calls"


@pytest.fixture(scope="module")
def slimmed(target: Target) -> bool:
    """Whether its package is that of a release."""
    with target.repl() as repl:
        return repl("try:\n from board import RELEASE\nexcept ImportError: RELEASE = False\nprint(RELEASE)") == "True"


@pytest.fixture(scope="module")
def runner(target: Target, slimmed: bool) -> Runner | crypto_by_wire.WireRunner:
    if slimmed:
        return crypto_by_wire.WireRunner(target)
    return Runner(target, Compiler(build_directory() / "mpy-cross/mpy-cross"))


def _results(runner: Runner | crypto_by_wire.WireRunner, target: Target, name: str) -> Iterator["run.Result"]:
    try:
        yield from runner.run(UNIT / name)
    except NoRoom:
        if name not in crypto_by_wire.FILES:
            raise
        yield from crypto_by_wire.WireRunner(target).run(UNIT / name)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", FILES)
def test_file(runner: Runner | crypto_by_wire.WireRunner, slimmed: bool, name: str, target: Target, outcomes) -> None:
    if slimmed and name not in crypto_by_wire.FILES:
        outcomes.add(f"all but {', '.join(crypto_by_wire.FILES)}", name, "skip", _SLIMMED)
        pytest.skip(_SLIMMED)
    failed = []
    count = 0
    try:
        for result in _results(runner, target, name):
            if result.outcome == "skipfile":
                raise Lacking(result.reason)
            count += 1
            outcomes.add(name, result.name, result.outcome, result.reason)
            if result.outcome == "fail":
                failed.append(f"{result.name}\n{result.output}")
    except Lacking as error:
        outcomes.add(name, "", "skip", str(error))
        pytest.skip(str(error))
    except run.MicroPythonFailed as error:
        outcomes.add(name, "", "fail", "does not load")
        pytest.fail(str(error), pytrace=False)
    if failed:
        pytest.fail("\n".join(failed), pytrace=False)
    assert count > 0
