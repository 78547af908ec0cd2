"""The part of unittest that the unit tests use, for MicroPython, which has none.

``micropython -m unittest FILE [Class.test_name ...]`` runs a test file. Each test gives a line
``@test start NAME``, then whatever it prints, then ``@test pass NAME``, ``@test fail NAME`` or
``@test skip NAME REASON``; a file that cannot be loaded gives ``@test error FILE``. run.py and the pytest
plugin in tests/unit/conftest.py read these lines.

Left out on purpose: subTest, addCleanup, mocks, assertRaisesRegex, the discovery of packages.
"""

import gc
import sys


class SkipTest(Exception):
    """Raised by a test that cannot run here; the text says why."""


class _Raises:
    """What ``with self.assertRaises(...)`` enters; ``exception`` is the one that was raised."""

    def __init__(self, expected):
        self.expected = expected
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            raise AssertionError("%r was not raised" % (self.expected,))
        if not issubclass(kind, self.expected):
            return False
        self.exception = value
        return True


class TestCase:
    """A class whose methods named ``test*`` are tests."""

    def setUp(self):
        pass

    def tearDown(self):
        pass

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def fail(self, msg=None):
        raise AssertionError(msg)

    def skipTest(self, reason):
        raise SkipTest(reason)

    def _check(self, holds, msg, text, *values):
        if not holds:
            text = text % values
            raise AssertionError("%s : %s" % (text, msg) if msg else text)

    def assertEqual(self, first, second, msg=None):
        self._check(first == second, msg, "%r != %r", first, second)

    def assertNotEqual(self, first, second, msg=None):
        self._check(first != second, msg, "%r == %r", first, second)

    def assertTrue(self, value, msg=None):
        self._check(value, msg, "%r is not true", value)

    def assertFalse(self, value, msg=None):
        self._check(not value, msg, "%r is not false", value)

    def assertIs(self, first, second, msg=None):
        self._check(first is second, msg, "%r is not %r", first, second)

    def assertIsNot(self, first, second, msg=None):
        self._check(first is not second, msg, "%r is %r", first, second)

    def assertIsNone(self, value, msg=None):
        self._check(value is None, msg, "%r is not None", value)

    def assertIsNotNone(self, value, msg=None):
        self._check(value is not None, msg, "is None")

    def assertIn(self, item, container, msg=None):
        self._check(item in container, msg, "%r not in %r", item, container)

    def assertNotIn(self, item, container, msg=None):
        self._check(item not in container, msg, "%r in %r", item, container)

    def assertGreater(self, first, second, msg=None):
        self._check(first > second, msg, "%r is not greater than %r", first, second)

    def assertGreaterEqual(self, first, second, msg=None):
        self._check(first >= second, msg, "%r is less than %r", first, second)

    def assertLess(self, first, second, msg=None):
        self._check(first < second, msg, "%r is not less than %r", first, second)

    def assertLessEqual(self, first, second, msg=None):
        self._check(first <= second, msg, "%r is greater than %r", first, second)

    def assertIsInstance(self, value, kind, msg=None):
        self._check(isinstance(value, kind), msg, "%r is not a %r", value, kind)

    def assertNotIsInstance(self, value, kind, msg=None):
        self._check(not isinstance(value, kind), msg, "%r is a %r", value, kind)

    def assertRaises(self, expected, function=None, *args, **kwargs):
        context = _Raises(expected)
        if function is None:
            return context
        with context:
            function(*args, **kwargs)
        return None


def skip(reason):
    """Decorator of a test or of a TestCase that is not to run."""

    def decorate(target):
        if isinstance(target, type):
            target.skip_reason = reason
            return target

        # Functions take no attributes in MicroPython, so the reason travels in a closure.
        def skipped(self):
            raise SkipTest(reason)

        return skipped

    return decorate


def skipIf(condition, reason):
    return skip(reason) if condition else _unchanged


def skipUnless(condition, reason):
    return _unchanged if condition else skip(reason)


def _unchanged(target):
    return target


def _run_one(cls, name):
    """Runs one test method; the text of its outcome: "pass", "fail" or "skip"."""
    label = "%s.%s" % (cls.__name__, name)
    print("@test start", label)
    outcome = "pass"
    reason = ""
    try:
        if getattr(cls, "skip_reason", None) is not None:
            raise SkipTest(cls.skip_reason)
        case = cls()
        case.setUp()
        try:
            getattr(case, name)()
        finally:
            case.tearDown()
    except SkipTest as skipped:
        outcome = "skip"
        reason = str(skipped)
    except Exception as error:
        outcome = "fail"
        sys.print_exception(error)
    print("@test", outcome, label, reason)
    gc.collect()
    return outcome


def _run_class(cls, names):
    """Runs the named methods of a class between its class fixtures; a list of outcomes."""
    try:
        if getattr(cls, "skip_reason", None) is None:
            cls.setUpClass()
    except Exception as error:
        skipped = isinstance(error, SkipTest)
        outcomes = []
        for name in names:
            label = "%s.%s" % (cls.__name__, name)
            print("@test start", label)
            if skipped:
                print("@test skip", label, str(error))
            else:
                sys.print_exception(error)
                print("@test fail", label)
            outcomes.append("skip" if skipped else "fail")
        return outcomes
    outcomes = [_run_one(cls, name) for name in names]
    cls.tearDownClass()
    return outcomes


def _wanted(module, selected):
    """Pairs of class and its test names, sorted, or those of ``selected`` ("Class.test") in its order."""
    classes = {}
    for key in dir(module):
        value = getattr(module, key)
        if isinstance(value, type) and issubclass(value, TestCase) and value is not TestCase:
            classes[value.__name__] = value
    if not selected:
        found = []
        for key in sorted(classes):
            # dir() lists a name again for each base class that has it.
            names = {name for name in dir(classes[key]) if name.startswith("test")}
            found.append((classes[key], sorted(names)))
        return found
    pairs = []
    for label in selected:
        owner, name = label.split(".")
        if pairs and pairs[-1][0] is classes[owner]:
            pairs[-1][1].append(name)
        else:
            pairs.append((classes[owner], [name]))
    return pairs


def run_file(path, selected=()):
    """Loads a test file and runs its tests; the list of outcomes. Any error of loading counts as a failure."""
    directory, _, base = path.rpartition("/")
    sys.path.insert(0, directory or ".")
    try:
        module = __import__(base[:-3] if base.endswith(".py") else base)
        pairs = _wanted(module, selected)
    except SkipTest as skipped:
        print("@test skipfile", path, str(skipped))
        return []
    except Exception as error:
        sys.print_exception(error)
        print("@test error", path)
        return ["fail"]
    outcomes = []
    for cls, names in pairs:
        outcomes.extend(_run_class(cls, names))
    return outcomes


def main():
    """Runs the file that imports this module as a script; exit status 1 if a test failed."""
    _exit(run_file(sys.argv[0]))


def _exit(outcomes):
    sys.exit(1 if "fail" in outcomes else 0)


if __name__ == "__main__":
    # Started by -m this module is __main__; the tests must find the very same TestCase under its own name.
    import unittest

    if len(sys.argv) < 2:
        print("usage: micropython -m unittest FILE [Class.test_name ...]")
        sys.exit(2)
    _exit(unittest.run_file(sys.argv[1], sys.argv[2:]))
