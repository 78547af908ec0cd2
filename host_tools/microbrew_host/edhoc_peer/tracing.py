"""A crypto object that tells what an EDHOC run computes, in the names of RFC 9528 sections 4 and 5.

It sits between the firmware's EDHOC and a backend and knows values by their place in the key schedule: what is expanded
by its info label, what is extracted by its salt, transcript hashes by their order. So the firmware needs no hooks.
One instance serves one run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from microbrew import cbor
from microbrew.crypto import Crypto, PrivateKey
from microbrew.errors import CryptoError

# Label of EDHOC_KDF -> name of what comes out, and whether it is a secret.
_EXPANDED = {
    0: ("KEYSTREAM_2", False),  # PLAINTEXT_2 is shown, so its difference from CIPHERTEXT_2 is no secret either
    1: ("SALT_3e2m", True),
    2: ("MAC_2", False),
    3: ("K_3", True),
    4: ("IV_3", True),
    5: ("SALT_4e3m", True),
    6: ("MAC_3", False),
    7: ("PRK_out", True),
    8: ("K_4", True),
    9: ("IV_4", True),
    10: ("PRK_exporter", True),
    11: ("PRK_out", True),
}
_EXPORTED = {0: "OSCORE Master Secret", 1: "OSCORE Master Salt"}
_HASHES = ("H(message_1)", "TH_2", "TH_3", "TH_4")
_INPUTS = ("message_1", "G_Y, H(message_1)", "TH_2, PLAINTEXT_2, CRED_R", "TH_3, PLAINTEXT_3, CRED_I")
_GENERATE_TRIES = 16


@dataclass(frozen=True)
class Value:
    """An intermediate value of a run."""

    name: str
    data: bytes
    secret: bool = False
    note: str = ""


class TracingCrypto(Crypto):
    """Passes everything on to ``inner`` and tells ``emit`` about it; ``initiator`` is the role of this side."""

    def __init__(self, inner: Crypto, emit: Callable[[Value], None], initiator: bool) -> None:
        self.name = inner.name
        self.constant_time = inner.constant_time
        self._inner = inner
        self._emit = emit
        self._initiator = initiator
        self._known: dict[str, bytes] = {}
        self._hashed = 0
        # What did not verify, for a person.
        self.refused = ""

    def tell(self, name: str, data: Any, secret: bool = False, note: str = "") -> None:
        """Tell of a value, unless it was told of before."""
        data = bytes(data)
        if self._known.get(name) != data:
            self._known[name] = data
            self._emit(Value(name, data, secret, note))

    def known(self, name: str) -> bytes | None:
        """The value of that name, if it was computed."""
        return self._known.get(name)

    def random(self, length: int) -> bytes:
        return self._inner.random(length)

    def generate(self, curve: int) -> PrivateKey:
        for _ in range(_GENERATE_TRIES):
            secret = self._inner.random(32)
            try:
                private = self._inner.load_private(curve, secret)
            except CryptoError:
                continue
            self.ephemeral(private, secret)
            return private
        raise CryptoError("random generator gives no valid private key")

    def ephemeral(self, private: PrivateKey, secret: bytes) -> None:
        """Tell of our ephemeral key pair, which was made elsewhere."""
        self.tell("X" if self._initiator else "Y", secret, True, "our ephemeral private key")
        self.tell("G_X" if self._initiator else "G_Y", private.public[:32], False, "our ephemeral public key")

    def load_private(self, curve: int, secret: bytes) -> PrivateKey:
        return self._inner.load_private(curve, secret)

    def ecdh(self, private: PrivateKey, peer: bytes) -> bytes:
        return self._inner.ecdh(private, peer)

    def decompress(self, x: bytes, odd: bool) -> bytes:
        return self._inner.decompress(x, odd)

    def sha256(self, *parts: bytes) -> bytes:
        data = b"".join(parts)
        digest = self._inner.sha256(data)
        if self._hashed < len(_HASHES):
            name = _HASHES[self._hashed]
            if self._hashed:
                self.tell("input_" + name, data, False, _INPUTS[self._hashed])
            self.tell(name, digest)
            self._hashed += 1
        return digest

    def hmac(self, key: bytes, data: bytes) -> bytes:
        return self._inner.hmac(key, data)

    def hkdf_extract(self, salt: bytes, ikm: bytes) -> bytes:
        prk = self._inner.hkdf_extract(salt, ikm)
        names = {
            self._known.get("TH_2"): ("G_XY", "PRK_2e"),
            self._known.get("SALT_3e2m"): ("G_RX", "PRK_3e2m"),
            self._known.get("SALT_4e3m"): ("G_IY", "PRK_4e3m"),
        }.get(bytes(salt))
        if names is not None:
            self.tell(names[0], ikm, True, "ECDH shared secret")
            self.tell(names[1], prk, True)
        return prk

    def hkdf_expand(self, prk: bytes, info: bytes, length: int) -> bytes:
        out = self._inner.hkdf_expand(prk, info, length)
        reader = cbor.Reader(info)
        label, context = reader.item(), reader.item()
        if bytes(prk) == self._known.get("PRK_exporter"):
            note = f"EDHOC_Exporter( {label}, h'{context.hex()}', {length} )"
            self.tell(_EXPORTED.get(label, f"exporter {label}"), out, True, note)
        elif label in _EXPANDED:
            self._name_prk(label, prk)
            name, secret = _EXPANDED[label]
            if name.startswith("MAC_"):
                self.tell("context_" + name[-1], context)
            self.tell(name, out, secret, f"info label {label}")
        return out

    def _name_prk(self, label: int, prk: bytes) -> None:
        # A side that signs adds nothing to the key schedule: the PRK goes on under the next name.
        if label == 2 and "PRK_3e2m" not in self._known:
            self.tell("PRK_3e2m", prk, True, "PRK_2e, as the Responder signs")
        if label == 6 and "PRK_4e3m" not in self._known:
            self.tell("PRK_4e3m", prk, True, "PRK_3e2m, as the Initiator signs")

    def ccm_seal(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, tag_len: int) -> bytes:
        number = self._number_of(key)
        self.tell("A_" + number, aad)
        self.tell("PLAINTEXT_" + number, plaintext)
        sealed = self._inner.ccm_seal(key, nonce, aad, plaintext, tag_len)
        self.tell("CIPHERTEXT_" + number, sealed)
        return sealed

    def ccm_open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes, tag_len: int) -> bytes:
        number = self._number_of(key)
        self.tell("A_" + number, aad)
        self.tell("CIPHERTEXT_" + number, ciphertext)
        try:
            opened = self._inner.ccm_open(key, nonce, aad, ciphertext, tag_len)
        except CryptoError as error:
            self.refused = f"CIPHERTEXT_{number}: {error}"
            raise
        self.tell("PLAINTEXT_" + number, opened)
        return opened

    def _number_of(self, key: bytes) -> str:
        return "4" if bytes(key) == self._known.get("K_4") else "3"

    def sign(self, private: PrivateKey, message: bytes) -> bytes:
        number = "3" if self._initiator else "2"
        self.tell("M_" + number, message, False, "what is signed")
        signature = self._inner.sign(private, message)
        self.tell("Signature_or_MAC_" + number, signature)
        return signature

    def verify(self, curve: int, public: bytes, message: bytes, signature: bytes) -> None:
        number = "2" if self._initiator else "3"
        self.tell("M_" + number, message, False, "what must be signed")
        try:
            self._inner.verify(curve, public, message, signature)
        except CryptoError as error:
            self.refused = f"Signature_or_MAC_{number}: {error}"
            raise
