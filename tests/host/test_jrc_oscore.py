"""CoJP contexts on the database: published vectors, sequence numbers that never repeat, replay windows that persist."""

import json

import pytest
from aiocoap import Message, oscore
from aiocoap.message import Direction
from aiocoap.numbers.codes import Code

from microbrew_host.jrc import manage, registry
from microbrew_host.jrc.config import Limits
from microbrew_host.jrc.database import CojpContext, Database, Device
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.oscore_contexts import (
    Contexts,
    Onboarding,
    OnboardingContext,
    StoredContext,
    choose_identifier,
)


@pytest.fixture(scope="module")
def vectors():
    with open("tests/vectors/cojp.json") as file:
        return json.load(file)


@pytest.fixture
def contexts(tmp_path, vectors):
    database = Database(f"sqlite:///{tmp_path}/jrc.sqlite")
    with database.transaction() as session:
        device = Device(eui64=bytes.fromhex(vectors["pledge_eui64"]))
        session.add(device)
        session.flush()
        registry.set_psk(session, device, bytes.fromhex(vectors["psk"]))
    yield Contexts(database, Limits(), lambda: 0.0)
    database.close()


def find(contexts, vectors):
    return contexts.find(b"", bytes.fromhex(vectors["id_context"]))


def join_request(vectors):
    message = Message.decode(bytes.fromhex(vectors["coap"]["join_request_pledge_to_jp"]))
    message.direction = Direction.INCOMING
    return message


def test_keys_are_those_of_the_vectors(contexts, vectors):
    context = find(contexts, vectors)
    assert context.recipient_key.hex() == vectors["pledge_sender_key"]
    assert context.sender_key.hex() == vectors["jrc_sender_key"]
    assert context.common_iv.hex() == vectors["common_iv"]


def test_the_join_request_of_the_vectors_unprotects_once(contexts, vectors):
    inner, _ = find(contexts, vectors).unprotect(join_request(vectors))
    assert inner.code == Code.POST
    assert inner.opt.uri_path == ("j",)
    assert inner.payload.hex() == vectors["join_request_cbor"]
    # A context made anew, as after a restart, knows.
    with pytest.raises(oscore.ReplayError):
        find(contexts, vectors).unprotect(join_request(vectors))


def test_the_join_response_equals_the_vectors(contexts, vectors):
    context = find(contexts, vectors)
    _, request_id = context.unprotect(join_request(vectors))
    answer = Message(code=Code.CHANGED, payload=bytes.fromhex(vectors["configuration_cbor"]))
    protected, _ = context.protect(answer, request_id)
    wanted = Message.decode(bytes.fromhex(vectors["coap"]["join_response_jp_to_pledge"]))
    assert (protected.opt.oscore, protected.payload) == (wanted.opt.oscore, wanted.payload)


def test_the_parameter_update_equals_the_vectors(contexts, vectors):
    update = Message(
        code=Code.POST,
        uri_path=("j",),
        uri_host="6tisch.arpa",
        payload=bytes.fromhex(vectors["param_update_cbor"]),
    )
    protected, _ = find(contexts, vectors).protect_request(update)
    wanted = Message.decode(bytes.fromhex(vectors["coap"]["param_update_jrc_to_node"]))
    assert protected.opt.oscore == wanted.opt.oscore == bytes.fromhex(vectors["param_update_oscore_option"])
    assert protected.payload == wanted.payload


def test_a_forged_request_leaves_the_window_alone(contexts, vectors):
    forged = join_request(vectors)
    forged.payload = forged.payload[:-1] + bytes((forged.payload[-1] ^ 1,))
    with pytest.raises(oscore.ProtectionInvalid):
        find(contexts, vectors).unprotect(forged)
    find(contexts, vectors).unprotect(join_request(vectors))


def test_numbers_are_never_given_twice_even_by_two_contexts_at_once(contexts, vectors):
    one, two = find(contexts, vectors), find(contexts, vectors)
    numbers = [context.new_sequence_number() for _ in range(5) for context in (one, two)]
    assert numbers == list(range(10))


def test_two_contexts_at_once_accept_a_number_once(contexts, vectors):
    one, two = find(contexts, vectors), find(contexts, vectors)
    one.recipient_replay_window.strike_out(7)
    assert not two.recipient_replay_window.is_valid(7)
    with pytest.raises(oscore.ReplayError):
        two.recipient_replay_window.strike_out(7)
    two.recipient_replay_window.strike_out(50)
    assert not one.recipient_replay_window.is_valid(18)
    assert one.recipient_replay_window.is_valid(19)


def test_a_new_key_begins_anew_and_an_old_context_is_dead(contexts, vectors):
    old = find(contexts, vectors)
    old.new_sequence_number()
    with contexts._database.transaction() as session:
        registry.set_psk(session, session.query(Device).one(), bytes(16))
    with pytest.raises(oscore.ContextUnavailable):
        old.new_sequence_number()
    assert find(contexts, vectors).new_sequence_number() == 0


def test_a_key_that_comes_back_goes_on_with_its_numbers_and_its_window(contexts, vectors):
    psk = bytes.fromhex(vectors["psk"])

    def replace(*steps):
        with contexts._database.transaction() as session:
            device = session.query(Device).one()
            for step in steps:
                step(session, device)

    def set_again(session, device):
        registry.set_psk(session, device, psk)

    def set_other(session, device):
        registry.set_psk(session, device, bytes(16))

    context = find(contexts, vectors)
    context.unprotect(join_request(vectors))
    last = context.new_sequence_number()
    for steps in ((set_again,), (registry.drop_psk, set_again), (set_other, set_again)):
        replace(*steps)
        context = find(contexts, vectors)
        with pytest.raises(oscore.ReplayError):
            context.unprotect(join_request(vectors))
        assert context.new_sequence_number() == last + 1
        last += 1


def test_a_denial_takes_the_key_out_of_the_database(contexts, vectors):
    journal = Journal(contexts._database, lambda: 0.0)
    manage.deny(contexts._database, journal, vectors["pledge_eui64"], "stolen")
    assert find(contexts, vectors) is None
    with contexts._database.transaction() as session:
        assert session.query(CojpContext).all() == []
    manage.allow(contexts._database, journal, vectors["pledge_eui64"])
    assert find(contexts, vectors) is None


def test_an_exhausted_context_refuses_to_number(contexts, vectors):
    with contexts._database.transaction() as session:
        session.query(CojpContext).one().next_sequence = oscore.MAX_SEQNO
    with pytest.raises(oscore.ContextUnavailable):
        find(contexts, vectors).new_sequence_number()


def test_a_denied_device_has_no_context(contexts, vectors):
    assert isinstance(find(contexts, vectors), StoredContext)
    with contexts._database.transaction() as session:
        session.query(Device).one().denied = "stolen"
    assert find(contexts, vectors) is None


def test_only_the_empty_kid_belongs_to_a_kid_context(contexts, vectors):
    assert contexts.find(b"JRC", bytes.fromhex(vectors["id_context"])) is None
    assert contexts.find(None, bytes.fromhex(vectors["id_context"])) is None
    assert contexts.find(b"", None) is None


def test_a_device_keeps_its_two_newest_onboarding_contexts_for_ten_minutes(tmp_path):
    now = [0.0]
    database = Database(f"sqlite:///{tmp_path}/jrc.sqlite")
    contexts = Contexts(database, Limits(), lambda: now[0])

    def add(c_r, serial):
        device = Onboarding(serial, None, None, None, None)
        contexts.add(c_r, OnboardingContext(bytes(16), b"", b"", c_r, device))

    for c_r, serial in ((b"\x01", "A"), (b"\x02", "A"), (b"\x03", "B"), (b"\x04", "A")):
        add(c_r, serial)
    assert [contexts.live(bytes((n,))) for n in (1, 2, 3, 4)] == [False, True, True, True]
    now[0] = 599.0
    assert contexts.find(b"\x02", None) is not None
    now[0] = 601.0
    assert [contexts.live(bytes((n,))) for n in (2, 3, 4)] == [True, False, False]
    contexts.drop_device("A")
    assert not contexts.live(b"\x02")
    database.close()


def test_connection_identifiers_are_free_short_and_not_the_peers():
    taken = set()
    for _ in range(47):
        identifier = choose_identifier(taken.__contains__, b"\x05")
        assert len(identifier) == 1 and identifier != b"\x05" and identifier not in taken
        taken.add(identifier)
    assert len(choose_identifier(taken.__contains__, b"\x05")) == 2
