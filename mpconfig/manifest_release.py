# A device's image: no asserts, no line numbers, starts by itself.
# ruff: noqa: F821
include("manifest_device.py", pure=False, factory=False, opt=3)
freeze("../boards/common/modules", ("_boot.py", "_main.py", "device.py"), opt=3)
freeze("$(BOARD_DIR)/modules", opt=3)
