"""Boards seen from the host: emulated ones, and whatever answers on a serial line."""
