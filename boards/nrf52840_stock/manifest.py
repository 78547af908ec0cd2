# Frozen into upstream's nrf port: its start-up code, which mounts the flash, and our package.
# ruff: noqa: F821
module("_boot.py", base_path="$(PORT_DIR)/modules/scripts", opt=3)
include("../../mpconfig/manifest_device.py")
