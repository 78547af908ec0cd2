"""What must be refused, in whole deployments: the reason is said, nothing is half changed, and the honest get on."""

import dataclasses
import itertools
import random

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from world import FAILED, JOINED, REFUSED, simulate

from microbrew import cbor, crypto
from microbrew.ip import addr
from microbrew.lowpan import iphc
from microbrew.mac import frame
from microbrew_host import voucher
from microbrew_host.jrc import voucher_exchange
from microbrew_host.masa import directory
from microbrew_host.voucher import spki

JOIN_TIMEOUT_MS = 900_000


async def network(world, **changes):
    acme = world.add_manufacturer("acme")
    if changes:
        world.add_domain(**changes)
    world.trust(acme)
    await world.start()
    return acme


async def joined(world, *devices):
    await world.until(lambda: all(device.outcome == JOINED for device in devices), JOIN_TIMEOUT_MS)


async def failed(world, device):
    """The reason of the device's first failed attempt; it must still be a pledge as the factory made it."""
    await world.until(lambda: device.outcome in (REFUSED, FAILED), JOIN_TIMEOUT_MS)
    assert device.node.member is None
    assert "network" not in device.flash.dump()
    return device.reason


def jrc_state(world, serial):
    """State of a device in the registrar's database, and whether it holds a key for it."""
    from sqlalchemy import select

    from microbrew_host.jrc.database import CojpContext, Device

    with world.domain.server.database.transaction() as session:
        device = session.scalar(select(Device).where(Device.serial == serial))
        if device is None:
            return None, False
        key = session.scalar(select(CojpContext.id).where(CojpContext.device_id == device.id))
        return device.state, key is not None


# Vouchers


def tampered(change):
    """Let the registrar hand out what ``change(voucher bytes, device's request)`` makes of a genuine voucher."""
    original = voucher_exchange.VoucherExchange._check_voucher

    def check(self, answer, request):
        return change(original(self, answer, request), request)

    return voucher_exchange.VoucherExchange, "_check_voucher", check


def resign(world, encoded, **leaves):
    """The voucher with other leaves, signed by the same MASA: what a MASA that lies would issue."""
    signed = voucher.parse_signed(encoded)
    data = dataclasses.replace(voucher.parse_voucher(signed.payload), **leaves)
    return voucher.sign(data.encode(), signing_key(world))


def signing_key(world):
    pem = (world.makers[0].path / directory.SIGNING_KEY).read_bytes()
    return serialization.load_pem_private_key(pem, None)


def other_spki():
    backend = crypto.load("host")
    return crypto.spki_p256(backend.generate(crypto.P256).public)


VOUCHERS = {
    "signature": lambda world, encoded: encoded[:-1] + bytes((encoded[-1] ^ 1,)),
    "serial": lambda world, encoded: resign(world, encoded, serial_number="00-12-4B-00-00-00-FF-FF"),
    "nonce": lambda world, encoded: resign(world, encoded, nonce=b"another!"),
    "offline": lambda world, encoded: resign(world, encoded, nonce=None),
    "pin": lambda world, encoded: resign(world, encoded, pinned_domain_pubk=other_spki()),
    "no-pin": lambda world, encoded: resign(world, encoded, pinned_domain_pubk=None),
    "join-process": lambda world, encoded: resign(world, encoded, join_process=None),
    "format": lambda world, encoded: encoded[:40],
}


@pytest.mark.parametrize("reason", VOUCHERS)
def test_a_registrar_with_a_bad_voucher_is_not_believed(reason, monkeypatch):
    async def scenario(world):
        acme = await network(world)
        change = VOUCHERS[reason]
        monkeypatch.setattr(*tampered(lambda encoded, _request: change(world, encoded)))
        device = world.add_device(acme, neighbours=[world.domain])
        name, text = await failed(world, device)
        assert name == "voucher-" + reason
        state, has_key = jrc_state(world, device.serial)
        assert state != "joined" and not has_key
        # The registrar's log has the device's own words.
        assert any(text in entry for entry in world.jrc_events(device.serial))
        # Nothing of the attempt stays in the way of an honest one.
        monkeypatch.undo()
        await joined(world, device)

    simulate(scenario, seed=21)


def test_a_voucher_of_an_earlier_attempt_is_refused(monkeypatch):
    async def scenario(world):
        acme = await network(world)
        kept = []

        def replay(encoded, _request):
            kept.append(encoded)
            return kept[0]

        monkeypatch.setattr(*tampered(replay))
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        device.node.factory_reset(world.now_ms)
        device.wake()
        name, _ = await failed(world, device)
        assert name == "voucher-nonce"
        assert len(kept) == 2 and kept[0] != kept[1]

    simulate(scenario, seed=22)


def test_a_registrar_that_swaps_its_key_after_the_handshake_is_refused(monkeypatch):
    """The voucher is genuine and pins the key that signed the request, which is not the one shown in EDHOC."""

    async def scenario(world):
        acme = await network(world)
        other = other_spki()
        monkeypatch.setattr(*tampered(lambda encoded, _request: resign(world, encoded, pinned_domain_pubk=other)))
        assert other != spki(world.domain.server.registrar.key.public_key())
        device = world.add_device(acme, neighbours=[world.domain])
        assert (await failed(world, device))[0] == "voucher-pin"

    simulate(scenario, seed=23)


# The MASA


def replaced(status=200, body=b"", content_type="application/voucher+cose"):
    def answer(request, _response):
        headers = {"content-type": content_type}
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body), request=request)

    return answer


MASAS = {
    "says no": (replaced(403, b"stolen"), "refused"),
    "knows nothing": (replaced(404, b"unknown"), "refused"),
    "sends an empty body": (replaced(), "unavailable"),
    "sends garbage": (replaced(body=b"\xff" * 100), "unavailable"),
    "sends too much": (replaced(body=b"\x00" * 100_000), "unavailable"),
    "sends a page": (replaced(body=b"<html>", content_type="text/html"), "unavailable"),
    "sends deep nesting": (replaced(body=b"\x81" * 5000), "unavailable"),
}


@pytest.mark.parametrize("what", MASAS)
def test_a_masa_that_misbehaves_fails_the_attempt_with_a_reason(what):
    async def scenario(world):
        acme = await network(world)
        acme.masa.answer, name = MASAS[what]
        device = world.add_device(acme, neighbours=[world.domain])
        reason, text = await failed(world, device)
        assert reason == name, text
        assert jrc_state(world, device.serial)[1] is False
        assert any("MASA" in entry for entry in world.jrc_events(device.serial))
        acme.masa.answer = None
        await joined(world, device)

    simulate(scenario, seed=24)


def test_a_masa_that_is_down_is_waited_for_without_a_new_handshake():
    async def scenario(world):
        acme = await network(world)
        acme.masa.is_down = True
        device = world.add_device(acme, neighbours=[world.domain])
        await world.until(lambda: device.times("wait"), JOIN_TIMEOUT_MS)
        acme.masa.is_down = False
        await joined(world, device)
        assert len(world.jrc_events(device.serial, "edhoc")) == 1
        assert any("MASA" in entry for entry in world.jrc_events(device.serial))

    simulate(scenario, seed=25)


def test_a_slow_masa_costs_a_separate_response_only():
    async def scenario(world):
        acme = await network(world)
        acme.masa.delay_s = 6.0
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        assert not device.times("failed")
        assert len(world.jrc_events(device.serial, "edhoc")) == 1

    simulate(scenario, seed=26, loss=0.05)


# Parts that fail in the middle


def test_a_message_3_to_a_restarted_registrar_is_refused_with_a_reason():
    async def scenario(world):
        acme = await network(world)
        held = []

        def hold(_source, destination, datagram):
            # The second datagram of the pledge to the join port is message_3.
            if destination[1] == 7634 and len(datagram) > 300 and not held:
                held.append(datagram)
                return True
            return False

        world.loop.wire.drops = hold
        device = world.add_device(acme, neighbours=[world.domain])
        await world.until(lambda: held, JOIN_TIMEOUT_MS)
        await world.restart_jrc()
        name, text = await failed(world, device)
        assert (name, text) == ("refused", "the registrar refused: unknown session")
        assert any("unknown session" in entry for entry in world.jrc_events())
        await joined(world, device)

    simulate(scenario, seed=28)


def test_a_proxy_rebooted_in_the_middle_only_delays_its_pledge():
    async def scenario(world):
        acme = await network(world)
        proxy = world.add_device(acme, neighbours=[world.domain])
        await joined(world, proxy)
        for state in ("WAIT_MESSAGE_2", "WAIT_VOUCHER", "WAIT_JOIN_RESPONSE"):
            device = world.add_device(acme, neighbours=[proxy])
            await world.until(lambda device=device, state=state: device.state == state, JOIN_TIMEOUT_MS)
            proxy.power_cut()
            await world.run_for(1000)
            proxy.power_on()
            await joined(world, device, proxy)
            assert device.parent == proxy.eui64
            device.power_cut()

    simulate(scenario, seed=29)


def test_of_two_networks_in_range_only_the_own_one_is_joined():
    async def scenario(world):
        acme = world.add_manufacturer("acme")
        rival = world.add_manufacturer("rival")
        world.trust(acme)
        other = world.add_domain(b"\xbe\xef", 0xBEEF)
        other.trust(rival)
        await world.start()
        device = world.add_device(acme, neighbours=[other, world.domain])
        # Heard first, so tried first.
        world.unlink(device, world.domain)
        name, text = await failed(world, device)
        assert (name, text) == ("refused", "the registrar refused: manufacturer not trusted")
        assert any("not configured" in entry for entry in other.events(device.serial))
        world.link(device, world.domain)
        await joined(world, device)
        assert device.node.member.member.network_id == world.domain.network_id

    simulate(scenario, seed=30)


def test_a_node_that_lost_its_network_does_not_follow_another():
    async def scenario(world):
        acme = world.add_manufacturer("acme")
        world.trust(acme)
        other = world.add_domain(b"\xbe\xef", 0xBEEF)
        other.trust(acme)
        await world.start()
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        world.unlink(device, world.domain)
        world.link(device, other)
        await world.until(lambda: device.times("parent-lost"), JOIN_TIMEOUT_MS)
        await world.run_for(600_000)
        assert device.node.pledge is not None
        assert not other.events(device.serial)
        world.link(device, world.domain)
        await joined(world, device)
        # With the key it kept: no second handshake.
        assert len(world.jrc_events(device.serial, "edhoc")) == 1

    simulate(scenario, seed=31)


# The wire and the air


def test_replayed_datagrams_change_nothing_at_the_registrar():
    async def scenario(world):
        acme = await network(world)
        recorded = []

        def record(source, destination, datagram):
            if destination[1] == 7634:
                recorded.append((source, destination, datagram))
            return False

        world.loop.wire.drops = record
        device = world.add_device(acme, neighbours=[world.domain])
        await joined(world, device)
        world.loop.wire.drops = None
        asked = acme.masa.requests
        before = jrc_state(world, device.serial), world.jrc_events(device.serial)
        # Long after, so that no CoAP cache answers for OSCORE and EDHOC.
        await world.run_for(400_000)
        for source, destination, datagram in recorded:
            world.loop.wire._send(source, destination, datagram)
            await world.run_for(500)
        events = world.jrc_events(device.serial)
        assert jrc_state(world, device.serial) == before[0]
        assert [entry for entry in events if entry not in before[1]] == []
        assert len(events) == len(before[1])
        assert acme.masa.requests == asked
        assert device.outcome == JOINED

    simulate(scenario, seed=32)


def test_malformed_jpy_at_the_registrar_is_dropped_and_the_next_device_joins():
    async def scenario(world):
        acme = await network(world)
        address = addr.link_local(bytes.fromhex("00124b0000000999"))
        good = [address, 5683, 2, 1, b"\x40\x01\x00\x01"]
        bad = [cbor.encode(good[:count]) for count in range(5)]
        for position, wrong in itertools.product(range(5), (None, "x", -1, 1.5, [], True)):
            if position in (1, 2, 3) and wrong is True:
                continue
            items = list(good)
            items[position] = wrong if wrong != 1.5 else cbor.Raw(b"\xf9\x3e\x00")
            bad.append(cbor.encode(items))
        bad += [b"", b"\x85", b"\x9f" + cbor.encode(good)[1:] + b"\xff", cbor.encode([*good[:4], bytes(65000)])]
        before = world.jrc_events()
        counters = world.domain.server.jpy_port.counters
        dropped = sum(counters.values())
        for datagram in bad:
            world.loop.wire.open(("127.9.9.9", 0), lambda *_: pytest.fail("an answer")).send(
                (world.domain._host, 7634), datagram
            )
            await world.run_for(20)
        assert world.jrc_events() == before
        assert sum(counters.values()) >= dropped + len(bad)
        await joined(world, world.add_device(acme, neighbours=[world.domain]))

    simulate(scenario, seed=33)


def attack_frame(attacker, target, payload, sequence, pan_id=0xCAFE):
    buf = bytearray(127)
    end = frame.put_data(buf, sequence & 0xFF, pan_id, target, attacker, True, False)
    buf[end : end + len(payload)] = payload
    return buf, end + len(payload)


ATTACKER = bytes.fromhex("00124b0000006666")


def test_a_thousand_datagrams_that_never_complete_do_not_keep_a_pledge_out():
    async def scenario(world):
        acme = await network(world)
        proxy = world.add_device(acme, neighbours=[world.domain])
        await joined(world, proxy)
        attacker = world.add_radio(ATTACKER, neighbours=[proxy])
        device = world.add_device(acme, neighbours=[proxy])
        rng = random.Random(34)
        for number in range(1000):
            size = rng.randrange(100, 1024)
            offset = rng.randrange(0, size // 8)
            if number % 2:
                payload = (0xC000 | size).to_bytes(2, "big") + number.to_bytes(2, "big") + rng.randbytes(64)
            else:
                payload = (0xE000 | size).to_bytes(2, "big") + number.to_bytes(2, "big") + bytes((offset,))
                payload += rng.randbytes(64)
            attacker.transmit(*attack_frame(ATTACKER, proxy.eui64, payload, number))
            await world.run_for(rng.randrange(20, 60))
        await joined(world, device)
        assert device.parent == proxy.eui64
        assert proxy.outcome == JOINED

    simulate(scenario, seed=34)


def ipv6(source, destination, next_header, body):
    packet = bytearray(40) + body
    packet[0] = 0x60
    packet[4:6] = len(body).to_bytes(2, "big")
    packet[6] = next_header
    packet[7] = 64
    packet[8:24] = source
    packet[24:40] = destination
    return packet


def test_unsecured_frames_reach_nothing_but_the_join_path_of_a_node():
    async def scenario(world):
        acme = await network(world)
        node = world.add_device(acme, neighbours=[world.domain])
        await joined(world, node)
        attacker = world.add_radio(ATTACKER, neighbours=[node])
        own, here = addr.link_local(ATTACKER), addr.link_local(node.eui64)
        inside = node.node.parts.net.address
        root = inside[:8] + bytes(7) + b"\x01"
        udp = bytes.fromhex("1633163300100000") + b"attacker"
        rpl = bytes.fromhex("9b0000000000")
        counters = node.node.parts.net.counters
        packets = [
            ipv6(own, here, 58, rpl),
            ipv6(own, here, 17, b"\x16\x33\xf0\xb2" + udp[4:]),
            ipv6(own, root, 17, udp),
            ipv6(inside[:8] + addr.iid(ATTACKER), root, 17, udp),
            ipv6(inside[:8] + addr.iid(ATTACKER), inside, 17, udp),
            ipv6(own, inside, 17, udp),
            ipv6(root, here, 17, udp),
            ipv6(own, here, 43, bytes.fromhex("11000301") + bytes(4) + udp),
        ]
        for number, packet in enumerate(packets):
            forwarded = counters.get("forwarded", 0)
            dropped = sum(counters.values())
            payload = bytearray(127)
            end, consumed = iphc.compress(packet, len(packet), ATTACKER, node.eui64, payload, 0, False)
            payload[end : end + len(packet) - consumed] = packet[consumed:]
            end += len(packet) - consumed
            attacker.transmit(*attack_frame(ATTACKER, node.eui64, payload[:end], number))
            await world.run_for(100)
            assert counters.get("forwarded", 0) == forwarded
            assert sum(counters.values()) == dropped + 1, number
        assert node.outcome == JOINED
        rank = node.node.member.rpl.rank
        await world.run_for(1000)
        assert node.node.member.rpl.rank == rank

    simulate(scenario, seed=35)


def test_beacons_with_bad_lengths_do_not_keep_a_pledge_from_joining():
    async def scenario(world):
        acme = await network(world)
        beacons = []
        world.air.on_frame = lambda _sender, psdu: beacons.append(psdu) if psdu[0] & 7 == 0 else None
        await world.until(lambda: beacons, 60_000)
        good = beacons[0]
        world.air.on_frame = None
        attacker = world.add_radio(ATTACKER)
        device = world.add_device(acme, neighbours=[attacker])
        rng = random.Random(36)
        for number in range(400):
            bad = bytearray(good)
            for _ in range(rng.randrange(1, 4)):
                bad[rng.randrange(17, len(bad))] = rng.randrange(256)
            bad = bad[: rng.randrange(3, len(bad) + 1)] if number % 2 else bad
            attacker.transmit(bad, len(bad))
            await world.run_for(10)
        world.link(device, world.domain)
        await joined(world, device)

    simulate(scenario, seed=36)
