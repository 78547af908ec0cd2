"""The LaunchPad's LEDs and its button BTN-2, for panel.py.

Red: no member of a network. Both: joining through a proxy; and while BTN-2 is held at the start, until it has been held
long enough. Green: a member. BTN-1 is the boot loader's.
"""

from micropython import const
from panel import Panel

_DOUTSET = const(0x40022090)
_DOUTCLR = const(0x400220A0)
_DIN = const(0x400220C0)

_RED = const(1 << 6)
_GREEN = const(1 << 7)
_BUTTON = const(14)

_SHOWN = {
    "boot": (_RED, _GREEN),
    "proxy": (_RED | _GREEN, 0),
    "failed": (_RED, _GREEN),
    "joined": (_GREEN, _RED),
    "registration": (_GREEN, _RED),
    "reset": (_RED, _GREEN),
}


def watch(log, store):
    """A log in place of ``log``. With BTN-2 held at the start, ``store`` forgets its networks first."""
    panel = Panel(log, _DOUTSET, _DOUTCLR, _SHOWN)
    panel.start(store, _RED | _GREEN, _RED | _GREEN, _DIN, _BUTTON)
    return panel
