# ruff: noqa: F821
include("manifest_device.py")
freeze("../boards/common/modules", ("_boot.py", "device.py"))
