"""The LaunchPad's LEDs and its button BTN-2: what the device is doing, and the way back to the factory's state.

Red: no member of a network. Both: joining through a proxy; and while BTN-2 is held at the start, until it has been held
long enough. Green: a member. BTN-1 is the boot loader's.
"""

import time

import machine
from micropython import const

_DOUTSET = const(0x40022090)
_DOUTCLR = const(0x400220A0)
_DIN = const(0x400220C0)

_RED = const(1 << 6)
_GREEN = const(1 << 7)
# It closes towards ground.
_BUTTON = const(14)

_HOLD_MS = const(3000)
_LOOK_MS = const(20)

# Event of the log: LEDs that are on from then.
_SHOWN = {
    "boot": _RED,
    "proxy": _RED | _GREEN,
    "failed": _RED,
    "joined": _GREEN,
    "registration": _GREEN,
    "reset": _RED,
}


def _show(leds):
    machine.mem32[_DOUTCLR] = _RED | _GREEN
    machine.mem32[_DOUTSET] = leds


def _is_held():
    """Whether the button is pressed now and stays so for the whole time."""
    begin = time.ticks_ms()
    while not machine.mem32[_DIN] >> _BUTTON & 1:
        _show(_RED | _GREEN)
        if time.ticks_diff(time.ticks_ms(), begin) >= _HOLD_MS:
            return True
        time.sleep_ms(_LOOK_MS)
    return False


class Panel:
    """A log that also lights the LEDs; ``log`` is the one behind it."""

    def __init__(self, log):
        self._log = log

    def __call__(self, now, event, text):
        if event in _SHOWN:
            _show(_SHOWN[event])
        self._log(now, event, text)


def watch(log, store):
    """A log in place of ``log``. With BTN-2 held at the start, ``store`` forgets its networks first."""
    panel = Panel(log)
    if _is_held():
        store.factory_reset()
        panel(0, "reset", "factory reset by button")
    else:
        _show(0)
    return panel
