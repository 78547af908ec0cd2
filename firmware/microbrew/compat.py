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


# Of these there are objects that outlive the role that made them: a membership and its keys.
_LASTING = ("microbrew.join.membership", "microbrew.mac.security")


def loaded_modules():
    """Names of the modules that are loaded now, for ``forget_modules``."""
    return tuple(sys.modules)


def forget_modules(loaded):
    """Forget the modules of this package that are not among ``loaded``, names, or None for doing nothing.

    MicroPython then frees what nothing else holds: a module, its functions and classes take RAM although their code
    is frozen. The next import makes them anew, so what outlives the one who imported them must not be theirs.
    """
    if loaded is None:
        return
    # One by one instead of from a list: this is for when there is little memory.
    while True:
        for name in sys.modules:
            if name.startswith("microbrew.") and name not in loaded and name not in _LASTING:
                break
        else:
            return
        del sys.modules[name]
        package, _, last = name.rpartition(".")
        if package in sys.modules:
            delattr(sys.modules[package], last)


def heap_used():
    """Bytes of Python heap in use, or 0 where the interpreter does not tell."""
    import gc

    return gc.mem_alloc() if MICROPYTHON else 0  # type: ignore[attr-defined]
