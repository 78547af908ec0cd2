"""The crypto facade: the few verbs that the protocols need, over interchangeable backends.

A backend is a class derived from ``Crypto``; protocol code gets an instance passed in and never imports one.
Curves are named by their COSE numbers (RFC 9053 section 7.1): ``P256`` signs and agrees on secrets, ``X25519``
only agrees, ``ED25519`` only signs. Public keys of P-256 are ``x || y``, 64 bytes; where only the x-coordinate
is known (EDHOC, RFC 9528 section 3.7), 32 bytes. Those of the other two are the 32 bytes of RFC 7748 and
RFC 8032. Private keys are handles, so that one may live in hardware.
"""

from microbrew.compat import const
from microbrew.errors import CryptoError, StateError

P256 = 1
X25519 = 4
ED25519 = 6

_HASH_LEN = const(32)
_CCM_KEY_LEN = const(16)
_CCM_NONCE_LEN = const(13)
_GENERATE_TRIES = const(16)

# SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING of 66 bytes }, up to the octets of the point.
SPKI_P256_PREFIX = (
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
)


class PrivateKey:
    """Handle of a private key. ``curve`` is its COSE number, ``public`` the public key bytes."""

    __slots__ = ("curve", "public", "secret")

    def __init__(self, curve, public, secret):
        self.curve = curve
        self.public = public
        self.secret = secret

    def wipe(self):
        """Forget the secret, overwriting it where the backend keeps it in a buffer of ours."""
        if isinstance(self.secret, bytearray):
            wipe(self.secret)
        self.secret = None


class Crypto:
    """What every backend offers. Subclasses supply the verbs that raise NotImplementedError here."""

    name = "none"
    constant_time = False

    def random(self, length):
        """``length`` bytes from a cryptographic random generator."""
        raise NotImplementedError

    def sha256(self, *parts):
        """SHA-256 of one to three ``parts``, one after another, 32 bytes."""
        raise NotImplementedError

    def hmac(self, key, data):
        """HMAC-SHA-256 (RFC 2104), 32 bytes."""
        raise NotImplementedError

    def ccm_seal(self, key, nonce, aad, plaintext, tag_len):
        """AES-CCM with a 16-byte key, a 13-byte nonce and L=2 (RFC 3610): ciphertext then tag.

        ``tag_len`` is 4, 8 or 16; ``aad`` is shorter than 65280 bytes, ``plaintext`` than 65536, and both may
        be empty. Raises ValueError for other lengths.
        """
        raise NotImplementedError

    def ccm_open(self, key, nonce, aad, ciphertext, tag_len):
        """Inverse of ``ccm_seal``: the plaintext. Raises CryptoError, having released nothing."""
        raise NotImplementedError

    def generate(self, curve):
        """A fresh key pair on ``curve``: a PrivateKey."""
        for _ in range(_GENERATE_TRIES):
            try:
                return self.load_private(curve, self.random(32))
            except CryptoError:
                # Out of range: one draw in 2**32 for P-256, so a row of them means a broken generator.
                continue
        raise CryptoError("random generator gives no valid private key")

    def load_private(self, curve, secret):
        """PrivateKey of 32 bytes: a big-endian scalar for P-256, which may be out of range, else any bytes.

        Raises CryptoError for what is no key, ValueError for a curve that the backend lacks.
        """
        raise NotImplementedError

    def ecdh(self, private, peer):
        """Shared secret of a P-256 or X25519 key, 32 bytes. ``peer`` is x or x || y of P-256, u of X25519.

        Raises CryptoError for a point that is not on the curve or, with X25519, of small order; StateError for
        a private key that was wiped; ValueError for an Ed25519 key.
        """
        raise NotImplementedError

    def sign(self, private, message):
        """Signature over ``message``, 64 bytes: ES256 (r || s, RFC 6979) of P-256, or Ed25519 (RFC 8032).

        Raises StateError for a private key that was wiped, ValueError for an X25519 key.
        """
        raise NotImplementedError

    def verify(self, curve, public, message, signature):
        """Raises CryptoError unless ``signature`` over ``message`` holds for ``public``; ValueError for X25519.

        Points and scalars of Ed25519 must be in their only encoding.
        """
        raise NotImplementedError

    def decompress(self, x, odd):
        """``x || y`` of the P-256 point with this 32-byte x and a y that is ``odd`` or not.

        SEC 1 section 2.3.4. Raises CryptoError if there is none.
        """
        raise NotImplementedError

    def hkdf_extract(self, salt, ikm):
        """HKDF-Extract with SHA-256 (RFC 5869 section 2.2)."""
        return self.hmac(salt if len(salt) else bytes(_HASH_LEN), ikm)

    def hkdf_expand(self, prk, info, length):
        """HKDF-Expand with SHA-256 (RFC 5869 section 2.3), up to 8160 bytes."""
        raise NotImplementedError


def need_curve(curve, curves):
    """Raises ValueError unless ``curve`` is one of ``curves``, those of the backend for this verb."""
    if curve not in curves:
        raise ValueError("curve not supported for this")


def check_ccm(key, nonce, aad, length, tag_len):
    """The checks of ``ccm_seal`` and ``ccm_open`` in every backend; ``length`` is that of the plaintext.

    Raises ValueError for what the caller chose, CryptoError for a ciphertext shorter than its tag.
    """
    if len(key) != _CCM_KEY_LEN:
        raise ValueError("AES-CCM key must be 16 bytes")
    if len(nonce) != _CCM_NONCE_LEN:
        raise ValueError("AES-CCM nonce must be 13 bytes")
    if tag_len not in (4, 8, 16):
        raise ValueError("AES-CCM tag must be 4, 8 or 16 bytes")
    if length < 0:
        raise CryptoError("ciphertext shorter than its tag")
    if len(aad) >= 0xFF00 or length > 0xFFFF:
        raise ValueError("AES-CCM message too long")


def secret_of(private):
    """The secret of a PrivateKey, for backends. Raises StateError if it was wiped."""
    if private.secret is None:
        raise StateError("private key was wiped")
    return private.secret


def equal(a, b):
    """Compare two byte strings in a time that depends on their lengths only."""
    if len(a) != len(b):
        return False
    diff = 0
    for i in range(len(a)):
        diff |= a[i] ^ b[i]
    return diff == 0


def wipe(buf):
    """Overwrite a bytearray with zeros."""
    for i in range(len(buf)):
        buf[i] = 0


def spki_p256(public):
    """DER SubjectPublicKeyInfo (RFC 7250 form, 91 bytes) of a P-256 key given as x || y."""
    if len(public) != 64:
        raise ValueError("P-256 public key must be x || y")
    return SPKI_P256_PREFIX + b"\x04" + bytes(public)


def public_from_spki(spki):
    """x || y out of the 91-byte SubjectPublicKeyInfo of a P-256 key; CryptoError for any other form."""
    if len(spki) != 91 or spki[:26] != SPKI_P256_PREFIX or spki[26] != 4:
        raise CryptoError("not an uncompressed P-256 SubjectPublicKeyInfo")
    return bytes(spki[27:])


def _in_c(backend, release):
    if release:
        return backend()
    from microbrew.crypto.native_ed25519 import with_ed25519

    return with_ed25519(backend)()


def load(name=None, release=False):
    """An instance of the named backend, or of the best one present: hardware, native, host, pure.

    ``release``: a build flag. With it set, ``pure`` is never chosen by default, only when named, because it
    is not constant time. Raises ValueError for a name that is not known, ImportError for a named backend that
    this machine lacks, CryptoError if a release finds no constant-time backend.
    """
    if name == "hardware":
        from microbrew.crypto.hardware import HardwareCrypto

        return _in_c(HardwareCrypto, release)
    if name == "native":
        from microbrew.crypto.native import NativeCrypto

        return _in_c(NativeCrypto, release)
    if name == "host":
        from microbrew.crypto.host import HostCrypto

        return HostCrypto()
    if name == "pure":
        from microbrew.crypto.pure.backend import PureCrypto

        return PureCrypto()
    if name is not None:
        raise ValueError("unknown crypto backend: " + name)
    for name in ("hardware", "native", "host"):
        try:
            return load(name, release)
        except ImportError:
            pass
    if release:
        raise CryptoError("no constant-time crypto backend, and this is a release")
    return load("pure")
