"""What mpconfig/slim.py leaves of a program: the same behaviour, and nothing that cannot be reached."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"


def load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


slim = load("slim", ROOT / "mpconfig/slim.py")
run = load("micropython_run", ROOT / "tests/micropython/run.py")


@pytest.fixture
def slimmed(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Sources by module name, ``main`` being the start, to what is left of them by path."""

    def slimmed(**sources: str) -> dict[str, str]:
        named = {name.replace("__", "."): text for name, text in sources.items()}
        paths = slim.write(slim.Program(named, ["main"]), tmp_path)
        return {path: (tmp_path / path).read_text().strip() for path in paths}

    return slimmed


def test_a_constant_is_put_where_it_is_used_and_its_module_goes(slimmed: Callable[..., dict[str, str]]) -> None:
    left = slimmed(
        main="from p import numbers\nfrom p.numbers import WORD\nprint(numbers.BIT << 2, WORD, -numbers.LOW)",
        p="",
        p__numbers="from q import const\nONE = const(1)\nBIT = ONE << 3\nWORD = 'word'\nLOW = -5\nUNUSED = 4",
    )
    assert left == {"main.py": "print(8 << 2, 'word', --5)"}


@pytest.mark.parametrize(
    "module",
    [
        "N = 1\nN = 2",
        "N = 1\ndef f():\n    global N\n    N = 2\nf()",
        "N = open(0)",
        "N = 1.5",
        "N = 'x' * 40",
        "N = 1 << 40",
    ],
)
def test_what_may_change_or_is_an_object_is_no_constant(slimmed: Callable[..., dict[str, str]], module: str) -> None:
    assert "print(m.N)" in slimmed(main="import m\nprint(m.N)", m=module)["main.py"]


def test_a_name_that_is_assigned_to_from_elsewhere_is_no_constant(slimmed: Callable[..., dict[str, str]]) -> None:
    left = slimmed(main="import m\nm.N = 2\nprint(m.N, m.f())", m="N = 1\ndef f():\n    return N")
    assert left["m.py"] == "N = 1\n\ndef f():\n    return N"


def test_a_local_name_hides_a_constant(slimmed: Callable[..., dict[str, str]]) -> None:
    left = slimmed(main="from m import N\ndef f(a):\n    N = a\n    return N\nprint(f(3), N)", m="N = 1")
    scope: dict[str, Any] = {"print": lambda *values: scope.update(said=values)}
    exec(left["main.py"].replace("from m import N", "N = 1"), scope)  # noqa: S102
    assert scope["said"] == (3, 1)


def test_only_what_can_be_reached_is_left(slimmed: Callable[..., dict[str, str]]) -> None:
    left = slimmed(
        main="""
import used

class A:
    __slots__ = ("x",)

    def f(self):
        return used.one(self)

    def unused(self):
        return self.also_unused()

    def also_unused(self):
        return self.unused()

    def __len__(self):
        return 1

print(A().f())
""",
        used="import helper\nimport other\ndef one(what):\n    return helper.f(what)\ndef two():\n    return other.g()",
        helper="def f(what):\n    '''What it does.'''\n    return len(what)",
        other="def g():\n    return 1",
    )
    assert sorted(left) == ["helper.py", "main.py", "used.py"]
    assert left["used.py"] == "import helper\n\ndef one(a):\n    return helper.f(a)"
    assert left["helper.py"] == "def f(a):\n    return len(a)"
    assert "unused" not in left["main.py"]
    assert "__len__" in left["main.py"]
    assert "__slots__" not in left["main.py"]


def test_a_module_that_is_imported_late_is_left(slimmed: Callable[..., dict[str, str]]) -> None:
    left = slimmed(
        main="def f():\n    from p import m\n    return m.g()\nprint(f())", p="", p__m="def g():\n    return 1"
    )
    assert sorted(left) == ["main.py", "p/m.py"]


def test_parameters_that_no_call_names_and_private_names_are_short(slimmed: Callable[..., dict[str, str]]) -> None:
    left = slimmed(
        main="""
def _outer(first, named=1, *rest):
    def inner(second):
        return [first + second for first in (second,)] + [first, a]
    return inner(named)

a = 5
print(_outer(1, named=2))
"""
    )
    assert "named" in left["main.py"]
    assert "first" not in left["main.py"]
    assert "_outer" not in left["main.py"]
    said: list[Any] = []
    exec(left["main.py"], {"print": said.append})  # noqa: S102
    assert said == [[4, 1, 5]]


# Two methods, two texts, one of which looks as a short name does.
OWN_NAMES = """
import time
from m import Thing, helper

class Refused(ValueError):
    pass

class Again(Refused):
    pass

class Own(Thing):
    def first(self, text, *, wanted=0):
        self.value = "A" + text.upper()
        return helper(self, wanted) + time.time()

    def second(self):
        return getattr(self, "looked_up")

    def looked_up(self):
        return self.value

thing = Own()
print(thing.first("B", wanted=2) > 0, thing.second()(), [name for name in (1, 2)])
try:
    raise Again
except Refused as error:
    print(type(error).__name__)
"""


def run_both(left: dict[str, str]) -> list[object]:
    """What a program of ``m.py`` and ``main.py`` prints."""
    said: list[object] = []
    scope: dict[str, Any] = {}
    exec(left["m.py"], scope)  # noqa: S102
    main = left["main.py"].split("\n", 2)
    names = main[1].removeprefix("from m import ").split(", ")
    exec("\n".join([main[0], main[2]]), {name: scope[name] for name in names} | {"print": lambda *a: said.extend(a)})  # noqa: S102
    return said


def test_public_names_are_short_only_when_it_is_known_which_are_others(tmp_path: Path) -> None:
    sources = {"main": OWN_NAMES, "m": "class Thing:\n    pass\n\ndef helper(thing, count):\n    return count\n"}

    def left(foreign: list[str] | None) -> dict[str, str]:
        program = slim.Program(sources, ["main"], foreign=foreign)
        assert len(set(program.names.values())) == len(program.names)
        return {path: (tmp_path / path).read_text() for path in slim.write(program, tmp_path)}

    plain = left(None)
    short = left(["upper", "time", "value"])
    assert run_both(plain) == run_both(short) == [True, "AB", [1, 2], "Again"]
    for name in ("Thing", "helper", "Own", "first", "second", "wanted"):
        assert name in plain["main.py"]
        assert name not in short["main.py"]
    # The interpreter's, another module's, looked up by a text, built in, special.
    for name in ("upper", "value", "time", "looked_up", "getattr"):
        assert name in short["main.py"]


def test_the_default_of_a_parameter_is_the_outer_name(slimmed: Callable[..., dict[str, str]]) -> None:
    left = slimmed(main="size = int('3')\ndef f(size=size):\n    return size\nprint(f())")
    said: list[Any] = []
    exec(left["main.py"], {"print": said.append})  # noqa: S102
    assert said == [3]


@pytest.mark.parametrize(
    "main",
    [
        "from m import *",
        "import m\nprint(m)",
        "from . import m",
        "try:\n    from m import f\nexcept ImportError:\n    from n import f",
    ],
)
def test_what_cannot_be_followed_is_refused(slimmed: Callable[..., dict[str, str]], main: str) -> None:
    with pytest.raises(slim.SlimError):
        slimmed(main=main, m="def f():\n    return 1", n="def f():\n    return 2")


def test_the_same_sources_give_the_same_files_and_a_second_time_touches_none(tmp_path: Path) -> None:
    sources = slim.read(FIRMWARE, ["microbrew/cbor.py", "microbrew/errors.py", "microbrew/compat.py"])
    outside = ["from microbrew import cbor\nprint(cbor.decode(cbor.encode(1)))"]
    slim.write(slim.Program(sources, [], outside), tmp_path)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.py")}
    slim.write(slim.Program(sources, [], outside), tmp_path)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*.py")} == before


def test_our_package_behaves_the_same_when_it_is_slim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All unit tests inside MicroPython once more, with a package of which only what they refer to is left."""
    paths = sorted(str(path.relative_to(FIRMWARE)) for path in (FIRMWARE / "microbrew").rglob("*.py"))
    tests = sorted((ROOT / "tests/unit").glob("*.py"))
    sources = slim.read(FIRMWARE, [path for path in paths if not path.endswith("/host.py")])
    slim.write(slim.Program(sources, [], [test.read_text() for test in tests if test.stem != "conftest"]), tmp_path)
    plain = run.environment()["MICROPYPATH"]
    slim_path = plain.replace("firmware:", f"{tmp_path}:", 1)
    assert slim_path != plain
    monkeypatch.setattr(run, "environment", lambda: dict(os.environ, MICROPYPATH=slim_path))
    passed = 0
    for test in tests:
        if test.stem.startswith("test_"):
            for result in run.results(run.start(test)):
                assert result.outcome != "fail", f"{test.name}: {result.name}: {result.output}"
                passed += result.outcome == "pass"
    assert passed > 500
