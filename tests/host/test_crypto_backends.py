"""The pure backend against ``cryptography`` on random input, and against each other on bad input."""

import hashlib
import json
import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from microbrew import crypto
from microbrew.cose import sign1
from microbrew.crypto import ED25519, P256, X25519
from microbrew.crypto.pure import p256
from microbrew.crypto.pure.sha512 import sha512
from microbrew.errors import CryptoError

PURE = crypto.load("pure")
HOST = crypto.load("host")

scalars = st.one_of(
    st.integers(1, p256.N - 1),
    st.integers(1, 64),
    st.integers(1, 64).map(lambda i: p256.N - i),
    st.integers(0, 255).map(lambda i: 1 << i),
)


def _key(scalar: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(scalar, ec.SECP256R1())


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


@settings(max_examples=60, deadline=None)
@given(scalars, scalars)
def test_ecdh_and_public_keys_are_those_of_openssl(a: int, b: int) -> None:
    ours = PURE.load_private(P256, a.to_bytes(32, "big"))
    assert ours.public == _public(_key(a))
    theirs = _key(b)
    shared = theirs.exchange(ec.ECDH(), _key(a).public_key())
    assert PURE.ecdh(ours, _public(theirs)) == shared
    assert PURE.ecdh(ours, _public(theirs)[:32]) == shared


@settings(max_examples=60, deadline=None)
@given(scalars, st.binary(max_size=200))
def test_signatures_cross_over(scalar: int, message: bytes) -> None:
    key = _key(scalar)
    ours = PURE.load_private(P256, scalar.to_bytes(32, "big"))
    signature = PURE.sign(ours, message)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.public_key().verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    # Theirs has a random nonce here, so both roads are new each time.
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    PURE.verify(P256, ours.public, message, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    with pytest.raises(CryptoError):
        PURE.verify(P256, ours.public, message + b"\x00", signature)
    with pytest.raises(InvalidSignature):
        key.public_key().verify(encode_dss_signature(r, s), message + b"\x00", ec.ECDSA(hashes.SHA256()))
    # Deterministic nonces make the backends interchangeable to the byte.
    assert HOST.sign(HOST.load_private(P256, scalar.to_bytes(32, "big")), message) == signature


@settings(max_examples=200, deadline=None)
@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=13, max_size=13),
    st.binary(max_size=1100),
    st.binary(max_size=300),
    st.sampled_from((4, 8, 16)),
)
def test_ccm_is_that_of_openssl(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes, tag_len: int) -> None:
    sealed = AESCCM(key, tag_len).encrypt(nonce, plaintext, aad)
    for backend in (PURE, HOST):
        assert backend.ccm_seal(key, nonce, aad, plaintext, tag_len) == sealed
        assert backend.ccm_open(key, nonce, aad, sealed, tag_len) == plaintext


@pytest.mark.parametrize("aad_len", [0, 13, 14, 15, 255, 256, 1024, 0xFEFF])
@pytest.mark.parametrize("length", [0, 1, 16, 4095, 0xFFFF])
def test_ccm_length_boundaries_are_those_of_openssl(aad_len: int, length: int) -> None:
    generator = random.Random(aad_len << 16 | length)
    key, nonce = generator.randbytes(16), generator.randbytes(13)
    aad, plaintext = generator.randbytes(aad_len), generator.randbytes(length)
    sealed = AESCCM(key, 8).encrypt(nonce, plaintext, aad)
    assert PURE.ccm_seal(key, nonce, aad, plaintext, 8) == sealed
    assert PURE.ccm_open(key, nonce, aad, sealed, 8) == plaintext


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=300))
def test_hmac_is_that_of_openssl(key: bytes, data: bytes) -> None:
    expected = hmac.HMAC(key, hashes.SHA256())
    expected.update(data)
    assert PURE.hmac(key, data) == HOST.hmac(key, data) == expected.finalize()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=70), st.binary(max_size=100), st.binary(max_size=100), st.integers(1, 300))
def test_hkdf_is_that_of_openssl(salt: bytes, ikm: bytes, info: bytes, length: int) -> None:
    expected = HKDF(hashes.SHA256(), length, salt, info).derive(ikm)
    for backend in (PURE, HOST):
        assert backend.hkdf_expand(backend.hkdf_extract(salt, ikm), info, length) == expected


def _outcome(function, *args):
    try:
        return function(*args)
    except CryptoError:
        return CryptoError


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(min_size=32, max_size=32), st.binary(max_size=70), st.binary(min_size=64, max_size=64)))
def test_backends_agree_on_any_bytes_as_a_public_key(public: bytes) -> None:
    secret = bytes(range(1, 33))
    ours, theirs = PURE.load_private(P256, secret), HOST.load_private(P256, secret)
    assert _outcome(PURE.ecdh, ours, public) == _outcome(HOST.ecdh, theirs, public)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=60, max_size=68), st.booleans())
def test_backends_agree_on_any_bytes_as_a_signature(signature: bytes, negate: bool) -> None:
    private = PURE.load_private(P256, bytes(range(1, 33)))
    if negate:
        good = PURE.sign(private, signature)
        s = p256.N - int.from_bytes(good[32:], "big")
        assert HOST.verify(P256, private.public, signature, good[:32] + s.to_bytes(32, "big")) is None
        assert PURE.verify(P256, private.public, signature, good[:32] + s.to_bytes(32, "big")) is None
    for backend in (PURE, HOST):
        assert _outcome(backend.verify, P256, private.public, b"message", signature) is CryptoError


def test_ed25519_voucher_has_the_structure_that_its_signer_signed() -> None:
    with open("tests/vectors/voucher-zsj.json") as file:
        vectors = json.load(file)
    message = sign1.decode(bytes.fromhex(vectors["messages"]["zsj_voucher_ed25519"]))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vectors["masa_ed25519_public"]))
    public.verify(message.signature, sign1.to_be_signed(message.protected_raw, message.payload))


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_x25519_is_that_of_openssl(secret: bytes, u: bytes) -> None:
    ours, theirs = PURE.load_private(X25519, secret), HOST.load_private(X25519, secret)
    assert ours.public == theirs.public
    assert _outcome(PURE.ecdh, ours, u) == _outcome(HOST.ecdh, theirs, u)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_ed25519_is_that_of_openssl(secret: bytes, message: bytes) -> None:
    ours, theirs = PURE.load_private(ED25519, secret), HOST.load_private(ED25519, secret)
    assert ours.public == theirs.public
    signature = PURE.sign(ours, message)
    assert HOST.sign(theirs, message) == signature
    PURE.verify(ED25519, ours.public, message, signature)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_sha512_is_that_of_hashlib(data: bytes) -> None:
    assert sha512(data) == hashlib.sha512(data).digest()


def test_backends_agree_on_points_of_small_order_in_every_encoding() -> None:
    with open("tests/vectors/curve25519.json") as file:
        encodings = {bytes.fromhex(point) for point in json.load(file)["small_order_a"]}
    p = 2**255 - 19
    for point in list(encodings):
        y = int.from_bytes(point, "little") % 2**255
        for other in (y, y + p):
            if other < 2**255:
                encodings |= {(other | sign << 255).to_bytes(32, "little") for sign in (0, 1)}
    assert len(encodings) == 14
    held = 0
    for public in encodings:
        for r in encodings:
            for message in (b"a", b"b", b"c"):
                signature = r + bytes(32)
                outcomes = [_outcome(backend.verify, ED25519, public, message, signature) for backend in (PURE, HOST)]
                assert outcomes[0] == outcomes[1]
                held += outcomes[0] is None
    assert held
