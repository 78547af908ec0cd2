"""Crypto backend of chips with AES in hardware: AES-CCM by it, all else as the native backend does it.

P-256, X25519 and SHA-256 are the native backend's also where a chip could do more. ``random`` is ``os.urandom``, which
on our ports is the chip's own generator, health-tested (entropy.c of the board).
"""

import microbrew_hardware as hardware

from microbrew.crypto.native import NativeCrypto
from microbrew.errors import CryptoError

_EBADMSG = 74


class HardwareCrypto(NativeCrypto):
    """See ``NativeCrypto``. An AES block that does not answer is an OSError: nothing can go on without it."""

    name = "hardware"

    ccm_seal = staticmethod(hardware.ccm_seal)

    def ccm_open(self, key, nonce, aad, ciphertext, tag_len):
        try:
            return hardware.ccm_open(key, nonce, aad, ciphertext, tag_len)
        except OSError as error:
            if error.errno != _EBADMSG:
                raise
            raise CryptoError("authentication tag does not verify") from None
