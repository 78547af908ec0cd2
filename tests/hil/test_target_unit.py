"""The firmware's unit tests and all vectors on the target that --target names: `make test-board TARGET=...`.

Each file is one item here. What a single test skips, and why, is printed at the end.
"""

from pathlib import Path

import pytest
from unit_on_target import UNIT, Lacking, Runner, run

from microbrew_host.board.packs import Compiler
from microbrew_host.board.target import Target, build_directory

FILES = sorted(path.name for path in UNIT.glob("test_*.py"))


@pytest.fixture(scope="module")
def runner(target: Target) -> Runner:
    return Runner(target, Compiler(build_directory() / "mpy-cross/mpy-cross"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", FILES)
def test_file(runner: Runner, name: str, outcomes) -> None:
    failed = []
    count = 0
    try:
        for result in runner.run(Path(UNIT / name)):
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
