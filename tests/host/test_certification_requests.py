"""Which certification requests of boards the factory believes, and that the same key gets the same certificate."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from microbrew.crypto import P256
from microbrew.crypto.host import HostCrypto
from microbrew.identity.csr import certification_request
from microbrew_host.factory import manufacturer
from microbrew_host.factory.line import Order
from microbrew_host.factory.provision import issue
from microbrew_host.masa import database
from microbrew_host.voucher import spki

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ORDER = Order(bytes(range(8)), "MB-0001")


@pytest.fixture
def acme(tmp_path):
    path = tmp_path / "acme"
    manufacturer.create(path, manufacturer.Settings("Acme", "localhost:9443"), [], NOW)
    engine = database.open_database(path / "masa.sqlite")
    yield manufacturer.Manufacturer.load(path), engine
    engine.dispose()


def inventory(engine):
    with engine.begin() as tx:
        return {row.serial: row.certificate for row in database.devices(tx)}


def request_of(key, serial=ORDER.serial, oid=NameOID.SERIAL_NUMBER):
    name = x509.Name([x509.NameAttribute(oid, serial)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("serial", ["A", "MB-0001", "M" * 64])
def test_our_request_is_one_for_any_serial_number(acme, serial):
    crypto = HostCrypto()
    private = crypto.load_private(P256, bytes(31) + b"\x05")
    order = Order(bytes(8), serial)
    der = issue(*acme, order, certification_request(crypto, private, serial), False, NOW)
    certificate = x509.load_der_x509_certificate(der)
    assert spki(certificate.public_key())[27:] == private.public
    assert inventory(acme[1]) == {serial: der}


def test_one_key_gets_one_certificate_and_another_key_none_unless_it_replaces(acme):
    maker, engine = acme
    first, second = (request_of(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
    issued = issue(maker, engine, ORDER, first, False, NOW)
    assert issue(maker, engine, ORDER, first, False, NOW) == issued
    assert issue(maker, engine, ORDER, first, True, NOW) == issued
    with pytest.raises(ValueError, match="made before, with another key"):
        issue(maker, engine, ORDER, second, False, NOW)
    assert inventory(engine) == {"MB-0001": issued}
    replaced = issue(maker, engine, ORDER, second, True, NOW)
    assert inventory(engine) == {"MB-0001": replaced}
    assert replaced != issued


def _broken():
    der = bytearray(request_of(ec.generate_private_key(ec.SECP256R1())))
    der[-1] ^= 1
    return bytes(der)


def _with_another_key():
    # The key of one request under the signature of another: nobody proves to hold it.
    der, other = (request_of(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
    key, wanted = (x509.load_der_x509_csr(data).public_key() for data in (der, other))
    return der.replace(spki(key), spki(wanted))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (_broken, "not signed by its own key"),
        (_with_another_key, "not signed by its own key"),
        (lambda: b"", "cannot be read"),
        (lambda: b"\x30\x00", "cannot be read"),
        (lambda: request_of(ec.generate_private_key(ec.SECP384R1())), "not for a P-256 key"),
        (lambda: request_of(rsa.generate_private_key(65537, 2048)), "not for a P-256 key"),
        (lambda: request_of(ec.generate_private_key(ec.SECP256R1()), "MB-0002"), "not for MB-0001"),
        (lambda: request_of(ec.generate_private_key(ec.SECP256R1()), oid=NameOID.COMMON_NAME), "not for MB-0001"),
    ],
)
def test_a_request_that_proves_nothing_or_wants_another_name_is_refused(acme, make, sentence):
    with pytest.raises(ValueError, match=sentence):
        issue(*acme, ORDER, make(), True, NOW)
    assert inventory(acme[1]) == {}
