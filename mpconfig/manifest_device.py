# Frozen into every image: our package, without what only hosts and tests use.
# ruff: noqa: F821 (the names come from MicroPython's tools/makemanifest.py)

import os

HOST_ONLY = (
    "microbrew/crypto/host.py",  # over CPython's cryptography
    "microbrew/edhoc/responder.py",  # the registrar's side
)
SOCKETS = ("microbrew/radio/zep.py",)  # needs an operating system
BOARD_RADIOS = ("microbrew/radio/cc2652.py",)  # over a module in C of one board, which freezes it itself
SERIAL = "microbrew/radio/serial"  # for boards without a radio, and with one that serves a host
PURE = "microbrew/crypto/pure/"  # not constant time: a release refuses it, but for decompressing points

options.defaults(sockets=False, serial=True, pure=True, opt=0)

for folder, _, files in sorted(os.walk("../firmware/microbrew")):
    for file in sorted(files):
        name = os.path.relpath(os.path.join(folder, file), "../firmware")
        if not name.endswith(".py") or name in HOST_ONLY or (name in SOCKETS and not options.sockets):
            continue
        if name in BOARD_RADIOS or (name.startswith(SERIAL) and not options.serial):
            continue
        if name.startswith(PURE) and not options.pure and not name.endswith(("/p256.py", "/__init__.py")):
            continue
        module(name, base_path="../firmware", opt=options.opt)
