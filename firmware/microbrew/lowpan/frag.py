"""6LoWPAN fragmentation (RFC 4944 section 5.3): bounded reassembly, and sending with one frame in flight.

Fragments are put together at every hop. Fragment forwarding (RFC 8930) and recovery (RFC 8931) are left out.
"""

from microbrew.compat import const
from microbrew.lowpan import iphc

_FRAG1 = const(0xC0)
_FRAGN = const(0xE0)
_FRAG1_HEADER = const(4)
_FRAGN_HEADER = const(5)
_UNIT = const(8)
_MAX_TIMEOUT = const(60000)
_RETRY_MS = const(20)
_FRAME = const(127)


def is_dispatch(octet):
    """True if a frame that starts with ``octet`` is a fragment."""
    return octet & 0xD8 == 0xC0


class _Slot:
    __slots__ = ("buf", "deadline", "got", "heard", "key", "secured", "size", "units")

    def __init__(self):
        self.buf = None
        self.units = None
        self.key = None
        self.size = 0
        self.got = 0
        self.secured = False
        self.deadline = 0
        self.heard = 0

    def open(self, key, size, secured, now, timeout):
        """Begin a datagram. Raises MemoryError."""
        self.close()
        self.buf = bytearray(size)
        self.units = bytearray((size + 63) // 64)
        self.key = key
        self.size = size
        self.got = 0
        self.secured = secured
        self.deadline = now + timeout
        self.heard = now

    def close(self):
        """Forget the datagram; what was there of it."""
        buf = self.buf
        self.key = self.buf = self.units = None
        return buf


class Reassembler:
    """A few datagrams in the making: at most ``buffers`` of ``size`` bytes, each taking what it needs while it lasts.

    ``timeout_ms`` (at most 60 s) runs from a datagram's first fragment. Secured and unsecured fragments never
    mix. When all buffers are taken, a newcomer gets that of an older datagram of the same sender, which has moved
    on. If there is none it gets the buffer of an unsecured datagram: first of one that made no progress for a
    quarter of the timeout, then of the one with the fewest bytes. So datagrams that are never completed give way
    to those that grow, and a secured newcomer always finds room among unsecured ones. A secured datagram of
    another sender gives way only when it has stalled, and only to a secured one.
    """

    def __init__(self, buffers=3, size=1280, timeout_ms=10000):
        if buffers < 1 or size < 64 or not 0 < timeout_ms <= _MAX_TIMEOUT:
            raise ValueError("reassembly limits")
        self._slots = []
        self._buffers = buffers
        self._size = size
        # Of a first fragment, or of a datagram that is no fragment: for whoever takes the frame apart.
        self.scratch = bytearray(256)
        self._timeout = timeout_ms
        self.context = None

    def add(self, frame, src, dst, secured, now):
        """Take one fragment from EUI-64 ``src`` to ``dst``; ``frame`` ends where the payload of the frame ends.

        Returns ``(buffer, length)`` of a whole datagram, from then on the caller's; None while some is missing;
        or a drop reason (str).
        """
        end = len(frame)
        if end < _FRAG1_HEADER + 1:
            return "frag_malformed"
        size = (frame[0] & 7) << 8 | frame[1]
        tag = frame[2] << 8 | frame[3]
        if size < 40 or size > self._size:
            return "frag_size"
        first = frame[0] & 0xF8 == _FRAG1
        if first:
            data = self.scratch
            offset = 0
            length = iphc.decompress(frame, _FRAG1_HEADER, end, src, dst, data, size, self.context)
            if length <= 0:
                return "iphc_malformed" if length == iphc.MALFORMED else "iphc_unsupported"
            start = 0
        else:
            data = frame
            start = _FRAGN_HEADER
            offset = frame[4] * _UNIT
            length = end - start
            if length == 0 or offset == 0:
                return "frag_malformed"
        slot = self._find(src, dst, size, tag, secured, now)
        reach = offset + length
        if reach > size or (reach < size and reach % _UNIT):
            if slot is not None:
                slot.close()
            return "frag_malformed"
        if slot is None:
            try:
                slot = self._take(src, secured, now)
                if slot is None:
                    return "frag_no_buffer"
                slot.open((bytes(src), bytes(dst), size, tag), size, secured, now, self._timeout)
            except MemoryError:
                return "frag_no_buffer"
        known = self._known(slot, offset, length)
        if known:
            # A frame that came twice is harmless; anything else that overlaps ends the datagram.
            if known == length and _same(slot.buf, offset, data, start, length):
                return "frag_duplicate"
            slot.close()
            return "frag_overlap"
        slot.buf[offset:reach] = memoryview(data)[start : start + length]
        for unit in range(offset // _UNIT, (reach + _UNIT - 1) // _UNIT):
            slot.units[unit >> 3] |= 1 << (unit & 7)
        slot.got += length
        slot.heard = now
        if slot.got < size:
            return None
        return slot.close(), size

    def expire(self, now):
        """Forget what is overdue: how many datagrams that were."""
        count = 0
        for slot in self._slots:
            if slot.key is not None and now >= slot.deadline:
                slot.close()
                count += 1
        return count

    def deadline(self):
        """When ``expire`` is due next, or None."""
        due = None
        for slot in self._slots:
            if slot.key is not None and (due is None or slot.deadline < due):
                due = slot.deadline
        return due

    def _find(self, src, dst, size, tag, secured, now):
        for slot in self._slots:
            key = slot.key
            if (
                key is not None
                and key[3] == tag
                and key[2] == size
                and slot.secured == secured
                and now < slot.deadline
                and key[0] == src
                and key[1] == dst
            ):
                return slot
        return None

    def _take(self, src, secured, now):
        stalled = now - self._timeout // 4
        best = None
        best_rank = 0
        for slot in self._slots:
            if slot.key is None or now >= slot.deadline:
                return slot
            if slot.secured == secured and slot.key[0] == src:
                rank = -1
            elif slot.secured:
                if not secured or slot.heard > stalled:
                    continue
                rank = 2 * _MAX_TIMEOUT + slot.got
            else:
                rank = slot.got if slot.heard <= stalled else _MAX_TIMEOUT + slot.got
            if best is None or rank < best_rank or (rank == best_rank and slot.deadline < best.deadline):
                best = slot
                best_rank = rank
        if len(self._slots) < self._buffers:
            best = _Slot()
            self._slots.append(best)
        return best

    def _known(self, slot, offset, length):
        known = 0
        while length > 0:
            unit = offset // _UNIT
            if slot.units[unit >> 3] >> (unit & 7) & 1:
                known += min(length, _UNIT)
            offset += _UNIT
            length -= _UNIT
        return known


def _same(buf, at, data, start, length):
    for i in range(length):
        if buf[at + i] != data[start + i]:
            return False
    return True


class Sender:
    """Sends datagrams one after another, each frame only when the one before is done.

    ``send(dst, payload, secured, now, done)`` and ``room(secured)`` are those of mac/link.py Link. ``on_result``
    is ``f(dst, ok, now)``, called once per datagram. ``capacity`` bounds the datagrams that wait.
    """

    def __init__(self, send, room, eui64, first_tag, on_result=None, capacity=4):
        self._send = send
        self._room = room
        self._eui64 = eui64
        self._tag = first_tag & 0xFFFF
        self._on_result = on_result
        self._capacity = capacity
        self._queue = []
        # With room for a fragment's header that turns out not to be needed; RFC 6282 headers may be a little longer
        # than what they stand for.
        self._frame = bytearray(_FRAG1_HEADER + _FRAME + 8)
        self._offset = 0
        self._in_flight = False
        self._cancelled = False
        self._retry_at = None
        self._done = self._sent

    def put(self, packet, length, dst, secured, now):
        """Queue an IPv6 packet for EUI-64 ``dst`` (None: broadcast): False if there is no room.

        ``packet`` belongs to the sender from here on.
        """
        if len(self._queue) >= self._capacity:
            return False
        self._queue.append((packet, length, dst, secured))
        if len(self._queue) == 1:
            self._start(now)
        return True

    def poll(self, now):
        """Try again what the link had no room for; the next deadline or None."""
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._next(now)
        return self._retry_at

    def clear(self):
        """Forget all datagrams; a frame that the link already has still goes out, its datagram is not continued."""
        self._retry_at = None
        if self._in_flight:
            self._queue = self._queue[:1]
            self._cancelled = True
        else:
            self._queue = []

    def waiting(self):
        """Datagrams queued, the one in transmission included."""
        return len(self._queue)

    def _start(self, now):
        self._offset = 0
        self._next(now)

    def _next(self, now):
        before = self._offset
        tag = self._tag
        try:
            if self._put_next(now):
                return
        except MemoryError:
            pass
        # The link has no room for the frame, or there is no memory to build it: the same one later.
        self._in_flight = False
        self._offset = before
        self._tag = tag
        self._retry_at = now + _RETRY_MS

    def _put_next(self, now):
        packet, length, dst, secured = self._queue[0]
        room = min(self._room(secured), _FRAME)
        frame = self._frame
        offset = self._offset
        begin = 0
        if offset == 0:
            at, consumed = iphc.compress(packet, length, self._eui64, dst, frame, _FRAG1_HEADER)
            if at > room:
                # Compressed headers may not be split (RFC 6282 section 2), headers left as they are may.
                at, consumed = iphc.compress(packet, length, self._eui64, dst, frame, _FRAG1_HEADER, False)
            if at + length - consumed <= _FRAG1_HEADER + room:
                begin = _FRAG1_HEADER
                reach = length
            else:
                reach = consumed + room - at
                reach -= reach % _UNIT
                if reach < consumed:
                    self._finish(False, now)
                    return True
                self._tag = (self._tag + 1) & 0xFFFF
                self._put_header(_FRAG1, length)
            offset = consumed
        else:
            at = _FRAGN_HEADER
            reach = min(length, offset + (room - at) // _UNIT * _UNIT)
            self._put_header(_FRAGN, length)
            frame[4] = offset // _UNIT
        frame[at : at + reach - offset] = memoryview(packet)[offset:reach]
        at += reach - offset
        self._offset = reach
        self._in_flight = True
        return self._send(dst, memoryview(frame)[begin:at], secured, now, self._done)

    def _put_header(self, dispatch, length):
        frame = self._frame
        frame[0] = dispatch | length >> 8
        frame[1] = length & 0xFF
        frame[2] = self._tag >> 8
        frame[3] = self._tag & 0xFF

    def _sent(self, ok, now):
        if not self._in_flight:
            return
        self._in_flight = False
        if ok and not self._cancelled and self._offset < self._queue[0][1]:
            self._next(now)
        else:
            self._cancelled = False
            self._finish(ok, now)

    def _finish(self, ok, now):
        dst = self._queue.pop(0)[2]
        try:
            if self._on_result is not None:
                self._on_result(dst, ok, now)
        finally:
            # on_result may have queued more: it then found the queue empty and started, or not and left it to us.
            if self._queue and not self._in_flight and self._retry_at is None:
                self._start(now)
