"""The DK's LEDs and its button 1, for panel.py.

LED 1: running. LED 2: joining through a proxy. LED 3: member of a network. LED 4: the last attempt failed; and while
button 1 is held at the start, until it has been held long enough.
"""

import machine
from micropython import const
from panel import Panel

_OUTSET = const(0x50000508)
_OUTCLR = const(0x5000050C)
_IN = const(0x50000510)
_DIRSET = const(0x50000518)
_PIN_CNF = const(0x50000700)
_INPUT_PULLUP = const(0x0C)

# LEDs light up towards ground.
_LED1 = const(1 << 13)
_LED2 = const(1 << 14)
_LED3 = const(1 << 15)
_LED4 = const(1 << 16)
_LEDS = const(_LED1 | _LED2 | _LED3 | _LED4)
_BUTTON1 = const(11)

_SHOWN = {
    "boot": (_LED1, 0),
    "proxy": (_LED2, _LED4),
    "failed": (_LED4, _LED2),
    "joined": (_LED3, _LED2 | _LED4),
    "registration": (_LED3, 0),
    "reset": (0, _LED2 | _LED3 | _LED4),
}


def watch(log, store):
    """A log in place of ``log``. With button 1 held at the start, ``store`` forgets its networks first."""
    machine.mem32[_OUTSET] = _LEDS
    machine.mem32[_DIRSET] = _LEDS
    machine.mem32[_PIN_CNF + 4 * _BUTTON1] = _INPUT_PULLUP
    panel = Panel(log, _OUTCLR, _OUTSET, _SHOWN)
    panel.start(store, _LEDS, _LED4, _IN, _BUTTON1)
    return panel
