"""Stub until deploy."""

PRELUDE = "try:\n import microbrew_packs\n microbrew_packs.mount()\nexcept ImportError: pass\n"
