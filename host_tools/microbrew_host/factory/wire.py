"""The factory's half of firmware/microbrew/identity/provision.py: its calls, over the REPL of a board.

Arguments and results cross the line as hexadecimal digits of CBOR. Nothing here asks for a private key.
"""

from typing import Any

from microbrew import cbor
from microbrew_host.board.errors import BoardError
from microbrew_host.board.packs import PRELUDE
from microbrew_host.board.repl import Repl
from microbrew_host.factory.line import PRIVATE_KEY, PSK, SERIAL

# A key pair and a signature in Python on a slow chip.
_SECONDS = 300.0

_SETUP = """
from microbrew import cbor, crypto
from microbrew.identity import provision
from microbrew.identity.store import Store
try:
    from board import RELEASE
except ImportError:
    RELEASE = False
def _crypto(): return crypto.load(release=RELEASE)
def _say(value): print("@" + cbor.encode(value).hex())
def _store(): return Store(%r)
"""

_CHIP_NUMBER = """
try:
    from board import EUI64
except ImportError:
    EUI64 = False
try:
    import machine; print(machine.unique_id().hex(), EUI64, sep=",")
except (ImportError, AttributeError): print(",")
"""


class Wire:
    """The production line's calls on a board. Each raises BoardError; Failed if the board refuses."""

    def __init__(self, repl: Repl, store: str) -> None:
        self._repl = repl
        repl(PRELUDE + _SETUP % store)

    def has_entropy(self) -> bool:
        """Whether a key can be made on the board."""
        found = self._repl("import os\ntry:\n os.urandom(1); print(1)\nexcept Exception: print(0)")
        return found == "1"

    def chip_number(self) -> tuple[bytes, bool]:
        """``machine.unique_id()``, empty if the board has none; whether it is an EUI-64 out of its maker's block."""
        number, is_eui64 = self._repl(_CHIP_NUMBER).split(",")
        return bytes.fromhex(number), is_eui64 == "True"

    def status(self) -> tuple[dict[int, Any] | None, dict[int, Any] | None]:
        """What is no secret of the records ``factory`` and ``factory-pending``."""
        factory, pending = self._call("provision.status(_store())")
        return factory, pending

    def request(self, serial: str, eui64: bytes) -> bytes:
        """A certification request, DER, for a key that stays on the board."""
        der = self._call(f"provision.request(_store(), _crypto(), {serial!r}, {eui64!r})")
        if not isinstance(der, bytes):
            raise BoardError("the board's certification request is no byte string")
        return der

    def accept(self, record: dict[int, Any]) -> None:
        """Give the board its certificate: {1: serial, 2: EUI-64, 3: certificate, 5: MASA's key}."""
        self._call(f"provision.accept(_store(), _crypto(), {_sent(record)})")

    def install(self, record: dict[int, Any]) -> None:
        """Give the board a whole record, its private key included."""
        self._call(f"provision.install(_store(), _crypto(), {_sent(record)})")

    def place(self, record: dict[int, Any]) -> None:
        """As ``install``, but never over another identity. Nothing happens if the board has this one."""
        has, _ = self.status()
        public = {key: value for key, value in record.items() if key not in (PRIVATE_KEY, PSK)}
        if has is not None and has != public:
            raise BoardError(f"the board is {has.get(SERIAL)} already and stays so")
        if has is None:
            self.install(record)

    def _call(self, expression: str) -> Any:
        said = self._repl(f"_say({expression})", timeout=_SECONDS)
        line = said.splitlines()[-1:] or [""]
        if not line[0].startswith("@"):
            raise BoardError(f"the board answered {said!r}")
        return cbor.decode(bytes.fromhex(line[0][1:]))


def _sent(record: dict[int, Any]) -> str:
    return f"cbor.decode(bytes.fromhex({cbor.encode(record).hex()!r}))"
