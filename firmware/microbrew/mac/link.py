"""``Link``: the whole MAC service as the layers above see it.

Puts together header (mac/frame.py), beacons, security and the sub-MAC for non-TSCH operation on one channel.
Frames that arrive are delivered by ``on_data`` and ``on_beacon``; what is dropped is counted by reason in
``counters``. Policy stays above: an unsecured frame is delivered with ``secured`` False, whoever sent it.
"""

from microbrew.compat import const
from microbrew.errors import MicrobrewError, StateError
from microbrew.mac import beacon as mac_beacon
from microbrew.mac import frame, ie, submac

_MAX_COUNTER = const(0xFFFFFFFE)
# Frames taken from the radio in one go, so that a flood cannot keep the rest of the node waiting.
BATCH = const(16)


class Link:
    """MAC of one radio.

    ``crypto`` supplies ``random`` and AES-CCM. ``counter_source.next()`` gives frame counters that never
    repeat, even across a reboot. Set ``on_data(src_eui64, payload, secured, lqi, now)`` (payload: a
    memoryview, valid during the call) and ``on_beacon(beacon, src_eui64, secured, lqi, now)``. ``blacklist``
    holds the EUI-64s whose frames are ignored (RFC 9031 section 8.4.3, label 6).
    """

    def __init__(self, radio, crypto, counter_source):
        self._radio = radio
        self._crypto = crypto
        self._counter_source = counter_source
        self.eui64 = radio.eui64
        self.pan_id = None
        self.channel = None
        self.counters = {}
        self.keys = None
        self.blacklist = ()
        self.on_data = None
        self.on_beacon = None
        self._submac = submac.SubMac(radio, crypto.random, self._count)
        self._buf = bytearray(frame.MAX_LEN + 2)

    def _count(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1

    def configure(self, pan_id, channel, short_address=None):
        """Tune to ``channel`` and take frames of ``pan_id`` only; None: of no PAN yet, beacons of all.

        ``short_address``: 2 bytes to be reached by besides the EUI-64, or None.
        """
        self.pan_id = self._submac.pan_id = pan_id
        self.channel = channel
        self._submac.short_address = short_address
        self._radio.set_channel(channel)
        self._radio.set_filter(
            frame.BROADCAST_PAN if pan_id is None else pan_id,
            0xFFFF if short_address is None else int.from_bytes(short_address, "big"),
        )

    def set_keys(self, keys):
        """Use a security.KeySet for secured frames; None, or an empty set: this node is a pledge."""
        self.keys = keys

    @property
    def queued(self):
        """Frames that wait to be sent."""
        return self._submac.queued

    def room(self, secured):
        """Octets of payload that fit one frame between EUI-64s."""
        room = frame.MAX_LEN - frame.DATA_HEADER_LEN
        if secured:
            room -= frame.AUX_LEN + frame.mic_len(self._data_key().data_level)
        return room

    def _usable_keys(self):
        # A set that is still empty, or wiped, is a pledge's.
        keys = self.keys
        return keys if keys and keys.current else None

    def _data_key(self):
        key = self.keys.data_key() if self.keys else None
        if key is None:
            raise StateError("no key for data frames")
        return key

    def send(self, dst, payload, secured, now, done=None):
        """Queue one data frame to the EUI-64 ``dst``, or to all neighbours if None.

        False: the queue is full or the frame counters are used up; ``done`` is then not called. Otherwise
        ``done(ok, now)`` tells later whether it was acknowledged (broadcast: sent). Raises ValueError if the
        payload does not fit, StateError without a PAN or, for a secured frame, without a key.
        """
        if self.pan_id is None:
            raise StateError("not in a PAN")
        key = self._data_key() if secured else None
        if len(payload) > self.room(secured):
            raise ValueError("payload does not fit one frame")
        buf = self._submac.reserve()
        if buf is None:
            self._count("queue_full")
            return False
        counter = self._next_counter() if key else 0
        if counter is None:
            return False
        header_end = frame.put_data(
            buf, self._submac.next_seq(), self.pan_id, dst, self.eui64, dst is not None, secured
        )
        if key:
            header_end = frame.put_aux(buf, header_end, key.data_level, counter, key.index)
        end = header_end + len(payload)
        buf[header_end:end] = payload
        if key:
            end = key.seal(self._crypto, self.eui64, key.data_level, counter, buf, header_end, end)
        self._submac.commit(end, dst is not None, done, now)
        return True

    def send_beacon(self, beacon, now):
        """Queue an enhanced beacon, secured if there is a key for beacons. False: not queued (see send)."""
        key = self.keys.beacon_key() if self.keys else None
        buf = self._submac.reserve()
        if buf is None:
            self._count("queue_full")
            return False
        counter = self._next_counter() if key else 0
        if counter is None:
            return False
        pos = frame.put_beacon(buf, self._submac.next_seq(), beacon.pan_id, self.eui64, key is not None)
        if key:
            pos = frame.put_aux(buf, pos, key.beacon_level, counter, key.index)
        end = mac_beacon.encode(beacon, buf, pos)
        if key:
            end = key.seal(self._crypto, self.eui64, key.beacon_level, counter, buf, pos, end)
        self._submac.commit(end, False, None, now)
        return True

    def _next_counter(self):
        try:
            counter = self._counter_source.next()
        except MicrobrewError:
            counter = _MAX_COUNTER + 1
        if counter > _MAX_COUNTER:
            # Sending on would repeat a nonce.
            self._count("counter_exhausted")
            return None
        return counter

    def receive(self, now):
        """Take what the radio has received: how many frames. After BATCH there may be more: call again at once."""
        for taken in range(BATCH):
            length = self._radio.receive_into(self._buf)
            if not length:
                return taken
            lqi = self._radio.lqi
            header = self._submac.receive(self._buf, length, now)
            if header is None:
                continue
            if header.src in self.blacklist:
                self._count("blacklisted")
            elif header.kind == frame.BEACON:
                self._beacon(header, lqi, now)
            else:
                self._data(header, lqi, now)
        return BATCH

    def _beacon(self, header, lqi, now):
        if header.version < 2 or len(header.src) != 8 or not header.payload_ies:
            self._count("bad_beacon")
            return
        # MIC-only in every key usage; an encrypted beacon could not be read by a pledge.
        if header.level > 3:
            self._count("bad_level")
            return
        secured = False
        keys = self._usable_keys() if header.level else None
        if keys:
            reason, _ = keys.unprotect(self._crypto, header, self._buf, now)
            if reason:
                self._count(reason)
                return
            secured = True
        beacon = mac_beacon.parse(self._buf, header.header_end, header.end)
        if beacon is None:
            self._count("bad_beacon")
            return
        beacon.pan_id = header.src_pan
        if header.level:
            beacon.key_index = header.key_index
        self._count("rx_beacon")
        if self.on_beacon:
            self.on_beacon(beacon, header.src, secured, lqi, now)

    def _data(self, header, lqi, now):
        if len(header.src) != 8:
            self._count("short_source")
            return
        if header.level:
            keys = self._usable_keys()
            if not keys:
                self._count("no_key")
                return
            reason, payload = keys.unprotect(self._crypto, header, self._buf, now)
            if reason:
                self._count(reason)
                return
        else:
            payload = memoryview(self._buf)[header.header_end : header.end]
        if header.payload_ies:
            start = ie.payload_end(payload, 0, len(payload))
            if start < 0:
                self._count("bad_ie")
                return
            payload = payload[start:]
        if not len(payload):
            self._count("empty")
            return
        self._count("rx_data")
        if self.on_data:
            self.on_data(header.src, payload, header.level != 0, lqi, now)

    def poll(self, now):
        """Do what is due: backoff, retries, forgetting old keys. The next deadline in ms, or None."""
        due = self._submac.poll(now)
        guard = self.keys.poll(now) if self.keys else None
        if due is None or (guard is not None and guard < due):
            due = guard
        return due
