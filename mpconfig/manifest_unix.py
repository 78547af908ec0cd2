# ruff: noqa: F821
include("manifest_device.py", sockets=True)
