"""AES-128 on whole blocks: ``cryptolib`` of MicroPython, or the same calls over ``cryptography`` on CPython.

Both give ``aes(key, mode[, iv])`` with ``encrypt(source, target)``; source and target may be one buffer.
"""

MODE_ECB = 1
MODE_CBC = 2

try:
    from cryptolib import aes
except ImportError:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    class _Aes:
        def __init__(self, key, mode, iv=None):
            # Single blocks for CTR and CBC-MAC, which CCM is made of; no data is enciphered in ECB mode.
            chaining = modes.ECB() if mode == MODE_ECB else modes.CBC(bytes(iv or b""))  # noqa: S305
            self._context = Cipher(algorithms.AES(bytes(key)), chaining).encryptor()

        def encrypt(self, source, target):
            target[:] = self._context.update(bytes(source))

    aes = _Aes
