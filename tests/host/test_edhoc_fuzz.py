"""EDHOC against hostile bytes: whatever arrives, a step gives its result or an EdhocError, nothing else.

Mutated messages find holes in front of the cryptography; plaintexts that an attacker encrypts as a true peer
would find those behind it.
"""

import json
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from microbrew import cbor
from microbrew.coap.message import Message
from microbrew.cose.structures import enc_structure
from microbrew.crypto import ED25519, P256, X25519
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import combined, initiator, key_schedule, messages, responder, x509
from microbrew.edhoc.credentials import (
    Own,
    Peer,
    certificates,
    own_kccs,
    parameters,
    peer_kccs,
    peer_reference,
)
from microbrew.edhoc.cwt import peer_kcwt
from microbrew.errors import CoapError, DecodeError, EdhocError

with open("tests/vectors/edhoc.json") as file:
    FILE = json.load(file)
SETS = [FILE["rfc9529_trace_2"], FILE["computed_vectors"]["m0_s2_x5chain"]]
MESSAGES = [bytes.fromhex(values[f"message_{i}"]) for values in SETS for i in (1, 2, 3, 4)]

CRYPTO = HostCrypto()
PRIVATE = CRYPTO.load_private(P256, bytes.fromhex(SETS[0]["SK_R"]))
OWN = own_kccs(PRIVATE)

FUZZ = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A true message with a few bytes changed, inserted or cut."""
    message = bytearray(draw(st.sampled_from(MESSAGES)))
    for _ in range(draw(st.integers(1, 4))):
        if not message:
            break
        at = draw(st.integers(0, len(message) - 1))
        kind = draw(st.sampled_from("xid"))
        if kind == "x":
            message[at] = draw(st.integers(0, 255))
        elif kind == "i":
            message[at:at] = draw(st.binary(min_size=1, max_size=4))
        else:
            del message[at : at + draw(st.integers(1, 40))]
    return bytes(message)


KEYS = st.integers(-30, 40)
LEAVES = KEYS | st.binary(max_size=40) | st.text(max_size=5) | st.booleans() | st.none()
ITEMS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
SEQUENCES = st.lists(ITEMS, max_size=7).map(lambda items: b"".join(cbor.encode(item) for item in items))
# Something like a true plaintext: identifier, ID_CRED, 8 or 64 bytes, EAD.
PLAINTEXTS = st.tuples(
    st.sampled_from([b"", b"\x05", b"\x41\xff", b"\x40"]),
    st.sampled_from([OWN.id_cred, b"\x2b", b"\xa1\x04\x41\x2b", b"\xa0", b"\xa1\x18\x21\x80"]) | ITEMS.map(cbor.encode),
    st.sampled_from([b"\x48" + bytes(8), b"\x58\x40" + bytes(64), b"\x47" + bytes(7)]),
    SEQUENCES,
).map(b"".join)
HOSTILE = mutations() | SEQUENCES | st.binary(max_size=120)


def only_edhoc_error(step: Callable, *args) -> object:
    """The step's result, or None if it ended in an EdhocError whose texts can be sent."""
    try:
        return step(*args)
    except EdhocError as error:
        if not error.received:
            assert len(messages.error_message(error.code, error.info)) < 64
        return None


def peers(id_cred: bytes) -> list[Peer]:
    """Every way to make a peer of what arrived."""
    found = [Peer(OWN.cred, PRIVATE.public)]
    found.append(only_edhoc_error(peer_kccs, id_cred))
    found.append(only_edhoc_error(peer_reference, id_cred, lambda label, value: found[0]))
    found.append(only_edhoc_error(peer_kcwt, CRYPTO, id_cred, PRIVATE.public, 1))
    only_edhoc_error(certificates, id_cred)
    only_edhoc_error(x509.bag, id_cred)
    only_edhoc_error(x509.fetched, CRYPTO, id_cred, lambda uri: uri.encode())
    only_edhoc_error(parameters, id_cred)
    return [peer for peer in found if peer is not None]


def wait_message_2(method: int) -> initiator.WaitMessage2:
    own = Own(b"\xa1\x04\x41\x2b", b"\xa0", CRYPTO.generate(P256))
    return initiator.Start(CRYPTO, method, (2,), b"\x37", own).message_1()[1]


@FUZZ
@given(HOSTILE)
def test_message_1(hostile: bytes) -> None:
    received = only_edhoc_error(responder.Start(CRYPTO, (0, 1, 2, 3), (2, 3), {2: OWN, 3: OWN}).receive, hostile)
    if received is not None:
        only_edhoc_error(received.message_2, b"\x27" if received.c_i != b"\x27" else b"")


@FUZZ
@given(st.integers(0, 3), HOSTILE)
def test_message_2(method: int, hostile: bytes) -> None:
    received = only_edhoc_error(wait_message_2(method).receive, hostile)
    if received is not None:
        only_edhoc_error(received.verify, peers(received.id_cred_r)[-1])


@FUZZ
@given(st.integers(0, 3), PLAINTEXTS | SEQUENCES | st.binary(max_size=80))
@example(0, b"\x05" + OWN.id_cred + b"\x58\x40" + bytes(64))
def test_plaintext_2_of_an_attacker(method: int, plaintext: bytes) -> None:
    own = Own(b"\xa1\x04\x41\x2b", b"\xa0", CRYPTO.generate(P256))
    message_1, wait = initiator.Start(CRYPTO, method, (2,), b"\x37", own).message_1()
    y = CRYPTO.generate(P256)
    g_y = y.public[:32]
    th_2 = key_schedule.th_2(CRYPTO, g_y, CRYPTO.sha256(message_1))
    prk_2e = key_schedule.prk_2e(CRYPTO, th_2, CRYPTO.ecdh(y, messages.parse_message_1(message_1).g_x))
    keystream = key_schedule.keystream_2(CRYPTO, prk_2e, th_2, len(plaintext))
    ciphertext = bytes(a ^ b for a, b in zip(plaintext, keystream, strict=True))
    received = only_edhoc_error(wait.receive, cbor.encode(g_y + ciphertext))
    if received is not None:
        # An attacker without the key of the credential: no peer may verify.
        for peer in peers(received.id_cred_r)[-1:]:
            assert only_edhoc_error(received.verify, peer) is None


def wait_message_3(method: int) -> responder.WaitMessage3:
    message_1, _ = initiator.Start(CRYPTO, method, (2,), b"\x37", OWN).message_1()
    start = responder.Start(CRYPTO, (method,), (2,), {2: own_kccs(CRYPTO.generate(P256))})
    return start.receive(message_1).message_2(b"\x27")[1]


@FUZZ
@given(st.integers(0, 3), HOSTILE)
def test_message_3(method: int, hostile: bytes) -> None:
    assert only_edhoc_error(wait_message_3(method).receive, hostile) is None


@FUZZ
@given(st.integers(0, 3), PLAINTEXTS | SEQUENCES | st.binary(max_size=80))
@example(0, OWN.id_cred + b"\x58\x40" + bytes(64))
def test_plaintext_3_of_an_attacker(method: int, plaintext: bytes) -> None:
    wait = wait_message_3(method)
    # An unauthenticated initiator has PRK_3e2m too: it is what the responder's state holds.
    session = wait._session
    k_3 = key_schedule.k_3(CRYPTO, session.prk, session.th)
    iv_3 = key_schedule.iv_3(CRYPTO, session.prk, session.th)
    message_3 = cbor.encode(CRYPTO.ccm_seal(k_3, iv_3, enc_structure(session.th), plaintext, 8))
    received = only_edhoc_error(wait.receive, message_3)
    if received is not None:
        assert only_edhoc_error(received.verify, peers(received.id_cred_i)[-1]) is None


HEADERS = st.dictionaries(st.sampled_from([4, 13, 14, 32, 33, 34, 35]), ITEMS, min_size=1, max_size=3).map(cbor.encode)


@FUZZ
@given(HEADERS | ITEMS.map(cbor.encode) | st.binary(max_size=60))
def test_header_maps(id_cred: bytes) -> None:
    peers(id_cred)


@FUZZ
@given(HEADERS | HOSTILE, st.integers(0, 3))
def test_message_1_for_the_other_curves(hostile: bytes, method: int) -> None:
    own = tuple(own_kccs(CRYPTO.generate(curve)) for curve in (X25519, ED25519))
    start = responder.Start(CRYPTO, (0, 1, 2, 3), (0, 1), {0: own, 1: own})
    received = only_edhoc_error(
        start.receive, bytes((method, 0)) + b"\x58\x20" + hostile[:32].ljust(32, b"x") + b"\x0e"
    )
    if received is not None:
        only_edhoc_error(received.message_2, b"")


@FUZZ
@given(st.binary(max_size=60) | HOSTILE, st.binary(max_size=8), st.integers(0, 255))
def test_combined_requests(payload: bytes, oscore: bytes, code: int) -> None:
    request = Message(0, code, 1, b"", [(9, oscore), (21, b"")], payload)
    try:
        message_3, rest = combined.split(request)
    except CoapError as error:
        assert error.code == 0x80
        return
    assert message_3 + rest.payload == payload
    assert combined.combine(message_3, rest).payload == payload


@FUZZ
@given(HOSTILE)
def test_error_messages(hostile: bytes) -> None:
    assert messages.parse_error(hostile).received


@FUZZ
@given(HOSTILE)
def test_identifiers_in_front_of_a_message(hostile: bytes) -> None:
    try:
        identifier, rest = messages.split_identifier(hostile)
    except DecodeError:
        return
    assert messages.encode_identifier(identifier) + rest == hostile
