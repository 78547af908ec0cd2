"""A pcap file of ZEP datagrams that Wireshark opens as IPv4 > UDP > ZEP > IEEE 802.15.4 > 6LoWPAN.

Classic pcap with microseconds, link type RAW. Every transmission is written once, at the moment it reached the
ether, whoever hears it. The destination port is always 17754, by which Wireshark knows ZEP, whatever port the
ether listens on.
"""

import socket
import struct
from pathlib import Path

from microbrew.radio.zep import PORT

_MAGIC_US = 0xA1B2C3D4
_LINKTYPE_RAW = 101
_SNAPLEN = 65535
_UDP = 17
_LOOPBACK = b"\x7f\x00\x00\x01"


def checksum(data: bytes) -> int:
    """Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\x00"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ipv4_udp(payload: bytes, source: tuple[str, int], identification: int) -> bytes:
    """An IPv4 packet with a UDP datagram from ``source`` to the ZEP port of 127.0.0.1."""
    sender = socket.inet_aton(source[0])
    udp_length = 8 + len(payload)
    pseudo = sender + _LOOPBACK + struct.pack(">BBH", 0, _UDP, udp_length)
    ports = struct.pack(">HHH", source[1], PORT, udp_length)
    # RFC 768: a checksum of zero is sent as all ones, zero means that there is none.
    udp_sum = checksum(pseudo + ports + b"\x00\x00" + payload) or 0xFFFF
    head = struct.pack(">BBHHHBB", 0x45, 0, 20 + udp_length, identification & 0xFFFF, 0, 64, _UDP)
    head_sum = checksum(head + b"\x00\x00" + sender + _LOOPBACK)
    header = head + struct.pack(">H", head_sum) + sender + _LOOPBACK
    return header + ports + struct.pack(">H", udp_sum) + payload


class Capture:
    """Writes one pcap file; complete after every packet, so that it can be read while it grows."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._packets = 0
        self._file.write(struct.pack("<IHHiIII", _MAGIC_US, 2, 4, 0, 0, _SNAPLEN, _LINKTYPE_RAW))
        self._file.flush()

    def write(self, payload: bytes, source: tuple[str, int], time_us: int) -> None:
        """Add a datagram from ``source`` at ``time_us`` since 1970. Raises OSError if the file cannot grow."""
        packet = ipv4_udp(payload, source, self._packets)
        self._packets += 1
        seconds, micros = divmod(time_us, 1_000_000)
        self._file.write(struct.pack("<IIII", seconds & 0xFFFFFFFF, micros, len(packet), len(packet)) + packet)
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()
