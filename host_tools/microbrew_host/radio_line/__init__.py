"""A radio at the other end of a line, for host tools: ``--radio serial:PATH`` or ``--radio tcp:HOST:PORT``."""

from microbrew_host.radio_line.line import LineRadio, check

__all__ = ["LineRadio", "check"]
