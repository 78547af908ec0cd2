# As mpconfig/manifest_release.py, with the board's radio.
# ruff: noqa: F821
include("../../mpconfig/manifest_device.py", pure=False, serial=False, opt=3)
module("microbrew/radio/cc2652.py", base_path="../../firmware", opt=3)
freeze("../common/modules", ("_boot.py", "_main.py", "device.py"), opt=3)
freeze("modules", opt=3)
