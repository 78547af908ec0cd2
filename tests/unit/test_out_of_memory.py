"""What is queued or claimed when memory runs out is neither stuck nor lost: queues of the sub-MAC, 6LoWPAN and CoAP."""

import unittest

from microbrew.coap import numbers
from microbrew.coap.exchange import TIMEOUT, Endpoint
from microbrew.coap.message import Message
from microbrew.lowpan.frag import Sender
from microbrew.mac.submac import SubMac

PEER = ("peer", 5683, False)
SELF = bytes(range(8))
OTHER = bytes(range(8, 16))


class Scarce:
    """Random bytes, of which there are none while ``empty``."""

    def __init__(self):
        self.empty = False

    def __call__(self, length):
        if self.empty:
            raise MemoryError
        return bytes(length)


class Radio:
    eui64 = SELF
    ack_wait_ms = 2
    hardware_ack = True

    def __init__(self):
        self.sent = 0

    def transmit(self, buf, length):
        self.sent += 1
        return True


class TestOutOfMemory(unittest.TestCase):
    def test_a_frame_without_memory_for_its_backoff_is_sent(self):
        random = Scarce()
        radio = Radio()
        mac = SubMac(radio, random, lambda name: None)
        random.empty = True
        mac.reserve()
        mac.commit(20, False, None, 0)
        mac.poll(1000)
        self.assertEqual(radio.sent, 1)
        self.assertEqual(mac.queued, 0)

    def test_a_datagram_without_memory_for_its_frame_is_sent_later(self):
        frames = []
        empty = [True]

        def send(dst, payload, secured, now, done):
            if empty[0]:
                raise MemoryError
            frames.append(bytes(payload))
            return True

        sender = Sender(send, lambda secured: 100, SELF, 0)
        packet = bytearray(48)
        packet[0] = 0x60
        self.assertTrue(sender.put(packet, len(packet), OTHER, True, 0))
        self.assertEqual(sender.waiting(), 1)
        due = sender.poll(0)
        self.assertIsNotNone(due)
        empty[0] = False
        sender.poll(due)
        self.assertEqual(len(frames), 1)

    def test_a_result_that_finds_no_memory_does_not_stop_the_next_datagram(self):
        frames = []
        dones = []

        def send(dst, payload, secured, now, done):
            frames.append(bytes(payload))
            dones.append(done)
            return True

        def on_result(dst, ok, now):
            raise MemoryError

        sender = Sender(send, lambda secured: 100, SELF, 0, on_result)
        for _ in range(2):
            packet = bytearray(48)
            packet[0] = 0x60
            sender.put(packet, len(packet), OTHER, True, 0)
        self.assertRaises(MemoryError, dones[0], True, 1)
        self.assertEqual(len(frames), 2)

    def test_a_request_is_sent_though_there_is_no_memory_to_spread_its_timeout(self):
        random = Scarce()
        sent = []
        endpoint = Endpoint(random, lambda peer, datagram: sent.append(datagram))

        def send_in_need(peer, datagram):
            sent.append(datagram)

        endpoint.send = send_in_need
        endpoint._new_token = lambda peer: b"ab"
        random.empty = True
        endpoint.request(PEER, Message(numbers.CON, numbers.GET), 0, lambda *event: None)
        self.assertEqual(len(sent), 1)
        self.assertIsNotNone(endpoint.poll(0))

    def test_a_handler_that_finds_no_memory_lets_the_next_request_go(self):
        sent = []
        endpoint = Endpoint(Scarce(), lambda peer, datagram: sent.append(datagram))

        def handler(event, response, now):
            self.assertEqual(event, TIMEOUT)
            raise MemoryError

        endpoint.request(PEER, Message(numbers.CON, numbers.GET), 0, handler)
        endpoint.request(PEER, Message(numbers.CON, numbers.GET), 0, handler)
        first = sent[0]
        now = 0
        with self.assertRaises(MemoryError):
            for _ in range(20):
                now = endpoint.poll(now)
        self.assertNotEqual(sent[-1], first)
