"""EDHOC with lakers, an implementation in Rust that shares nothing with ours: method 3, suite 2, both roles.

lakers writes the length of ``context_2`` and ``context_3`` in one byte, so only exchanges in which both stay below
256 bytes can agree; certificates and long EAD items are beyond it. It also writes exporter labels in one byte, which
is CBOR up to 23 only.
"""

import json

import lakers
import pytest

from microbrew.crypto import P256
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import ead, initiator, responder
from microbrew.edhoc.credentials import KCCS, KID, Own, Peer, peer_kccs, peer_reference
from microbrew.errors import EdhocError

with open("tests/vectors/edhoc.json") as file:
    TRACE = json.load(file)["rfc9529_trace_2"]

CRYPTO = HostCrypto()
CRED = {side: bytes.fromhex(TRACE["CRED_" + side]) for side in "IR"}
KEY = {side: bytes.fromhex(TRACE["SK_" + side]) for side in "IR"}
PUBLIC = {side: bytes.fromhex(TRACE["G_" + side] + TRACE[f"G_{side}_y"]) for side in "IR"}
BY_KID = {side: bytes.fromhex(TRACE["ID_CRED_" + side]) for side in "IR"}
BY_VALUE = {side: bytes((0xA1, KCCS)) + CRED[side] for side in "IR"}


def own(side: str, by_value: bool) -> Own:
    id_cred = BY_VALUE[side] if by_value else BY_KID[side]
    return Own(id_cred, CRED[side], CRYPTO.load_private(P256, KEY[side]))


def peer(side: str, id_cred: bytes, by_value: bool) -> Peer:
    """The peer as an application finds it: in what it sent, or by its kid."""
    if by_value:
        return peer_kccs(id_cred)

    def lookup(label: int, value: bytes) -> Peer | None:
        known = label == KID and BY_KID[side].endswith(value)
        return Peer(CRED[side], PUBLIC[side]) if known else None

    return peer_reference(id_cred, lookup)


def transfer(by_value: bool) -> lakers.CredentialTransfer:
    return lakers.CredentialTransfer.ByValue if by_value else lakers.CredentialTransfer.ByReference


def theirs(side: str) -> lakers.Credential:
    return lakers.Credential(CRED[side])


@pytest.mark.parametrize("by_value", [False, True])
def test_our_initiator_with_lakers_as_responder(by_value: bool) -> None:
    their = lakers.EdhocResponder(KEY["R"], theirs("R"))
    message_1, wait = initiator.Start(CRYPTO, 3, (2,), b"\x37", own("I", by_value)).message_1()
    c_i, ead_1 = their.process_message_1(message_1)
    assert (bytes(c_i), ead_1) == (b"\x37", [])
    message_2 = their.prepare_message_2(transfer(by_value), b"\x05", [lakers.EADItem(9, False, b"two")])
    received = wait.receive(message_2)
    assert received.c_r == b"\x05"
    assert received.id_cred_r == (BY_VALUE if by_value else BY_KID)["R"]
    assert received.ead_2 == [(9, b"two")]
    verified = received.verify(peer("R", received.id_cred_r, by_value))
    # By value context_3 has 252 bytes already.
    items = [(9, None)] if by_value else [(9, b"three")]
    message_3, done = verified.message_3(ead.encode_items(items))
    _, ead_3 = their.parse_message_3(message_3)
    assert len(ead_3) == 1
    their.verify_message_3(theirs("I"))
    message_4 = their.prepare_message_4([])
    assert done.receive_message_4(bytes(message_4)) == []
    master_secret, master_salt = done.oscore()
    assert master_secret == bytes(their.edhoc_exporter(0, b"", 16))
    assert master_salt == bytes(their.edhoc_exporter(1, b"", 8))
    done.key_update(b"update")
    assert done._session.prk_out == bytes(their.edhoc_key_update(b"update"))


@pytest.mark.parametrize("by_value", [False, True])
def test_our_responder_with_lakers_as_initiator(by_value: bool) -> None:
    their = lakers.EdhocInitiator()
    message_1 = their.prepare_message_1(b"\x37", [lakers.EADItem(9, False, b"one")])
    received = responder.Start(CRYPTO, (3,), (2,), {2: own("R", by_value)}).receive(bytes(message_1))
    assert (received.method, received.suite, received.c_i) == (3, 2, b"\x37")
    assert received.ead_1 == [(9, b"one")]
    message_2, wait = received.message_2(b"\x05")
    c_r, _, _ = their.parse_message_2(message_2)
    assert bytes(c_r) == b"\x05"
    their.verify_message_2(KEY["I"], theirs("I"), theirs("R"))
    message_3, _ = their.prepare_message_3(transfer(by_value), [])
    received_3 = wait.receive(bytes(message_3))
    assert received_3.id_cred_i == (BY_VALUE if by_value else BY_KID)["I"]
    done = received_3.verify(peer("I", received_3.id_cred_i, by_value))
    their.process_message_4(done.message_4())
    assert done.oscore()[0] == bytes(their.edhoc_exporter(0, b"", 16))
    assert done.exporter(20, b"\x01" * 8, 16) == bytes(their.edhoc_exporter(20, b"\x01" * 8, 16))


def test_a_critical_item_of_lakers_ends_our_run() -> None:
    message_1 = lakers.EdhocInitiator().prepare_message_1(b"\x37", [lakers.EADItem(9, True, b"one")])
    with pytest.raises(EdhocError) as caught:
        responder.Start(CRYPTO, (3,), (2,), {2: own("R", False)}).receive(bytes(message_1))
    assert caught.value.code == 1


def test_lakers_refuses_a_message_2_of_ours_that_was_changed() -> None:
    their = lakers.EdhocInitiator()
    received = responder.Start(CRYPTO, (3,), (2,), {2: own("R", False)}).receive(
        bytes(their.prepare_message_1(b"\x37", []))
    )
    message_2, _ = received.message_2(b"\x05")
    their.parse_message_2(message_2[:-1] + bytes((message_2[-1] ^ 1,)))
    with pytest.raises(ValueError):
        their.verify_message_2(KEY["I"], theirs("I"), theirs("R"))
