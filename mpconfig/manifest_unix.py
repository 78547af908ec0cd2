# The unix board: our package with the radio that needs sockets.
# ruff: noqa: F821
include("manifest_device.py", sockets=True)
