"""The module ``board`` for boards that run stock MicroPython and have no such one in C (boards/common/board.pyi)."""

CONSOLE = True  # there is a REPL, and ctrl-C comes through it
RELEASE = False
