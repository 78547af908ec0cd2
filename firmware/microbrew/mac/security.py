"""Link-layer security: CCM* over one frame, and the key set that CoJP hands out (RFC 9031 section 8.4.3).

IEEE 802.15.4 security with frame counters and key id mode 1. The nonce is EUI-64 || counter || level; the
TSCH form, EUI-64 or short address || ASN, is here too, for frames of other stacks. A received frame must have
exactly the level that the usage of its key gives to its type: nobody can talk a node down to a weaker one.

Rekeying (RFC 9031 section 8.2): ``KeySet`` accepts the current and the new set. An ordinary node sends with
the current set until a frame secured by the new one has verified, then switches and forgets the old set after
COJP_REKEYING_GUARD_TIME; a 6LBR switches at once.

Replay protection: the last counter per key and neighbour, kept in RAM. Entries are made only by frames that
verified. When a table is full a new neighbour is refused rather than a live one forgotten; an entry not heard
for ten minutes may go. What a reboot or such an eviction forgets, a recorded frame can replay once: commands
that must not be repeated have OSCORE's replay window above this one.

Left out: pairwise keys (mode 0), key sources (modes 2 and 3), sending by short address.
"""

from microbrew import crypto as facade
from microbrew.compat import const
from microbrew.errors import CryptoError
from microbrew.mac import frame as mac_frame

GUARD_TIME_MS = const(12000)
MAX_KEYS = const(4)

_KEY_LEN = const(16)
_MAX_USAGE = const(14)
_MAX_COUNTER = const(0xFFFFFFFE)
_ENCRYPTED = const(4)
_FORGET_MS = const(600000)


def counter_nonce(eui64, counter, level):
    """Nonce of a frame with a frame counter: 13 bytes."""
    return eui64 + counter.to_bytes(4, "big") + bytes((level,))


def tsch_nonce(address, pan_id, asn):
    """Nonce of a TSCH frame from an EUI-64, or from a short address in ``pan_id``: 13 bytes."""
    if len(address) == 2:
        address = b"\xba\x55\xec\x00" + pan_id.to_bytes(2, "big") + address
    return address + asn.to_bytes(5, "big")


def seal(crypto, key, nonce, level, buf, header_end, end):
    """Protect the frame ``buf[:end]`` in place; the new end. ``buf`` must have room for the MIC."""
    split = header_end if level & _ENCRYPTED else end
    new_end = end + mac_frame.mic_len(level)
    view = memoryview(buf)
    buf[split:new_end] = crypto.ccm_seal(key, nonce, view[:split], view[split:end], new_end - end)
    return new_end


def unseal(crypto, key, nonce, level, buf, header_end, length):
    """The payload of the protected frame ``buf[:length]``. Raises CryptoError if it does not verify."""
    tag_len = mac_frame.mic_len(level)
    view = memoryview(buf)
    if level & _ENCRYPTED:
        return memoryview(crypto.ccm_open(key, nonce, view[:header_end], view[header_end:length], tag_len))
    end = length - tag_len
    crypto.ccm_open(key, nonce, view[:end], view[end:length], tag_len)
    return view[header_end:end]


class Key:
    """A link-layer key: ``index`` (key id mode 1), ``usage`` (RFC 9031 table 5), levels for beacons and data.

    A level of 0 means that the key is not for that type of frame.
    """

    __slots__ = ("beacon_level", "data_level", "heard", "index", "usage", "value")

    def __init__(self, index, usage, value):
        if not 1 <= index <= 254 or not 0 <= usage <= _MAX_USAGE or len(value) != _KEY_LEN:
            raise ValueError("link-layer key: index 1..254, usage 0..14, 16 bytes")
        self.index = index
        self.usage = usage
        self.value = bytearray(value)
        mic = 1 + usage % 3
        self.beacon_level = mic if usage < 9 else 0
        if usage < 3 or usage >= 12:
            self.data_level = mic | _ENCRYPTED
        else:
            self.data_level = 0 if 6 <= usage < 9 else mic
        self.heard = {}

    def same(self, index, usage, value):
        """Whether these are the parameters of this key."""
        return self.index == index and self.usage == usage and facade.equal(self.value, value)

    def seal(self, crypto, eui64, level, counter, buf, header_end, end):
        """Protect the frame ``buf[:end]`` of the sender ``eui64`` in place; the new end."""
        return seal(crypto, self.value, counter_nonce(eui64, counter, level), level, buf, header_end, end)

    def refuse(self, src, counter, limit, now):
        """Why a frame with this counter cannot be taken, or None. Changes nothing."""
        entry = self.heard.get(src)
        if entry is None:
            if len(self.heard) >= limit and self._forgettable(now) is None:
                return "neighbours_full"
        elif counter <= entry[0]:
            return "replay"
        return None

    def remember(self, src, counter, limit, now):
        """Note the counter of a frame that verified."""
        entry = self.heard.get(src)
        if entry is None:
            if len(self.heard) >= limit:
                del self.heard[self._forgettable(now)]
            self.heard[src] = [counter, now]
        else:
            entry[0] = counter
            entry[1] = now

    def _forgettable(self, now):
        oldest = None
        since = now - _FORGET_MS
        for src in self.heard:
            if self.heard[src][1] <= since:
                oldest = src
                since = self.heard[src][1]
        return oldest

    def wipe(self):
        """Overwrite the key."""
        facade.wipe(self.value)
        self.heard = {}


class KeySet:
    """The keys of a joined node. ``switch_at_once``: for the 6LBR. ``neighbours`` bounds a replay table."""

    def __init__(self, switch_at_once=False, neighbours=32):
        self.switch_at_once = switch_at_once
        self.neighbours = neighbours
        self.current = []
        self.pending = []
        self.retiring = []
        self.guard = None

    def install(self, keys, now):
        """Take a key set from a Configuration: a list of (key id, usage, value). True if it was new.

        The first set is used at once, a later one starts a rekeying; so does a second key of one usage in the first
        set. A set equal to one that is held changes
        nothing, so a repeated update resets no counter. Raises ValueError for a key that is malformed, a
        duplicate key id, no key or more than MAX_KEYS.
        """
        if not 0 < len(keys) <= MAX_KEYS:
            raise ValueError("link-layer key set: one to four keys")
        fresh: "list[Key]" = []
        for index, usage, value in keys:
            for key in fresh:
                if key.index == index:
                    raise ValueError("link-layer key set: duplicate key id")
            fresh.append(self._held(index, usage, value) or Key(index, usage, value))
        if self._equal(fresh, self.pending) or (not self.pending and self._equal(fresh, self.current)):
            return False
        if not self.current:
            self._begin(fresh)
            return True
        superseded = self.pending + self.retiring
        self.pending = fresh
        self.retiring = []
        self.guard = None
        self._wipe_unused(superseded)
        # A set that brings no new key cannot be learnt of by hearing.
        if self.switch_at_once or all(key in self.current for key in fresh):
            self._switch(now)
        return True

    def _begin(self, fresh):
        # Who joins during a rekeying gets both keys, the new one behind the old, and learns by hearing when the
        # change takes place, as everybody does (RFC 9031 section 8.2).
        for key in fresh:
            is_next = not self.switch_at_once and any([key.usage == other.usage for other in self.current])
            (self.pending if is_next else self.current).append(key)

    def _held(self, index, usage, value):
        for key in self.current + self.pending + self.retiring:
            if key.same(index, usage, value):
                return key
        return None

    @staticmethod
    def _equal(a, b):
        if len(a) != len(b):
            return False
        for key in a:
            if key not in b:
                return False
        return True

    def _wipe_unused(self, keys):
        for key in keys:
            if key not in self.current and key not in self.pending:
                key.wipe()

    def _switch(self, now):
        self.retiring = self.current
        self.current = self.pending
        self.pending = []
        self.guard = now + GUARD_TIME_MS

    def beacon_key(self):
        """The key (K1) that secures our beacons, or None."""
        for key in self.current:
            if key.beacon_level:
                return key
        return None

    def data_key(self):
        """The key (K2) that secures our data frames, or None."""
        for key in self.current:
            if key.data_level:
                return key
        return None

    def unprotect(self, crypto, header, buf, now):
        """Check a secured frame: (None, payload view) or (reason, None), the reason being a counter name.

        ``header`` is the parsed Frame of ``buf``. All state changes (counter, switch to new keys) come after
        the MIC has verified.
        """
        if header.key_mode != 1:
            return "key_mode", None
        if header.counter < 0 or header.counter > _MAX_COUNTER:
            return "bad_counter", None
        if header.src is None or len(header.src) != 8:
            return "short_source", None
        reason = "unknown_key"
        # One key id may stand for a new and an old value during a rekeying.
        for keys in (self.pending, self.current, self.retiring):
            for key in keys:
                if key.index != header.key_index:
                    continue
                level = key.beacon_level if header.kind == mac_frame.BEACON else key.data_level
                if header.level != level:
                    reason = "bad_level"
                    continue
                refused = key.refuse(header.src, header.counter, self.neighbours, now)
                if refused:
                    reason = refused
                    continue
                nonce = counter_nonce(header.src, header.counter, level)
                try:
                    payload = unseal(crypto, key.value, nonce, level, buf, header.header_end, header.length)
                except CryptoError:
                    reason = "bad_mic"
                    continue
                key.remember(header.src, header.counter, self.neighbours, now)
                if keys is self.pending and key not in self.current:
                    self._switch(now)
                return None, payload
        return reason, None

    def poll(self, now):
        """Forget the old keys when their guard time is over; the deadline in ms, or None."""
        if self.guard is not None and now >= self.guard:
            retired = self.retiring
            self.retiring = []
            self.guard = None
            self._wipe_unused(retired)
        return self.guard

    def wipe(self):
        """Forget all keys, overwriting them."""
        for key in self.current + self.pending + self.retiring:
            key.wipe()
        self.current = []
        self.pending = []
        self.retiring = []
        self.guard = None

    def to_list(self):
        """The set as plain lists for the store; retiring keys and replay tables are not kept."""
        return [
            self.switch_at_once,
            [[key.index, key.usage, bytes(key.value)] for key in self.current],
            [[key.index, key.usage, bytes(key.value)] for key in self.pending],
        ]


def keyset_from_list(stored, neighbours=32):
    """The KeySet that ``to_list`` wrote. Raises ValueError if the record is not one."""
    try:
        return _keyset(stored, neighbours)
    except (TypeError, IndexError, KeyError):
        raise ValueError("stored key set: not what this firmware writes") from None


def _keyset(stored, neighbours):
    if len(stored) != 3:
        raise ValueError("stored key set: three items")
    keyset = KeySet(stored[0], neighbours)
    if stored[1]:
        keyset.install(stored[1], 0)
        keyset.current += keyset.pending
        keyset.pending = []
        if stored[2]:
            # Not through install(): a 6LBR never stores a pending set, a node must not switch by loading one.
            keyset.pending = [
                keyset._held(index, usage, value) or Key(index, usage, value) for index, usage, value in stored[2]
            ]
    return keyset
