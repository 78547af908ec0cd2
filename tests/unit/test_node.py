"""The node's loop: whatever the radio brings, the clocks above it go on."""

import unittest

from microbrew import crypto
from microbrew.mac import beacon, frame
from microbrew.node import Node
from microbrew.radio.api import Radio

EUI64 = bytes.fromhex("00124b0000000201")
PROXY = bytes.fromhex("00124b0000000101")
CRYPTO = crypto.load("pure")


class Records:
    """A store in memory."""

    def __init__(self):
        self.content = {"factory": {1: "unit", 2: EUI64, 6: bytes(range(16))}}

    def read(self, name):
        return self.content.get(name)

    def write(self, name, value):
        self.content[name] = value

    def factory_reset(self):
        self.content.pop("network", None)


class Flooded(Radio):
    """A radio that always has one more beacon."""

    eui64 = EUI64
    lqi = 255

    def __init__(self):
        self.sent = 0
        self.frame = bytearray(127)
        pos = frame.put_beacon(self.frame, 1, 0xCAFE, PROXY, False)
        content = beacon.Beacon(pan_id=0xCAFE, asn=1, network_id=b"\xca\xfe", proxy_priority=0)
        self.length = beacon.encode(content, self.frame, pos)

    def set_channel(self, channel):
        pass

    def set_filter(self, pan_id, short_address):
        pass

    def transmit(self, buf, length):
        self.sent += 1
        return True

    def receive_into(self, buf):
        buf[: self.length] = memoryview(self.frame)[: self.length]
        return self.length


def quiet(now, event, text):
    pass


class Loop(unittest.TestCase):
    def test_a_flood_of_frames_does_not_stop_what_is_due(self):
        radio = Flooded()
        node = Node(radio, Records(), CRYPTO, quiet, 0)
        for now in range(0, 10000, 50):
            due = node.step(now)
            # There is more to take in, so the loop must not sleep.
            self.assertEqual(due, now)
        self.assertEqual(node.pledge.state, "WAIT_PROXY")
        self.assertTrue(radio.sent > 0)


class Reset(unittest.TestCase):
    def test_a_factory_reset_wipes_the_attempt_that_it_ends(self):
        node = Node(Flooded(), Records(), CRYPTO, quiet, 0)
        for now in range(0, 10000, 50):
            node.step(now)
        channel = node.pledge._channel
        context = channel.context = Context()
        node.factory_reset(10000)
        self.assertTrue(context.wiped)
        self.assertEqual(node.pledge.state, "WAIT_EB")


class Context:
    wiped = False

    def wipe(self):
        self.wiped = True


if __name__ == "__main__":
    unittest.main()
