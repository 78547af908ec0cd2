"""Voucher data and COSE signatures on the host side, against published data, project vectors and pycose."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from pycose.headers import Algorithm
from pycose.keys import EC2Key
from pycose.messages import Sign1Message

from microbrew import cbor
from microbrew.errors import VoucherError
from microbrew_host import voucher
from microbrew_host.voucher import cose, data, idevid, keys, sids

with open("tests/vectors/voucher-zsj.json") as file:
    ZSJ = json.load(file)
with open("tests/vectors/voucher-ietf.json") as file:
    IETF = json.load(file)

MESSAGES = {name: bytes.fromhex(text) for name, text in ZSJ["messages"].items()}
REQUESTS = [name for name in MESSAGES if "pvr" in name or "rvr" in name]
VOUCHERS = [name for name in MESSAGES if name not in REQUESTS]
BAD_SIGNATURES = ["neg_voucher_signed_by_attacker", "neg_voucher_bad_signature"]


def spki(name):
    return bytes.fromhex(ZSJ["spki"][name])


def private(name):
    return keys.private_from_scalar(bytes.fromhex(ZSJ["private"][name]))


def signer_of(name):
    if "pvr" in name:
        return voucher.public_from_spki(spki("pledge"))
    if "rvr" in name:
        return voucher.public_from_spki(spki("registrar"))
    if "ed25519" in name:
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(ZSJ["masa_ed25519_public"]))
    return voucher.public_from_spki(spki("masa"))


def reason(call, *arguments):
    with pytest.raises(VoucherError) as caught:
        call(*arguments)
    return caught.value.reason


@pytest.mark.parametrize("name", [name for name in MESSAGES if name not in BAD_SIGNATURES])
def test_a_good_vector_verifies_with_its_signer_and_with_no_other_key(name):
    signed = voucher.parse_signed(MESSAGES[name])
    voucher.verify(signed, signer_of(name))
    assert reason(voucher.verify, signed, private("attacker").public_key()) in ("signature", "algorithm")


@pytest.mark.parametrize("name", BAD_SIGNATURES)
def test_a_badly_signed_vector_is_refused(name):
    assert reason(voucher.verify, voucher.parse_signed(MESSAGES[name]), signer_of(name)) == "signature"


def test_a_flipped_bit_anywhere_in_the_signed_bytes_is_noticed():
    original = MESSAGES["zsj_voucher_rpk_nonced"]
    key = signer_of("zsj_voucher_rpk_nonced")
    for position in range(len(original)):
        damaged = bytearray(original)
        damaged[position] ^= 1
        with pytest.raises(VoucherError):
            voucher.verify(voucher.parse_signed(bytes(damaged)), key)


@pytest.mark.parametrize("name", REQUESTS)
def test_request_vectors_say_what_they_should_and_encode_to_the_same_bytes(name):
    payload = voucher.parse_signed(MESSAGES[name]).payload
    request = voucher.parse_voucher_request(payload)
    assert request.serial_number == ZSJ["serial"]
    assert request.nonce == bytes.fromhex(ZSJ["nonce"])
    assert request.assertion == data.PROXIMITY
    if "pvr" in name:
        assert request.proximity_registrar_pubk == spki("registrar")
        assert request.join_process is None
    else:
        assert request.prior_signed_voucher_request == MESSAGES["zsj_pvr"]
        assert request.idevid_issuer == bytes.fromhex(ZSJ["idevid_issuer"])
        assert request.join_process == "minimal"
    assert request.encode() == payload


@pytest.mark.parametrize("name", VOUCHERS)
def test_voucher_vectors_say_what_their_names_promise(name):
    payload = voucher.parse_signed(MESSAGES[name]).payload
    found = voucher.parse_voucher(payload)
    assert (found.serial_number == ZSJ["serial"]) == (name != "neg_voucher_wrong_serial")
    if "nonceless" in name:
        assert found.nonce is None
        assert found.assertion == data.LOGGED
    else:
        assert (found.nonce == bytes.fromhex(ZSJ["nonce"])) == (name != "neg_voucher_wrong_nonce")
    pins = [found.pinned_domain_cert, found.pinned_domain_pubk, found.pinned_domain_pubk_sha256]
    assert sum(pin is not None for pin in pins) == (0 if name == "neg_voucher_no_pin" else 1)
    if name == "zsj_voucher_pubk_sha256":
        assert found.pinned_domain_pubk_sha256 == voucher.fingerprint(spki("registrar"))
    elif name == "cbrski_voucher_pinned_ca":
        assert found.pinned_domain_cert.hex() == ZSJ["certs"]["domain_ca"]
    elif name != "neg_voucher_no_pin":
        assert (found.pinned_domain_pubk == spki("registrar")) == (name != "neg_voucher_wrong_pinned_key")
    if name != "voucher_string_keys":
        assert found.encode() == payload


def test_names_and_sids_encode_the_same_voucher():
    named = voucher.parse_voucher(voucher.parse_signed(MESSAGES["voucher_string_keys"]).payload)
    by_sid = voucher.parse_voucher(voucher.parse_signed(MESSAGES["zsj_voucher_rpk_nonced"]).payload)
    assert named.pinned_domain_pubk == by_sid.pinned_domain_pubk
    assert (named.nonce, named.created_on, named.assertion) == (by_sid.nonce, by_sid.created_on, by_sid.assertion)


def test_signing_the_vector_payload_gives_the_vector_bytes():
    for name, key in (("zsj_pvr", "pledge"), ("zsj_rvr_rpk_no_x5bag", "registrar"), ("zsj_voucher_rpk_nonced", "masa")):
        payload = voucher.parse_signed(MESSAGES[name]).payload
        assert voucher.sign(payload, private(key)) == MESSAGES[name]


def test_x5bag_is_written_as_in_the_vector_and_removed_again():
    bag = [bytes.fromhex(ZSJ["certs"][name]) for name in ("registrar", "domain_ca", "idevid", "masa_ca")]
    bare = MESSAGES["zsj_rvr_rpk_no_x5bag"]
    signed = voucher.sign(voucher.parse_signed(bare).payload, private("registrar"), x5bag=bag)
    assert signed == MESSAGES["cbrski_rvr_x5bag"]
    assert voucher.parse_signed(signed).x5bag == tuple(bag)
    assert voucher.strip_unprotected_x5(signed) == bare
    assert voucher.strip_unprotected_x5(bare) == bare


def test_a_protected_x5bag_survives_the_registrar():
    payload = voucher.Voucher(serial_number="1").encode()
    certificate = bytes.fromhex(ZSJ["certs"]["registrar"])
    signed = voucher.sign(payload, private("masa"), x5bag=[certificate], kid=b"k", protect_x5bag=True)
    assert voucher.strip_unprotected_x5(signed) == signed
    parsed = voucher.parse_signed(signed)
    assert parsed.x5bag == (certificate,)
    assert parsed.kid == b"k"
    voucher.verify(parsed, private("masa").public_key())


def test_an_x5chain_and_other_labels_of_the_unprotected_header():
    signed = cbor2.loads(MESSAGES["zsj_pvr"])
    message = cbor2.dumps(cbor2.CBORTag(18, [signed.value[0], {33: b"c", 4: b"kid"}, *signed.value[2:]]))
    assert voucher.parse_signed(message).x5chain == (b"c",)
    stripped = voucher.parse_signed(voucher.strip_unprotected_x5(message))
    assert (stripped.x5chain, stripped.kid) == ((), b"kid")
    voucher.verify(stripped, signer_of("zsj_pvr"))


# pycose: an implementation of COSE that shares no code with ours.


def pycose_key(name):
    numbers = private(name).private_numbers()
    public = numbers.public_numbers
    x, y, d = (n.to_bytes(32, "big") for n in (public.x, public.y, numbers.private_value))
    return EC2Key(crv="P_256", x=x, y=y, d=d)


def test_pycose_verifies_what_we_sign():
    payload = voucher.Voucher(serial_number="S", pinned_domain_pubk=spki("registrar")).encode()
    signed = cbor2.loads(voucher.sign(payload, private("masa"), x5bag=[b"one"]))
    assert signed.tag == 18
    # pycose's own decode() wants a list and a dict where cbor2 6 gives immutable ones.
    protected, unprotected, *rest = signed.value
    message = Sign1Message.from_cose_obj([protected, dict(unprotected), *rest], True)
    message.key = pycose_key("masa")
    assert message.verify_signature()
    assert message.payload == payload
    message.key = pycose_key("attacker")
    assert not message.verify_signature()


def test_we_verify_what_pycose_signs():
    payload = cbor2.dumps({2501: {7: bytes(8), 13: "S"}})
    message = Sign1Message(phdr={Algorithm: "ES256"}, uhdr={}, payload=payload)
    message.key = pycose_key("pledge")
    signed = voucher.parse_signed(message.encode())
    voucher.verify(signed, private("pledge").public_key())
    assert voucher.parse_voucher_request(signed.payload).serial_number == "S"


# The published data of the cBRSKI draft.


@pytest.mark.parametrize(("name", "signer"), [("pvr", "pledge"), ("rvr", "registrar"), ("voucher", "masa_ca")])
def test_published_messages_parse_and_verify(name, signer):
    signed = voucher.parse_signed(bytes.fromhex(IETF[name]))
    voucher.verify(signed, voucher.public_from_spki(bytes.fromhex(IETF["keys"][signer]["spki"])))
    assert signed.payload.hex() == IETF[name + "-nonsigned"]
    parse = voucher.parse_voucher if name == "voucher" else voucher.parse_voucher_request
    found = parse(signed.payload)
    assert found.serial_number == "JADA123456789"
    assert found.encode() == signed.payload
    if name == "rvr":
        assert [der.hex() for der in signed.x5bag] == [IETF["rvr-x5bag-0"], IETF["rvr-x5bag-1"]]
        assert found.prior_signed_voucher_request.hex() == IETF["pvr"]


def test_fields_of_the_published_idevid():
    certificate = idevid.load(bytes.fromhex(IETF["cert-pledge-idevid"]))
    assert idevid.serial_number(certificate) == "JADA123456789"
    assert idevid.masa_url(certificate) == "masa.stok.nl"
    assert idevid.masa_base_url(certificate) == "https://masa.stok.nl/.well-known/brski"
    assert idevid.mud_url(certificate) is None
    request = voucher.parse_voucher_request(bytes.fromhex(IETF["rvr-nonsigned"]))
    assert idevid.issuer_aki(certificate) == request.idevid_issuer


def test_fields_of_the_vector_idevid():
    certificate = idevid.load(bytes.fromhex(ZSJ["certs"]["idevid"]))
    assert idevid.serial_number(certificate) == ZSJ["serial"]
    assert idevid.hardware_serial(certificate).hex() == ZSJ["hwSerialNum"]
    assert idevid.issuer_aki(certificate).hex() == ZSJ["idevid_issuer"]
    assert idevid.mud_url(certificate) == "https://mud.example.test/zsj.json"


def certificate_with(subject, extensions=()):
    key = private("pledge")
    builder = x509.CertificateBuilder().subject_name(x509.Name(subject)).issuer_name(x509.Name([]))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    builder = builder.public_key(key.public_key()).serial_number(1).not_valid_before(now)
    builder = builder.not_valid_after(now + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256())


def hardware_name(octets):
    value = bytes([0x30, len(octets) + 5, 6, 1, 0x2A, 4, len(octets)]) + octets
    return x509.SubjectAlternativeName([x509.OtherName(idevid.OID_HARDWARE_MODULE_NAME, value)])


@pytest.mark.parametrize(("octets", "text"), [(b"abc", "abc"), (b"\xff\x00\xab", "FF00AB")])
def test_without_a_subject_attribute_the_serial_is_hw_serial_num(octets, text):
    assert idevid.serial_number(certificate_with([], [hardware_name(octets)])) == text


@pytest.mark.parametrize("name", ["cert-pledge-idevid", "rvr-x5bag-0"])
def test_a_certificate_with_any_octet_changed_is_read_or_refused(name):
    der = bytes.fromhex(IETF[name])
    refused = 0
    for at in range(len(der)):
        for value in (0, 0x80, 0xFF, der[at] ^ 1):
            try:
                certificate = idevid.load(der[:at] + bytes((value,)) + der[at + 1 :])
                idevid.serial_number(certificate)
                idevid.masa_base_url(certificate)
                idevid.issuer_aki(certificate)
            except VoucherError:
                refused += 1
    assert refused > len(der)


def test_a_certificate_without_any_serial_is_refused():
    assert reason(idevid.serial_number, certificate_with([])) == "serial"


def test_damaged_identity_extensions_are_refused_and_not_a_crash():
    for value in (b"\x05\x00", b"\x30\x05\x06\x01\x00\x05\x00", b"\x30\x02\x06\x00", b"\x30\x00"):
        name = x509.OtherName(idevid.OID_HARDWARE_MODULE_NAME, value)
        broken = certificate_with([], [x509.SubjectAlternativeName([name])])
        assert reason(idevid.hardware_serial, broken) == "certificate"
    for text in ("", "16", "160561", "1684ffffffff", "1601ff", "16016161", "0c0161"):
        value = bytes.fromhex(text)
        broken = certificate_with([], [x509.UnrecognizedExtension(idevid.OID_MASA_URL, value)])
        assert reason(idevid.masa_url, broken) == "certificate"


def test_without_authority_key_identifier_the_issuer_is_made_of_the_key():
    certificate = certificate_with([])
    expected = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    assert idevid.issuer_aki(certificate) == bytes.fromhex("041830168014") + expected


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("masa.example", "https://masa.example/.well-known/brski"),
        ("localhost:9443", "https://localhost:9443/.well-known/brski"),
        ("https://masa.example/b/", "https://masa.example/b"),
    ],
)
def test_a_masa_url_is_an_authority_or_a_whole_url(url, base):
    assert idevid.base_url(url) == base


@pytest.mark.parametrize(
    "url", ["http://a/", "a@b", "", "host:99999", "host:x", "ftp://x/", "a b", "https://", "https://u:p@h/x", "a\n"]
)
def test_other_masa_urls_are_refused(url):
    assert reason(idevid.base_url, url) == "url"


# Reading voucher data in all the forms of RFC 9254, and refusing what is none of them.


def test_deltas_absolute_sids_and_names_may_be_mixed():
    inner = {cbor.Tag(47, 2502): 2, "nonce": bytes(8), 13: "S", "proximity-registrar-pubk": b"k"}
    request = voucher.parse_voucher_request(cbor.encode({2501: inner}))
    assert (request.assertion, request.nonce) == (2, bytes(8))
    assert (request.serial_number, request.proximity_registrar_pubk) == ("S", b"k")


def test_below_a_container_name_integers_are_absolute_sids():
    payload = cbor.encode({"ietf-voucher:voucher": {2462: "S", 11: "not a delta", "nonce": bytes(9)}})
    assert voucher.parse_voucher(payload) == voucher.Voucher(serial_number="S", nonce=bytes(9))


def test_unknown_leaves_are_ignored():
    inner = {11: "S", 99: 1, "x:new": [1], cbor.Tag(47, 60000): "y", -3: 0, 6: "2026-01-01T00:00:00Z"}
    assert voucher.parse_voucher(cbor.encode({2451: inner})) == voucher.Voucher(serial_number="S")


@pytest.mark.parametrize(
    "item",
    [
        1,
        [],
        {},
        {2451: {11: "S"}, 2501: {13: "S"}},
        {2452: {11: "S"}},
        {2451: [11, "S"]},
        {2451: {}},
        {2451: {11: 5}},
        {2451: {11: ""}},
        {2451: {11: "a\x1b[2J"}},
        {2451: {11: "S" * 257}},
        {2451: {11: "S", "serial-number": "S"}},
        {2451: {11: "S", cbor.Tag(47, 2462): "S"}},
        {2451: {11: "S", 1: 4}},
        {2451: {11: "S", 1: True}},
        {2451: {11: "S", 3: 1}},
        {2451: {11: "S", 7: bytes(7)}},
        {2451: {11: "S", 7: bytes(33)}},
        {2451: {11: "S", 7: "text"}},
        {2451: {11: "S", 10: bytes(31)}},
        {2451: {11: "S", 15: "zsj-join"}},
        {2451: {11: "S", 15: ["x"] * 17}},
        {2451: {11: "S", 15: [True]}},
        {2451: {11: "S", "extension:zsj-join": {"join-process": "minimal"}}},
        {2451: {11: "S", 15: ["zsj-join"], "extension:zsj-join": "minimal"}},
        {2451: {11: "S", 15: ["zsj-join"], "extension:zsj-join": {}}},
        {2451: {11: "S", 15: ["zsj-join"], "extension:zsj-join": {"join-process": 1}}},
    ],
)
def test_voucher_data_of_another_shape_are_refused(item):
    assert reason(voucher.parse_voucher, cbor.encode(item)) == "format"


def test_lengths_may_be_indefinite_and_integers_wide():
    payload = bytes.fromhex("bf1a00000993bf180b7f61536154ff07581a" + "00" * 26 + "ffff")
    assert voucher.parse_voucher(payload) == voucher.Voucher(serial_number="ST", nonce=bytes(26))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a1",
        "a1190993a20b61530b6153",
        "a1190993a20b6153180b6153",
        "a1190993a10b615300",
        "a1190993a10b61ff",
        "a1190993a10b7f4153ff",
        "a1190993a10b7f6153",
        "a1190993bf0bff",
        "a1190993a1f56153",
        "a1190993a1806153",
        "a1190993a1d82f806153",
        "a1190993a1fb7ff80000000000006153",
        "a1190993a10bff",
        "a1190993a10b1f",
        "a1190993a10b1c",
        "a1190993a10bf800",
        "9bffffffffffffffff",
        "5bffffffffffffffff",
        "81" * 4000,
        "9f" * 4000,
        "d8" + "2f" * 20,
        "80" * 600,
        "9f" + "00" * 600 + "ff",
    ],
)
def test_cbor_that_is_damaged_or_ambiguous_is_refused(text):
    assert reason(voucher.parse_voucher, bytes.fromhex(text)) == "format"


@pytest.mark.parametrize(
    "item",
    [
        5,
        cbor.Tag(17, [b"\xa1\x01\x26", {}, b"p", bytes(64)]),
        [b"\xa1\x01\x26", {}, b"p"],
        [b"\xa1\x01\x26", {}, None, bytes(64)],
        [b"\xa1\x01\x26", [], b"p", bytes(64)],
        [b"", {1: -7}, b"p", bytes(64)],
        [b"\xa0", {}, b"p", bytes(64)],
        [b"\x01", {}, b"p", bytes(64)],
        [b"\xff", {}, b"p", bytes(64)],
        [cbor.encode({1: "ES256"}), {}, b"p", bytes(64)],
        [cbor.encode({1: -7}), {1: -7}, b"p", bytes(64)],
        [cbor.encode({1: -7, 2: [99], 99: 0}), {}, b"p", bytes(64)],
        [cbor.encode({1: -7}), {2: [1]}, b"p", bytes(64)],
        [cbor.encode({1: -7}), {32: [b"x"] * 9}, b"p", bytes(64)],
        [cbor.encode({1: -7}), {32: "x"}, b"p", bytes(64)],
    ],
)
def test_cose_of_another_shape_is_refused(item):
    assert reason(voucher.parse_signed, cbor.encode(item)) == "format"


def test_an_oversized_message_is_refused_before_it_is_decoded():
    assert reason(voucher.parse_signed, bytes(cose.MAX_SIZE + 1)) == "format"


def test_key_and_algorithm_must_fit():
    signed = voucher.parse_signed(MESSAGES["zsj_voucher_ed25519"])
    assert reason(voucher.verify, signed, private("masa").public_key()) == "algorithm"
    assert reason(voucher.verify, signed, ec.generate_private_key(ec.SECP384R1()).public_key()) == "algorithm"


def test_the_fully_specified_algorithm_number_names_the_same_signature():
    payload = voucher.Voucher(serial_number="S").encode()
    protected = cbor.encode({1: -9})
    to_be_signed = cbor.encode(["Signature1", protected, b"", payload])
    der = private("masa").sign(to_be_signed, ec.ECDSA(hashes.SHA256()))
    r, s = cose.decode_dss_signature(der)
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    signed = voucher.parse_signed(cbor.encode([protected, {}, payload, signature]))
    voucher.verify(signed, private("masa").public_key())


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_degenerate_signatures_do_not_verify(signature):
    signed = voucher.parse_signed(cbor.encode([cbor.encode({1: -7}), {}, b"p", signature]))
    assert reason(voucher.verify, signed, private("masa").public_key()) == "signature"


def test_a_compressed_point_is_not_a_pin():
    key = private("registrar").public_key()
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    assert reason(voucher.public_from_spki, der) == "format"
    assert voucher.spki(key) == spki("registrar")
    assert len(voucher.spki(key)) == 91


def test_sid_tables_agree_where_the_drafts_say_so():
    assert sids.VOUCHER.sid + sids.VOUCHER.deltas["extensions"] == 2466
    assert sids.VOUCHER_REQUEST.sid + sids.VOUCHER_REQUEST.deltas["manufacturer-proprietary"] == 2523
    for container in (sids.VOUCHER, sids.VOUCHER_REQUEST):
        deltas = sorted(container.deltas.values())
        assert deltas == list(range(1, len(deltas) + 1))


def test_dates_are_read_with_offset_and_fraction_and_written_in_utc():
    when = data.parse_timestamp("2026-11-21T01:00:05.25+01:00")
    assert data.timestamp(when) == "2026-11-21T00:00:05Z"
    for text in ("yesterday", "2026-11-21T00:00:00", ""):
        assert reason(data.parse_timestamp, text) == "format"


@given(st.binary(max_size=200))
def test_no_input_escapes_the_typed_error(noise):
    for call in (voucher.parse_signed, voucher.parse_voucher, voucher.parse_voucher_request, idevid.load):
        with contextlib.suppress(VoucherError):
            call(noise)


@given(st.sampled_from(sorted(MESSAGES)), st.integers(0, 10_000), st.integers(0, 255))
def test_no_damage_escapes_the_typed_error(name, position, value):
    message = bytearray(MESSAGES[name])
    message[position % len(message)] = value
    with contextlib.suppress(VoucherError):
        voucher.parse_voucher(voucher.parse_signed(bytes(message)).payload)
