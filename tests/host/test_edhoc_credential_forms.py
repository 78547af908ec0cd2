"""Credential forms against other implementations: CWTs by pycose, certificates of every curve by ``cryptography``."""

import datetime

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pycose.algorithms import EdDSA, Es256
from pycose.headers import Algorithm
from pycose.keys import EC2Key, OKPKey
from pycose.keys.curves import P256 as CoseP256
from pycose.keys.curves import Ed25519 as CoseEd25519
from pycose.messages import Sign1Message

from microbrew import cbor
from microbrew.crypto import ED25519, P256, X25519
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import initiator, responder, x509
from microbrew.edhoc.credentials import Own, Peer, own_kccs, own_x5chain, peer_kccs, peer_x5chain
from microbrew.edhoc.cwt import own_kcwt, peer_kcwt

CRYPTO = HostCrypto()
SECRET = bytes(range(1, 33))


def run(method: int, suite: int, own_i: Own, own_r: Own, peer_i, peer_r) -> tuple[bytes, bytes]:
    """A whole exchange: ID_CRED_I as it arrived, and the OSCORE secret on which both agree."""
    message_1, wait_2 = initiator.Start(CRYPTO, method, (suite,), b"\x0e", own_i).message_1()
    start = responder.Start(CRYPTO, (method,), (suite,), {suite: own_r})
    message_2, wait_3 = start.receive(message_1).message_2(b"\x27")
    received_2 = wait_2.receive(message_2)
    message_3, done_i = received_2.verify(peer_r(received_2.id_cred_r)).message_3()
    received_3 = wait_3.receive(message_3)
    done_r = received_3.verify(peer_i(received_3.id_cred_i))
    assert done_i.oscore() == done_r.oscore()
    return received_3.id_cred_i, done_r.oscore()[0]


def certificate(key) -> bytes:
    """DER over the public key of ``key``, of any curve, by a CA of P-256."""
    name = pyca.Name([pyca.NameAttribute(NameOID.COMMON_NAME, "device")])
    return (
        pyca.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2025, 1, 1))
        .not_valid_after(datetime.datetime(9999, 12, 31))
        .sign(ec.derive_private_key(7, ec.SECP256R1()), hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


KINDS = {ED25519: ed25519.Ed25519PrivateKey, X25519: x25519.X25519PrivateKey}


@pytest.mark.parametrize(
    ("method", "suite", "curve"), [(0, 0, ED25519), (1, 1, ED25519), (2, 0, X25519), (3, 1, X25519)]
)
def test_certificates_of_the_25519_curves(method: int, suite: int, curve: int) -> None:
    key = KINDS[curve].from_private_bytes(SECRET)
    der = certificate(key)
    private = CRYPTO.load_private(curve, SECRET)
    responder_signs = method in (0, 2)
    own_r = own_kccs(CRYPTO.generate(ED25519 if responder_signs else X25519))

    def validated(id_cred: bytes) -> Peer:
        found = x509.find(CRYPTO, cbor.decode(id_cred)[34], [der])[0]
        public = pyca.load_der_x509_certificate(found).public_key()
        return peer_x5chain(found, public.public_bytes_raw(), curve)

    own_i = x509.own_x5t(CRYPTO, der, private, x509.SHA256)
    id_cred, _ = run(method, suite, own_i, own_r, validated, peer_kccs)
    # The thumbprint is that of another implementation.
    assert cbor.decode(id_cred)[34] == [-16, pyca.load_der_x509_certificate(der).fingerprint(hashes.SHA256())]
    run(method, suite, own_x5chain(der, private), own_r, lambda _: peer_x5chain(der, private.public, curve), peer_kccs)


def cwt_of_pycose(algorithm, key, claims: dict) -> bytes:
    message = Sign1Message(phdr={Algorithm: algorithm}, payload=cbor.encode(claims))
    message.key = key
    return message.encode(tag=False)


def issuers():
    es256 = CRYPTO.load_private(P256, bytes(range(60, 92)))
    ec2 = EC2Key(CoseP256, x=es256.public[:32], y=es256.public[32:], d=bytes(range(60, 92)))
    eddsa = CRYPTO.load_private(ED25519, bytes(range(60, 92)))
    okp = OKPKey(CoseEd25519, x=eddsa.public, d=bytes(range(60, 92)))
    return [(Es256, ec2, es256.public), (EdDSA, okp, eddsa.public)]


@pytest.mark.parametrize(("algorithm", "key", "public"), issuers(), ids=["ES256", "EdDSA"])
def test_a_cwt_signed_by_pycose(algorithm, key, public: bytes) -> None:
    private = CRYPTO.load_private(P256, SECRET)
    cose_key = {1: 2, -1: 1, -2: private.public[:32], -3: private.public[32:]}
    cwt = cwt_of_pycose(algorithm, key, {1: "ca", 2: "42-50-31", 4: 2000, 8: {1: cose_key}})
    own = own_kcwt(cwt, private)
    peers = []

    def trusted(id_cred: bytes) -> Peer:
        peers.append(peer_kcwt(CRYPTO, id_cred, public, now=1999))
        return peers[-1]

    id_cred, _ = run(0, 2, own, own_kccs(CRYPTO.generate(P256)), trusted, peer_kccs)
    assert id_cred == b"\xa1\x0d" + cwt
    assert (peers[0].subject, peers[0].cred) == ("42-50-31", cwt)


def test_a_compressed_point_in_a_cwt_and_bare_x_for_static_dh() -> None:
    private = CRYPTO.load_private(P256, SECRET)
    algorithm, key, public = issuers()[0]
    odd = bool(private.public[63] & 1)
    for y, expected in (({-3: odd}, private.public), ({}, private.public[:32])):
        cwt = cwt_of_pycose(algorithm, key, {8: {1: {1: 2, -1: 1, -2: private.public[:32]} | y}})
        own_r = own_kccs(CRYPTO.generate(P256))
        found = []

        def trusted(id_cred: bytes, found=found) -> Peer:
            found.append(peer_kcwt(CRYPTO, id_cred, public))
            return found[-1]

        run(3, 2, own_kcwt(cwt, private), own_r, trusted, peer_kccs)
        assert found[0].public == expected


def test_keys_as_files_give_the_same_public_keys() -> None:
    for curve, kind in KINDS.items():
        key = kind.generate()
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        assert CRYPTO.load_private(curve, raw).public == key.public_key().public_bytes_raw()
