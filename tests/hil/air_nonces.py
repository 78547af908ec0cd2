"""What a capture of the air says about nonces: frame counters and OSCORE Partial IVs, and their uses.

Reads frames as a receiver would that has the link key: header, security, 6LoWPAN with reassembly, UDP, CoAP. All by
the firmware's own decoders, so what cannot be read here could not be read by a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.crypto.host import HostCrypto
from microbrew.errors import DecodeError
from microbrew.lowpan import frag, iphc
from microbrew.mac import frame, security
from microbrew.oscore import option

_UDP = 17
_ADDRESS = slice(8, 24)


@dataclass
class Nonces:
    """Every nonce that was heard, and what it was used for; a second use for something else is in ``repeated``.

    ``link``: (EUI-64, key index, frame counter). ``requests``: (sender, number of its handshake, kid context, kid,
    Partial IV) of OSCORE requests; under a context with a kid context, which is that of CoJP and whose numbers go on
    through all keys, the number of the handshake is 0. ``answers``: the same for the nonces of answers, those that an
    answer took from its request and those with a Partial IV of its own.
    """

    link: dict[tuple[object, ...], bytes] = field(default_factory=dict)
    requests: dict[tuple[object, ...], bytes] = field(default_factory=dict)
    answers: dict[tuple[object, ...], bytes] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    unread: int = 0

    def note(self, kind: str, nonce: tuple[object, ...], content: bytes) -> None:
        """Note one use."""
        if getattr(self, kind).setdefault(nonce, content) != content:
            self.repeated.append(f"{kind}: {nonce}")


def listen(psdus: Iterable[bytes], keys: dict[int, bytes], prefix: bytes) -> Nonces:
    """Nonces in frames without FCS. ``keys``: link keys by index; ``prefix``: the mesh's 8 bytes."""
    nonces = Nonces()
    handshakes: dict[bytes, list[bytes]] = {}
    asked: dict[tuple[bytes, bytes], tuple[object, ...]] = {}
    for src, dst, datagram in _datagrams(psdus, keys, prefix, nonces):
        try:
            message = Message.decode(datagram)
            value = message.option(numbers.OSCORE)
            parsed = None if value is None else option.decode(value)
        except DecodeError:
            nonces.unread += 1
            continue
        content = bytes(message.payload)
        if parsed is None:
            if content[:1] == b"\xf5" and content not in handshakes.setdefault(src, []):
                handshakes[src].append(content)
            continue
        piv, kid, kid_context = parsed
        is_request = message.code >> 5 == 0
        device = src if is_request else dst
        # A CoJP key of an earlier handshake may have come to the same Sender Sequence Number: the device's go on.
        era = 0 if is_request and kid_context is not None else len(handshakes.get(device, ()))
        if is_request:
            nonce = (src, era, kid_context, kid, piv)
            asked[src, bytes(message.token)] = nonce
            nonces.note("requests", nonce, content)
        elif piv:
            nonces.note("answers", (src, dst, len(handshakes.get(device, ())), piv), content)
        elif (dst, bytes(message.token)) in asked:
            nonces.note("answers", asked[dst, bytes(message.token)], content)
        else:
            nonces.unread += 1
    return nonces


def _datagrams(
    psdus: Iterable[bytes], keys: dict[int, bytes], prefix: bytes, nonces: Nonces
) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(sender, receiver, UDP payload); notes the frames' own nonces on the way."""
    crypto = HostCrypto()
    making: dict[tuple[bytes, bytes], frag.Reassembler] = {}
    latest: dict[bytes, bytes] = {}
    for number, psdu in enumerate(psdus):
        header = frame.Frame()
        if header.parse(psdu, len(psdu)) is not None or header.src is None:
            continue
        if header.level:
            # Without the sequence number and what comes before: a retransmission is the same frame.
            nonces.note("link", (header.src, header.key_index, header.counter), bytes(psdu[3:]))
        if header.kind != frame.DATA or latest.get(header.src) == psdu:
            continue
        latest[header.src] = psdu
        payload = memoryview(psdu)[header.header_end : header.end]
        if header.level:
            nonce = security.counter_nonce(header.src, header.counter, header.level)
            buf = bytearray(psdu)
            payload = security.unseal(
                crypto, keys[header.key_index], nonce, header.level, buf, header.header_end, header.length
            )
        secured = header.level != 0
        if frag.is_dispatch(payload[0]):
            reassembler = making.get((header.src, header.dest))
            if reassembler is None:
                reassembler = making[header.src, header.dest] = frag.Reassembler()
                reassembler.context = prefix
            # Time is the number of the frame: old ones do give way, and none is late.
            result = reassembler.add(payload, header.src, header.dest, secured, number // 1000)
            if not isinstance(result, tuple):
                continue
            packet, length = result
        else:
            packet = bytearray(1280)
            length = iphc.decompress(payload, 0, len(payload), header.src, header.dest, packet, 0, prefix)
        if length <= 48 or packet[6] != _UDP:
            continue
        yield bytes(header.src), bytes(header.dest), bytes(packet[48:length])
