"""``microbrew demo`` as a user runs it: what it promises in its report is true, on the air and in the logs too."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from processes import eui64_of, frames, leaks, needs_tshark, secrets_of

from microbrew_host.demo.parts import microbrew

ROUTER = "00124b0000000100"
PHASES = {"discovery", "edhoc", "voucher", "cojp"}
# UDP payload on the pledge's side of the proxy, both directions, no datagram counted twice.
BYTES_OF_A_JOIN = 1700
# The tshark of Debian 12 is older than RFC 9668 and takes its option for a mistake.
UNKNOWN_TO_TSHARK = "Invalid Option Number 21"

CLOSED = "No encryption key set - can't decrypt"
CLOSED_INSIDE = "Security context not set - can't decrypt"

DATA = "0x0001"
DISCOVERY_PORT, JOIN_PORT = "5683", "61617"


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Directory of one finished demo."""
    directory = tmp_path_factory.mktemp("demo") / "run"
    argv = microbrew("demo", "--directory", directory, "--loss", "0.1", "--seed", "7", "--timeout", "180")
    # In a group of its own, so that nothing it started outlives a test that gave up.
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        printed, _ = process.communicate(timeout=270)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 0, printed.decode(errors="replace")[-4000:]
    return directory


@pytest.fixture(scope="session")
def report(demo):
    return json.loads((demo / "report.json").read_text())


@pytest.fixture(scope="session")
def devices(report):
    return {device["name"]: device for device in report["devices"]}


def stores(demo):
    return [path for path in sorted((demo / "stores").iterdir()) if path.is_dir()]


def test_report_has_what_it_promises(report, demo):
    assert report["loss"] == 0.1
    assert report["seed"] == 7
    assert Path(report["pcap"]) == demo / "air.pcap"
    assert [device["name"] for device in report["devices"]] == ["A", "B", "C", "D"]
    for device in report["devices"]:
        kinds = {
            **dict.fromkeys(("serial", "eui64", "outcome", "reason", "via"), str),
            **dict.fromkeys(("datagrams", "bytes_up", "bytes_down", "heap_peak", "heap_code"), int),
            "bytes_by_phase": dict,
            "timeline": list,
        }
        for name, kind in kinds.items():
            assert isinstance(device[name], kind), name
        assert set(device["bytes_by_phase"]) == PHASES
        assert device["serial"].replace("-", "").lower() == device["eui64"]


def test_figures_agree_with_each_other(devices):
    for device in devices.values():
        timeline = device["timeline"]
        assert len(timeline) == device["datagrams"] > 0
        for direction in ("up", "down"):
            sizes = [message["size"] for message in timeline if message["direction"] == direction]
            assert sum(sizes) == device[f"bytes_{direction}"] > 0
        assert sum(device["bytes_by_phase"].values()) == device["bytes_up"] + device["bytes_down"]
        assert [message["ms"] for message in timeline] == sorted(message["ms"] for message in timeline)
        assert 0 < device["heap_code"] < device["heap_peak"]


def test_each_device_joined_through_the_one_before(devices):
    assert [devices[name]["outcome"] for name in "ABC"] == ["joined"] * 3
    via = [devices[name]["via"] for name in "ABC"]
    assert via == [ROUTER, devices["A"]["eui64"], devices["B"]["eui64"]]
    addresses = [devices[name]["short_address"] for name in "ABC"]
    assert all(re.fullmatch("[0-9a-f]{4}", address) for address in addresses)
    assert len({*addresses}) == 3


def test_join_took_every_step(devices):
    steps = ["proxy discovery", "join port", "message_1", "message_2", "voucher", "join request", "join response"]
    for name in "ABC":
        said = [message["name"] for message in devices[name]["timeline"]]
        assert [step for step in dict.fromkeys(said) if step in steps] == steps
        assert all(devices[name]["bytes_by_phase"].values())


def test_join_keeps_within_its_bytes(devices):
    for name in "ABC":
        once = {(message["name"], message["direction"]): message["size"] for message in devices[name]["timeline"]}
        assert 1000 < sum(once.values()) <= BYTES_OF_A_JOIN


def test_refusal_has_its_reason_on_both_sides(devices, demo):
    refused = devices["D"]
    assert refused["outcome"] == "refused"
    assert "manufacturer not trusted" in refused["reason"]
    assert refused["short_address"] is None
    assert refused["bytes_by_phase"]["cojp"] == 0
    log = (demo / "log" / "jrc.log").read_text().splitlines()
    about = [line for line in log if f'serial="{refused["serial"]}"' in line]
    assert about
    assert all('event="manufacturer"' in line and "CN=rogue" in line for line in about)
    assert not any("network" in path.name for path in (demo / "stores" / refused["serial"]).iterdir())


def test_no_key_in_capture_logs_or_report(demo):
    secrets = secrets_of(stores(demo), [demo / "jrc"])
    owners = Counter(name.split("/")[0] for name in secrets)
    # An identity's private key, the CoJP key and a link key of each who joined; the registrar's; the identity of D.
    assert len(owners) == 6
    assert all(owners[serial] >= 3 for serial in owners if serial.endswith(("A1", "B2", "C3")))
    assert owners["jrc"] >= 6
    written = [demo / "air.pcap", demo / "report.json", demo / "topology.toml", *(demo / "log").iterdir()]
    assert len(written) == 11
    assert leaks(secrets, written) == []


def test_search_for_keys_finds_what_is_there(demo, tmp_path):
    secrets = secrets_of(stores(demo), [demo / "jrc"])
    name, value = next(iter(secrets.items()))
    leak = tmp_path / "leak"
    for content in (value, value.hex().upper().encode(), value[len(value) // 2 :]):
        leak.write_bytes(b"..." + content + b"...")
        assert f"{name} in leak" in leaks(secrets, [leak])


# The air


@pytest.fixture(scope="session")
def air(demo):
    fields = (
        *("frame.protocols", "wpan.frame_type", "wpan.fcs_ok", "wpan.src64", "wpan.dst64", "wpan.security"),
        *("wpan.seq_no", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport", "udp.checksum.status"),
        *("_ws.malformed", "_ws.expert.message", "coap.code"),
    )
    return frames(demo / "air.pcap", *fields)


@pytest.fixture(scope="session")
def opened(demo):
    """The capture, read with the network's key."""
    keys = [value for name, value in secrets_of([], [demo / "jrc"]).items() if "/link_keys/" in name]
    assert len(keys) == 1
    fields = ("frame.protocols", "wpan.security", "udp.checksum.status", "_ws.malformed", "_ws.expert.message")
    return frames(demo / "air.pcap", *fields, "icmpv6.type", key=keys[0])


def unexpected(frame):
    """What tshark complains about in a frame."""
    return [text for text in frame["_ws.expert.message"] if "alformed" in text or "nvalid" in text or "Bad" in text]


@needs_tshark
def test_every_layer_is_what_it_should_be(air):
    stacks = Counter(frame["frame.protocols"][0] for frame in air)
    join = "raw:ip:udp:zep:wpan:6lowpan:ipv6:udp:coap"
    # Of A, B and C: discovery and its answer, message_1 and message_2; which are lost decides how many more.
    assert stacks[join] >= 3 * 4
    assert any(stack.startswith(join) and stack.endswith(":oscore") for stack in stacks)
    assert all(stack.startswith("raw:ip:udp:zep:wpan") for stack in stacks)


@needs_tshark
def test_no_frame_is_damaged(air, opened):
    for frame in air:
        assert frame["wpan.fcs_ok"] == ["1"]
    for frame in [*air, *opened]:
        assert set(frame["udp.checksum.status"]) <= {"1"}
        assert [text for text in unexpected(frame) if text != UNKNOWN_TO_TSHARK] == []
        assert not frame["_ws.malformed"] or UNKNOWN_TO_TSHARK in frame["_ws.expert.message"]


def first_secured(air, eui64):
    for number, frame in enumerate(air):
        if eui64_of(frame["wpan.src64"]) == eui64 and frame["wpan.security"] == ["1"]:
            return number
    return len(air)


@needs_tshark
def test_pledge_talks_to_its_proxy_only(air, devices):
    for device in devices.values():
        sent = [
            frame
            for frame in air[: first_secured(air, device["eui64"])]
            if eui64_of(frame["wpan.src64"]) == device["eui64"]
        ]
        assert sent
        for frame in sent:
            assert frame["wpan.frame_type"] == [DATA]
            assert eui64_of(frame["wpan.dst64"]) == device["via"]
        packets = [frame for frame in sent if frame["ipv6.src"]]
        assert packets
        for frame in packets:
            assert frame["ipv6.src"][0].startswith("fe80::")
            assert frame["ipv6.dst"][0].startswith("fe80::")
            # The outer ports are those of the capture itself.
            assert frame["udp.dstport"][1] in (DISCOVERY_PORT, JOIN_PORT)


@needs_tshark
def test_device_that_was_refused_never_secures_a_frame(air, devices):
    assert first_secured(air, devices["D"]["eui64"]) == len(air)
    assert first_secured(air, devices["A"]["eui64"]) < len(air)


@needs_tshark
def test_node_secures_all_but_the_join_path(air, devices):
    members = {ROUTER: 0} | {devices[name]["eui64"]: first_secured(air, devices[name]["eui64"]) for name in "ABC"}
    via = {device["eui64"]: device["via"] for device in devices.values()}
    secured = unsecured = 0
    for number, frame in enumerate(air):
        src = eui64_of(frame["wpan.src64"])
        if src not in members or number < members[src]:
            continue
        if frame["wpan.security"] == ["1"]:
            secured += 1
            continue
        unsecured += 1
        # Link-local, from the two ports of a join proxy. A late or repeated answer may meet a device that has joined in
        # the meantime: a stateless proxy cannot know. But it goes to a device that joined through this very node.
        assert frame["wpan.frame_type"] == [DATA]
        assert via[eui64_of(frame["wpan.dst64"])] == src
        if frame["ipv6.src"]:
            assert frame["ipv6.src"][0].startswith("fe80::")
            assert frame["ipv6.dst"][0].startswith("fe80::")
            assert frame["udp.srcport"][1] in (DISCOVERY_PORT, JOIN_PORT)
    assert secured > 50
    assert unsecured > 20


@needs_tshark
def test_secured_frames_open_with_the_network_key(air, opened):
    hidden = [number for number, frame in enumerate(air) if frame["wpan.security"] == ["1"]]
    assert any(air[number]["wpan.frame_type"] == [DATA] for number in hidden)
    for number in hidden:
        assert CLOSED in air[number]["_ws.expert.message"]
        # What is left to tell is that OSCORE inside has a key of its own.
        assert {*opened[number]["_ws.expert.message"]} <= {CLOSED_INSIDE, "Retransmitted", UNKNOWN_TO_TSHARK}
    # RPL (ICMPv6 type 155) is nowhere to be seen without it.
    assert any("155" in frame["icmpv6.type"] for frame in opened)
