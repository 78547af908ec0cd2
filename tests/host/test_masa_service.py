"""The MASA's decisions over a real database file: each check, the log, rate limits, repeats."""

import base64
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from microbrew_host import voucher
from microbrew_host.factory import manufacturer
from microbrew_host.factory.line import Line, Order
from microbrew_host.masa import checks, database, service
from microbrew_host.masa.checks import OID_CMC_RA, Refusal
from microbrew_host.masa.server import load
from microbrew_host.voucher import data, idevid
from microbrew_host.voucher.data import LOGGED, PROXIMITY
from microbrew_host.voucher.keys import private_from_scalar

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NONCE = bytes(range(8))
SERIAL = "00-12-4B-00-00-00-02-02"
OTHER = "00-12-4B-00-00-00-02-03"


class Clock:
    """A wall clock that stands until it is moved."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class World:
    """A manufacturer with two devices, and a registrar with a self-signed certificate."""

    def __init__(self, path, masa, records):
        self.path = path
        self.masa = masa
        self.clock = masa.clock
        self.engine = masa.engine
        self.idevid = {serial: idevid.load(record[3]) for serial, record in records.items()}
        self.device_key = {serial: private_from_scalar(record[4]) for serial, record in records.items()}
        self.registrar = ec.generate_private_key(ec.SECP256R1())
        self.certificate = registrar_certificate(self.registrar)

    @property
    def registrar_spki(self):
        return voucher.spki(self.registrar.public_key())

    def pvr(self, serial=SERIAL, key=None, **changes):
        """A pledge's request; ``changes`` replace leaves."""
        leaves = {
            "serial_number": serial,
            "assertion": PROXIMITY,
            "nonce": NONCE,
            "proximity_registrar_pubk": self.registrar_spki,
            **changes,
        }
        return voucher.sign(voucher.VoucherRequest(**leaves).encode(), key or self.device_key[serial])

    def rvr(self, pvr=None, serial=SERIAL, key=None, bag=None, kid=None, protect=False, **changes):
        """A registrar's request; ``changes`` replace leaves, ``bag`` the x5bag."""
        leaves = {
            "serial_number": serial,
            "assertion": PROXIMITY,
            "created_on": data.timestamp(self.clock.now),
            "nonce": NONCE,
            "idevid_issuer": idevid.issuer_aki(self.idevid[SERIAL]),
            "prior_signed_voucher_request": self.pvr() if pvr is None else pvr,
            "join_process": "minimal",
            **changes,
        }
        payload = voucher.VoucherRequest(**leaves).encode()
        bag = [der(self.certificate)] if bag is None else bag
        return voucher.sign(payload, key or self.registrar, x5bag=bag, kid=kid, protect_x5bag=protect)

    def nonceless(self, **changes):
        return self.rvr(nonce=None, prior_signed_voucher_request=None, assertion=None, **changes)

    def ask(self, rvr):
        signed = voucher.parse_signed(self.masa.voucher(rvr, "192.0.2.1"))
        voucher.verify(signed, self.masa.signing_key.public_key())
        return voucher.parse_voucher(signed.payload)

    def refused(self, rvr):
        with pytest.raises(Refusal) as caught:
            self.masa.voucher(rvr, "192.0.2.1")
        return caught.value.status, caught.value.reason

    def log(self):
        with self.engine.begin() as tx:
            return database.log(tx, None, 1000)

    def let(self, standing, spki=None):
        with self.engine.begin() as tx:
            key = spki or self.registrar_spki
            database.set_registrar(tx, voucher.fingerprint(key), key, standing, "")


def der(certificate):
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def registrar_certificate(key, issuer_key=None, issuer="registrar", subject="registrar", ca=False, usage=True):
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(5).not_valid_before(NOW)
    builder = builder.not_valid_after(NOW + timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if usage:
        usages = [OID_CMC_RA, ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    signer = issuer_key or key
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "acme"
    manufacturer.create(path, manufacturer.Settings("Acme", "localhost:9443"), [], NOW)
    engine = database.open_database(path / "masa.sqlite")
    maker = manufacturer.Manufacturer.load(path)
    orders = [Order.of(bytes.fromhex(serial.replace("-", ""))) for serial in (SERIAL, OTHER)]
    made = Line(maker, engine, tmp_path / "out", one_touch=False).make(orders, NOW)
    records = {order.serial: record for order, record in made}
    engine.dispose()
    masa = load(path, Clock())
    yield World(path, masa, records)
    masa.engine.dispose()


def test_a_good_request_gets_a_voucher_that_answers_it(world):
    found = world.ask(world.rvr())
    assert found == voucher.Voucher(
        serial_number=SERIAL,
        assertion=PROXIMITY,
        created_on="2026-11-21T12:00:00Z",
        nonce=NONCE,
        pinned_domain_pubk=world.registrar_spki,
        extensions=("zsj-join",),
        join_process="minimal",
    )


def test_the_answer_carries_one_certificate_that_its_signature_verifies_with(world):
    signed = voucher.parse_signed(world.masa.voucher(world.rvr(), ""))
    (certificate,) = signed.x5bag
    assert signed.unprotected.keys() == {32}
    certificate = idevid.load(certificate)
    certificate.verify_directly_issued_by(certificate)
    voucher.verify(signed, certificate.public_key())


def test_without_a_join_process_in_the_request_there_is_none_in_the_voucher(world):
    found = world.ask(world.rvr(join_process=None))
    assert (found.join_process, found.extensions) == (None, ())


def test_an_issue_is_logged_with_what_it_decided(world):
    answer = world.masa.voucher(world.rvr(), "192.0.2.7")
    (event,) = world.log()
    assert event.outcome == database.ISSUED
    assert (event.serial, event.nonce, event.voucher) == (SERIAL, NONCE, answer)
    assert event.registrar == voucher.fingerprint(world.registrar_spki)
    assert (event.source, event.at, event.join_process) == ("192.0.2.7", int(NOW.timestamp()), "minimal")


# Refusals: each check has its status and reason, is logged, and takes no token.


def changed(rvr, position=-1):
    damaged = bytearray(rvr)
    damaged[position] ^= 1
    return bytes(damaged)


def strange_registrar():
    return ec.generate_private_key(ec.SECP256R1())


def other_registrar_in_the_middle(world):
    key = strange_registrar()
    return world.rvr(key=key, bag=[der(registrar_certificate(key))])


def broken_chain(world):
    authority, wrong = strange_registrar(), strange_registrar()
    end = registrar_certificate(world.registrar, issuer_key=wrong, issuer="domain")
    above = registrar_certificate(authority, issuer="domain", subject="domain", ca=True)
    return world.rvr(bag=[der(end), der(above)])


def chain_through_an_end_certificate(world):
    authority = strange_registrar()
    end = registrar_certificate(world.registrar, issuer_key=authority, issuer="domain")
    above = registrar_certificate(authority, issuer="domain", subject="domain", ca=False)
    return world.rvr(bag=[der(end), der(above)])


def forged_self_signed(world):
    forged = registrar_certificate(world.registrar, issuer_key=strange_registrar())
    return world.rvr(bag=[der(forged)])


def ed25519_registrar(world):
    key = ed25519.Ed25519PrivateKey.generate()
    pvr = world.pvr(proximity_registrar_pubk=voucher.spki(key.public_key()))
    return world.rvr(pvr, key=key, bag=[der(registrar_certificate(key))])


REFUSED = {
    "not CBOR": (lambda w: b"\xff", (400, "format")),
    "empty": (lambda w: b"", (400, "format")),
    "a voucher instead": (
        lambda w: voucher.sign(voucher.Voucher(serial_number=SERIAL).encode(), w.registrar),
        (400, "format"),
    ),
    "PVR not COSE": (lambda w: w.rvr(b"rubbish"), (400, "format")),
    "date not a date": (lambda w: w.rvr(created_on="soon"), (400, "format")),
    "bag not certificates": (lambda w: w.rvr(bag=[b"rubbish"]), (400, "certificate")),
    "RVR signature": (lambda w: changed(w.rvr()), (403, "rvr-signature")),
    "RVR signed by a key it does not show": (lambda w: w.rvr(key=strange_registrar()), (403, "rvr-signature")),
    "no registrar usage": (
        lambda w: w.rvr(bag=[der(registrar_certificate(w.registrar, usage=False))]),
        (403, "registrar-eku"),
    ),
    "the device is no registrar": (
        lambda w: w.rvr(key=w.device_key[SERIAL], bag=[der(w.idevid[SERIAL])]),
        (403, "registrar-eku"),
    ),
    "broken chain": (broken_chain, (403, "registrar-chain")),
    "issuer is no authority": (chain_through_an_end_certificate, (403, "registrar-chain")),
    "forged self-signed": (forged_self_signed, (403, "registrar-chain")),
    "too old": (lambda w: w.rvr(created_on="2026-11-19T00:00:00Z"), (403, "stale")),
    "from the future": (lambda w: w.rvr(created_on="2026-11-23T00:00:00Z"), (403, "stale")),
    "unknown device": (lambda w: w.rvr(serial="nobody"), (404, "device-unknown")),
    "no issuer": (lambda w: w.rvr(idevid_issuer=None), (403, "issuer")),
    "other issuer": (lambda w: w.rvr(idevid_issuer=bytes(26)), (403, "issuer")),
    "key type": (ed25519_registrar, (406, "key-type")),
    "PVR of a stranger": (lambda w: w.rvr(w.pvr(key=strange_registrar())), (403, "pvr-signature")),
    "PVR damaged": (lambda w: w.rvr(changed(w.pvr())), (403, "pvr-signature")),
    "PVR by another device": (lambda w: w.rvr(w.pvr(OTHER)), (403, "pvr-signature")),
    "PVR for another serial": (lambda w: w.rvr(w.pvr(serial_number=OTHER)), (403, "serial")),
    "other nonce": (lambda w: w.rvr(nonce=bytes(8)), (403, "nonce")),
    "nonce left out": (lambda w: w.rvr(nonce=None), (403, "nonce")),
    "registrar swapped": (other_registrar_in_the_middle, (403, "proximity")),
    "proximity to nobody": (lambda w: w.rvr(w.pvr(proximity_registrar_pubk=None)), (403, "proximity")),
    "other digest": (
        lambda w: w.rvr(w.pvr(proximity_registrar_pubk=None, proximity_registrar_pubk_sha256=bytes(32))),
        (403, "proximity"),
    ),
    "two keys, one wrong": (
        lambda w: w.rvr(w.pvr(proximity_registrar_pubk_sha256=bytes(32))),
        (403, "proximity"),
    ),
    "certificate pin": (
        lambda w: w.rvr(w.pvr(proximity_registrar_pubk=None, proximity_registrar_cert=der(w.certificate))),
        (406, "pin"),
    ),
    "no PVR": (lambda w: w.rvr(prior_signed_voucher_request=None), (403, "registrar-unauthenticated")),
    "no claim of proximity": (lambda w: w.rvr(w.pvr(assertion=None)), (403, "registrar-unauthenticated")),
    "nonceless from a stranger": (lambda w: w.nonceless(), (403, "registrar-unauthenticated")),
    "nonceless with PVR": (lambda w: w.rvr(w.pvr(nonce=None), nonce=None), (403, "registrar-unauthenticated")),
    "bare key, wrong kid": (lambda w: w.rvr(bag=[], kid=bytes(32)), (403, "rvr-signature")),
    "bare key of another": (lambda w: w.rvr(bag=[], key=strange_registrar()), (403, "rvr-signature")),
    "bare key, no PVR": (lambda w: w.nonceless(bag=[], kid=bytes(32)), (403, "rvr-signature")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_request_is_refused_with_its_own_reason_and_logged(world, case):
    make, expected = REFUSED[case]
    assert world.refused(make(world)) == expected
    (event,) = world.log()
    assert event.outcome == expected[1]
    assert event.text
    assert event.voucher is None
    with world.engine.begin() as tx:
        for row in database.devices(tx):
            assert (row.credit, row.vouchers) == (24 * 3600, 0)


def test_a_denied_registrar_is_refused_and_can_be_allowed_again(world):
    world.let(database.DENIED)
    assert world.refused(world.rvr()) == (403, "registrar-denied")
    world.let(database.ALLOWED)
    assert world.ask(world.rvr()).nonce == NONCE


def test_a_denied_device_is_refused_even_a_repeat(world):
    rvr = world.rvr()
    world.ask(rvr)
    with world.engine.begin() as tx:
        assert database.set_denied(tx, SERIAL, True, "stolen")
    assert world.refused(rvr) == (403, "device-denied")
    with world.engine.begin() as tx:
        database.set_denied(tx, SERIAL, False, "")
    assert world.ask(rvr).nonce == NONCE


# What is accepted beside the plain case.


def test_a_registrar_with_a_chain_to_an_unknown_authority_is_accepted(world):
    authority = strange_registrar()
    end = registrar_certificate(world.registrar, issuer_key=authority, issuer="domain")
    above = registrar_certificate(authority, issuer="domain", subject="domain", ca=True)
    assert world.ask(world.rvr(bag=[der(end)])).serial_number == SERIAL
    pvr = world.pvr(nonce=bytes(9))
    whole = [der(above), der(world.idevid[SERIAL]), der(end)]
    assert world.ask(world.rvr(pvr, bag=whole, nonce=bytes(9))).pinned_domain_pubk == world.registrar_spki


def test_a_protected_x5bag_is_accepted(world):
    assert world.ask(world.rvr(protect=True)).serial_number == SERIAL


@pytest.mark.parametrize("with_kid", [False, True])
def test_a_registrar_with_a_bare_key_is_known_by_the_device_that_saw_it(world, with_kid):
    kid = voucher.fingerprint(world.registrar_spki) if with_kid else None
    assert world.ask(world.rvr(bag=[], kid=kid)).pinned_domain_pubk == world.registrar_spki


@pytest.mark.parametrize("cut", [0, 2, 6])
def test_the_issuer_is_compared_by_its_last_20_bytes(world, cut):
    issuer = idevid.issuer_aki(world.idevid[SERIAL])[cut:]
    assert world.ask(world.rvr(idevid_issuer=issuer)).serial_number == SERIAL


def test_a_device_that_names_a_digest_gets_a_digest_pinned(world):
    digest = voucher.fingerprint(world.registrar_spki)
    pvr = world.pvr(proximity_registrar_pubk=None, proximity_registrar_pubk_sha256=digest)
    found = world.ask(world.rvr(pvr))
    assert (found.pinned_domain_pubk, found.pinned_domain_pubk_sha256) == (None, digest)


@pytest.mark.parametrize("bare", [False, True])
def test_a_known_registrar_gets_a_nonceless_voucher(world, bare):
    world.let(database.ALLOWED)
    kid = voucher.fingerprint(world.registrar_spki)
    rvr = world.nonceless(bag=[], kid=kid) if bare else world.nonceless()
    found = world.ask(rvr)
    assert (found.nonce, found.assertion, found.expires_on) == (None, LOGGED, None)
    assert found.pinned_domain_pubk == world.registrar_spki


def test_a_known_registrar_gets_logged_vouchers_without_the_device_word(world):
    world.let(database.ALLOWED)
    found = world.ask(world.rvr(prior_signed_voucher_request=None))
    assert (found.nonce, found.assertion) == (NONCE, LOGGED)


# Repeats and rates.


def test_a_replayed_request_gets_the_same_voucher_and_costs_nothing(world):
    rvr = world.rvr()
    first = world.masa.voucher(rvr, "")
    world.clock.now += timedelta(hours=1)
    assert world.masa.voucher(rvr, "") == first
    # Signed anew by a registrar that missed the answer: still the same claim.
    assert world.masa.voucher(world.rvr(), "") == first
    assert [event.outcome for event in world.log()] == ["issued", "repeated", "repeated"]
    assert len(world.masa.audit_log(rvr, "")["events"]) == 1
    world.clock.now += timedelta(days=2)
    assert world.refused(rvr) == (403, "stale")


def test_another_join_process_is_another_voucher(world):
    assert world.ask(world.rvr()).join_process == "minimal"
    assert world.ask(world.rvr(join_process=None)).join_process is None


def fresh(world, number):
    nonce = number.to_bytes(8, "big")
    return world.rvr(world.pvr(nonce=nonce), nonce=nonce)


def test_24_vouchers_at_once_then_one_an_hour(world):
    for number in range(24):
        world.ask(fresh(world, number))
    with pytest.raises(Refusal) as caught:
        world.masa.voucher(fresh(world, 24), "")
    assert (caught.value.status, caught.value.retry_after) == (429, 3600)
    # A repeat still works, and so does another device.
    world.ask(fresh(world, 23))
    world.ask(world.rvr(world.pvr(OTHER), OTHER))
    world.clock.now += timedelta(minutes=59)
    assert world.refused(fresh(world, 24)) == (429, "rate")
    world.clock.now += timedelta(minutes=1)
    assert world.ask(fresh(world, 24)).nonce == (24).to_bytes(8, "big")
    assert world.refused(fresh(world, 25)) == (429, "rate")
    world.clock.now += timedelta(days=3)
    for number in range(100, 124):
        world.ask(fresh(world, number))
    assert world.refused(fresh(world, 124)) == (429, "rate")


def test_concurrent_requests_do_not_get_more_than_the_bucket_holds(world):
    for number in range(20):
        world.ask(fresh(world, number))
    answers = []

    def ask(number):
        try:
            answers.append(world.masa.voucher(fresh(world, number), ""))
        except Refusal as refusal:
            answers.append(refusal.status)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(100, 112)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(429) == 8
    assert len(answers) == 12


def test_a_decision_that_cannot_be_logged_is_not_made(world, monkeypatch):
    def full(*_arguments, **_columns):
        raise OSError("disk full")

    monkeypatch.setattr(database, "record", full)
    with pytest.raises(OSError, match="disk full"):
        world.masa.voucher(world.rvr(), "")
    monkeypatch.undo()
    with world.engine.begin() as tx:
        assert database.device(tx, SERIAL).credit == 24 * 3600
    assert world.log() == []


def test_refusals_do_not_fill_the_disk_and_vouchers_stay(world, monkeypatch):
    monkeypatch.setattr(database, "KEPT_OTHERS", 5)
    monkeypatch.setattr(database, "_PRUNE_EVERY", 10)
    world.ask(world.rvr())
    for _ in range(29):
        world.refused(b"")
    outcomes = [event.outcome for event in world.log()]
    assert outcomes == ["issued"] + ["format"] * 5


# The audit log.


def test_the_audit_log_shows_every_domain_that_ever_got_a_voucher(world):
    first = world.registrar_spki
    rvr = world.rvr()
    world.ask(rvr)
    world.clock.now += timedelta(minutes=1)
    world.registrar = strange_registrar()
    world.certificate = registrar_certificate(world.registrar)
    world.let(database.ALLOWED)
    world.ask(world.nonceless(join_process=None))
    assert world.masa.audit_log(rvr, "") == {
        "version": 1,
        "events": [
            {
                "date": "2026-11-21T12:00:00Z",
                "domainID": base64.b64encode(voucher.fingerprint(first)).decode(),
                "nonce": base64.b64encode(NONCE).decode(),
                "assertion": "proximity",
                "join-process": "minimal",
            },
            {
                "date": "2026-11-21T12:01:00Z",
                "domainID": base64.b64encode(voucher.fingerprint(world.registrar_spki)).decode(),
                "nonce": None,
                "assertion": "logged",
            },
        ],
    }


def test_a_long_audit_log_is_cut_at_its_start_and_says_so(world, monkeypatch):
    monkeypatch.setattr(service, "MAX_AUDIT_EVENTS", 2)
    for number in range(3):
        world.ask(fresh(world, number))
    answer = world.masa.audit_log(fresh(world, 0), "")
    assert answer["truncation"] == {"arbitrary": 1}
    assert [base64.b64decode(event["nonce"])[-1] for event in answer["events"]] == [1, 2]


@pytest.mark.parametrize("case", ["stranger", "unknown", "denied"])
def test_the_audit_log_is_not_for_everybody(world, case):
    world.ask(world.rvr())
    rvr, expected = {
        "stranger": (world.rvr(world.pvr(OTHER), OTHER), (404, "never-owner")),
        "unknown": (world.rvr(serial="nobody"), (404, "device-unknown")),
        "denied": (world.rvr(), (403, "registrar-denied")),
    }[case]
    if case == "denied":
        world.let(database.DENIED)
    with pytest.raises(Refusal) as caught:
        world.masa.audit_log(rvr, "")
    assert (caught.value.status, caught.value.reason) == expected
    assert world.log()[-1].outcome == expected[1]


def test_the_limit_on_age_is_a_day(world):
    world.ask(world.rvr(created_on=data.timestamp(NOW - checks.MAX_AGE)))
    assert world.refused(world.rvr(created_on=data.timestamp(NOW - checks.MAX_AGE - timedelta(seconds=1)))) == (
        403,
        "stale",
    )
