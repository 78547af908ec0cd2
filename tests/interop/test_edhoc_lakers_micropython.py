"""EDHOC with lakers, our side inside MicroPython: messages go over its standard input and output."""

import lakers
import pytest
from interop_support import BY_KID, BY_VALUE, CRED, KEY, peer


def identity(side: str, by_value: bool) -> dict[str, bytes]:
    """Options of our process: who it is and whom it knows."""
    return {
        "key": KEY[side],
        "cred": CRED[side],
        "id_cred": (BY_VALUE if by_value else BY_KID)[side],
        "peer_cred": CRED["R" if side == "I" else "I"],
    }


def transfer(by_value: bool) -> lakers.CredentialTransfer:
    return lakers.CredentialTransfer.ByValue if by_value else lakers.CredentialTransfer.ByReference


def assert_same_keys(ours, their) -> None:
    assert ours.line("^secret ([0-9a-f]+)$")[1] == bytes(their.edhoc_exporter(0, b"", 16)).hex()
    assert ours.line("^salt ([0-9a-f]+)$")[1] == bytes(their.edhoc_exporter(1, b"", 8)).hex()
    assert ours.end() == 0


@pytest.mark.parametrize("by_value", [False, True])
def test_micropython_initiates_and_lakers_responds(micropython: str, by_value: bool) -> None:
    their = lakers.EdhocResponder(KEY["R"], lakers.Credential(CRED["R"]))
    with peer(micropython, "initiator", **identity("I", by_value)) as ours:
        their.process_message_1(bytes.fromhex(ours.line("^out (.*)$")[1]))
        ours.write(bytes(their.prepare_message_2(transfer(by_value), b"\x05", None)).hex())
        their.parse_message_3(bytes.fromhex(ours.line("^out (.*)$")[1]))
        their.verify_message_3(lakers.Credential(CRED["I"]))
        ours.write(bytes(their.prepare_message_4(None)).hex())
        assert_same_keys(ours, their)


@pytest.mark.parametrize("by_value", [False, True])
def test_lakers_initiates_and_micropython_responds(micropython: str, by_value: bool) -> None:
    their = lakers.EdhocInitiator()
    with peer(micropython, "responder", **identity("R", by_value)) as ours:
        ours.write(bytes(their.prepare_message_1(b"\x37", None)).hex())
        c_r, _, _ = their.parse_message_2(bytes.fromhex(ours.line("^out (.*)$")[1]))
        assert bytes(c_r) == b"\x05"
        their.verify_message_2(KEY["I"], lakers.Credential(CRED["I"]), lakers.Credential(CRED["R"]))
        message_3, _ = their.prepare_message_3(transfer(by_value), None)
        ours.write(bytes(message_3).hex())
        their.process_message_4(bytes.fromhex(ours.line("^out (.*)$")[1]))
        assert_same_keys(ours, their)


def test_micropython_refuses_a_message_2_of_lakers_that_was_changed(micropython: str) -> None:
    their = lakers.EdhocResponder(KEY["R"], lakers.Credential(CRED["R"]))
    with peer(micropython, "initiator", **identity("I", False)) as ours:
        their.process_message_1(bytes.fromhex(ours.line("^out (.*)$")[1]))
        message_2 = bytearray(their.prepare_message_2(transfer(False), b"\x05", None))
        message_2[-1] ^= 1
        ours.write(bytes(message_2).hex())
        assert ours.end() == 1
        assert "authentication failed" in ours.output
