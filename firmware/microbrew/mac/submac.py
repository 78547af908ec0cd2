"""Sub-MAC: send one frame at a time with backoff and retries; filter and acknowledge what arrives.

IEEE 802.15.4 sections 6.2.5.1 (CSMA-CA), 6.7.4 (acknowledgement, retransmission, duplicates). Sans-IO but for
the radio that it is given: time and randomness come from the caller. Security is above (mac/link.py).

    event            IDLE            BACKOFF                          WAIT_ACK
    ---------------  --------------  -------------------------------  ----------------------------------
    commit           -> BACKOFF      queued                           queued
    time is up       -               clear, ack wanted -> WAIT_ACK    tries left -> BACKOFF
                                     clear, no ack: done(True), next  else done(False), next
                                     busy, tries left -> BACKOFF
                                     busy, else done(False), next
    ack, our seq     counted         counted                          done(True), next
    other frame      filter, acknowledge if asked, hand up (in every state)

With a radio that does all of this by itself (``hardware_csma``) BACKOFF is over at once, and then comes SENDING, in
which the radio is asked how it went: done(True) or done(False), next.

"next" is BACKOFF for the following frame of the queue, or IDLE. An acknowledgement is sent at once, before
any security processing, as a hardware would. Immediate acknowledgements name no address: a stray one with our
sequence number ends the wait, so delivery that matters is confirmed end to end.
Left out: enhanced acknowledgements, indirect transmission, promiscuous mode.
"""

from microbrew.compat import const
from microbrew.mac import frame

# The layer above has one frame of its datagrams under way, and now and then a beacon.
QUEUE_LEN = const(4)

_IDLE = const(0)
_BACKOFF = const(1)
_WAIT_ACK = const(2)
_SENDING = const(3)

# Eight tries of a frame, each with all its backoffs, are over in a third of it; a radio that needs longer is stuck.
_SENDING_MS = const(1000)

# macMaxFrameRetries: the most that IEEE 802.15.4 allows, not its default of 3. A lost fragment costs its whole
# datagram, on each of many hops: with a fifth of all frames lost a mesh of 100 joins in a quarter of the time.
_MAX_FRAME_RETRIES = const(7)
# IEEE 802.15.4 MAC PIB defaults.
_MAX_CSMA_BACKOFFS = const(4)
_MIN_BE = const(3)
_MAX_BE = const(5)
# aUnitBackoffPeriod: 20 symbols of 16 us.
_UNIT_BACKOFF_US = const(320)

_DUPLICATE_MS = const(2000)
_DUPLICATE_NEIGHBOURS = const(16)


class _Outgoing:
    __slots__ = ("ack", "buf", "done", "length")

    def __init__(self):
        self.buf = bytearray(frame.MAX_LEN)
        self.length = 0
        self.ack = False
        self.done = None


class SubMac:
    """Sends and receives frames by ``radio``. ``random(n)`` gives n bytes; ``count(name)`` counts drops.

    ``pan_id`` None: not in a PAN, only beacons are received. ``short_address``: 2 bytes or None.
    """

    def __init__(self, radio, random, count):
        self._radio = radio
        # Asked for, because a driver need not derive from Radio.
        self._delegates = getattr(radio, "hardware_csma", False)
        self._random = random
        self._count = count
        self.pan_id = None
        self.short_address = None
        self._frame = frame.Frame()
        self._ack_buf = bytearray(3)
        # The frame under way and those that wait, and the one in the making.
        self._queue = []
        self._next = None
        self._state = _IDLE
        self._due = 0
        self._tries = 0
        self._busy = 0
        self._seq = random(1)[0]
        self._recent = {}

    @property
    def queued(self):
        """Frames that wait or are under way."""
        return len(self._queue)

    def next_seq(self):
        """The sequence number of the next frame, 0..255."""
        self._seq = (self._seq + 1) & 0xFF
        return self._seq

    def reserve(self):
        """A bytearray of 125 to build the next frame in, or None: the queue is full. ``commit`` sends it.

        Raises MemoryError.
        """
        if len(self._queue) == QUEUE_LEN:
            return None
        self._next = _Outgoing()
        return self._next.buf

    def commit(self, length, ack, done, now):
        """Queue the frame built in the buffer of ``reserve``. ``done(ok, now)``, if any, is called once.

        Raises MemoryError, having queued nothing.
        """
        outgoing = self._next
        outgoing.length = length
        outgoing.ack = ack
        outgoing.done = done
        self._queue.append(outgoing)
        self._next = None
        if self._state == _IDLE:
            self._start(now)

    def _start(self, now):
        self._tries = 0
        if self._delegates:
            self._busy = 0
            self._state = _BACKOFF
            self._due = now
        else:
            self._backoff(now, 0)

    def _backoff(self, now, busy):
        self._busy = busy
        exponent = min(_MIN_BE + busy, _MAX_BE)
        periods = (1 << exponent) - 1
        try:
            periods &= self._random(1)[0]
        except MemoryError:
            # The longest wait then: a frame that is queued must not be left without a deadline.
            pass
        self._state = _BACKOFF
        self._due = now + periods * _UNIT_BACKOFF_US // 1000

    def poll(self, now):
        """Do what is due; the next deadline in ms, or None. Call it after received frames were drained."""
        # Bounded, because done() may queue the next frame and its backoff may be 0.
        for _ in range(2 * QUEUE_LEN):
            if self._state == _IDLE:
                return None
            if self._state == _SENDING and self._outcome(now):
                continue
            if now < self._due:
                return self._due
            if self._state == _BACKOFF:
                self._transmit(now)
            elif self._tries > _MAX_FRAME_RETRIES:
                self._count("no_ack")
                self._finish(False, now)
            else:
                self._backoff(now, 0)
        return now

    def _transmit(self, now):
        outgoing = self._queue[0]
        if self._radio.transmit(outgoing.buf, outgoing.length) is False:
            if self._busy >= _MAX_CSMA_BACKOFFS:
                self._count("channel_busy")
                self._finish(False, now)
            else:
                self._backoff(now, self._busy + 1)
            return
        if self._delegates:
            self._count("tx")
            self._state = _SENDING
            self._due = now + _SENDING_MS
            return
        self._tries += 1
        self._count("tx" if self._tries == 1 else "tx_retry")
        if outgoing.ack:
            self._state = _WAIT_ACK
            self._due = now + self._radio.ack_wait_ms
        else:
            self._finish(True, now)

    def _outcome(self, now):
        """Ask the radio how it went. True: it is over."""
        outcome = self._radio.sent()
        if outcome is None and now < self._due:
            return False
        if outcome != "sent":
            self._count(outcome or "stuck")
        self._finish(outcome == "sent", now)
        return True

    def _finish(self, ok, now):
        done = self._queue.pop(0).done
        self._state = _IDLE
        if self._queue:
            self._start(now)
        if done:
            done(ok, now)

    def receive(self, buf, length, now):
        """Take ``buf[:length]``: the Frame if the layer above wants it (valid until the next call), or None."""
        header = self._frame
        reason = header.parse(buf, length)
        if reason is None:
            if header.kind == frame.ACK:
                self._acknowledged(header, now)
                return None
            reason = self._unwanted(header)
        if reason is None:
            self._acknowledge(header)
            if self._duplicate(header, now):
                reason = "duplicate"
        if reason:
            self._count(reason)
            return None
        return header

    def _acknowledged(self, header, now):
        if (
            self._state == _WAIT_ACK
            and header.version < 2
            and header.length == 3
            and header.seq == self._queue[0].buf[2]
        ):
            self._finish(True, now)
        else:
            self._count("stray_ack")

    def _unwanted(self, header):
        if header.src is None:
            return "no_source"
        if header.src == self._radio.eui64:
            return "own_address"
        if header.kind == frame.BEACON:
            # A beacon names its PAN as the source's; who has no PAN listens to all.
            if self.pan_id is not None and header.src_pan != self.pan_id:
                return "other_pan"
            return None
        if header.kind != frame.DATA:
            return "command"
        if self.pan_id is None:
            return "no_pan"
        # A header that elides the PAN id on both sides means the PAN of its receiver.
        if header.dest_pan not in (self.pan_id, frame.BROADCAST_PAN, -1):
            return "other_pan"
        if header.dest != frame.BROADCAST and not self._is_own(header.dest):
            return "other_address"
        return None

    def _is_own(self, address):
        return address is not None and address in (self._radio.eui64, self.short_address)

    def _acknowledge(self, header):
        if header.ack_request and header.seq >= 0 and not self._radio.hardware_ack and self._is_own(header.dest):
            self._radio.transmit(self._ack_buf, frame.put_ack(self._ack_buf, header.seq))

    def _duplicate(self, header, now):
        # Secured frames have their counter. They are left out here because a forged sequence number could
        # otherwise suppress the genuine frame that carries it.
        if header.level or header.kind != frame.DATA or header.seq < 0:
            return False
        recent = self._recent
        entry = recent.get(header.src)
        if entry is None:
            if len(recent) >= _DUPLICATE_NEIGHBOURS:
                oldest = None
                for src in recent:
                    if oldest is None or recent[src][1] < recent[oldest][1]:
                        oldest = src
                del recent[oldest]
            recent[header.src] = [header.seq, now]
            return False
        duplicate = entry[0] == header.seq and now - entry[1] < _DUPLICATE_MS
        entry[0] = header.seq
        entry[1] = now
        return duplicate
