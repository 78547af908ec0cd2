"""The unit tests of the crypto backends for a target that has no room for them: they run here, the crypto runs there.

Every verb of the facade becomes one line at the target's REPL. What the target refuses is raised here as what it is.
"""

import importlib.util
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from unit_on_target import run

from microbrew.crypto import ED25519
from microbrew.errors import CryptoError, StateError
from microbrew_host.board.packs import PRELUDE
from microbrew_host.board.repl import Failed, Repl
from microbrew_host.board.target import Target

# Test files whose backend comes from ``crypto.load`` alone.
FILES = ("test_crypto_negative.py", "test_crypto_vectors.py", "test_crypto_x25519.py")
_ERRORS = {error.__name__: error for error in (CryptoError, StateError, ValueError)}
_GIVE_BYTES = ("ccm_open", "ccm_seal", "decompress", "ecdh", "hkdf_expand", "hkdf_extract", "hmac", "sha256", "sign")
_SETUP = """
try: from board import RELEASE
except ImportError: RELEASE = False
# MicroPython's hex() of nothing is no text.
def say(data): print(data.hex() if data else "")
"""
# A signature on a slow chip, and then some.
_SECONDS = 120.0


class WireKey:
    """A private key that is on the target. ``secret`` names it there."""

    def __init__(self, crypto: "WireCrypto", secret: str) -> None:
        self._crypto = crypto
        self.secret = secret
        self.curve = int(crypto.run(f"print({secret}.curve)"))
        self.public = crypto.bytes_of(f"{secret}.public")

    def wipe(self) -> None:
        """Have it forgotten."""
        self._crypto.run(f"{self.secret}.wipe()")


class WireCrypto:
    """The backend ``name`` of the board behind ``repl``, with the verbs of microbrew.crypto.Crypto."""

    def __init__(self, repl: Repl, name: str) -> None:
        self._repl = repl
        self._keys = 0
        self.name = name
        self.run(f"from microbrew import crypto; c = crypto.load({name!r}, RELEASE); keys = []")

    def run(self, code: str) -> str:
        """What code prints there. Raises the error that it raised; SkipTest where the target has too little heap."""
        try:
            return self._repl(code, timeout=_SECONDS)
        except Failed as error:
            if error.name == "MemoryError":
                raise unittest.SkipTest("a message that the target has no room for") from None
            raise _ERRORS.get(error.name, AssertionError)(error.traceback) from None

    def bytes_of(self, expression: str) -> bytes:
        """The value of an expression that is bytes."""
        return bytes.fromhex(self.run(f"say({expression})"))

    def _call(self, verb: str, *arguments: Any) -> str:
        return f"c.{verb}({', '.join(map(_literal, arguments))})"

    def _key(self, made: str) -> WireKey:
        self.run(f"keys.append({made})")
        self._keys += 1
        return WireKey(self, f"keys[{self._keys - 1}]")

    def load_private(self, curve: int, secret: bytes) -> WireKey:
        if curve == ED25519:
            raise unittest.SkipTest("a release has no Ed25519")
        return self._key(self._call("load_private", curve, secret))

    def generate(self, curve: int) -> WireKey:
        return self._key(self._call("generate", curve))

    def verify(self, *arguments: Any) -> None:
        self.run(self._call("verify", *arguments))

    def __getattr__(self, verb: str) -> Any:
        if verb not in _GIVE_BYTES:
            raise AttributeError(verb)
        return lambda *arguments: self.bytes_of(self._call(verb, *arguments))


def _literal(value: Any) -> str:
    if isinstance(value, WireKey):
        return value.secret
    if isinstance(value, bytes | bytearray | memoryview):
        kind = {bytes: "", bytearray: "bytearray", memoryview: "memoryview"}[type(value)]
        data = bytes(value)
        return f"{kind}({f'bytes({len(data)})' if not any(data) else f'bytes.fromhex({data.hex()!r})'})"
    return repr(value)


def backends(repl: Repl) -> list[str]:
    """Names of the target's crypto backends that are in C."""
    code = """
from microbrew import crypto
for name in ("hardware", "native"):
    try: print(crypto.load(name, RELEASE).name)
    except ImportError: pass
"""
    return repl(code).split()


class WireRunner:
    """As unit_on_target.Runner, for ``FILES``. ``names``: with these backends, else with all that the target has."""

    def __init__(self, target: Target, names: tuple[str, ...] = ()) -> None:
        self._target = target
        self._names = names

    def run(self, path: Path, words: tuple[str, ...] = ("",)) -> Iterator["run.Result"]:
        """The outcomes of a file, with each backend of the target; ``words``: tests with one of these in the name."""
        with self._target.repl() as repl:
            repl.soft_reset()
            repl(PRELUDE + _SETUP)
            for name in self._names or backends(repl):
                yield from self._with(repl, _load(path), name, words)

    def _with(self, repl: Repl, module: ModuleType, name: str, words: tuple[str, ...]) -> Iterator["run.Result"]:
        module.crypto = SimpleNamespace(load=lambda backend: WireCrypto(repl, backend))  # type: ignore[attr-defined]
        # What takes a computer no time takes the target minutes.
        module.MICROPYTHON = True  # type: ignore[attr-defined]
        case = type(f"Test{name.capitalize()}", (module.TestPure,), {"backend": name})
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(case):
            if not any(word in test.id() for word in words):
                continue
            found = unittest.TestResult()
            test.run(found)
            label = f"{case.__name__}.{test.id().rpartition('.')[2]}"
            broken = [text for _, text in [*found.failures, *found.errors]]
            if broken:
                yield run.Result(label, "fail", "", "\n".join(broken))
            elif found.skipped:
                yield run.Result(label, "skip", found.skipped[0][1], "")
            else:
                yield run.Result(label, "pass", "", "")


def _load(path: Path) -> ModuleType:
    """A test module anew, so that nobody else's is changed."""
    # As pytest does for who runs it: there are modules beside it that it asks for.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location("by_wire_" + path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
