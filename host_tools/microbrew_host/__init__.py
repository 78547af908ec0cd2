"""Host side of Microbrew, for CPython: registrar, MASA, factory, border router, ether, tools.

Imports ``microbrew`` (the firmware package) for the protocols that both sides share; the firmware never
imports this package.
"""
