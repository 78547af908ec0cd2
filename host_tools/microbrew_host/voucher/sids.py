"""Names and SIDs of the voucher leaves (draft-ietf-anima-rfc8366bis, SID tables of revision 2025-12-18).

In CBOR (RFC 9254) a voucher is ``{container SID: {delta: value, ...}}``, delta = leaf SID - container SID.
Left out: the SIDs of the drafts before August 2019.
"""

from typing import NamedTuple

# RFC 9254 section 4.2.1: this tag in key position marks an absolute SID.
TAG_ABSOLUTE_SID = 47

# The zero-touch join profile hooks "join-process" in as an extension by name: it owns no module SID.
JOIN_EXTENSION = "zsj-join"
JOIN_EXTENSION_KEY = "extension:" + JOIN_EXTENSION
JOIN_PROCESS = "join-process"


class Container(NamedTuple):
    """One of the two YANG containers: its SID, its namespace-qualified name, and leaf name -> delta."""

    sid: int
    name: str
    deltas: dict[str, int]


VOUCHER = Container(
    2451,
    "ietf-voucher:voucher",
    {
        "assertion": 1,
        "created-on": 2,
        "domain-cert-revocation-checks": 3,
        "expires-on": 4,
        "idevid-issuer": 5,
        "last-renewal-date": 6,
        "nonce": 7,
        "pinned-domain-cert": 8,
        "pinned-domain-pubk": 9,
        "pinned-domain-pubk-sha256": 10,
        "serial-number": 11,
        "additional-configuration-url": 12,
        "est-domain": 13,
        "manufacturer-proprietary": 14,
        "extensions": 15,
    },
)

VOUCHER_REQUEST = Container(
    2501,
    "ietf-voucher-request:voucher",
    {
        "assertion": 1,
        "created-on": 2,
        "domain-cert-revocation-checks": 3,
        "expires-on": 4,
        "idevid-issuer": 5,
        "last-renewal-date": 6,
        "nonce": 7,
        "pinned-domain-cert": 8,
        "prior-signed-voucher-request": 9,
        "proximity-registrar-cert": 10,
        "proximity-registrar-pubk-sha256": 11,
        "proximity-registrar-pubk": 12,
        "serial-number": 13,
        "agent-provided-proximity-registrar-cert": 14,
        "agent-sign-cert": 15,
        "agent-signed-data": 16,
        "pinned-domain-pubk": 17,
        "pinned-domain-pubk-sha256": 18,
        "additional-configuration-url": 19,
        "est-domain": 20,
        "extensions": 21,
        "manufacturer-proprietary": 22,
    },
)
