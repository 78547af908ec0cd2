"""What happens to a network in its life: restarts, rekeys, denials, resets, failures of every part. Real processes.

One network serves all tests of this file. Each test has devices of its own and starts what it needs, so that each
also runs alone; the fixture starts those early that take a while.

    X (foreign) -- i -- R -- a -- b -- c        R is also next to t, e, d, o, f, h; a is next to g and n
"""

import json
import time
from collections import defaultdict

import pytest
from processes import TIMEOUT, Network, Site, eui64_of, frames, needs_tshark, parallel

from microbrew_host.demo.scenario import free_ports

ROUTER = "00124b0000000100"
FOREIGN_ROUTER = "00124b0000000101"
ZERO_TOUCH = {name: f"00124b00000003{ord(name):02x}" for name in "abcdefghino"}
ONE_TOUCH = {"t": "00124b0000000474"}
NEIGHBOURS = [
    *(("R", name) for name in "aeditofh"),
    *(("a", name) for name in "bgn"),
    ("b", "c"),
    ("X", "i"),
]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    root = tmp_path_factory.mktemp("lifecycle")
    world = Network(root, loss=0.05, seed=11)
    try:
        parallel(
            lambda: world.manufacture("acme", ZERO_TOUCH, ONE_TOUCH),
            lambda: world.manufacture("own", {}, {"R": ROUTER}),
            lambda: world.manufacture("rogue", {}, {"X": FOREIGN_ROUTER}),
        )
        world.ours = Site("ours", "cafe", "R", ("acme",), 5, free_ports(), root / "ours")
        # Better to look at, so that everybody tries it first.
        world.foreign = Site("foreign", "beef", "X", ("rogue",), 0, free_ports(), root / "foreign")
        parallel(
            lambda: world.found(world.ours, [("own", "6lbr"), ("acme", "node")]),
            lambda: world.found(world.foreign, [("rogue", "6lbr")]),
        )
        world.link(*NEIGHBOURS)
        world.start_parts("acme", world.ours, world.foreign)
        world.start_all(*"atibode")
        yield world
    finally:
        world.close()


def counters(world, since=0.0):
    """Frame counters of each sender and key index, in the order sent: {(eui64, key index): [(time, counter)]}."""
    fields = ("frame.time_epoch", "wpan.src64", "wpan.aux_sec.key_index", "wpan.aux_sec.frame_counter")
    out = defaultdict(list)
    for frame in frames(world.pcap, *fields, only="wpan.security == 1"):
        at, src, key, counter = (frame[name][0] for name in fields)
        if float(at) >= since:
            out[eui64_of([src]), int(key, 16)].append((float(at), int(counter)))
    return out


def highest_request(world, name):
    """Highest number of the device's OSCORE requests that the JRC has accepted under the CoJP key."""
    with world.database(world.ours) as connection:
        row = connection.execute(
            "SELECT replay_index, replay_bitmap FROM cojp_contexts WHERE eui64 = ?", (bytes.fromhex(world.eui64(name)),)
        ).fetchone()
    return row[0] + row[1].bit_length() - 1


def test_device_with_a_key_joins_by_cojp_alone(network):
    run = network.member("t")
    assert set(run.messages) <= {"proxy discovery", "join port", "join request", "join response", "acknowledgement"}
    assert run.bytes_by_phase()["edhoc"] == run.bytes_by_phase()["voucher"] == 0
    assert run.via == ROUTER
    assert network.record("t", "factory").get(3) is None
    assert network.record("t", "network") is not None


def test_foreign_network_refuses_and_the_next_best_is_joined(network):
    run = network.member("i")
    tried = run.logged("proxy")
    assert tried[0] == f"{FOREIGN_ROUTER} network beef"
    assert tried[-1] == f"{ROUTER} network cafe"
    assert "manufacturer not trusted" in run.logged("failed")[0]
    assert run.via == ROUTER
    kinds = {entry["event"] for entry in network.jrc_log(network.foreign, "i")}
    assert kinds == {"manufacturer"}
    assert "joined" in {entry["event"] for entry in network.jrc_log(network.ours, "i")}


@needs_tshark
def test_node_that_was_restarted_goes_on_where_it_was(network):
    network.member("a")
    network.member("b")
    ceiling = network.record("a", "seq-cojp")
    before = highest_request(network, "a")
    assert 0 <= before < ceiling
    network.kill("a")
    at = time.time()
    run = network.until_proxying(network.start("a"))
    # A node from its first line on, by what is in its store.
    assert run.messages == []
    assert run.logged("state")[0] == "WAIT_ROUTE"
    assert highest_request(network, "a") >= ceiling
    sent = [entry for (src, _), entries in counters(network).items() for entry in entries if src == run.eui64]
    earlier = [counter for when, counter in sent if when < at]
    later = [counter for when, counter in sent if when >= at]
    assert earlier
    assert min(later) > max(earlier)
    # Its child has lost nothing: it is the proxy of another.
    grandchild = network.member("c")
    assert grandchild.via == network.eui64("b")


@pytest.fixture(scope="module")
def rekeyed(network):
    """A rekey while one node is off: when it began, the key indices before and after it, the command's results."""
    # Whoever else has been started too, or the rekey would miss them as well.
    for name in dict.fromkeys([*"abtio", *network.runs]):
        network.member(name)
    network.kill("o")
    with network.database(network.ours) as connection:
        ((old,),) = connection.execute("SELECT key_id FROM link_keys WHERE state = 'current'").fetchall()
    began = time.time()
    status, printed = network.attempt("jrc", "rekey", "--config", network.ours.config, "--json")
    result = json.loads(printed)
    assert result["finished"]
    everybody = {network.eui64(name) for name in "Rabti"}
    network.until(lambda: everybody <= network.senders(result["key_id"]), "everybody uses the new key")
    return began, old, result["key_id"], status, result["nodes"]


def test_rekey_reaches_every_node_but_the_one_that_is_off(network, rekeyed):
    _, old, new, status, nodes = rekeyed
    assert new != old
    assert status == 1
    missed = nodes.pop(network.serial("o"))
    assert missed == "it did not answer"
    assert {network.serial(name) for name in "Rabti"} <= set(nodes)
    assert set(nodes.values()) == {"ok"}
    for name in "abti":
        assert f"keys [{new}]" in network.runs[name].logged("update")


@needs_tshark
def test_nodes_send_with_the_new_key_once_they_have_heard_it(network, rekeyed):
    began, old, new, _, _ = rekeyed
    sent = counters(network, began)
    first = {src: entries[0][0] for (src, key), entries in sent.items() if key == new}
    last = {src: entries[-1][0] for (src, key), entries in sent.items() if key == old}
    members = {name: network.eui64(name) for name in "Rabti"}
    assert set(members.values()) <= set(first)
    # Nodes confirmed the update under the old key; the border router, asked last, is the first to change.
    assert min(first, key=first.get) == ROUTER
    for name, eui64 in members.items():
        assert last[eui64] < first[eui64], name
        if name != "R":
            around = [other for pair in NEIGHBOURS if name in pair for other in pair if other != name]
            heard = [first[network.eui64(other)] for other in around if network.eui64(other) in first]
            assert min(heard) < first[eui64], name


def test_pledge_joins_after_a_rekey(network, rekeyed):
    run = network.member("n")
    assert run.via == network.eui64("a")
    with network.database(network.ours) as connection:
        keys = connection.execute("SELECT key_id, value FROM link_keys WHERE state = 'current'").fetchall()
    ((_, [[index, _, value]], pending),) = [network.record("n", "network")[7]]
    assert [(index, value)] == keys
    assert index == rekeyed[2]
    assert pending == []


@pytest.fixture(scope="module")
def without_masa(network, rekeyed):
    """Two that have a while to wait: a pledge that needs the MASA, and the node that missed the rekey."""
    network.kill("masa")
    kept = network.record("o", "network")
    network.start("o")
    return network.start("h"), kept


def test_pledge_waits_for_a_masa_that_is_down(network, without_masa):
    run, _ = without_masa
    network.until(lambda: run.logged("wait"), "the pledge is asked to wait")
    assert "5.03 MASA unreachable" in run.logged("wait")[0]
    network.restart("masa")
    network.until_proxying(run)
    # The same handshake and the same request again.
    assert run.messages.count("message_1") == 1
    assert not run.logged("failed")
    reasons = [entry["text"] for entry in network.jrc_log(network.ours, "h") if entry["event"] == "masa"]
    assert len(reasons) >= 1
    assert "cannot be reached" in reasons[0]
    log = json.loads(network.execute("masa", "log", "--dir", network.root / "acme", "--serial", run.serial, "--json"))
    assert [entry["outcome"] for entry in log if entry["outcome"] != "audit-log"] == ["issued"]


def test_denied_device_stays_out_after_a_factory_reset(network):
    network.member("d")
    network.execute("jrc", "deny", network.serial("d"), "--config", network.ours.config, "--reason", "stolen")
    network.kill("d")
    run = network.start("d", reset=True)
    network.until(lambda: run.outcome == "refused", "the denied device is refused")
    assert run.logged("failed")[0] == "refused: the registrar refused: device denied"
    assert network.record("d", "network") is None
    entries = network.jrc_log(network.ours, "d")
    refusals = [entry for entry in entries if entry["text"] == "refused: it is denied here: stolen"]
    assert refusals
    assert refusals[0]["detail"]["step"] == "edhoc"
    shown = json.loads(network.execute("jrc", "show", network.serial("d"), "--config", network.ours.config, "--json"))
    assert (shown["state"], shown["denied"], shown["key"]) == ("denied", "stolen", False)
    assert refusals[0] in shown["log"]
    network.kill("d")


def test_device_gets_its_short_address_again_after_a_factory_reset(network):
    first = network.member("e")
    before = network.record("e", "network")
    network.kill("e")
    again = network.until_proxying(network.start("e", reset=True))
    assert again.short_address == first.short_address
    assert "message_1" in again.messages
    after = network.record("e", "network")
    # The same address and network, but a key of its own for this enrolment.
    assert (after[8], after[1]) == (before[8], before[1])
    assert after[5] != before[5]
    assert len([e for e in network.jrc_log(network.ours, "e") if e["event"] == "enrolled"]) == 2


def test_pledge_gets_over_a_registrar_that_forgot_its_session(network):
    run = network.start("f")
    died = network.kill_at(run, " message_2", "ours")
    network.until(died, "the registrar is down after message_2")
    network.restart("ours")
    network.until_proxying(run)
    assert "unknown session" in run.logged("failed")[0]
    assert run.messages.count("message_1") >= 2


def test_child_joins_after_its_proxy_was_restarted_halfway(network):
    network.member("a")
    run = network.start("g")
    died = network.kill_at(run, " message_1", "a")
    network.until(died, "the proxy is down after message_1")
    assert not run.proxying
    proxy = network.until_proxying(network.start("a"))
    assert proxy.messages == []
    network.until_proxying(run)
    assert run.via == network.eui64("a")


def test_node_that_missed_a_rekey_comes_back_by_its_kept_key(network, rekeyed, without_masa):
    # First it asks its parent for the way, with the old key, several times and ever slower.
    run = network.until_proxying(network.runs["o"], 3 * TIMEOUT)
    assert run.logged("joined")[0].endswith("by its key")
    assert run.bytes_by_phase()["edhoc"] == run.bytes_by_phase()["voucher"] == 0
    _, kept = without_masa
    record = network.record("o", "network")
    # The CoJP key and the addresses are the ones it had, the link key is the new one.
    assert [record[number] for number in (1, 2, 5, 8)] == [kept[number] for number in (1, 2, 5, 8)]
    assert [key[0] for key in kept[7][1]] == [rekeyed[1]]
    assert [key[0] for key in record[7][1]] == [rekeyed[2]]


@needs_tshark
def test_no_nonce_was_used_twice(network):
    """Across every restart and rekey above: a key and a frame counter of a sender stand for one frame."""
    network.member("a")
    fields = ("wpan.src64", "wpan.aux_sec.key_index", "wpan.aux_sec.frame_counter", "wpan.seq_no", "wpan.fcs")
    seen = {}
    for frame in frames(network.pcap, *fields, only="wpan.security == 1"):
        src, key, counter, *content = (frame[name][0] for name in fields)
        assert seen.setdefault((src, key, counter), content) == content
    assert len(seen) > 20
