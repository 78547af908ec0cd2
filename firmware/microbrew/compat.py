"""The only file that asks which interpreter runs: what MicroPython and CPython spell differently.

Everything else in the package is written in the common subset of both.
"""

import sys

MICROPYTHON = sys.implementation.name == "micropython"

TYPE_CHECKING = False

try:
    from micropython import const
except ImportError:

    def const(value):
        """Mark a compile-time constant; MicroPython folds it, here it is the value itself."""
        return value


def heap_used():
    """Bytes of Python heap in use, or 0 where the interpreter does not tell."""
    import gc

    return gc.mem_alloc() if MICROPYTHON else 0  # type: ignore[attr-defined]
