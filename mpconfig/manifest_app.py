# An image that is not a device: boards/common/apps/$(APP)/_main.py instead of device.py, and of our package only what
# it may need.
# ruff: noqa: F821

import os

for name in ("__init__", "compat", "errors", "radio/__init__", "radio/api", "radio/serial_end", "radio/serial_wire"):
    module("microbrew/%s.py" % name, base_path="../firmware", opt=3)
for name in os.environ.get("BOARD_FREEZES", "").split():
    if name.startswith("microbrew/radio/"):
        module(name, base_path="../firmware", opt=3)
freeze("../boards/common/apps/" + os.environ["APP"], opt=3)
freeze("$(BOARD_DIR)/modules", ("board_radio.py",), opt=3)
