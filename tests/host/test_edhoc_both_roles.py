"""EDHOC as the registrar runs it: real certificates, read by ``cryptography``; signatures checked by pycose."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from pycose.algorithms import Es256
from pycose.headers import Algorithm
from pycose.keys import EC2Key
from pycose.keys.curves import P256 as CoseP256
from pycose.keys.keyops import VerifyOp
from pycose.messages import Sign1Message

from microbrew import cbor
from microbrew.crypto import P256
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import ead, initiator, key_schedule, messages, responder
from microbrew.edhoc.credentials import (
    X5CHAIN,
    Own,
    Peer,
    certificates,
    own_kccs,
    own_x5chain,
    peer_kccs,
    peer_x5chain,
)

CRYPTO = HostCrypto()


def issue(name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key, padding: int = 0) -> bytes:
    """DER of a certificate; ``padding`` bytes make it longer by an extension."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(datetime.datetime(2025, 1, 1))
        .not_valid_after(datetime.datetime(9999, 12, 31, 23, 59, 59))
        .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
    )
    if padding:
        oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.32")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, b"\x16" * padding), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.DER)


def public_of(der: bytes) -> bytes:
    key = x509.load_der_x509_certificate(der).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def handle(key: ec.EllipticCurvePrivateKey):
    return CRYPTO.load_private(P256, key.private_numbers().private_value.to_bytes(32, "big"))


CA_KEY = ec.generate_private_key(ec.SECP256R1())
DEVICE_KEY = ec.generate_private_key(ec.SECP256R1())
JRC = own_kccs(CRYPTO.generate(P256), "jrc.example")


class Run:
    """A whole exchange; ``message_1`` to ``message_3`` are the bytes that went over the air."""

    def __init__(self, own_i: Own, method: int = 0, suite: int = 2, c_i=b"", c_r=b"\x01", field=b"") -> None:
        start = responder.Start(CRYPTO, (method,), (2, 3), {2: JRC, 3: JRC})
        self.message_1, wait_2 = initiator.Start(CRYPTO, method, (suite,), c_i, own_i).message_1(field)
        self.message_2, wait_3 = start.receive(self.message_1).message_2(c_r, field)
        self.received_2 = wait_2.receive(self.message_2)
        verified = self.received_2.verify(peer_kccs(self.received_2.id_cred_r))
        self.message_3, self.done_i = verified.message_3(field)
        self.received_3 = wait_3.receive(self.message_3)
        self.chain = certificates(self.received_3.id_cred_i)
        self.done_r = self.received_3.verify(peer_x5chain(self.chain[0], public_of(self.chain[0])))


def test_an_idevid_of_450_bytes() -> None:
    der = issue("device", DEVICE_KEY, "ca", CA_KEY, padding=150)
    assert 430 < len(der) < 500
    run = Run(own_x5chain(der, handle(DEVICE_KEY)))
    assert run.chain == [der]
    assert run.done_i.oscore() == run.done_r.oscore()
    # Certificate, signature, labels and tag: nothing else is on the air.
    assert len(run.message_3) == len(der) + 3 + 3 + 66 + 8 + 3


def test_the_longest_certificate_fits() -> None:
    short = len(issue("device", DEVICE_KEY, "ca", CA_KEY, padding=600))
    der = issue("device", DEVICE_KEY, "ca", CA_KEY, padding=600 + 1015 - short)
    assert 1005 <= len(der) <= 1024
    run = Run(own_x5chain(der, handle(DEVICE_KEY)), suite=3)
    assert len(run.message_3) <= messages.MAX_MESSAGE
    assert run.done_i.oscore() == run.done_r.oscore()


def test_a_chain_with_its_issuer() -> None:
    ca = issue("ca", CA_KEY, "ca", CA_KEY)
    der = issue("device", DEVICE_KEY, "ca", CA_KEY)
    own = Own(cbor.encode({X5CHAIN: [der, ca]}), cbor.encode(der), handle(DEVICE_KEY))
    run = Run(own)
    assert run.chain == [der, ca]
    x509.load_der_x509_certificate(run.chain[0]).verify_directly_issued_by(x509.load_der_x509_certificate(run.chain[1]))
    assert run.done_i.oscore() == run.done_r.oscore()


@pytest.mark.parametrize("with_ead", [False, True])
def test_signature_2_is_a_cose_sign1_as_pycose_checks_it(with_ead: bool) -> None:
    """Recomputed as a third party who knows X: the transcript by the RFC's words, the signature by pycose."""
    field = ead.encode_items([(300, b"text")]) if with_ead else b""
    x = CRYPTO.generate(P256)
    x_again = CRYPTO.load_private(P256, x.secret.private_numbers().private_value.to_bytes(32, "big"))
    own = own_x5chain(issue("device", DEVICE_KEY, "ca", CA_KEY), handle(DEVICE_KEY))
    start = responder.Start(CRYPTO, (0,), (2,), {2: JRC})
    message_1, _ = initiator.Start(CRYPTO, 0, (2,), b"", own, ephemeral=x).message_1()
    message_2, _ = start.receive(message_1).message_2(b"\x01", field)
    content = messages.parse_bstr(message_2)
    th_2 = CRYPTO.sha256(cbor.sequence(content[:32], CRYPTO.sha256(message_1)))
    prk = key_schedule.prk_2e(CRYPTO, th_2, CRYPTO.ecdh(x_again, content[:32]))
    keystream = key_schedule.keystream_2(CRYPTO, prk, th_2, len(content) - 32)
    plaintext = bytes(a ^ b for a, b in zip(content[32:], keystream, strict=True))
    fields = messages.parse_plaintext(plaintext, True, 64)
    assert fields.ead == field
    mac_2 = key_schedule.mac_2(CRYPTO, prk, b"\x01", JRC.id_cred, th_2, JRC.cred, field, 32)
    public = JRC.private.public
    sign1 = Sign1Message(
        phdr_encoded=JRC.id_cred,
        uhdr={Algorithm: Es256},
        payload=mac_2,
        external_aad=cbor.encode(th_2) + bytes(JRC.cred) + field,
    )
    sign1._signature = fields.proof
    sign1.key = EC2Key(CoseP256, x=public[:32], y=public[32:], optional_params={"KEY_OPS": [VerifyOp]})
    assert sign1.verify_signature()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    method=st.integers(0, 3),
    suite=st.sampled_from([2, 3]),
    identifiers=st.tuples(st.binary(max_size=7), st.binary(max_size=7)).filter(lambda pair: pair[0] != pair[1]),
    items=st.lists(st.tuples(st.integers(1, 65535), st.none() | st.binary(max_size=60)), max_size=4),
)
def test_all_parameters_agree(method: int, suite: int, identifiers, items) -> None:
    own = own_x5chain(issue("device", DEVICE_KEY, "ca", CA_KEY), handle(DEVICE_KEY))
    field = ead.encode_items(items)
    run = Run(own, method, suite, *identifiers, field)
    assert run.received_2.ead_2 == items
    assert run.received_3.ead_3 == items
    assert (run.done_i.c_i, run.done_i.c_r) == identifiers == (run.done_r.c_i, run.done_r.c_r)
    assert run.done_i.oscore() == run.done_r.oscore()
    assert run.done_i.receive_message_4(run.done_r.message_4(field)) == items


def test_a_certificate_key_may_do_static_dh() -> None:
    der = issue("device", DEVICE_KEY, "ca", CA_KEY)
    run = Run(own_x5chain(der, handle(DEVICE_KEY)), method=3)
    assert run.done_i.oscore() == run.done_r.oscore()
    assert len(run.message_3) == len(der) + 3 + 3 + 9 + 8 + 3


def test_a_peer_is_what_was_validated() -> None:
    der = issue("device", DEVICE_KEY, "ca", CA_KEY)
    peer = peer_x5chain(der, public_of(der))
    assert isinstance(peer, Peer)
    assert peer.cred == cbor.encode(der)
