"""The CoJP security context that a pledge or node shares with its JRC (RFC 9031 section 7.3).

Its replay window is in the record ``replay-cojp``, bound to the key. The join that makes a key begins its window;
where there is none for a key, it was lost. The JRC's requests count in their order only: an old Parameter Update
that somebody withheld would bring back old link keys.
"""

from microbrew.compat import const
from microbrew.errors import StoreError
from microbrew.oscore.context import Context
from microbrew.oscore.replay import Window

JRC_ID = b"JRC"
REPLAY_RECORD = "replay-cojp"

_CHECK_LEN = const(8)


def cojp_context(crypto, psk, eui64, sequence, replay=None):
    """The pledge's side: Sender ID empty, ID Context the EUI-64, secret the PSK, no salt."""
    return Context(crypto, psk, b"", b"", JRC_ID, id_context=eui64, sequence=sequence, replay=replay)


def begin_window(store, crypto, psk):
    """Store an empty replay window for a key that was made just now. Raises StoreError."""
    store.write(REPLAY_RECORD, [_check(crypto, psk), 0, 0])


def stored_window(store, crypto, psk):
    """Replay window as stored.

    A record that is damaged, missing or about another key gives a lost window, which an Echo exchange recovers
    (RFC 8613 appendix B.1.2): a key from the factory may have been in use before, and an answer to a request that
    was answered then would use its nonce twice.
    """
    check = _check(crypto, psk)
    window = None

    def persist(lower_edge, bitmap):
        store.write(REPLAY_RECORD, [check, lower_edge, bitmap])

    try:
        record = store.read(REPLAY_RECORD)
        if record is not None and record[0] == check:
            window = Window.restored(record[1], record[2], persist)
    except (StoreError, TypeError, IndexError, KeyError, ValueError):
        pass
    if window is None:
        window = Window.lost(persist)
    window.in_order = True
    return window


def _check(crypto, psk):
    return crypto.sha256(b"replay" + bytes(psk))[:_CHECK_LEN]
