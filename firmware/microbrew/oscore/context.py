"""OSCORE security context (RFC 8613 section 3): keys, Common IV, nonce, AAD.

AES-CCM-16-64-128 and HKDF-SHA-256 only. Left out: deriving a context anew by ID Context (appendix B.2), Group
OSCORE.
"""

from microbrew import cbor
from microbrew.compat import const
from microbrew.crypto import wipe
from microbrew.errors import StateError
from microbrew.oscore.replay import Window

AES_CCM_16_64_128 = const(10)
TAG_LENGTH = const(8)
MAX_ID = const(7)

_NONCE_LENGTH = const(13)
_KEY_LENGTH = const(16)
_PIV_LENGTH = const(5)


def derive(crypto, prk, identifier, id_context, kind, length, algorithm=AES_CCM_16_64_128):
    """``length`` bytes out of the extracted secret: ``kind`` is "Key" or "IV" (RFC 8613 section 3.2.1)."""
    info = cbor.encode([identifier, id_context, algorithm, kind, length])
    return bytearray(crypto.hkdf_expand(prk, info, length))


def piv_bytes(number):
    """Partial IV of a sequence number: big-endian, no leading zeros, at least one byte."""
    return number.to_bytes(_PIV_LENGTH, "big").lstrip(b"\x00") or b"\x00"


class Volatile:
    """Sequence numbers from 0, in memory: for a context that is never used again after a reboot."""

    __slots__ = ("number",)

    def __init__(self, number=0):
        self.number = number

    def next(self):
        """The next number."""
        number = self.number
        self.number = number + 1
        return number


class Context:
    """One security context, both directions.

    ``sender_id`` and ``recipient_id`` are at most 7 bytes and differ; ``id_context`` is bytes or ``None``.
    ``sequence.next()`` gives sender sequence numbers and must never give one twice for the same keys;
    default is ``Volatile``. ``replay`` is a replay.Window, default ``Window.fresh()``. ``announce`` says
    whether requests carry the ID Context as kid context; default: if there is one. Raises ValueError.
    """

    __slots__ = (
        "announce",
        "challenge",
        "common_iv",
        "crypto",
        "id_context",
        "recipient_id",
        "recipient_key",
        "replay",
        "sender_id",
        "sender_key",
        "sequence",
    )

    def __init__(
        self,
        crypto,
        master_secret,
        master_salt,
        sender_id,
        recipient_id,
        id_context=None,
        sequence=None,
        replay=None,
    ):
        if len(sender_id) > MAX_ID or len(recipient_id) > MAX_ID or sender_id == recipient_id:
            raise ValueError("OSCORE identifiers: different, at most 7 bytes")
        prk = crypto.hkdf_extract(master_salt, master_secret)
        self.crypto = crypto
        self.sender_id = bytes(sender_id)
        self.recipient_id = bytes(recipient_id)
        self.id_context = id_context
        self.announce = id_context is not None
        self.sender_key = derive(crypto, prk, self.sender_id, id_context, "Key", _KEY_LENGTH)
        self.recipient_key = derive(crypto, prk, self.recipient_id, id_context, "Key", _KEY_LENGTH)
        self.common_iv = derive(crypto, prk, b"", id_context, "IV", _NONCE_LENGTH)
        self.sequence = Volatile() if sequence is None else sequence
        self.replay = Window.fresh() if replay is None else replay
        self.challenge = None

    def next_piv(self):
        """Partial IV for one message. Raises StateError once the 2^40 numbers are used up."""
        number = self.sequence.next()
        if number >> (8 * _PIV_LENGTH):
            raise StateError("OSCORE sequence numbers are used up")
        return piv_bytes(number)

    def nonce(self, id_piv, piv):
        """AEAD nonce (RFC 8613 section 5.2); ``id_piv`` is the Sender ID of who chose ``piv``."""
        nonce = bytearray(self.common_iv)
        nonce[0] ^= len(id_piv)
        start = _NONCE_LENGTH - _PIV_LENGTH - len(id_piv)
        for i in range(len(id_piv)):
            nonce[start + i] ^= id_piv[i]
        start = _NONCE_LENGTH - len(piv)
        for i in range(len(piv)):
            nonce[start + i] ^= piv[i]
        return bytes(nonce)

    def seal(self, nonce, request_kid, request_piv, plaintext):
        """Ciphertext and tag under the Sender Key."""
        self._alive()
        associated = aad(request_kid, request_piv)
        return self.crypto.ccm_seal(self.sender_key, nonce, associated, plaintext, TAG_LENGTH)

    def open(self, nonce, request_kid, request_piv, ciphertext):
        """Plaintext under the Recipient Key. Raises CryptoError."""
        self._alive()
        associated = aad(request_kid, request_piv)
        return self.crypto.ccm_open(self.recipient_key, nonce, associated, ciphertext, TAG_LENGTH)

    def wipe(self):
        """Overwrite the keys; the context is of no use afterwards."""
        for secret in (self.sender_key, self.recipient_key, self.common_iv):
            if secret is not None:
                wipe(secret)
        self.sender_key = self.recipient_key = None

    def _alive(self):
        # Zeroed keys would go on encrypting, readably for everyone.
        if self.sender_key is None:
            raise StateError("OSCORE context was wiped")


def aad(request_kid, request_piv):
    """Additional authenticated data (RFC 8613 section 5.4); no class I options exist."""
    external = cbor.encode([1, [AES_CCM_16_64_128], request_kid, request_piv, b""])
    return cbor.encode(["Encrypt0", b"", external])
