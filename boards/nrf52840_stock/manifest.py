# Frozen into upstream's nrf port: its start-up code, which mounts the flash, our package, and what makes a device of it.
# ruff: noqa: F821
module("_boot.py", base_path="$(PORT_DIR)/modules/scripts", opt=3)
include("../../mpconfig/manifest_device.py")
freeze("../common/modules", "device.py")
freeze("../stock/nrf52840")
