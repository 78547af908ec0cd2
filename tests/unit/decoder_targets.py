"""Every decoder of the firmware as a function of some bytes; returns None, and raises for a finding only.

Shared by tests/unit/test_decoder_mutations.py (both interpreters), tests/host/test_fuzz_decoders.py (hypothesis) and
tests/fuzz/ (atheris). ``TARGETS`` is {name: (function, seeds)}, seeds being functions that give a list of bytes.
"""

import json

from microbrew import cbor, crypto
from microbrew.coap import blockwise, numbers
from microbrew.coap.exchange import Endpoint
from microbrew.coap.message import Message, response
from microbrew.coap.resource import Site
from microbrew.cose import key as cose_key
from microbrew.cose import sign1
from microbrew.crypto import P256, PrivateKey
from microbrew.edhoc import credentials, initiator, messages, responder
from microbrew.errors import (
    CoapError,
    CryptoError,
    DecodeError,
    EdhocError,
    OscoreError,
    StoreError,
    VoucherError,
)
from microbrew.identity.idevid import Identity
from microbrew.identity.sequence import Reserved
from microbrew.identity.store import Store, _checksum
from microbrew.ip import addr, icmpv6, rpl, udp
from microbrew.ip.network import Network
from microbrew.join import cojp, context, membership
from microbrew.join.voucher import verify_voucher
from microbrew.lowpan import frag, iphc
from microbrew.mac import beacon, frame, ie
from microbrew.mac.security import KeySet, keyset_from_list
from microbrew.node import Node
from microbrew.oscore import option, protect
from microbrew.oscore.context import Context
from microbrew.oscore.replay import Window
from microbrew.proxy import discovery, jpy
from microbrew.radio import zep
from microbrew.radio.api import Radio

CRYPTO = crypto.load()
VECTORS = "tests/vectors/%s.json"

PSK = bytes(range(16))
SELF = bytes.fromhex("00124b0000000202")
PARENT = bytes.fromhex("00124b0000000101")
PREFIX = bytes.fromhex("fd006d6200000000")
PAN = 0xCAFE


class Wrong(Exception):
    """A decoder broke a promise other than about its exceptions."""


class Credulous:
    """Cryptography that believes everything, so that what lies behind it is reached; nothing in it is random."""

    def __getattr__(self, name):
        return getattr(CRYPTO, name)

    def random(self, length):
        return bytes([(7 * i + 1) & 0xFF for i in range(length)])

    def ccm_open(self, key, nonce, aad, ciphertext, tag_len):
        if len(ciphertext) < tag_len:
            raise CryptoError("CCM: too short")
        return bytes(ciphertext[: len(ciphertext) - tag_len])

    def verify(self, curve, public, message, signature):
        pass

    def sign(self, private, message):
        return bytes(64)

    def ecdh(self, private, peer):
        return bytes(32)

    def generate(self, curve):
        return PrivateKey(curve, PUBLIC, None)

    def load_private(self, curve, secret):
        return PrivateKey(curve, PUBLIC, None)


def strings(value, found):
    """Every hexadecimal text in a vector file, as bytes."""
    if isinstance(value, str):
        if 2 <= len(value) and len(value) % 2 == 0:
            try:
                found.append(bytes.fromhex(value))
            except ValueError:
                pass
    elif isinstance(value, dict):
        for name in sorted(value):
            strings(value[name], found)
    elif isinstance(value, list):
        for item in value:
            strings(item, found)
    return found


def vectors(*names):
    """Seeds: what is in these vector files, shortest first."""

    def load():
        found = []
        for name in names:
            with open(VECTORS % name) as file:
                strings(json.load(file), found)
        found = sorted([item for item in set(found) if len(item) <= 1280])
        return sorted(found, key=len)

    return load


def only(errors, function, *arguments):
    """The function's result, or None if it raised what it may raise."""
    try:
        return function(*arguments)
    except errors:
        return None


def same(left, right, text):
    """Raises Wrong unless both are equal."""
    if left != right:
        raise Wrong("%s: %r, %r" % (text, left, right))


# CBOR, COSE


def do_cbor(data):
    """What decodes is encoded to something that decodes to the same."""
    value = only(DecodeError, cbor.decode, data)
    if value is not None:
        again = cbor.encode(value)
        same(cbor.decode(again), value, "CBOR changes")
        same(len(again), len(data), "CBOR of another length")
    reader = cbor.Reader(data)
    total = 0
    try:
        while reader.more():
            total += len(reader.raw())
        same(total, len(data), "CBOR sequence")
    except DecodeError:
        pass


def do_cose(data):
    signed = only(DecodeError, sign1.decode, data)
    if signed is not None:
        if signed.algorithm is not None:
            same(signed.header(1), signed.algorithm, "algorithm")
        detached = b"detached" if signed.payload is None else None
        only(CryptoError, signed.verify, CREDULOUS, PUBLIC, b"", detached)
    only((DecodeError, CryptoError), cose_key.decode_ccs, data)
    only((DecodeError, CryptoError), cose_key.decode_ccs, data, CRYPTO, True)
    value = only(DecodeError, cbor.decode, data)
    if value is not None:
        only((DecodeError, CryptoError), cose_key.public_from_cose_key, value, CRYPTO)


# CoAP, OSCORE


def do_coap(data):
    message = only(DecodeError, Message.decode, data)
    if message is None:
        return
    again = Message.decode(message.encode())
    same(
        (again.type, again.code, again.mid, bytes(again.token), again.options, bytes(again.payload)),
        (message.type, message.code, message.mid, bytes(message.token), message.options, bytes(message.payload)),
        "CoAP changes",
    )
    only(DecodeError, message.path)
    only(DecodeError, message.queries)
    for number in (numbers.BLOCK1, numbers.BLOCK2):
        only(CoapError, blockwise.parse, message, number)
    discovery.answer(message, addr.link_local(SELF), 61617)


def do_blockwise(data):
    """Both ends, message by message: datagrams with a length in front."""
    server = blockwise.Server(600, 2, 4)
    transfer = blockwise.Transfer(Message(0, numbers.POST, 0, b"", [], bytes(100)), 2, 600)
    running = True
    for part in datagrams(data):
        message = only(DecodeError, Message.decode, part)
        if message is None:
            continue
        whole, answer = server.take(1, message, 0)
        if whole is not None:
            same(len(whole.payload) <= 600, True, "body too long")
            answer = server.give(1, whole, response(numbers.CONTENT, bytes(200)), 0)
        answer.mid = 1
        answer.encode()
        if running:
            transfer.next()
            running = only(CoapError, transfer.feed, message) is False


def do_endpoint(data):
    """A server and a client behind one Endpoint; nothing may be raised, nothing may grow."""
    sent = []
    site = Site(blockwise.Server(600, 2, 4))
    endpoint = Endpoint(CREDULOUS.random, lambda peer, datagram: sent.append(datagram))
    endpoint.on_request = site.serve
    site.add(("a",), {numbers.POST: lambda message, peer, context, now: response(numbers.CHANGED, message.payload)})
    endpoint.request(1, Message(0, numbers.GET), 0, lambda event, answer, now: None)
    now = 0
    for part in datagrams(data):
        endpoint.receive(1 + (len(part) & 1), part, now)
        now += 1000
        endpoint.poll(now)
    for datagram in sent:
        Message.decode(datagram)


def do_oscore(data):
    fields = only(DecodeError, option.decode, data)
    if fields is not None:
        same(option.encode(fields[0], fields[1], fields[2]), bytes(data), "OSCORE option changes")
    message = only(DecodeError, Message.decode, data)
    if message is None:
        return
    for window in (Window.fresh(), Window.lost()):
        for backend in (CRYPTO, CREDULOUS):
            server = Context(backend, PSK, b"", b"JRC", b"", SELF, None, window)
            try:
                protect.identify(message)
                inner, binding = protect.unprotect_request(server, message)
                same(backend is CREDULOUS, True, "a forgery was taken")
                answer = protect.protect_response(server, response(numbers.CHANGED), binding)
                same(inner.option(numbers.OSCORE), None, "nested")
            except OscoreError as error:
                answer = protect.refusal(error)
            answer.encode()
            client = Context(backend, PSK, b"", b"", b"JRC", SELF)
            _, binding = protect.protect_request(client, Message(0, numbers.GET))
            only(OscoreError, protect.unprotect_response, client, message, binding)


def do_oscore_inner(data):
    """Plaintexts of a peer that has the key."""
    server = Context(CREDULOUS, PSK, b"", b"JRC", b"", SELF)
    outer = Message(0, numbers.POST, 1, b"", [(numbers.OSCORE, b"\x09\x00")], bytes(data) + bytes(8))
    try:
        inner, _ = protect.unprotect_request(server, outer)
    except OscoreError:
        return
    inner.encode()
    only(DecodeError, inner.path)
    whole, answer = blockwise.Server().take(1, inner, 0)
    if answer is not None:
        answer.encode()


# EDHOC


def do_edhoc(data):
    only(DecodeError, messages.parse_message_1, data)
    only((DecodeError, EdhocError), messages.parse_bstr, data)
    only(DecodeError, messages.parse_plaintext_4, data)
    for has_c_r in (True, False):
        for proof_len in (8, 64):
            only(DecodeError, messages.parse_plaintext, data, has_c_r, proof_len)
    split = only(DecodeError, messages.split_identifier, data)
    if split is not None:
        same(messages.encode_identifier(split[0]) + split[1], bytes(data), "identifier changes")
    same(messages.parse_error(data).received, True, "error")
    only(EdhocError, credentials.certificates, data)
    only(EdhocError, credentials.peer_kccs, data)
    only(EdhocError, credentials.peer_reference, data, lambda label, value: None)


def do_edhoc_roles(data):
    """Message by message into both roles; what is encrypted is readable, since nobody checks a tag."""
    own = credentials.own_kccs(KEY)
    parts = datagrams(data)
    while len(parts) < 3:
        parts.append(b"")
    try:
        received = responder.Start(CREDULOUS, (0, 3), (2,), {2: own}).receive(parts[0])
        c_r = b"\x27" if received.c_i != b"\x27" else b""
        message_3 = received.message_2(c_r)[1].receive(parts[1])
        message_3.verify(peer_of(message_3.id_cred_i))
    except EdhocError:
        pass
    try:
        message_2 = initiator.Start(CREDULOUS, 0, [2], b"\x37", own).message_1()[1].receive(parts[2])
        message_2.verify(peer_of(message_2.id_cred_r)).message_3()
    except EdhocError:
        pass


def peer_of(id_cred):
    try:
        return credentials.peer_kccs(id_cred)
    except EdhocError:
        certificates = credentials.certificates(id_cred)
        return credentials.peer_x5chain(certificates[0], PUBLIC)


# Join


def do_cojp(data):
    request = only(DecodeError, cojp.parse_join_request, data)
    if request is not None:
        cojp.encode_join_request(request[0], request[1])
    only(DecodeError, cojp.parse_unsupported, data)
    config = only(DecodeError, cojp.parse_configuration, data)
    if config is None:
        return
    if config.unsupported:
        cojp.parse_unsupported(cojp.encode_unsupported(config.unsupported))
    cojp.parse_configuration(cojp.encode_configuration(config))
    member = only(ValueError, membership.joined, b"n", PAN, 15, PARENT, PSK, True, config, 0)
    if member is not None:
        # What was accepted can be stored and comes back.
        record = cbor.decode(cbor.encode(member.to_record()))
        same(membership.from_record(record).to_record(), member.to_record(), "membership changes")


def do_voucher(data):
    """The encoded voucher, and its content in an envelope that verifies."""
    nonce = bytes.fromhex("a1b2c3d4e5f60718")
    for encoded in (data, cbor.encode(cbor.Tag(18, [b"\xa1\x01\x26", {}, bytes(data), bytes(64)]))):
        for backend in (CRYPTO, CREDULOUS):
            voucher = only(VoucherError, verify_voucher, backend, encoded, PUBLIC, SERIAL, nonce, PUBLIC)
            if voucher is not None and backend is CRYPTO:
                raise Wrong("a voucher of somebody else verifies")


def do_jpy(data):
    message = only(DecodeError, jpy.parse, data)
    if message is not None:
        again = bytes(message.head) + cbor.encode(bytes(message.content)) + bytes(message.tail)
        same(again, bytes(data), "JPY changes")
        jpy.parse(message.reply(b"answer"))
    only(DecodeError, discovery.port_of, data, discovery.JOIN_PROXY)


# Records


class Disk:
    """A filesystem with nothing but given files in it."""

    def __init__(self, files):
        self.files = files

    def open(self, path, mode):
        if path not in self.files:
            raise OSError(2, "not there")
        return Content(self.files[path])

    def mkdir(self, path):
        pass

    def listdir(self, path):
        return [name[len(path) + 1 :] for name in self.files]


class Content:
    def __init__(self, data):
        self.data = data
        self.pos = 0

    def seek(self, offset, whence=0):
        self.pos = offset + (len(self.data) if whence == 2 else 0)
        return self.pos

    def read(self, size):
        return bytes(self.data[self.pos : self.pos + size])

    def close(self):
        pass


def do_records(data):
    """Files as they are, and as they would be with a right checksum."""
    files = {"d/raw": data}
    for name in ("factory", membership.RECORD, "seq-cojp", context.REPLAY_RECORD):
        files["d/" + name] = b"\x01" + _checksum(name, bytes(data)) + bytes(data)
    store = Store("d", Disk(files))
    only(StoreError, store.read, "raw")
    only(StoreError, Identity.load, store, CREDULOUS)
    counter = only(StoreError, Reserved, store, "seq-cojp")
    if counter is not None and counter._next < 0:
        raise Wrong("negative counter")
    context.stored_window(store, CRYPTO, PSK).check(5)
    record = only(StoreError, store.read, membership.RECORD)
    if record is not None:
        member = only(StoreError, membership.from_record, record)
        if member is not None:
            membership.from_record(cbor.decode(cbor.encode(member.to_record())))
    only(ValueError, keyset_from_list, record)


# Frames


def do_mac(data):
    buf = bytearray(127)
    length = min(len(data), 127)
    buf[:length] = data[:length]
    header = frame.Frame()
    if header.parse(buf, length) is None:
        same(0 <= header.header_end <= header.end <= length, True, "frame bounds")
    ie.header_end(buf, 0, length)
    ie.payload_end(buf, 0, length)
    found = beacon.parse(buf, 0, length)
    if found is not None and found.network_id is not None:
        same(1 <= len(found.network_id) <= 16, True, "network identifier")


def do_lowpan(data):
    out = bytearray(1280)
    for context_prefix in (None, PREFIX):
        for size in (0, 1280):
            length = iphc.decompress(data, 0, len(data), PARENT, SELF, out, size, context_prefix)
            if length > 0:
                same(length <= len(out), True, "decompressed length")
    room = bytearray(len(data) + 64)
    if len(data) >= 40 and data[0] >> 4 == 6:
        end, consumed = iphc.compress(data, len(data), PARENT, SELF, room, 0)
        same(consumed <= len(data) and end <= len(room), True, "compressed length")
        if data[4] << 8 | data[5] == len(data) - 40 and len(data) <= 1280:
            packet = bytes(room[:end]) + bytes(data[consumed:])
            length = iphc.decompress(packet, 0, len(packet), PARENT, SELF, out, 0, None)
            # A UDP length that disagrees with the packet's is not carried, so only the well-formed come back.
            if length > 0 and udp_fits(data):
                same(bytes(out[:length]), bytes(data[:length]), "packet changes")
    reassembler = frag.Reassembler(2, 1280, 1000)
    now = 0
    for part in datagrams(data):
        if len(part) and frag.is_dispatch(part[0]):
            got = reassembler.add(memoryview(part), PARENT, SELF, False, now)
            if isinstance(got, tuple):
                same(40 <= got[1] <= 1280, True, "reassembled length")
        now += 300
        reassembler.expire(now)


def udp_fits(packet):
    return packet[6] != 17 or (len(packet) >= 48 and packet[44] << 8 | packet[45] == len(packet) - 40)


class FrameLink:
    """The link below a Network: nothing is sent."""

    def __init__(self):
        self.on_data = None

    def room(self, secured):
        return 80

    def send(self, dst, payload, secured, now, done=None):
        if done is not None:
            done(True, now)
        return True


def do_network(data):
    """Frames' payloads into a router, and data as a whole IPv6 packet with its checksums made right."""
    for secured in (False, True):
        link = FrameLink()
        net = Network(link, SELF, CREDULOUS.random)
        net.join(PARENT)
        net.configure(PREFIX)
        net.open_ports = {61617}
        net.bind(61617, lambda *arguments: None)
        routing = rpl.Rpl(net, CREDULOUS.random, lambda event, now: None)
        routing.start(0)
        now = 0
        for part in datagrams(data):
            if len(part):
                link.on_data(PARENT, memoryview(part), secured, 255, now)
            now += 700
            net.poll(now)
            routing.poll(now)
        packet = bytearray(data[:1200])
        if len(packet) >= 44:
            packet[0] = 0x60 | packet[0] & 15
            packet[4] = (len(packet) - 40) >> 8
            packet[5] = (len(packet) - 40) & 0xFF
            if packet[40] & 1:
                packet[24:40] = addr.link_local(SELF) if packet[40] & 2 else addr.from_eui64(PREFIX, SELF)
            if packet[6] == 58:
                packet[42] = packet[43] = 0
                icmpv6.put_checksum(packet, 40, len(packet))
            elif packet[6] == 17 and len(packet) >= 48:
                packet[46] = packet[47] = 0
                udp.put_checksum(packet, 40, udp.checksum(packet, 40, len(packet), 17))
            link.on_data(PARENT, memoryview(b"\x41" + bytes(packet)), secured, 255, now)


def do_rpl(data):
    dio = only(DecodeError, rpl.parse_dio, data)
    if dio is not None:
        rpl.parse_dio(dio.encode())
    only(DecodeError, rpl.parse_dao, data)


class Feed(Radio):
    """Hears given frames, one each time it is asked."""

    ack_wait_ms = 20
    hardware_ack = False
    lqi = 200

    def __init__(self):
        self.eui64 = SELF
        self.inbox = []

    def set_channel(self, channel):
        pass

    def set_filter(self, pan_id, short_address):
        pass

    def transmit(self, buf, length):
        return True

    def receive_into(self, buf):
        if not self.inbox:
            return 0
        part = self.inbox.pop(0)[:125]
        buf[: len(part)] = part
        return len(part)


class Ram:
    """A Store's interface over a dict."""

    def __init__(self, records):
        self.records = records

    def read(self, name):
        return self.records.get(name)

    def write(self, name, value):
        self.records[name] = cbor.decode(cbor.encode(value))


def do_node(data):
    """Frames into a whole pledge and a whole node, whose cryptography believes every frame and message."""
    for joined in (False, True):
        records = {"factory": {1: SERIAL, 2: SELF, 6: PSK}}
        if joined:
            records[membership.RECORD] = MEMBER
        radio = Feed()
        node = Node(radio, Ram(records), CREDULOUS, lambda now, event, text: None, 0)
        now = 0
        for part in datagrams(data):
            if len(part) == 1:
                now += part[0] * 100
            else:
                radio.inbox.append(part)
            for _ in range(3):
                due = node.step(now)
            now = now + 50 if due is None or due > now + 50 else max(due, now + 1)
        for counters in (node.parts.net.counters, node.parts.endpoint.counters):
            same(len(counters) < 60, True, "names of counters are bounded")


def do_update(data):
    """A Configuration from the JRC into a node, which restarts, is routed and registers."""
    records = {"factory": {1: SERIAL, 2: SELF, 6: PSK}, membership.RECORD: MEMBER}
    records[context.REPLAY_RECORD] = [CRYPTO.sha256(b"replay" + PSK)[:8], 0, 0]
    request = Message(0, numbers.POST, 1, b"t", [(numbers.URI_PATH, b"j")], data)
    plaintext = request.encode()
    plaintext = plaintext[1:2] + plaintext[5:]
    outer = Message(0, numbers.POST, 1, b"t", [(numbers.OSCORE, b"\x09\x00JRC")], plaintext + bytes(8))
    node = Node(Feed(), Ram(records), CREDULOUS, lambda now, event, text: None, 0)
    answer = node.member.on_request((addr.from_eui64(PREFIX, PARENT), 5683, True), outer, 0)
    same(answer.option(numbers.OSCORE) is not None, True, "the answer is protected")
    node = Node(Feed(), Ram(records), CREDULOUS, lambda now, event, text: None, 0)
    node.parts.net.configure(PREFIX)
    node.member.rpl.dodag_id = addr.from_eui64(PREFIX, PARENT)
    node.member._on_rpl(rpl.EVENT_ROUTED, 0)
    for now in range(0, 3000, 500):
        node.step(now)


class FakeZep:
    """What ZepRadio._check reads of its radio."""

    def __init__(self):
        self._channel = 26


def do_zep(data):
    length = zep.ZepRadio._check(FakeZep(), data)
    same(0 <= length <= 125, True, "PSDU length")


def datagrams(data):
    """``data`` cut in pieces, each with its length in front: one byte, or 0 and two."""
    parts = []
    pos = 0
    while pos < len(data) and len(parts) < 24:
        length = data[pos]
        pos += 1
        if not length and pos + 2 <= len(data):
            length = (data[pos] & 7) << 8 | data[pos + 1]
            pos += 2
        parts.append(bytes(data[pos : pos + length]))
        pos += length
    return parts


def joined(parts):
    """The inverse of ``datagrams``."""
    out = bytearray()
    for part in parts:
        if 0 < len(part) < 256:
            out.append(len(part))
        else:
            out.extend(bytes((0, len(part) >> 8 & 7, len(part) & 0xFF)))
        out.extend(part)
    return bytes(out)


def in_pieces(*names):
    """Seeds of vector files as datagrams: each alone, and four in a row."""

    def load():
        found = vectors(*names)()
        seeds = [joined([item]) for item in found]
        return seeds + [joined(found[i : i + 4]) for i in range(0, len(found), 4)]

    return load


def packets():
    """Whole IPv6 packets, as they are and as frames' payloads: what the router takes."""
    found = []
    root = addr.from_eui64(PREFIX, PARENT)
    for kind, content in (
        (rpl.DIS, bytes(2)),
        (rpl.DIO, rpl.Dio(1, rpl.ROOT_RANK, root, root, 2, 60).encode()),
        (rpl.DAO, rpl.encode_dao(1, addr.from_eui64(PREFIX, SELF), root, 1, 2)),
        (rpl.DAO_ACK, rpl.encode_dao_ack(1, 0)),
    ):
        body = icmpv6.message(icmpv6.RPL, kind, content)
        packet = bytearray(40) + body
        packet[0] = 0x60
        packet[5] = len(body)
        packet[6] = 58
        packet[7] = 255
        packet[8:24] = addr.link_local(PARENT)
        packet[24:40] = addr.link_local(SELF)
        icmpv6.put_checksum(packet, 40, len(packet))
        found.append(bytes(packet))
        found.append(joined([b"\x41" + bytes(packet)]))
    return found + in_pieces("frames")()


def rpl_bodies():
    return [item[44:] for item in packets() if len(item) > 44] + vectors("frames")()


def records():
    """Contents of records."""
    return [
        cbor.encode(MEMBER),
        cbor.encode({1: SERIAL, 2: SELF, 6: PSK}),
        cbor.encode(64),
        cbor.encode([CRYPTO.sha256(b"replay" + PSK)[:8], 5, 11]),
    ]


def _public():
    with open(VECTORS % "voucher-zsj") as file:
        return bytes.fromhex(json.load(file)["spki"]["masa"])[-64:]


def _member():
    keys = KeySet()
    keys.install([(1, 1, PSK)], 0)
    return membership.Membership(b"net", PAN, 15, PARENT, PSK, True, keys).to_record()


CREDULOUS = Credulous()
SERIAL = "00-12-4B-00-00-00-02-02"
PUBLIC = _public()
KEY = PrivateKey(P256, PUBLIC, None)
MEMBER = _member()

TARGETS = {
    "cbor": (do_cbor, vectors("cojp", "edhoc", "voucher-zsj")),
    "cose": (do_cose, vectors("voucher-zsj", "voucher-ietf", "edhoc")),
    "coap": (do_coap, vectors("oscore", "cojp", "jpy")),
    "blockwise": (do_blockwise, in_pieces("oscore", "cojp")),
    "endpoint": (do_endpoint, in_pieces("oscore", "cojp")),
    "oscore": (do_oscore, vectors("oscore", "cojp")),
    "oscore-inner": (do_oscore_inner, vectors("oscore", "cojp")),
    "edhoc": (do_edhoc, vectors("edhoc")),
    "edhoc-roles": (do_edhoc_roles, in_pieces("edhoc")),
    "cojp": (do_cojp, vectors("cojp")),
    "voucher": (do_voucher, vectors("voucher-zsj", "voucher-ietf")),
    "jpy": (do_jpy, vectors("jpy")),
    "records": (do_records, records),
    "mac": (do_mac, vectors("frames", "secframes")),
    "lowpan": (do_lowpan, packets),
    "network": (do_network, packets),
    "rpl": (do_rpl, rpl_bodies),
    "node": (do_node, in_pieces("frames", "secframes")),
    "update": (do_update, vectors("cojp")),
    "zep": (do_zep, vectors("zep")),
}
