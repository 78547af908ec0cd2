"""A radio at the other end of a line, for host tools: ``--radio serial:PATH`` or ``--radio tcp:HOST:PORT``."""

from microbrew_host.radio_line.line import LINE_MS, LineRadio, check

__all__ = ["LINE_MS", "LineRadio", "check"]
