"""AES-CCM by the chip's AES, in images for the nRF52840 and the CC2652. The one user is microbrew.crypto.hardware.

Arguments, results and errors are those of the functions of the same names in microbrew_native; besides, OSError(EIO)
when the hardware does not answer. The key is in the hardware's reach during the call only.
"""

from typing import Union

Buffer = Union[bytes, bytearray, memoryview]

def ccm_seal(key: Buffer, nonce: Buffer, aad: Buffer, plaintext: Buffer, tag_len: int, /) -> bytes:
    """AES-CCM, L=2: ciphertext then tag. Key 16, nonce 13, tag 4, 8 or 16 bytes; aad < 65280, plaintext < 65536."""

def ccm_open(key: Buffer, nonce: Buffer, aad: Buffer, ciphertext: Buffer, tag_len: int, /) -> bytes:
    """Inverse of ``ccm_seal``: the plaintext. A ciphertext shorter than its tag is one that does not verify."""
