"""What a release image does after start-up, for ever; main.c resets the board when it ends."""

import sys

# Without the flash, or a file there could stand in the way of a frozen module, though not run in its place.
sys.path[:] = [".frozen"]

try:
    import device

    device.run()
except Exception as error:
    # The text only: a traceback says nothing without line numbers.
    print("0 stopped %s: %s" % (type(error).__name__, error))
