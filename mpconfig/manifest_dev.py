# A developer's image: with line numbers and asserts, and with the pure crypto.
# ruff: noqa: F821
include("manifest_device.py")
freeze("../boards/common/modules", ("_boot.py", "device.py", "panel.py"))
freeze("$(BOARD_DIR)/modules")
