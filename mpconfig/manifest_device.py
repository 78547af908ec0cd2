# Our package, without what only hosts and tests use. A release has less of it (release.py).
# ruff: noqa: F821 (the names come from MicroPython's tools/makemanifest.py)

import os

HOST_ONLY = (
    "microbrew/crypto/host.py",  # over CPython's cryptography
    "microbrew/edhoc/responder.py",  # the registrar's side
)
SOCKETS = ("microbrew/radio/zep.py",)  # needs an operating system

# Only where the board's board.mk asks for them: they need modules in C that others do not have.
CHIP = (
    "microbrew/crypto/hardware.py",
    "microbrew/radio/cc2652.py",
    "microbrew/radio/nrf52840.py",
    "microbrew/radio/nrf52840_viper.py",
)
WANTED = os.environ.get("BOARD_FREEZES", "").split()

options.defaults(sockets=False)

for folder, _, files in sorted(os.walk("../firmware/microbrew")):
    for file in sorted(files):
        name = os.path.relpath(os.path.join(folder, file), "../firmware")
        if not name.endswith(".py") or name in HOST_ONLY or (name in SOCKETS and not options.sockets):
            continue
        if name in CHIP and name not in WANTED:
            continue
        module(name, base_path="../firmware")
