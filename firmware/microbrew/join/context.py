"""The CoJP security context that a pledge or node shares with its JRC (RFC 9031 section 7.3).

Its replay window is in the record ``replay-cojp``, bound to the key: a new key begins with a fresh window, a kept one
never does.
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


def stored_window(store, crypto, psk):
    """Replay window as stored, fresh if what is stored belongs to another key.

    A damaged record gives a lost window, which an Echo exchange recovers (RFC 8613 appendix B.1.2).
    """
    check = crypto.sha256(b"replay" + bytes(psk))[:_CHECK_LEN]

    def persist(lower_edge, bitmap):
        store.write(REPLAY_RECORD, [check, lower_edge, bitmap])

    try:
        record = store.read(REPLAY_RECORD)
        if record is None or record[0] != check:
            return Window.fresh(persist)
        return Window.restored(record[1], record[2], persist)
    except (StoreError, TypeError, IndexError, ValueError):
        return Window.lost(persist)
