"""A decision against a peer: what it is told, and what the installer is told."""

from __future__ import annotations

from aiocoap.numbers.codes import Code


class Refusal(Exception):
    """A request that is refused.

    ``code`` is the CoAP response code; ``told`` a short text for the peer that gives nothing away; ``reason`` the
    sentence for the log, None if there is nothing worth logging; ``retry`` the seconds after which it may try again.
    """

    def __init__(
        self, code: Code, told: str, reason: str | None = None, kind: str = "refused", retry: int | None = None
    ) -> None:
        super().__init__(reason or told)
        self.code = code
        self.told = told
        self.reason = reason
        self.kind = kind
        self.retry = retry
