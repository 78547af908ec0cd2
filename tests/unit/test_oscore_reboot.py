"""The CoJP security context of a node that loses power over and over, while somebody replays all it ever heard.

A real Node on a filesystem in memory, which loses what was not synchronised, and a registrar on another one that
loses power too. The registrar remembers a number before it acts; the node acts first and remembers then
(docs/decisions/0004). A witness in both crypto backends sees every (key, nonce) that anything is sealed with.
"""

import gc
import sys
import unittest

from microbrew import crypto
from microbrew.coap import numbers
from microbrew.coap.message import Message, response
from microbrew.errors import OscoreError, StoreError
from microbrew.identity.sequence import Reserved
from microbrew.identity.store import Store
from microbrew.join import cojp, context, membership
from microbrew.mac.security import KeySet
from microbrew.node import Node
from microbrew.oscore import protect
from microbrew.oscore.context import Context
from microbrew.oscore.replay import Window
from microbrew.radio.api import Radio

# MicroPython takes some three times as long.
MICROPYTHON = sys.implementation.name == "micropython"
REBOOTS = 200 if MICROPYTHON else 1000

CRYPTO = crypto.load()
PSK = bytes(range(16))
EUI64 = bytes.fromhex("00124b0000000001")
PARENT = bytes.fromhex("00124b0000000002")
JRC = bytes.fromhex("fd000000000000000000000000000001")
PEER = (JRC, 5683, True)


class PowerCut(BaseException):
    """No code runs on a device after this, not even a handler of Exception."""


class Rng:
    """Small numbers of a linear congruential generator: the same on both interpreters."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self.state >> 33) % limit

    def choice(self, items):
        return items[self.below(len(items))]


class Inode:
    def __init__(self):
        self.seen = b""
        self.durable = b""


class Medium:
    """A filesystem for a Store. A cut keeps a random prefix of the changes of names that were not synchronised,
    and of content that was not, a random piece. ``left``: operations until the next cut, None for none.
    """

    def __init__(self, rng):
        self.rng = rng
        self.names = {}
        self.durable = {}
        self.pending = []
        self.left = None
        self.error = None
        self.fails_at = None
        self.operations = 0

    def operation(self, change=None):
        """Count down; a cut comes before or after the change."""
        self.operations += 1
        if self.error is not None:
            raise OSError(self.error, "broken")
        if self.fails_at is not None and self.operations >= self.fails_at:
            raise OSError(28, "no space")
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                if change is not None and self.rng.below(2):
                    change()
                raise PowerCut()
        if change is not None:
            change()

    def cut(self):
        for names in self.pending[: self.rng.below(len(self.pending) + 1)]:
            self.durable = names
        self.names = dict(self.durable)
        for inode in self.names.values():
            if inode.seen != inode.durable:
                inode.seen = inode.durable = inode.seen[: self.rng.below(len(inode.seen) + 1)]
        self.pending = []
        self.left = None

    def renamed(self, names):
        self.names = names
        self.pending.append(names)

    def open(self, path, mode):
        if mode == "rb":
            if path not in self.names:
                raise OSError(2, "not there")
            return File(self, self.names[path])
        inode = Inode()
        names = dict(self.names)
        names[path] = inode
        self.operation(lambda: self.renamed(names))
        return File(self, inode)

    def rename(self, old, new):
        names = dict(self.names)
        names[new] = names.pop(old)
        self.operation(lambda: self.renamed(names))

    def remove(self, path):
        if path not in self.names:
            raise OSError(2, "not there")
        names = dict(self.names)
        del names[path]
        self.operation(lambda: self.renamed(names))

    def listdir(self, path):
        return [name[len(path) + 1 :] for name in self.names]

    def mkdir(self, path):
        pass

    def sync(self, file):
        def synced():
            file.inode.durable = file.inode.seen

        self.operation(synced)

    def sync_directory(self, path):
        def synced():
            self.durable = self.names
            self.pending = []

        self.operation(synced)

    def damage(self, path):
        """Lose a record, a part of it, or a bit of it."""
        inode = self.names.get(path)
        if inode is None:
            return
        how = self.rng.below(3)
        if how == 0:
            del self.names[path]
        elif how == 1:
            inode.seen = inode.seen[: self.rng.below(len(inode.seen))]
        else:
            data = bytearray(inode.seen)
            data[self.rng.below(len(data))] ^= 1 << self.rng.below(8)
            inode.seen = bytes(data)
        inode.durable = inode.seen
        self.durable = dict(self.names)


class File:
    def __init__(self, medium, inode):
        self.medium = medium
        self.inode = inode
        self.pos = 0

    def seek(self, offset, whence=0):
        self.pos = offset + (len(self.inode.seen) if whence == 2 else 0)
        return self.pos

    def read(self, size):
        return self.inode.seen[self.pos : self.pos + size]

    def write(self, data):
        def written():
            self.inode.seen += bytes(data)

        self.medium.operation(written)

    def close(self):
        pass


class Witness:
    """The crypto backend, with a memory of every nonce and with randomness that repeats."""

    def __init__(self, rng):
        self.rng = rng
        self.sealed = {}
        self.reused = []

    def __getattr__(self, name):
        return getattr(CRYPTO, name)

    def random(self, length):
        return bytes([self.rng.below(256) for _ in range(length)])

    def ccm_seal(self, key, nonce, aad, plaintext, tag_len):
        used = bytes(key) + bytes(nonce)
        content = CRYPTO.sha256(bytes(aad) + b"|" + bytes(plaintext))[:8]
        if self.sealed.get(used, content) != content:
            self.reused.append((nonce, bytes(plaintext)))
        self.sealed[used] = content
        return CRYPTO.ccm_seal(key, nonce, aad, plaintext, tag_len)


class Quiet(Radio):
    """A radio that nobody hears."""

    eui64 = EUI64

    def set_channel(self, channel):
        pass

    def set_filter(self, pan_id, short_address):
        pass

    def transmit(self, buf, length):
        return True

    def receive_into(self, buf):
        return 0


def post(payload, code=numbers.POST):
    return Message(numbers.CON, code, 1, b"t", [(numbers.URI_PATH, b"j")], payload)


class Device:
    """Our node: a member of a network, over and over again the same flash."""

    def __init__(self, rng, witness):
        self.rng = rng
        self.crypto = witness
        self.medium = Medium(rng)
        self.applied = []
        store = Store("d", self.medium)
        store.write("factory", {1: "unit", 2: EUI64, 6: PSK})
        keys = KeySet()
        keys.install([(1, 1, bytes(16))], 0)
        member = membership.Membership(b"net", 0x4321, 15, PARENT, PSK, True, keys)
        member.jrc_address = JRC
        context.begin_window(store, witness, PSK)
        store.write(membership.RECORD, member.to_record())

    def boot(self):
        self.node = Node(Quiet(), Store("d", self.medium), self.crypto, self.log, 0)

    def log(self, now, event, text):
        if event == "update" and text.startswith("keys"):
            self.applied.append(self.node.member.member.join_rate)

    def cut(self):
        self.node = None
        self.medium.cut()
        if MICROPYTHON:
            # A restart begins with a heap that is not in pieces.
            gc.collect()

    def ask(self, payload, echo=None):
        message = post(payload)
        if echo is not None:
            message.add(numbers.ECHO, echo)
        return protect.protect_request(self.node.member._context, message)

    def read(self, answer, binding):
        return protect.unprotect_response(self.node.member._context, answer, binding)

    def serve(self, request):
        return self.node.member.on_request(PEER, request, 0)

    def stored_rate(self):
        return Store("d", self.medium).read(membership.RECORD)[11]


class Registrar:
    """The other end: remembers a request's number before it acts upon the request."""

    def __init__(self, rng, witness):
        self.crypto = witness
        self.medium = Medium(rng)
        self.accepted = []
        Store("d", self.medium).write("replay", [0, 0])

    def boot(self):
        store = Store("d", self.medium)

        def persist(lower_edge, bitmap):
            store.write("replay", [lower_edge, bitmap])

        try:
            record = store.read("replay")
        except StoreError:
            record = None
        window = Window.lost(persist) if record is None else Window.restored(record[0], record[1], persist)
        sequence = Reserved(store, "seq", 4)
        self.context = Context(self.crypto, PSK, b"", b"JRC", b"", EUI64, sequence, window)
        self.context.announce = False

    def cut(self):
        self.context = None
        self.medium.cut()

    def ask(self, payload, echo=None):
        message = post(payload)
        if echo is not None:
            message.add(numbers.ECHO, echo)
        return protect.protect_request(self.context, message)

    def read(self, answer, binding):
        return protect.unprotect_response(self.context, answer, binding)

    def serve(self, request):
        try:
            inner, binding = protect.unprotect_request(self.context, request)
        except OscoreError as error:
            return protect.refusal(error)
        self.accepted.append(binding.piv)
        # Another plaintext each time, so that a nonce that serves twice cannot go unnoticed.
        return protect.protect_response(
            self.context, response(numbers.CHANGED, inner.payload + self.crypto.random(4)), binding
        )


class World:
    """Both ends, and whoever hears and repeats every datagram between them."""

    def __init__(self, case, seed):
        self.case = case
        self.rng = Rng(seed)
        self.witness = Witness(self.rng)
        self.device = Device(self.rng, self.witness)
        self.registrar = Registrar(self.rng, self.witness)
        self.heard = []
        self.old_answers = []
        self.updates = 0
        self.challenges = 0

    def over_the_air(self, message):
        """What arrives of a message; the replayer keeps it too."""
        wire = message.encode()
        if len(self.heard) < 40:
            self.heard.append(wire)
        else:
            self.heard[self.rng.below(40)] = wire
        return Message.decode(wire)

    def replay(self, server):
        """An old request to whom it was for, or to the other one."""
        if self.heard:
            server.serve(Message.decode(self.rng.choice(self.heard)))

    def exchange(self, client, server, payload):
        """The answer to a request, with as many challenges as it takes; None if the server does not answer."""
        echo = None
        for _ in range(3):
            request, binding = client.ask(payload, echo)
            answer = server.serve(self.over_the_air(request))
            if answer is None:
                return None
            for old in self.old_answers:
                self.case.assertRaises(OscoreError, client.read, old, binding)
            if answer.option(numbers.OSCORE) is None:
                return answer
            answer = Message.decode(answer.encode())
            self.old_answers = (self.old_answers + [answer])[-3:]
            inner = client.read(answer, binding)
            if inner.code != numbers.UNAUTHORIZED:
                return inner
            echo = inner.option(numbers.ECHO)
            self.challenges += 1
        return None

    def update(self):
        """A Parameter Update to the device: a new link key, and a join rate that tells which update this is."""
        self.updates += 1
        config = cojp.Configuration(keys=[(self.updates % 254 + 1, 1, self.witness.random(16))])
        config.join_rate = self.updates
        answer = self.exchange(self.registrar, self.device, cojp.encode_configuration(config))
        return answer is not None and answer.code == numbers.CHANGED

    def request(self):
        """A request of the device to its registrar."""
        answer = self.exchange(self.device, self.registrar, b"hello")
        return answer is not None and answer.code == numbers.CHANGED

    def act(self):
        """Something happens."""
        what = self.rng.below(8)
        if what < 3:
            self.update()
        elif what < 5:
            self.request()
        elif what < 7:
            self.replay(self.device)
        else:
            self.replay(self.registrar)


class Reboots(unittest.TestCase):
    def run_world(self, seed, reboots, damage):
        world = World(self, seed)
        device = world.device
        registrar = world.registrar
        device.boot()
        registrar.boot()
        rng = world.rng
        cuts = 0
        interrupted = 0
        rate = 0
        while cuts < reboots:
            for end in (device, registrar):
                end.medium.left = None
            victim = rng.choice((device, device, registrar))
            victim.medium.left = 1 + rng.below(30)
            try:
                for _ in range(40):
                    world.act()
            except PowerCut:
                interrupted += 1
            cuts += 1
            victim.cut()
            if rng.below(4) == 0:
                # Power comes back for a moment only.
                victim.medium.left = rng.below(6)
                try:
                    victim.boot()
                except PowerCut:
                    cuts += 1
                victim.cut()
            if damage and rng.below(8) == 0:
                victim.medium.damage("d/replay-cojp" if victim is device else "d/replay")
            victim.boot()
            for _ in range(rng.below(4)):
                world.replay(victim)
            self.assertTrue(world.update())
            self.assertEqual(device.stored_rate(), world.updates)
            self.assertTrue(world.request())
            for number in device.applied:
                # The one before a cut may be applied again, and never after a newer one.
                self.assertGreaterEqual(number, rate)
                rate = number
                # Of what came since the last boot, only one request can have lost the race with a cut.
            self.assertLessEqual(len(device.applied) - len(set(device.applied)), 1 + len(set(device.applied)))
            device.applied = device.applied[-1:]
            self.assertEqual(world.witness.reused, [])
        self.assertEqual(len(set(registrar.accepted)), len(registrar.accepted))
        self.assertGreater(interrupted, reboots // 2)
        self.assertGreater(len(world.witness.sealed), 4 * reboots)
        return world

    def test_no_nonce_twice_no_request_twice_and_still_talking(self):
        world = self.run_world(1, REBOOTS, False)
        # What is stored is enough: nobody needs to be challenged.
        self.assertEqual(world.challenges, 0)

    def node_of(self, world):
        world.device.boot()
        world.registrar.boot()
        return world.device

    def test_what_cannot_be_stored_is_answered_without_the_nonce_of_the_request(self):
        for failing in range(12):
            world = World(self, 3)
            device = self.node_of(world)
            self.assertTrue(world.update())
            request, binding = world.registrar.ask(cojp.encode_configuration(cojp.Configuration(join_rate=7)))
            operations = device.medium.operations
            device.medium.fails_at = operations + 1 + failing
            answer = device.serve(request)
            device.medium.fails_at = None
            if answer is not None:
                self.assertIn(world.registrar.read(answer, binding).code, (numbers.CHANGED, 0xA0))
            # The same request after a restart, now that the medium works: another answer is due.
            device.cut()
            device.boot()
            device.serve(request)
            self.assertEqual(world.witness.reused, [])
            self.assertTrue(world.update())
            self.assertEqual(device.stored_rate(), world.updates)

    def test_a_challenge_that_cannot_be_numbered_is_not_sent_and_raises_nothing(self):
        world = World(self, 4)
        device = self.node_of(world)
        device.medium.damage("d/replay-cojp")
        device.cut()
        device.boot()
        device.medium.error = 28
        request, _ = world.registrar.ask(cojp.encode_configuration(cojp.Configuration(join_rate=7)))
        self.assertIsNone(device.serve(request))
        device.medium.error = None
        self.assertTrue(world.update())
        self.assertEqual(world.challenges, 1)

    def test_an_update_that_was_withheld_does_not_undo_a_newer_one(self):
        world = World(self, 5)
        device = self.node_of(world)
        late, _ = world.registrar.ask(cojp.encode_configuration(cojp.Configuration(join_rate=7)))
        self.assertTrue(world.update())
        for _ in range(2):
            answer = device.serve(late)
            self.assertEqual((answer.code, answer.option(numbers.OSCORE)), (numbers.UNAUTHORIZED, None))
            self.assertEqual(device.stored_rate(), world.updates)
            device.cut()
            device.boot()

    def test_a_window_of_another_key_or_of_none_is_a_lost_one(self):
        world = World(self, 6)
        store = Store("d", world.device.medium)
        other = bytes(16)
        self.assertFalse(context.stored_window(store, CRYPTO, PSK).is_lost)
        for record in ([bytes(8), 0, 0], [], {1: 2}, "x", 5, [b"", "a", None]):
            store.write(context.REPLAY_RECORD, record)
            self.assertTrue(context.stored_window(store, CRYPTO, PSK).is_lost)
        store.erase(context.REPLAY_RECORD)
        self.assertTrue(context.stored_window(store, CRYPTO, PSK).is_lost)
        context.begin_window(store, CRYPTO, other)
        self.assertTrue(context.stored_window(store, CRYPTO, PSK).is_lost)
        window = context.stored_window(store, CRYPTO, other)
        window.mark(3)
        again = context.stored_window(store, CRYPTO, other)
        self.assertEqual([again.check(number) for number in (2, 3, 4)], [False, False, True])

    def test_a_lost_or_damaged_window_is_recovered_by_an_echo(self):
        world = self.run_world(2, REBOOTS // 4, True)
        self.assertGreater(world.challenges, REBOOTS // 100)
