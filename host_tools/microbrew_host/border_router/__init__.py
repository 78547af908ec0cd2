"""The 6LoWPAN border router: DODAG root on the radio side, UDP sockets on the host side."""
