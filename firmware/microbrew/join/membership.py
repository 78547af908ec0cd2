"""Membership of a network: what a join yields, and its record in the store.

The record ``network`` is the one thing that makes a device a node after a restart (docs/decisions/0004).
"""

from microbrew.compat import const
from microbrew.errors import StoreError
from microbrew.identity.store import NETWORK
from microbrew.mac.security import KeySet, keyset_from_list

RECORD = NETWORK

_NETWORK_ID = const(1)
_PAN_ID = const(2)
_CHANNEL = const(3)
_PARENT = const(4)
_PSK = const(5)
_IMPRINTED = const(6)
_KEYS = const(7)
_SHORT_ADDRESS = const(8)
_JRC_ADDRESS = const(9)
_BLACKLIST = const(10)
_JOIN_RATE = const(11)
_REGISTRAR = const(12)


class Membership:
    """``network_id`` (1 to 16 bytes), ``pan_id`` (int), ``channel``, ``parent`` (EUI-64 of the join proxy), ``psk``
    (CoJP key, 16 bytes), ``imprinted`` (True after a join by voucher, False after one by a key), ``keys`` (KeySet) and
    what else a Configuration hands out: ``short_address``, ``jrc_address``, ``blacklist``, ``join_rate``.
    ``registrar`` is the key (x || y) that the last voucher was for, None if the device never had one.
    """

    __slots__ = (
        "blacklist",
        "channel",
        "imprinted",
        "join_rate",
        "jrc_address",
        "keys",
        "network_id",
        "pan_id",
        "parent",
        "psk",
        "registrar",
        "short_address",
    )

    def __init__(self, network_id, pan_id, channel, parent, psk, imprinted, keys):
        self.network_id = network_id
        self.pan_id = pan_id
        self.channel = channel
        self.parent = parent
        self.psk = psk
        self.imprinted = imprinted
        self.keys = keys
        self.short_address = None
        self.jrc_address = None
        self.blacklist = None
        self.join_rate = None
        self.registrar = None

    def update(self, config, now):
        """Take over a cojp.Configuration (RFC 9031 section 8.4.3): absent members stay as they are.

        Raises ValueError, having changed nothing, for a key set that cannot be installed.
        """
        if config.keys:
            self.keys.install(config.keys, now)
        if config.short_address is not None:
            self.short_address = config.short_address
        if config.jrc_address is not None:
            self.jrc_address = config.jrc_address
        if config.blacklist is not None:
            self.blacklist = config.blacklist
        if config.join_rate is not None:
            self.join_rate = config.join_rate

    def to_record(self):
        """CBOR-able map for the store."""
        return {
            _NETWORK_ID: self.network_id,
            _PAN_ID: self.pan_id,
            _CHANNEL: self.channel,
            _PARENT: self.parent,
            _PSK: self.psk,
            _IMPRINTED: self.imprinted,
            _KEYS: self.keys.to_list(),
            _SHORT_ADDRESS: self.short_address,
            _JRC_ADDRESS: self.jrc_address,
            _BLACKLIST: self.blacklist,
            _JOIN_RATE: self.join_rate,
            _REGISTRAR: self.registrar,
        }


def joined(network_id, pan_id, channel, parent, psk, imprinted, config, now):
    """Membership out of a Join Response. Raises ValueError for a key set that cannot be installed."""
    membership = Membership(network_id, pan_id, channel, parent, psk, imprinted, KeySet())
    membership.update(config, now)
    return membership


def from_record(record):
    """Membership out of its record. Raises StoreError."""
    try:
        membership = Membership(
            record[_NETWORK_ID],
            record[_PAN_ID],
            record[_CHANNEL],
            record[_PARENT],
            record[_PSK],
            record[_IMPRINTED],
            keyset_from_list(record[_KEYS]),
        )
        membership.short_address = record[_SHORT_ADDRESS]
        membership.jrc_address = record[_JRC_ADDRESS]
        membership.blacklist = record[_BLACKLIST]
        membership.join_rate = record[_JOIN_RATE]
        membership.registrar = record[_REGISTRAR]
    except (KeyError, IndexError, TypeError, ValueError):
        raise StoreError("the network record is not what this firmware writes") from None
    return membership
