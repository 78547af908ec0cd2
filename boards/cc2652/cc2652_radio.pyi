"""The radio of the CC2652's RF core (boards/cc2652/modcc2652_radio.c); microbrew.radio.cc2652 is its one user.

Arguments are positional. OSError("RF core, step N"): N is of ``enum rf_step`` in rf_core.h. OSError(ENODEV): not
started. Times are us of the radio's clock and wrap at 2**30.
"""

# Results of sent().
UNDER_WAY: int
SENT: int  # and acknowledged, if that was asked for
NO_ACK: int  # to none of the tries
BUSY: int  # the channel was not clear at any try of CSMA-CA; nothing was sent
FAILED: int  # the RF core did not do it; it has been started anew
# False: built without TI_SDK_DIR. On silicon the radio does not work then.
TRIMMED: bool

def start(eui64: bytes | bytearray | memoryview, channel: int, /) -> None:
    """Power up and listen: every frame, none acknowledged, until ``filter``. ``eui64``: most significant byte first."""

def stop() -> None:
    """Power down."""

def tune(channel: int, /) -> None:
    """Listen on a channel, 11..26. Frames of the old one that nobody has fetched are dropped."""

def filter(pan_id: int, short_address: int, /) -> None:
    """Receive what is for this PAN and address, and acknowledge it. PAN 0xffff: every frame, none acknowledged."""

def send(buf: bytes | bytearray | memoryview, length: int, retries: int, /) -> bool:
    """Begin to send ``buf[:length]``, 1..125 bytes, and its FCS. False: the frame before is still under way.

    With CSMA-CA, and up to ``retries`` more times if it asks for an acknowledgement.
    """

def sent() -> int:
    """How it went. It is this, and ``wait``, that send the retries."""

def receive_into(buf: bytearray | memoryview, /) -> int:
    """The oldest frame into ``buf``, at least 125 bytes: its length without FCS, or 0 for none."""

def lqi() -> int:
    """Of the frame received last, 0..252."""

def rssi() -> int:
    """Of the frame received last, dBm."""

def timestamp() -> int:
    """Of the frame received last: the end of its start-of-frame delimiter."""

def now() -> int:
    """The radio's clock."""

def wait(timeout_ms: int, /) -> None:
    """Until a frame waits, or the one that is under way is sent, or the time is over."""

def energy(channel: int, duration_ms: int, /) -> int:
    """The strongest signal within 1..10000 ms, dBm. Nothing is received meanwhile."""

def counters() -> tuple[int, int, int, int, int, int, int]:
    """Frames received, with a bad FCS, filtered, lost to a full ring; acknowledgements sent; tries; restarts."""
