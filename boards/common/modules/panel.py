"""What a board with LEDs and a button shows of the device, and the way back to the factory's state.

A board's own module ``board_panel`` names its pins and which LEDs go on and off at which event of the log.
"""

import time

import machine
from micropython import const

_HOLD_MS = const(3000)
_LOOK_MS = const(20)


class Panel:
    """A log that also lights the LEDs; ``log`` is the one behind it.

    ``light``, ``darken``: addresses of registers that a mask of LEDs is written to. ``shown``: event of the log to the
    masks of LEDs that go on and off.
    """

    def __init__(self, log, light, darken, shown):
        self._log = log
        self._light = light
        self._darken = darken
        self._shown = shown

    def __call__(self, now, event, text):
        if event in self._shown:
            on, off = self._shown[event]
            self._set(on, off)
        self._log(now, event, text)

    def _set(self, on, off):
        machine.mem32[self._light] = on
        machine.mem32[self._darken] = off

    def start(self, store, leds, held, level, button):
        """With the button held for 3 s from now on, ``store`` forgets its networks; else all is dark from then.

        ``leds``, ``held``: masks of all LEDs, and of those lit while the button is held. ``level``: address of the
        register with the pins' levels; ``button``: its pin, which the button closes towards ground. Raises StoreError.
        """
        self._set(0, leds)
        begin = time.ticks_ms()
        while not machine.mem32[level] >> button & 1:
            self._set(held, 0)
            if time.ticks_diff(time.ticks_ms(), begin) >= _HOLD_MS:
                store.factory_reset()
                self(0, "reset", "factory reset by button")
                return
            time.sleep_ms(_LOOK_MS)
        self._set(0, leds)
