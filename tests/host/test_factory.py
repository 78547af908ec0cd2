"""The factory: manufacturers, IDevIDs as other tools read them, device stores, interrupted runs."""

import json
import re
import ssl
import stat
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from microbrew.crypto.host import HostCrypto
from microbrew.errors import StoreError
from microbrew.identity.idevid import Identity
from microbrew.identity.store import Store
from microbrew_host import cli
from microbrew_host.factory import certificates, eui64, line, manufacturer
from microbrew_host.factory.inspect import describe
from microbrew_host.factory.line import Line, Order, orders_from
from microbrew_host.masa import database
from microbrew_host.voucher import idevid, spki

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SERIAL = "00-12-4B-00-00-00-02-02"
EUI64 = bytes.fromhex("00124b0000000202")
SECRETS = ["ca-key.pem", "masa-key.pem", "tls-key.pem", "masa.sqlite"]


@pytest.fixture
def path(tmp_path):
    where = tmp_path / "acme"
    settings = manufacturer.Settings("Acme", "localhost:9443", "https://acme.example/d")
    manufacturer.create(where, settings, ["masa.acme.example"], NOW)
    return where


@pytest.fixture
def acme(path):
    return manufacturer.Manufacturer.load(path)


@pytest.fixture
def engine(path):
    engine = database.open_database(path / "masa.sqlite")
    yield engine
    engine.dispose()


def inventory(engine):
    with engine.begin() as tx:
        return {row.serial: row.certificate for row in database.devices(tx)}


def record_of(out, name=SERIAL):
    return Store(str(out / name)).read("factory")


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout.decode()


def microbrew(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_private_files_are_their_owners_alone(path):
    for name in SECRETS:
        assert stat.S_IMODE((path / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_manufacturer_is_never_overwritten(path):
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with pytest.raises(ValueError, match="there already"):
        manufacturer.create(path, manufacturer.Settings("Other", "localhost"), [], NOW)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_a_manufacturer_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_arguments):
        raise OSError("disk full")

    monkeypatch.setattr(certificates, "tls_server", fail)
    with pytest.raises(OSError, match="disk full"):
        manufacturer.create(tmp_path / "acme", manufacturer.Settings("Acme", "localhost"), [], NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "settings",
    [
        manufacturer.Settings("", "localhost"),
        manufacturer.Settings("A" * 65, "localhost"),
        manufacturer.Settings("Acme", "localhost", mud_url="http://acme.example"),
        manufacturer.Settings("Acme", "localhost", hardware_type="1.2.x"),
        manufacturer.Settings("Acme", "localhost", first_eui64="00"),
    ],
)
def test_settings_that_would_make_bad_certificates_are_refused(tmp_path, settings):
    with pytest.raises(ValueError):
        manufacturer.create(tmp_path / "acme", settings, [], NOW)
    assert not (tmp_path / "acme").exists()


def test_the_tls_certificate_is_an_anchor_for_every_name(path):
    context = ssl.create_default_context(cafile=str(path / "tls-cert.pem"))
    assert len(context.get_ca_certs()) == 1
    text = openssl("x509", "-in", str(path / "tls-cert.pem"), "-noout", "-text")
    for name in ("DNS:localhost", "IP Address:127.0.0.1", "DNS:masa.acme.example", "TLS Web Server Authentication"):
        assert name in text
    openssl("verify", "-x509_strict", "-CAfile", str(path / "tls-cert.pem"), str(path / "tls-cert.pem"))


def test_openssl_reads_an_idevid_as_802_1ar_wants_it(acme, engine, path, tmp_path):
    ((_, record),) = Line(acme, engine, tmp_path / "out", one_touch=False).make([Order.of(EUI64)], NOW)
    der = record[line.CERTIFICATE]
    text = openssl("x509", "-inform", "DER", "-noout", "-text", "-nameopt", "RFC2253", data=der)
    text = re.sub(r"\s+", " ", text)
    assert f"serialNumber={SERIAL}" in text
    assert "Issuer: CN=Acme" in text
    assert "Not After : Dec 31 23:59:59 9999 GMT" in text
    assert "X509v3 Key Usage: critical Digital Signature" in text
    assert "X509v3 Authority Key Identifier:" in text
    assert "Subject Key Identifier" not in text
    assert "othername: " in text
    assert "1.3.6.1.5.5.7.1.32: ..localhost:9443" in text
    assert "1.3.6.1.5.5.7.1.25: ..https://acme.example/d" in text
    pem = tmp_path / "device.pem"
    pem.write_bytes(x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM))
    openssl("verify", "-x509_strict", "-CAfile", str(path / "ca-cert.pem"), str(pem))
    asn1 = openssl("asn1parse", "-inform", "DER", data=der)
    assert "GENERALIZEDTIME   :99991231235959Z" in asn1
    assert f"PRINTABLESTRING   :{SERIAL}" in asn1


def test_the_identity_fields_come_back(acme, engine, tmp_path):
    ((_, record),) = Line(acme, engine, tmp_path / "out", one_touch=False).make([Order.of(EUI64)], NOW)
    certificate = idevid.load(record[line.CERTIFICATE])
    assert idevid.serial_number(certificate) == SERIAL
    assert idevid.hardware_serial(certificate) == SERIAL.encode()
    assert idevid.masa_url(certificate) == "localhost:9443"
    assert idevid.mud_url(certificate) == "https://acme.example/d"
    authority = x509.SubjectKeyIdentifier.from_public_key(acme.key.public_key()).digest
    assert idevid.issuer_aki(certificate)[-20:] == authority
    certificate.verify_directly_issued_by(acme.certificate)


def test_an_idevid_stays_small(acme, engine, tmp_path):
    made = list(Line(acme, engine, tmp_path / "out", one_touch=False).make(orders_from(EUI64, 20), NOW))
    sizes = [len(record[line.CERTIFICATE]) for _, record in made]
    # Every byte goes over the air; the project's older 543-byte vector has the same fields.
    assert max(sizes) <= 480
    without_mud = certificates.device(
        acme.key, acme.certificate, acme.key.public_key(), 1, SERIAL, "localhost:9443", None, "1.3.6.1.4.1.32473.1", NOW
    )
    assert len(without_mud.public_bytes(serialization.Encoding.DER)) <= 441


def test_the_firmware_accepts_what_the_factory_writes(acme, engine, path, tmp_path):
    list(Line(acme, engine, tmp_path / "out", one_touch=False).make([Order.of(EUI64)], NOW))
    identity = Identity.load(Store(str(tmp_path / "out" / SERIAL)), HostCrypto())
    assert (identity.serial, identity.eui64, identity.psk) == (SERIAL, EUI64, None)
    certificate = idevid.load(identity.certificate)
    assert spki(certificate.public_key())[-64:] == identity.private.public
    assert (path / "masa-spki.der").read_bytes()[-64:] == identity.masa_public


def test_stores_are_private_and_devices_are_in_the_inventory(acme, engine, tmp_path):
    out = tmp_path / "out"
    for order, record in Line(acme, engine, out, one_touch=False).make(orders_from(EUI64, 3), NOW):
        assert inventory(engine)[order.serial] == record[line.CERTIFICATE]
        assert stat.S_IMODE((out / order.name).stat().st_mode) == 0o700
        assert stat.S_IMODE((out / order.name / "factory").stat().st_mode) == 0o600
    numbers = {idevid.load(der).serial_number for der in inventory(engine).values()}
    assert len(numbers) == 3


def test_a_serial_number_may_differ_from_the_eui64(acme, engine, tmp_path):
    list(Line(acme, engine, tmp_path / "out", one_touch=False).make([Order(EUI64, "W/O 7")], NOW))
    record = record_of(tmp_path / "out")
    assert record[line.SERIAL] == "W/O 7"
    subject = idevid.load(record[line.CERTIFICATE]).subject
    assert subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == "W/O 7"


@pytest.mark.parametrize("serial", ["", "a" * 65, "a_b", "ä", "a\n"])
def test_serial_numbers_that_no_printable_string_holds_are_refused(serial):
    with pytest.raises(ValueError):
        certificates.check_serial(serial)


def test_one_touch_devices_have_a_key_and_nothing_else(acme, engine, tmp_path):
    out = tmp_path / "out"
    made = list(Line(acme, engine, out, one_touch=True).make(orders_from(EUI64, 2), NOW))
    assert inventory(engine) == {}
    listed = [json.loads(text) for text in (out / line.ONE_TOUCH_LIST).read_text().splitlines()]
    for (order, record), entry in zip(made, listed, strict=True):
        assert record_of(out, order.name) == record
        assert sorted(record) == [line.SERIAL, line.EUI64, line.PSK]
        assert entry == {"eui64": order.name, "serial": order.serial, "psk": record[line.PSK].hex()}
    assert len({entry["psk"] for entry in listed}) == 2
    assert stat.S_IMODE((out / line.ONE_TOUCH_LIST).stat().st_mode) == 0o600
    assert Identity.load(Store(str(out / SERIAL)), HostCrypto()).psk == made[0][1][line.PSK]


# Interrupted runs.


class PowerCut(BaseException):
    """Stops the line as a signal would."""


@pytest.mark.parametrize("one_touch", [False, True])
@pytest.mark.parametrize("step", ["_store", "_register", "write", "rename"])
def test_a_cut_run_leaves_whole_devices_and_can_go_on(acme, engine, tmp_path, monkeypatch, step, one_touch):
    out = tmp_path / "out"
    orders = orders_from(EUI64, 3)
    calls = []

    def cut(*_arguments):
        calls.append(1)
        if len(calls) == 2:
            raise PowerCut
        return original(*_arguments)

    owner = {"write": Store, "rename": line.os}.get(step, Line)
    original = getattr(owner, step)
    first_run = Line(acme, engine, out, one_touch)
    with monkeypatch.context() as patched:
        patched.setattr(owner, step, cut)
        with pytest.raises(PowerCut):
            list(first_run.make(orders, NOW))

    again = Line(acme, engine, out, one_touch)
    assert [entry.name for entry in out.iterdir() if entry.name.startswith(".part-")] == []
    for order in orders:
        if (out / order.name).exists():
            assert record_of(out, order.name)[line.SERIAL] == order.serial
    keys_before = {name: record_of(out, name) for name in (o.name for o in orders) if (out / name).exists()}
    list(again.make(again.missing(orders), NOW))
    for name, record in keys_before.items():
        assert record_of(out, name) == record
    if one_touch:
        listed = {entry["eui64"]: entry["psk"] for entry in line.read_lines(out / line.ONE_TOUCH_LIST)}
        assert listed == {order.name: record_of(out, order.name)[line.PSK].hex() for order in orders}
    else:
        expected = {order.serial: record_of(out, order.name)[line.CERTIFICATE] for order in orders}
        assert inventory(engine) == expected


def test_a_torn_line_of_the_one_touch_list_is_written_again(acme, engine, tmp_path):
    out = tmp_path / "out"
    list(Line(acme, engine, out, one_touch=True).make(orders_from(EUI64, 2), NOW))
    whole = (out / line.ONE_TOUCH_LIST).read_bytes()
    (out / line.ONE_TOUCH_LIST).write_bytes(whole[:-20])
    Line(acme, engine, out, one_touch=True)
    assert (out / line.ONE_TOUCH_LIST).read_bytes() == whole


def test_a_device_is_not_made_twice(acme, engine, tmp_path):
    list(Line(acme, engine, tmp_path / "a", one_touch=False).make([Order.of(EUI64)], NOW))
    with pytest.raises(ValueError, match="made before"):
        Line(acme, engine, tmp_path / "b", one_touch=False).missing([Order.of(EUI64)])


def test_stores_of_another_manufacturer_are_left_alone(acme, engine, path, tmp_path):
    other = tmp_path / "other"
    manufacturer.create(other, manufacturer.Settings("Other", "localhost"), [], NOW)
    theirs = database.open_database(other / "masa.sqlite")
    list(Line(manufacturer.Manufacturer.load(other), theirs, tmp_path / "out", False).make([Order.of(EUI64)], NOW))
    theirs.dispose()
    Line(acme, engine, tmp_path / "out", one_touch=False)
    assert inventory(engine) == {}


def test_automatic_numbers_skip_what_is_taken(acme, engine, tmp_path):
    working = Line(acme, engine, tmp_path / "out", one_touch=False)
    taken = eui64.parse("02-00-00-00-00-01-00-02")
    list(working.make([Order.of(taken)], NOW))
    assert [order.name[-2:] for order in working.next_orders(3)] == ["01", "03", "04"]
    assert [order.name[-2:] for order in working.next_orders(1)] == ["05"]


@pytest.mark.parametrize("text", ["00124b0000000202", "00:12:4b:00:00:00:02:02", SERIAL, SERIAL.lower()])
def test_eui64_spellings(text):
    assert eui64.parse(text) == EUI64
    assert eui64.text(EUI64) == SERIAL


@pytest.mark.parametrize("text", ["", "00-12", "00124b000000020", "zz" * 8, "00" * 9])
def test_what_is_no_eui64_is_refused(text):
    with pytest.raises(ValueError, match="EUI-64"):
        eui64.parse(text)


def test_the_last_eui64_is_the_last():
    with pytest.raises(ValueError, match="no more"):
        eui64.plus(b"\xff" * 8, 1)


# The command line.


def test_commands_make_inspect_and_resume(capsys, tmp_path):
    where, out = tmp_path / "acme", tmp_path / "out"
    assert microbrew(capsys, "factory", "init", where, "--name", "Acme")[0] == 0
    status, text, _ = microbrew(capsys, "factory", "provision", where, "--out", out, "--eui64", SERIAL)
    assert status == 0
    assert "1 made, 0 were there" in text
    again = microbrew(capsys, "factory", "provision", where, "--out", out, "--eui64", SERIAL)
    assert "0 made, 1 were there" in again[1]

    status, text, _ = microbrew(capsys, "factory", "inspect", out / SERIAL)
    assert status == 0
    record = record_of(out)
    shown = re.sub(r"[^0-9a-f]", "", text.lower())
    assert record[line.PRIVATE_KEY].hex() not in shown
    for expected in (SERIAL, "CN=Acme", "localhost:9443", "fits the certificate", f"{len(record[3])} bytes"):
        assert expected in text


def test_inspect_shows_join_state_and_no_keys(capsys, acme, engine, tmp_path):
    out = tmp_path / "out"
    list(Line(acme, engine, out, one_touch=True).make([Order.of(EUI64)], NOW))
    store = Store(str(out / SERIAL))
    key = bytes(range(16))
    store.write("network", {1: b"\xab\xcd", 2: key, 3: [key], 4: 26})
    text = microbrew(capsys, "factory", "inspect", out / SERIAL)[1]
    assert "abcd" in text
    assert key.hex() not in text
    assert store.read("factory")[line.PSK].hex() not in text
    assert re.search(r"joined\W+yes", text)


def test_a_store_whose_key_does_not_fit_is_told(capsys, acme, engine, tmp_path):
    out = tmp_path / "out"
    list(Line(acme, engine, out, one_touch=False).make([Order.of(EUI64)], NOW))
    record = record_of(out)
    Store(str(out / SERIAL)).write("factory", {**record, line.PRIVATE_KEY: bytes(31) + b"\x01"})
    assert "does NOT fit" in microbrew(capsys, "factory", "inspect", out / SERIAL)[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--eui64", "nonsense"],
        ["--eui64", SERIAL, "--count", "2"],
        ["--serial", "x"],
        ["--eui64", SERIAL, "--serial", "a_b"],
    ],
)
def test_wrong_orders_are_one_sentence(capsys, path, tmp_path, arguments):
    status, _, error = microbrew(capsys, "factory", "provision", path, "--out", tmp_path / "out", *arguments)
    assert status == 1
    assert error.startswith("microbrew: ")
    assert error.count("\n") == 1


def test_what_is_no_store_or_manufacturer_is_said(capsys, tmp_path):
    for arguments in (["inspect", tmp_path], ["inspect", tmp_path / "x"], ["provision", tmp_path, "--out", tmp_path]):
        status, _, error = microbrew(capsys, "factory", *arguments)
        assert status == 1
        assert str(tmp_path) in error
    assert list(tmp_path.iterdir()) == []


def test_damaged_stores_are_typed_errors(acme, engine, tmp_path):
    out = tmp_path / "out"
    list(Line(acme, engine, out, one_touch=False).make([Order.of(EUI64)], NOW))
    (out / SERIAL / "factory").write_bytes(b"rubbish")
    with pytest.raises(StoreError):
        list(describe(out / SERIAL))
