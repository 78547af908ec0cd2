"""The OSCORE context of a completed run, for aiocoap; it lives as long as this process."""

from __future__ import annotations

from aiocoap import oscore

from microbrew_host.edhoc_peer.run import Outcome

_WINDOW = 32


class EdhocContext(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """RFC 9528 Appendix A.1, in memory. ``authenticated_claims`` holds the name of the peer."""

    def __init__(self, outcome: Outcome) -> None:
        self.alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
        self.hashfun = oscore.hashfunctions["sha256"]
        self.sender_id = outcome.sender_id
        self.recipient_id = outcome.recipient_id
        self.id_context = None
        self.derive_keys(outcome.master_salt, outcome.master_secret)
        self.sender_sequence_number = 0
        self.recipient_replay_window = oscore.ReplayWindow(_WINDOW, lambda: None)
        self.recipient_replay_window.initialize_empty()
        # The window is as new as the keys, so there is nothing to resynchronise (RFC 8613 Appendix B.1.2).
        self.echo_recovery = None
        self.authenticated_claims = [outcome.peer]

    def post_seqnoincrease(self) -> None:
        """Nothing to store: the keys die with this object."""

    def get_oscore_context_for(self, unprotected: dict[int, bytes]) -> EdhocContext | None:
        """Itself, if a request names it."""
        if oscore.COSE_KID_CONTEXT in unprotected or unprotected.get(oscore.COSE_KID) != self.recipient_id:
            return None
        return self

    def find_all_used_contextless_oscore_kid(self) -> set[bytes]:
        """The kids that are taken."""
        return {self.recipient_id}
