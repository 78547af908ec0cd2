"""AES-CCM (RFC 3610) with 13-byte nonces, so L = 2: the AEAD of EDHOC, OSCORE and IEEE 802.15.4 CCM*.

Two passes of whole-buffer AES per message: counter blocks in ECB for the key stream, and one CBC chain for
the tag. Arguments are checked by the facade (``microbrew.crypto.check_ccm``). Left out: other lengths of
nonce, and the four-byte length form for additional data of 65280 bytes or more.
"""

from microbrew.compat import const
from microbrew.crypto import equal, wipe
from microbrew.crypto.pure.aes import MODE_CBC, MODE_ECB, aes
from microbrew.errors import CryptoError

_BLOCK = const(16)
_ADATA = const(0x40)


def _padded(length):
    return (length + 15) & ~15


def _xor(a, b, length):
    """The first ``length`` bytes of ``a`` exclusive or ``b``."""
    return (int.from_bytes(a[:length], "big") ^ int.from_bytes(b[:length], "big")).to_bytes(length, "big")


def _key_stream(key, nonce, length):
    """S_0, S_1, ...: enough for ``length`` bytes beyond the first block (RFC 3610 section 2.3)."""
    out = bytearray(_BLOCK + _padded(length))
    pos = 0
    for counter in range(len(out) >> 4):
        out[pos] = 1
        out[pos + 1 : pos + 14] = nonce
        out[pos + 14] = counter >> 8
        out[pos + 15] = counter & 0xFF
        pos += _BLOCK
    aes(key, MODE_ECB).encrypt(out, out)
    return memoryview(out)


def _authenticate(key, nonce, aad, plaintext, tag_len):
    """T, the whole block of the CBC-MAC (RFC 3610 section 2.2)."""
    size = _BLOCK
    if len(aad):
        size += _padded(2 + len(aad))
    out = bytearray(size + _padded(len(plaintext)))
    out[0] = (_ADATA if len(aad) else 0) | (tag_len - 2) << 2 | 1
    out[1:14] = nonce
    out[14] = len(plaintext) >> 8
    out[15] = len(plaintext) & 0xFF
    if len(aad):
        out[16] = len(aad) >> 8
        out[17] = len(aad) & 0xFF
        out[18 : 18 + len(aad)] = aad
    out[size : size + len(plaintext)] = plaintext
    aes(key, MODE_CBC, bytes(_BLOCK)).encrypt(out, out)
    return out[-_BLOCK:]


def seal(key, nonce, aad, plaintext, tag_len):
    """Ciphertext then tag, ``len(plaintext) + tag_len`` bytes."""
    length = len(plaintext)
    stream = _key_stream(key, nonce, length)
    tag = _authenticate(key, nonce, aad, plaintext, tag_len)
    return _xor(plaintext, stream[_BLOCK:], length) + _xor(tag, stream, tag_len)


def open_(key, nonce, aad, ciphertext, tag_len):
    """The plaintext. Raises CryptoError if the tag does not hold."""
    length = len(ciphertext) - tag_len
    stream = _key_stream(key, nonce, length)
    plaintext = bytearray(_xor(ciphertext, stream[_BLOCK:], length))
    tag = _authenticate(key, nonce, aad, plaintext, tag_len)
    if not equal(_xor(tag, stream, tag_len), ciphertext[length:]):
        wipe(plaintext)
        raise CryptoError("authentication tag does not verify")
    return bytes(plaintext)
