# A device's image: no asserts, no line numbers, starts by itself. What release.py has written: our package, as much of
# it as a device uses.
# ruff: noqa: F821
freeze("$(RELEASE_DIR)", opt=3)
