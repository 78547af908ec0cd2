"""The DK's LEDs and its button 1: what the device is doing, and the way back to the factory's state.

LED 1: running. LED 2: joining through a proxy. LED 3: member of a network. LED 4: the last attempt failed; and while
button 1 is held at the start, until it has been held long enough.
"""

import time

import machine
from micropython import const

_OUTSET = const(0x50000508)
_OUTCLR = const(0x5000050C)
_IN = const(0x50000510)
_DIRSET = const(0x50000518)
_PIN_CNF = const(0x50000700)
_INPUT_PULLUP = const(0x0C)

# LEDs light up and the button closes towards ground.
_LED1 = const(1 << 13)
_LED2 = const(1 << 14)
_LED3 = const(1 << 15)
_LED4 = const(1 << 16)
_BUTTON1 = const(11)

_HOLD_MS = const(3000)
_LOOK_MS = const(20)

# Event of the log: LEDs that go on, and that go off.
_SHOWN = {
    "boot": (_LED1, 0),
    "proxy": (_LED2, _LED4),
    "failed": (_LED4, _LED2),
    "joined": (_LED3, _LED2 | _LED4),
    "registration": (_LED3, 0),
    "reset": (0, _LED2 | _LED3 | _LED4),
}


def _set(on, off):
    if on:
        machine.mem32[_OUTCLR] = on
    if off:
        machine.mem32[_OUTSET] = off


def _is_pressed():
    return not machine.mem32[_IN] >> _BUTTON1 & 1


def _is_held():
    """Whether button 1 is pressed now and stays so for the whole time."""
    begin = time.ticks_ms()
    while _is_pressed():
        _set(_LED4, 0)
        if time.ticks_diff(time.ticks_ms(), begin) >= _HOLD_MS:
            return True
        time.sleep_ms(_LOOK_MS)
    return False


class Panel:
    """A log that also lights the LEDs; ``log`` is the one behind it."""

    def __init__(self, log):
        self._log = log

    def __call__(self, now, event, text):
        shown = _SHOWN.get(event)
        if shown:
            _set(shown[0], shown[1])
        self._log(now, event, text)


def watch(log, store):
    """A log in place of ``log``. With button 1 held at the start, ``store`` forgets its networks first."""
    leds = _LED1 | _LED2 | _LED3 | _LED4
    _set(0, leds)
    machine.mem32[_DIRSET] = leds
    machine.mem32[_PIN_CNF + 4 * _BUTTON1] = _INPUT_PULLUP
    panel = Panel(log)
    if _is_held():
        store.factory_reset()
        panel(0, "reset", "factory reset by button")
    _set(0, leds)
    return panel
