"""Ed25519 for backends in C, in Python, which is not constant time: a release does without."""

from microbrew.crypto import ED25519, PrivateKey, secret_of
from microbrew.crypto.pure import ed25519
from microbrew.errors import CryptoError


def with_ed25519(backend):
    """``backend``, a class derived from ``Crypto``, with the verbs of Ed25519 added."""

    class WithEd25519(backend):  # type: ignore[misc, valid-type]
        """See ``Crypto`` for shapes and errors."""

        def load_private(self, curve, secret):
            if curve != ED25519:
                return super().load_private(curve, secret)
            if len(secret) != 32:
                raise CryptoError("private key must be 32 bytes")
            return PrivateKey(curve, ed25519.public(secret), bytearray(secret))

        def sign(self, private, message):
            if private.curve != ED25519:
                return super().sign(private, message)
            return ed25519.sign(secret_of(private), private.public, message)

        def verify(self, curve, public, message, signature):
            if curve == ED25519:
                ed25519.verify(public, message, signature)
            else:
                super().verify(curve, public, message, signature)

    return WithEd25519
