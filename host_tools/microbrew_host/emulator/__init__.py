"""Microcontrollers at register level: images for boards run unmodified in this process, in virtual time.

``cortexm`` is the processor, ``nrf52840`` the chip around it. docs/emulation.md says what is modelled, where the
timings come from, and what differs from hardware.
"""
