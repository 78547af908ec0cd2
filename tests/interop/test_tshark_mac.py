"""Wireshark reads what the MAC sends: names, FCS, decryption; and the capture that the ether writes."""

import asyncio
import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from microbrew import crypto as facade
from microbrew.mac import frame
from microbrew.mac.beacon import Beacon
from microbrew.mac.link import Link
from microbrew.mac.security import KeySet
from microbrew.radio.zep import ZepRadio, fcs
from microbrew_host.ether import Ether
from microbrew_host.ether.capture import Capture

KEY = bytes.fromhex("e6bf4287c2d7618d6a9687445ffd33e6")
OWN = bytes.fromhex("00124b0000000101")
PEER = bytes.fromhex("00124b0000000202")
PAN = 0xCAFE
LINKTYPE_IEEE802_15_4_WITHFCS = 195
# IPHC and UDP NHC of a CON GET /.well-known/core from the frame that Wireshark dissected once already.
VECTOR = json.loads((Path(__file__).resolve().parents[1] / "vectors/frames.json").read_text())["frames"]
DATAGRAM = bytes.fromhex(VECTOR["data_v2_iphc_udp_5683"])[21:-2]

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


class Recorder:
    """A radio that keeps the frames it is asked to send, with their FCS."""

    eui64 = OWN
    ack_wait_ms = 5
    hardware_ack = False
    lqi = 0

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def set_channel(self, channel):
        pass

    def set_filter(self, pan_id, short_address):
        pass

    def transmit(self, buf, length):
        data = bytes(buf[:length])
        self.sent.append(data + fcs(data, 0, length).to_bytes(2, "little"))
        return True

    def receive_into(self, buf):
        return 0


class Counter:
    value = 0x01020300

    def next(self) -> int:
        self.value += 1
        return self.value


def sender(usage: int = 0) -> tuple[Link, Recorder]:
    radio = Recorder()
    link = Link(radio, facade.load("host"), Counter())
    link.configure(PAN, 26)
    keys = KeySet()
    keys.install([(1, usage, KEY)], 0)
    link.set_keys(keys)
    return link, radio


def sent(link: Link, radio: Recorder) -> list[bytes]:
    """What the link sends until it is idle, retries left out."""
    now = 0
    while (due := link.poll(now)) is not None:
        now = due
    return list(dict.fromkeys(radio.sent))


def tshark(path: Path, *fields: str, key: bytes = KEY) -> list[dict[str, list[str]]]:
    """The fields of every packet as Wireshark reads them."""
    command = ["tshark", "-r", str(path), "-T", "json", "-o", "wpan.fcs_format:ITU-T CRC-16"]
    command += ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    command += ["-o", f'uat:ieee802154_keys:"{key.hex()}","1","No hash"']
    for name in ("frame.protocols", *fields):
        command += ["-e", name]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    return [packet["_source"]["layers"] for packet in json.loads(ran.stdout)]


def write(path: Path, frames: list[bytes]) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_IEEE802_15_4_WITHFCS))
        for data in frames:
            file.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)
    return path


def test_beacon_with_every_element(tmp_path):
    link, radio = sender()
    link.send_beacon(Beacon(PAN, 0x0123456789, b"\xca\xfe", 0x10, 0x20, 3, 7, bytes(8), True), 0)
    (packet,) = tshark(
        write(tmp_path / "eb.pcap", sent(link, radio)),
        "wpan.frame_type", "wpan.version", "wpan.dst_pan", "wpan.dst16", "wpan.src64", "wpan.fcs_ok",
        "wpan.tsch.asn", "wpan.tsch.join_metric", "wpan.tsch.slotframe_size", "wpan.tsch.link_options",
        "wpan.payload_ie.id", "wpan.aux_sec.sec_level", "wpan.aux_sec.frame_counter", "wpan.decrypt_error",
    )  # fmt: skip
    assert packet["wpan.fcs_ok"] in (["1"], ["True"])
    assert packet["wpan.dst_pan"] == ["0xcafe"]
    assert packet["wpan.dst16"] == ["0xffff"]
    assert packet["wpan.src64"] == ["00:12:4b:00:00:00:01:01"]
    assert packet["wpan.tsch.asn"] == [str(0x0123456789)]
    assert packet["wpan.tsch.join_metric"] == ["7"]
    assert packet["wpan.tsch.slotframe_size"] == ["101"]
    assert packet["wpan.payload_ie.id"] == ["0x0001", "0x0005"]
    assert packet["wpan.aux_sec.frame_counter"] == [str(0x01020301)]
    assert "wpan.decrypt_error" not in packet


def test_secured_data_of_every_key_usage_decrypts_with_the_key_only(tmp_path):
    frames = []
    encrypted = []
    for usage in (0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14):
        link, radio = sender(usage)
        link.send(PEER, DATAGRAM, True, 0)
        link.send(None, DATAGRAM, True, 0)
        frames += sent(link, radio)
        encrypted += [link.keys.data_key().data_level >= 5] * 2
    path = write(tmp_path / "data.pcap", frames)
    fields = ("wpan.fcs_ok", "wpan.aux_sec.sec_level", "coap.opt.uri_path", "wpan.decrypt_error")
    packets = tshark(path, *fields)
    assert len(packets) == 24
    assert [int(packet["wpan.aux_sec.sec_level"][0], 0) for packet in packets[::2]] == [
        5, 6, 7, 1, 2, 3, 1, 2, 3, 5, 6, 7,
    ]  # fmt: skip
    for packet in packets:
        assert packet["wpan.fcs_ok"] in (["1"], ["True"])
        assert packet["frame.protocols"] == ["wpan:6lowpan:ipv6:udp:coap"]
        assert packet["coap.opt.uri_path"] == [".well-known", "core"]
        assert "wpan.decrypt_error" not in packet
    for packet, hidden in zip(tshark(path, *fields, key=bytes(16)), encrypted, strict=True):
        assert "wpan.decrypt_error" in packet
        assert ("coap.opt.uri_path" not in packet) or not hidden


def test_unsecured_data_and_acknowledgement(tmp_path):
    link, radio = sender()
    link.send(PEER, DATAGRAM, False, 0)
    frames = sent(link, radio)
    ack = bytearray(3)
    frame.put_ack(ack, frames[0][2])
    frames.append(bytes(ack) + fcs(ack, 0, 3).to_bytes(2, "little"))
    data, acknowledgement = tshark(
        write(tmp_path / "plain.pcap", frames),
        "wpan.ack_request", "wpan.seq_no", "wpan.dst64", "wpan.frame_type", "coap.opt.uri_query", "wpan.fcs_ok",
    )  # fmt: skip
    assert data["wpan.dst64"] == ["00:12:4b:00:00:00:02:02"]
    assert data["coap.opt.uri_query"] == ["brski-jp=*"]
    assert acknowledgement["wpan.seq_no"] == data["wpan.seq_no"]
    assert acknowledgement["wpan.frame_type"] == ["0x0002"]


def test_capture_of_the_ether_opens_as_zep(tmp_path):
    path = tmp_path / "air.pcap"

    async def run() -> None:
        ether = Ether(capture=Capture(path))
        await ether.start(port=0)
        assert ether.port != 17754
        radio = ZepRadio(OWN, "127.0.0.1", ether.port, lambda: 0, lambda: 1_700_000_000_000)
        link = Link(radio, facade.load("host"), Counter())
        link.configure(PAN, 26)
        keys = KeySet()
        keys.install([(1, 0, KEY)], 0)
        link.set_keys(keys)
        link.send_beacon(Beacon(PAN, 1, b"\xca\xfe", 0), 0)
        link.send(None, DATAGRAM, True, 0)
        now = 0
        while ether.counters["frames"] < 2:
            now += 1
            link.poll(now)
            await asyncio.sleep(0.001)
        radio.close()
        ether.close()

    asyncio.run(asyncio.wait_for(run(), 20))
    packets = tshark(
        path,
        "ip.checksum.status", "udp.dstport", "zep.channel_id", "zep.seqno", "zep.time", "wpan.fcs_ok",
        "coap.opt.uri_path", "_ws.malformed", "udp.checksum.status",
    )  # fmt: skip
    assert [packet["zep.seqno"] for packet in packets] == [["1"], ["2"]]
    for packet in packets:
        assert packet["frame.protocols"][0].startswith("raw:ip:udp:zep:wpan")
        assert packet["udp.dstport"][0] == "17754"
        # 1: good.
        assert packet["ip.checksum.status"][0] == packet["udp.checksum.status"][0] == "1"
        assert packet["zep.channel_id"] == ["26"]
        assert packet["wpan.fcs_ok"] in (["1"], ["True"])
        assert "2023" in packet["zep.time"][0]
        assert "_ws.malformed" not in packet
    assert packets[1]["coap.opt.uri_path"] == [".well-known", "core"]
