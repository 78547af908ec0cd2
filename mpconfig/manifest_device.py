# Our package, without what only hosts and tests use. A release has less of it (release.py).
# ruff: noqa: F821 (the names come from MicroPython's tools/makemanifest.py)

import os

HOST_ONLY = (
    "microbrew/crypto/host.py",  # over CPython's cryptography
    "microbrew/edhoc/responder.py",  # the registrar's side
)
SOCKETS = ("microbrew/radio/zep.py",)  # needs an operating system

options.defaults(sockets=False)

for folder, _, files in sorted(os.walk("../firmware/microbrew")):
    for file in sorted(files):
        name = os.path.relpath(os.path.join(folder, file), "../firmware")
        if not name.endswith(".py") or name in HOST_ONLY or (name in SOCKETS and not options.sockets):
            continue
        module(name, base_path="../firmware")
