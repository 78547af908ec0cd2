# No asserts, no line numbers. ruff: noqa: F821
include("manifest_device.py", pure=False, opt=3)
freeze("../boards/common/modules", ("_boot.py", "_main.py", "device.py"), opt=3)
