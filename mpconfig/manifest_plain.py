# Nothing of ours but the start-up code, which mounts the flash: a board as `make deploy` finds one.
# ruff: noqa: F821
freeze("../boards/common/modules", "_boot.py")
