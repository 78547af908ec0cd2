"""Numbers that may be tuned, apart from those an RFC fixes; times are in milliseconds.

One object is made at boot and passed down, so that a simulation or a test shortens what it likes.
"""


class Config:
    """Tunables of a device, with the reason for each default."""

    def __init__(self):
        self.channel = 15
        # Listening goes on this long after the first beacon, so that a better network or proxy has its chance.
        self.scan_ms = 2500
        # Beacons of a joined node; IEEE 802.15.4 leaves the period to the network.
        self.beacon_ms = 2000
        # RFC 7252's default. RFC 9031 section 7.5 has 10 s for TSCH networks, whose slots are far slower than ours.
        self.ack_timeout_ms = 2000
        # Pause before the networks in range are tried anew: doubled each round, within the bounds.
        self.retry_min_ms = 5000
        self.retry_max_ms = 600000
        # Longest wait that a registrar may ask for between two tries of a voucher request (cBRSKI: 60 s), and
        # how often it may.
        self.wait_max_ms = 60000
        self.wait_rounds = 60
        # A port of the f0bx range takes one byte in UDP header compression (RFC 6282 section 4.3.1).
        self.join_port = 0xF0B1
        self.proxy_port = 0xF0B2
        # The registrar is asked again for its join port, which also tells it where the node is.
        self.registration_ms = 240000
        # The device's block size exponent (RFC 7959): 1024 bytes, so that 6LoWPAN alone cuts message_3.
        self.block_szx = 6
        self.body_max = 1280
        # Numbers reserved in flash at a time: one flash write each so many frames or messages.
        self.link_counter_step = 1024
        self.oscore_step = 32
        # Free the code of a role that is over. Where code is frozen that is a quick saving of RAM, where it is
        # compiled it is neither, and where nodes share an interpreter they would not like it.
        self.frees_modules = False
