"""CoJP objects: Join Request, Configuration, Unsupported Configuration (RFC 9031 section 8.4).

Objects only; the exchange that carries them is the pledge's (join/pledge.py) and the JRC's. Link-layer keys of
key identifier mode 1 are taken (a key_id of 1 to 254 without key_addinfo); others are dropped and reported, as
section 8.4.3.1 asks.
"""

from microbrew import cbor
from microbrew.compat import const
from microbrew.errors import DecodeError
from microbrew.ip import addr

_ROLE = const(1)
_KEY_SET = const(2)
_SHORT_IDENTIFIER = const(3)
_JRC_ADDRESS = const(4)
_NETWORK_ID = const(5)
_BLACKLIST = const(6)
_JOIN_RATE = const(7)
_UNSUPPORTED = const(8)

ROLE_NODE = 0
ROLE_6LBR = 1

UNSUPPORTED = 0
MALFORMED = 1

_MAX_KEYS = const(8)
_MAX_BLACKLIST = const(32)
_KEY_LEN = const(16)
_LAST_USAGE = const(14)


def encode_join_request(network_id, role=ROLE_NODE, unsupported=None):
    """Join_Request for ``network_id`` (bytes, 1 to 16). ``unsupported``: list of (code, label, info)."""
    request = {_NETWORK_ID: bytes(network_id)}
    if role != ROLE_NODE:
        request[_ROLE] = role
    if unsupported:
        request[_UNSUPPORTED] = _flatten(unsupported)
    return cbor.encode(request)


def parse_join_request(buf):
    """(network_id, role, unsupported) of a Join_Request. Raises DecodeError."""
    request = _map(buf, "Join Request")
    network_id = request.get(_NETWORK_ID)
    if not isinstance(network_id, bytes) or not 1 <= len(network_id) <= 16:
        raise DecodeError("Join Request: network identifier missing or of a wrong length")
    role = request.get(_ROLE, ROLE_NODE)
    if role not in (ROLE_NODE, ROLE_6LBR) or role is True or role is False:
        raise DecodeError("Join Request: unknown role")
    return network_id, role, _unflatten(request.get(_UNSUPPORTED))


class Configuration:
    """What the JRC hands out.

    ``keys``: list of (key_id, key_usage, key_value); ``short_address``: 2 bytes or None; ``lease_hours``: int or
    None for ever; ``jrc_address``: 16 bytes or None for the 6LBR; ``blacklist``: list of EUI-64 or None for
    unchanged; ``join_rate``: bytes/s or None for unlimited; ``unsupported``: list of (code, label, info) that a
    receiver has to report back.
    """

    __slots__ = ("blacklist", "join_rate", "jrc_address", "keys", "lease_hours", "short_address", "unsupported")

    def __init__(self, keys=(), short_address=None, jrc_address=None, blacklist=None, join_rate=None):
        self.keys = list(keys)
        self.short_address = short_address
        self.lease_hours = None
        self.jrc_address = jrc_address
        self.blacklist = blacklist
        self.join_rate = join_rate
        self.unsupported = []


def encode_configuration(config):
    """The CBOR map of a Configuration, absent members left out."""
    out = {}
    if config.keys:
        flat = []
        for key_id, usage, value in config.keys:
            flat.append(key_id)
            if usage != 0:
                flat.append(usage)
            flat.append(value)
        out[_KEY_SET] = flat
    if config.short_address is not None:
        out[_SHORT_IDENTIFIER] = [config.short_address]
        if config.lease_hours is not None:
            out[_SHORT_IDENTIFIER].append(config.lease_hours)
    if config.jrc_address is not None:
        out[_JRC_ADDRESS] = config.jrc_address
    if config.blacklist is not None:
        out[_BLACKLIST] = config.blacklist
    if config.join_rate is not None:
        out[_JOIN_RATE] = config.join_rate
    return cbor.encode(out)


def parse_configuration(buf):
    """Configuration out of its encoding. Raises DecodeError when it is no CBOR map at all.

    A member that is unknown or malformed does not spoil the rest: it ends up in ``unsupported``, except where
    RFC 9031 has it ignored silently (an invalid short identifier) or discarded (a JRC address of a wrong length; so is
    one that is multicast, link-local or unspecified, which nothing can be sent to).
    """
    source = _map(buf, "Configuration")
    config = Configuration()
    bad = config.unsupported
    for label in source:
        value = source[label]
        if label == _KEY_SET:
            _parse_keys(value, config.keys, bad)
        elif label == _SHORT_IDENTIFIER:
            _parse_short(value, config)
        elif label == _JRC_ADDRESS:
            if isinstance(value, bytes) and len(value) == 16 and addr.is_routable(value):
                config.jrc_address = value
        elif label == _BLACKLIST:
            if isinstance(value, list) and len(value) <= _MAX_BLACKLIST and all(_is_eui64(item) for item in value):
                config.blacklist = value
            else:
                bad.append((MALFORMED, label, None))
        elif label == _JOIN_RATE:
            if _is_uint(value):
                config.join_rate = value
            else:
                bad.append((MALFORMED, label, None))
        elif isinstance(label, int):
            bad.append((UNSUPPORTED, label, None))
    return config


def _parse_keys(value, keys, bad):
    if not isinstance(value, list) or not value:
        bad.append((MALFORMED, _KEY_SET, None))
        return
    i = 0
    total = len(value)
    while i < total:
        key_id = value[i]
        i += 1
        usage = 0
        if i < total and isinstance(value[i], int) and not isinstance(value[i], bool):
            usage = value[i]
            i += 1
        if i >= total or not isinstance(value[i], bytes):
            bad.append((MALFORMED, _KEY_SET, None))
            return
        key = value[i]
        i += 1
        addinfo = None
        if i < total and isinstance(value[i], bytes):
            addinfo = value[i]
            i += 1
        usable = (
            _is_uint(key_id)
            and 1 <= key_id <= 254
            and 0 <= usage <= _LAST_USAGE
            and len(key) == _KEY_LEN
            and addinfo is None
        )
        if usable and len(keys) < _MAX_KEYS:
            keys.append((key_id, usage, key))
        else:
            bad.append((UNSUPPORTED if usable or addinfo is not None else MALFORMED, _KEY_SET, None))


def _parse_short(value, config):
    if not isinstance(value, list) or not 1 <= len(value) <= 2:
        return
    address = value[0]
    if not isinstance(address, bytes) or len(address) != 2 or address >= b"\xff\xfe":
        return
    if len(value) == 2:
        if not _is_uint(value[1]):
            return
        config.lease_hours = value[1]
    config.short_address = address


def encode_unsupported(items):
    """Unsupported_Configuration, the payload of a diagnostic response: list of (code, label, info)."""
    return cbor.encode(_flatten(items))


def parse_unsupported(buf):
    """List of (code, label, info). Raises DecodeError."""
    return _unflatten(cbor.decode(buf))


def _flatten(items):
    flat = []
    for item in items:
        flat.extend(item)
    return flat


def _unflatten(value):
    if value is None:
        return []
    if not isinstance(value, list) or len(value) % 3:
        raise DecodeError("Unsupported Configuration: not triples")
    return [(value[i], value[i + 1], value[i + 2]) for i in range(0, len(value), 3)]


def _map(buf, what):
    value = cbor.decode(buf)
    if not isinstance(value, dict):
        raise DecodeError(what + ": not a map")
    return value


def _is_uint(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_eui64(value):
    return isinstance(value, bytes) and len(value) == 8
