"""An EDHOC peer over CoAP for people who build one themselves (RFC 9528 with Appendix A.2; OSCORE of Appendix A.1).

Runs the firmware's EDHOC on this machine, in either role and either flow, and shows every message and every
intermediate value in the RFC's names. Left out: the combined request of RFC 9668, PSK authentication.
"""
