"""EDHOC cipher suites 0 to 3 and their negotiation (RFC 9528 sections 3.6 and 6.3).

All four use AES-CCM-16-x-128 and SHA-256 and hand OSCORE the 8-byte-tag algorithm 10, so only the tag
length and the curves differ: X25519 and Ed25519 in 0 and 1, P-256 in 2 and 3. Left out: suites 4 and up.
"""

from microbrew.crypto import ED25519, P256, X25519
from microbrew.errors import EdhocError

HASH_LEN = 32
KEY_LEN = 16
NONCE_LEN = 13
G_LEN = 32
SIGNATURE_LEN = 64

MAX_SUITES = 8
IMPLEMENTED = (0, 1, 2, 3)


class Suite:
    """``tag_len`` is the AEAD tag in bytes and the MAC of static DH; curves are COSE numbers."""

    __slots__ = ("ecdh_curve", "number", "signature_curve", "tag_len")

    def __init__(self, number, tag_len, ecdh_curve, signature_curve):
        self.number = number
        self.tag_len = tag_len
        self.ecdh_curve = ecdh_curve
        self.signature_curve = signature_curve


def describe(number):
    """The Suite of that number, or None beyond 0..3."""
    if not 0 <= number <= 3:
        return None
    tag_len = 16 if number & 1 else 8
    if number & 2:
        return Suite(number, tag_len, P256, P256)
    return Suite(number, tag_len, X25519, ED25519)


def offer(preferred, suites_r):
    """SUITES_I after an error with SUITES_R: our order of preference, cut behind the first that R supports.

    ``preferred`` is the device's fixed order. Raises EdhocError when nothing is common. A forged SUITES_R
    cannot downgrade: R sees in SUITES_I what we prefer and refuses what it could have had (section 9.2).
    """
    for i in range(len(preferred)):
        if preferred[i] in suites_r:
            return list(preferred[: i + 1])
    raise EdhocError(1, "no common cipher suite")


def select(suites_i, supported):
    """Number of the suite that SUITES_I selects, its last.

    Raises EdhocError code 2 with all of ``supported`` unless it is the first of them that R supports.
    """
    for number in suites_i[:-1]:
        if number in supported:
            raise EdhocError(2, list(supported))
    if suites_i[-1] not in supported:
        raise EdhocError(2, list(supported))
    return suites_i[-1]
