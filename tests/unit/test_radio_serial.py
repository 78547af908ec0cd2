"""Radio over a byte stream: messages on a bad line, and both ends talking through lines in memory."""

import json
import select
import socket
import unittest

from microbrew.radio import serial_wire as wire
from microbrew.radio.serial import SerialRadio
from microbrew.radio.serial_end import RadioEnd

with open("tests/vectors/serial.json") as _file:
    VECTORS = json.load(_file)
MESSAGES = VECTORS["messages"]

EUI64 = bytes.fromhex("00124b0000000202")


def on_wire(name):
    return bytes.fromhex(MESSAGES[name]["wire"])


class Random:
    """A linear congruential generator: the same numbers on every interpreter."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % n


class Counting:
    def __init__(self):
        self.counters = {}

    def count(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1


class Collector(Counting):
    """A Reader and what it found."""

    def __init__(self):
        super().__init__()
        self.reader = wire.Reader(self.count)
        self.found = []

    def feed(self, data):
        pos = 0
        while pos < len(data):
            pos = self.reader.take(data, pos, len(data))
            if self.reader.kind:
                content = bytes(self.reader.buf[wire.CONTENT : wire.CONTENT + self.reader.length])
                self.found.append((self.reader.kind, self.reader.seq, content))


def message(kind, content, seq=1):
    """One message as bytes of the wire, by the Writer."""
    out = []
    writer = wire.Writer(lambda view: out.append(bytes(view)) or len(view))
    writer._seq = seq - 1
    writer.buf[wire.CONTENT : wire.CONTENT + len(content)] = content
    writer.send(kind, len(content))
    return out[0]


class Stuffing(unittest.TestCase):
    def test_examples_of_the_algorithm_both_ways(self):
        for plain, stuffed in VECTORS["stuffing"]:
            plain = bytes.fromhex(plain)
            stuffed = bytes.fromhex(stuffed)
            buf = bytearray(2) + plain + b"\xff"
            wire.stuff(buf, 2 + len(plain))
            self.assertEqual(bytes(buf), b"\x00" + stuffed)
            self.assertTrue(wire.unstuff(buf, 2 + len(plain)))
            self.assertEqual(bytes(buf[2:-1]), plain)

    def test_distance_that_leads_out_of_the_message(self):
        self.assertFalse(wire.unstuff(bytearray(b"\x00\x05\x11\x22\x33\x00"), 5))
        self.assertFalse(wire.unstuff(bytearray(b"\x00\x02\x11\xff\x33\x00"), 5))


class Messages(unittest.TestCase):
    def test_writer_gives_the_vectors(self):
        for name in MESSAGES:
            vector = MESSAGES[name]
            content = bytes.fromhex(vector["content"])
            self.assertEqual(message(vector["kind"], content, vector["seq"]), on_wire(name), name)

    def test_reader_reads_the_vectors(self):
        for name in MESSAGES:
            vector = MESSAGES[name]
            reader = Collector()
            reader.feed(on_wire(name))
            self.assertEqual(reader.found, [(vector["kind"], vector["seq"], bytes.fromhex(vector["content"]))])
            self.assertEqual(reader.counters, {})

    def test_longest_content_of_zeros_and_of_none(self):
        for byte in (b"\x00", b"\x55"):
            content = byte * wire.MAX_CONTENT
            data = message(wire.RECEIVED, content)
            # Always as much longer than its content: zeros, type, sequence, checksum and one byte of stuffing.
            self.assertEqual(len(data), wire.MAX_CONTENT + 9)
            reader = Collector()
            reader.feed(data)
            self.assertEqual(reader.found, [(wire.RECEIVED, 1, content)])

    def test_any_split_gives_the_same_messages(self):
        stream = b"".join([on_wire(name) for name in ("hello", "configure_result", "transmit_result", "received")])
        whole = Collector()
        whole.feed(stream)
        self.assertEqual(len(whole.found), 4)
        for size in (1, 2, 3, 5, 7, 16):
            reader = Collector()
            for at in range(0, len(stream), size):
                reader.feed(stream[at : at + size])
            self.assertEqual((reader.found, reader.counters), (whole.found, {}))

    def test_every_changed_bit_is_noticed_and_the_next_message_is_read(self):
        good = on_wire("received")
        after = on_wire("error")
        for at in range(len(good)):
            for bit in range(8):
                bad = bytearray(good)
                bad[at] ^= 1 << bit
                reader = Collector()
                reader.feed(bytes(bad) + after)
                kinds = [kind for kind, _, _ in reader.found]
                # A broken outer zero joins a message to nothing, as long as the neighbour brings its own.
                self.assertTrue(kinds == [wire.ERROR] or (at in (0, len(good) - 1) and kinds[-1] == wire.ERROR))
                for _, _, content in reader.found[:-1]:
                    self.assertEqual(content, bytes.fromhex(MESSAGES["received"]["content"]))

    def test_truncated_message_costs_only_itself(self):
        good = on_wire("received")
        for length in range(1, len(good) - 1):
            reader = Collector()
            reader.feed(good[:length] + on_wire("error"))
            self.assertEqual([kind for kind, _, _ in reader.found], [wire.ERROR])

    def test_lost_or_doubled_byte_costs_only_its_message(self):
        good = on_wire("received")
        for at in range(1, len(good) - 1):
            for bad in (good[:at] + good[at + 1 :], good[: at + 1] + good[at:]):
                reader = Collector()
                reader.feed(bad + on_wire("error"))
                self.assertEqual([kind for kind, _, _ in reader.found], [wire.ERROR])

    def test_repeated_message_is_dropped_and_a_missing_one_noticed(self):
        reader = Collector()
        for seq in (4, 4, 5, 7):
            reader.feed(message(wire.RESULT, b"\x03\x01\x00", seq))
        self.assertEqual([seq for _, seq, _ in reader.found], [4, 5, 7])
        self.assertEqual(reader.counters, {"duplicate": 1, "gap": 1})

    def test_sequence_goes_round(self):
        reader = Collector()
        for seq in (254, 255, 256, 257):
            reader.feed(message(wire.RESULT, b"\x03\x01\x00", seq & 0xFF))
        self.assertEqual([seq for _, seq, _ in reader.found], [254, 255, 0, 1])
        self.assertEqual(reader.counters, {})

    def test_first_messages_of_a_restarted_end_are_no_duplicates(self):
        reader = Collector()
        for _ in range(2):
            reader.feed(on_wire("hello"))
            reader.feed(on_wire("reset"))
        self.assertEqual(len(reader.found), 4)

    def test_endless_message_is_bounded(self):
        reader = Collector()
        for _ in range(50):
            reader.feed(b"\x02\xaa" * 50)
        self.assertEqual(len(reader.reader.buf), 163)
        reader.feed(b"\x00" + on_wire("error"))
        self.assertEqual((len(reader.found), reader.counters), (1, {"oversized": 1}))

    def test_noise_yields_nothing_and_ends_nowhere(self):
        random = Random(1)
        reader = Collector()
        for _ in range(300):
            reader.feed(bytes([random.below(256) for _ in range(random.below(60))]))
        self.assertEqual(reader.found, [])
        self.assertTrue(reader.counters["noise"] + reader.counters["oversized"] > 20)
        reader.feed(on_wire("error"))
        self.assertEqual(len(reader.found), 1)

    def test_full_line_loses_the_message(self):
        def broken(view):
            raise OSError(5)

        for write in (lambda view: 3, lambda view: None, broken):
            self.assertEqual(wire.Writer(write).send(wire.RESET, 1), -1)


class Chip:
    """A radio: notes what it is told, receives what the test puts into ``air``."""

    hardware_ack = True
    ack_wait_ms = 5
    lqi = 200
    rssi = -60

    def __init__(self):
        self.addresses = []
        self.settings = []
        self.sent = []
        self.air = []
        self.busy = False

    def set_address(self, eui64):
        self.addresses.append(eui64)
        return eui64 == EUI64

    def set_channel(self, channel):
        self.settings.append(channel)

    def set_filter(self, pan_id, short_address):
        self.settings.append((pan_id, short_address))

    def transmit(self, buf, length):
        if self.busy:
            return False
        self.sent.append(bytes(buf[:length]))
        return True

    def receive_into(self, buf):
        if not self.air:
            return 0
        frame = self.air.pop(0)
        buf[: len(frame)] = frame
        return len(frame)


class Chip24(Chip):
    def energy(self, channel, duration_ms):
        return -90 + channel - duration_ms


class Sniffer(Chip):
    """A chip that measures the end of each frame, tells whether it was acknowledged, and may hear everything."""

    timestamp = 0x1_2345_6789

    def __init__(self):
        super().__init__()
        self.promiscuous = None

    def set_promiscuous(self, wanted):
        self.promiscuous = wanted


class Line:
    """One direction of a line in memory, with at most ``bound`` bytes on the way; ``spoil`` may change them."""

    def __init__(self, bound=4096):
        self.bytes = b""
        self.bound = bound
        self.spoil = None

    def write(self, view):
        if len(self.bytes) + len(view) > self.bound:
            return 0
        data = bytes(view)
        self.bytes += self.spoil(data) if self.spoil else data
        return len(view)

    def take(self, n):
        data = self.bytes[:n]
        self.bytes = self.bytes[n:]
        return data


class Stream:
    """The MAC's side of two lines, as a UART has it; gives at most ``step`` bytes in one read."""

    def __init__(self):
        self.up = Line()
        self.down = Line()
        self.step = 256

    def write(self, view):
        return self.down.write(view)

    def readinto(self, buf):
        data = self.up.take(min(self.step, len(buf)))
        buf[: len(data)] = data
        return len(data) or None


class Ends(unittest.TestCase):
    """A SerialRadio and a RadioEnd over a chip."""

    def setUp(self):
        self.now = 1000
        self.us = 5000000
        self.stream = Stream()
        self.restart_radio(Chip())
        self.mac = SerialRadio(EUI64, self.stream, self.clock)
        self.buf = bytearray(127)

    def clock(self):
        return self.now

    def clock_us(self):
        return self.us

    def restart_radio(self, chip):
        self.chip = chip
        self.end = RadioEnd(chip, self.stream.up.write, self.clock_us, 2)
        self.end.start()

    def run_line(self):
        """Let both ends talk until there is silence: frames that the MAC got."""
        got = []
        while True:
            data = self.stream.down.take(11)
            self.end.receive(data)
            self.end.pump()
            length = self.mac.receive_into(self.buf)
            if length:
                got.append(bytes(self.buf[:length]))
            if not (data or length or self.stream.up.bytes or self.stream.down.bytes or self.chip.air):
                return got

    def test_radio_learns_everything_at_the_start(self):
        self.mac.set_channel(15)
        self.mac.set_filter(0xCAFE, 0x0001)
        self.run_line()
        self.assertTrue(self.end.is_configured)
        self.assertEqual(self.chip.addresses[-1], EUI64)
        self.assertEqual(self.chip.settings[-2:], [15, (0xCAFE, 1)])
        self.assertEqual((self.mac.hardware_ack, self.mac.ack_wait_ms), (True, 35))
        self.assertEqual(self.mac.counters, {})

    def test_settings_that_change_go_to_the_radio_before_the_next_frame(self):
        self.run_line()
        self.chip.settings.clear()
        self.mac.set_channel(20)
        self.mac.set_filter(0xBEEF, 0xFFFF)
        self.mac.transmit(b"\x02\x00\x07", 3)
        self.run_line()
        self.assertEqual(self.chip.settings, [20, (0xBEEF, 0xFFFF)])
        self.assertEqual(self.chip.sent, [b"\x02\x00\x07"])

    def test_frames_both_ways_with_what_the_radio_measured(self):
        self.run_line()
        longest = bytes(125)
        self.assertTrue(self.mac.transmit(bytearray(longest + b"rest"), 125))
        self.chip.air = [b"\x41\x88\x01", longest]
        self.us = 0x1_0000_0005
        self.assertEqual(self.run_line(), [b"\x41\x88\x01", longest])
        self.assertEqual(self.chip.sent, [longest])
        self.assertEqual((self.mac.lqi, self.mac.rssi, self.mac.timestamp), (200, -60, 5))

    def test_reads_of_any_size_give_the_frames(self):
        self.run_line()
        for step in (1, 3, 64, 256):
            self.stream.step = step
            self.chip.air = [b"\x01\x00\x00", b"\x00" * 50, b"\x02\x03\x04\x05"]
            self.assertEqual(self.run_line(), [b"\x01\x00\x00", b"\x00" * 50, b"\x02\x03\x04\x05"])

    def test_credits_bound_what_is_under_way(self):
        self.run_line()
        answers = [self.mac.transmit(b"\x02\x00\x07", 3) for _ in range(3)]
        self.assertEqual(answers, [True, True, False])
        self.run_line()
        self.assertEqual(len(self.chip.sent), 2)
        self.assertTrue(self.mac.transmit(b"\x02\x00\x07", 3))

    def test_lost_results_do_not_block_for_ever(self):
        self.run_line()
        self.stream.up.spoil = lambda data: b""
        for _ in range(2):
            self.mac.transmit(b"\x02\x00\x07", 3)
        self.run_line()
        self.assertFalse(self.mac.transmit(b"\x02\x00\x07", 3))
        self.now += 250
        self.assertTrue(self.mac.transmit(b"\x02\x00\x07", 3))

    def test_busy_channel_is_counted(self):
        self.run_line()
        self.chip.busy = True
        self.assertTrue(self.mac.transmit(b"\x02\x00\x07", 3))
        self.run_line()
        self.assertEqual(self.mac.counters, {"channel_busy": 1})

    def test_nothing_is_sent_before_the_radio_is_there(self):
        silent = SerialRadio(EUI64, Stream(), self.clock)
        self.assertFalse(silent.transmit(b"\x02\x00\x07", 3))
        self.assertFalse(silent.is_up)

    def test_absent_radio_is_asked_each_second(self):
        stream = Stream()
        mac = SerialRadio(EUI64, stream, self.clock)
        reset = stream.down.take(100)
        self.assertEqual(reset, on_wire("reset"))
        self.now += 999
        self.assertEqual(mac.receive_into(self.buf), 0)
        self.assertEqual(stream.down.take(100), b"")
        self.now += 1
        mac.receive_into(self.buf)
        self.assertEqual(len(stream.down.take(100)), len(reset))

    def test_restarted_radio_is_configured_at_once(self):
        self.mac.set_channel(17)
        self.run_line()
        self.restart_radio(Chip())
        self.run_line()
        self.assertTrue(self.end.is_configured)
        self.assertEqual(self.chip.settings[0], 17)

    def test_radio_whose_hello_was_lost_is_configured_by_the_next_frame(self):
        self.run_line()
        self.restart_radio(Chip())
        self.stream.up.bytes = b""
        self.mac.transmit(b"\x02\x00\x07", 3)
        self.run_line()
        self.assertEqual(self.mac.counters["not_configured"], 1)
        self.assertTrue(self.end.is_configured)

    def test_radio_is_told_again_from_time_to_time(self):
        self.run_line()
        self.restart_radio(Chip())
        self.stream.up.bytes = b""
        self.now += 4999
        self.run_line()
        self.assertFalse(self.end.is_configured)
        self.now += 1
        self.run_line()
        self.assertTrue(self.end.is_configured)

    def test_restarted_mac_silences_its_former_frames(self):
        self.run_line()
        self.chip.air = [b"\x01\x00\x00"]
        self.end.pump()
        mac = SerialRadio(EUI64, self.stream, self.clock)
        self.assertEqual(mac.receive_into(self.buf), 0)
        self.assertEqual(mac.counters, {"early": 1})
        self.end.receive(self.stream.down.take(100))
        self.assertFalse(self.end.is_configured)
        self.mac = mac
        self.run_line()
        self.assertTrue(self.mac.is_up and self.end.is_configured)

    def test_radio_that_is_not_configured_passes_nothing_on(self):
        end = RadioEnd(self.chip, self.stream.up.write, self.clock_us)
        self.chip.air = [b"\x01\x00\x00"]
        self.assertFalse(end.pump())
        self.assertEqual(end.counters, {"unheard": 1})

    def test_refused_address_and_channel(self):
        self.mac.eui64 = bytes(8)
        self.run_line()
        self.assertFalse(self.end.is_configured)
        # Two: the radio said hello when it started and when it was reset.
        self.assertEqual(self.mac.counters["refused"], 2)
        self.mac.eui64 = EUI64
        self.mac.set_channel(27)
        self.run_line()
        self.assertFalse(self.end.is_configured)
        self.mac.set_channel(26)
        self.run_line()
        self.assertTrue(self.end.is_configured)

    def test_promiscuous_is_for_radios_that_can(self):
        self.mac = SerialRadio(EUI64, self.stream, self.clock, promiscuous=True)
        self.run_line()
        self.assertFalse(self.end.is_configured)
        self.assertTrue(self.mac.counters["refused"] > 0)
        self.restart_radio(Sniffer())
        self.run_line()
        self.assertTrue(self.end.is_configured)
        self.assertEqual(self.chip.promiscuous, True)

    def test_a_mac_that_asks_for_nothing_special_ends_what_a_sniffer_began(self):
        self.restart_radio(Sniffer())
        self.chip.promiscuous = True
        self.run_line()
        self.assertEqual(self.chip.promiscuous, False)

    def test_the_chips_own_time_stamp_goes_before_the_clock(self):
        self.restart_radio(Sniffer())
        self.run_line()
        self.chip.air = [b"\x41\x88\x01"]
        self.run_line()
        self.assertEqual(self.mac.timestamp, 0x2345_6789)

    def test_a_frame_that_was_not_acknowledged_is_told(self):
        self.run_line()
        self.chip.transmit = lambda buf, length: None
        self.mac.transmit(b"\x02\x00\x07", 3)
        self.run_line()
        self.assertEqual(self.mac.counters, {"no_ack": 1})
        self.assertEqual(self.end.counters["no_ack"], 1)

    def test_full_line_drops_frames_and_says_so(self):
        self.run_line()
        self.stream.up.bound = 100
        self.chip.air = [b"\x01" * 60, b"\x02" * 60, b"\x03" * 60]
        self.end.pump()
        self.assertEqual(self.end.counters["overflow"], 2)
        self.stream.up.bound = 1000
        self.chip.air = [b"\x04" * 60]
        self.assertEqual(self.run_line(), [b"\x01" * 60, b"\x04" * 60])
        # Told before each attempt that followed a loss.
        self.assertEqual(self.mac.counters["radio_overflow"], 2)

    def test_other_version_is_not_spoken(self):
        self.run_line()
        self.stream.up.write(message(wire.HELLO, b"\x02\x01\x00\x05\x02", 9))
        self.mac.receive_into(self.buf)
        self.assertFalse(self.mac.is_up)
        self.assertEqual(self.mac.counters["other_version"], 1)
        self.now += 300
        self.assertFalse(self.mac.transmit(b"\x02\x00\x07", 3))

    def test_hello_of_later_versions_of_1_may_be_longer(self):
        self.stream.up.write(message(wire.HELLO, b"\x01\x00\x00\x05\x02more", 9))
        self.mac.receive_into(self.buf)
        self.assertTrue(self.mac.is_up)

    def test_ack_wait_is_bounded(self):
        self.stream.up.bytes = message(wire.HELLO, b"\x01\x00\xff\xff\x02", 9)
        self.mac.receive_into(self.buf)
        self.assertEqual(self.mac.ack_wait_ms, 1030)

    def test_messages_too_short_or_unknown_are_counted(self):
        self.run_line()
        for seq, (kind, content) in enumerate(
            ((wire.RECEIVED, bytes(6)), (wire.RECEIVED, bytes(132)), (wire.RESULT, b"\x03\x01"), (0x70, b"")), 20
        ):
            self.stream.up.write(message(kind, content, seq))
        self.assertEqual(self.mac.receive_into(self.buf), 0)
        self.assertEqual(self.mac.counters["malformed"], 4)
        for seq, (kind, content) in enumerate(
            ((wire.CONFIGURE, bytes(12)), (wire.TRANSMIT, b""), (wire.TRANSMIT, bytes(126)), (0x70, b"")), 20
        ):
            self.end.receive(message(kind, content, seq))
        self.assertEqual(self.end.counters["unknown"], 4)
        self.assertEqual(self.chip.sent, [])

    def test_energy(self):
        self.run_line()
        self.mac.detect_energy(20, 10)
        self.run_line()
        # A chip that cannot.
        self.assertIsNone(self.mac.energy)
        self.assertEqual(self.mac.counters["unknown"], 1)
        self.restart_radio(Chip24())
        self.run_line()
        self.mac.detect_energy(20, 10)
        self.run_line()
        self.assertEqual(self.mac.energy, (20, -80))

    def test_results_of_other_messages_give_no_credit(self):
        self.run_line()
        self.mac.transmit(b"\x02\x00\x07", 3)
        self.mac.transmit(b"\x02\x00\x07", 3)
        self.stream.up.write(message(wire.RESULT, b"\x04\x09\x05", 99))
        self.mac.receive_into(self.buf)
        self.assertFalse(self.mac.transmit(b"\x02\x00\x07", 3))

    def test_well_framed_nonsense_raises_nothing_at_either_end(self):
        random = Random(5)
        self.run_line()
        for number in range(400):
            kind = (0x00, 0x80)[random.below(2)] + random.below(6)
            content = bytes([random.below(256) for _ in range(random.below(20))])
            self.end.receive(message(kind, content, number & 0xFF))
            self.stream.up.bytes = message(kind, content, number & 0xFF)
            self.mac.receive_into(self.buf)
            self.stream.up.bytes = self.stream.down.bytes = b""
            self.now += 100
        self.assertTrue(len(self.mac.counters) <= 12 and len(self.end.counters) <= 12)

    def test_bad_line_loses_frames_and_nothing_else(self):
        random = Random(7)

        def spoil(data):
            which = random.below(8)
            at = random.below(len(data))
            if which == 0:
                return data[:at] + data[at + 1 :]
            if which == 1:
                return data[:at] + bytes([random.below(256)]) + data[at + 1 :]
            if which == 2:
                return data[: at + 1] + data[at:]
            if which == 3:
                return bytes([random.below(256) for _ in range(random.below(9))]) + data
            return data

        self.stream.up.spoil = self.stream.down.spoil = spoil
        sent = []
        got = []
        for number in range(150):
            self.now += 300
            frame = bytes([number, 0, 1, 2, 3, number])
            if self.mac.transmit(frame, 6):
                sent.append(frame)
            self.chip.air = [frame]
            got += self.run_line()
        for frames in (got, self.chip.sent):
            numbers = [frame[0] for frame in frames]
            self.assertTrue(len(frames) > 60)
            self.assertEqual(numbers, sorted(set(numbers)))
            for frame in frames:
                self.assertEqual(frame, bytes([frame[0], 0, 1, 2, 3, frame[0]]))
        self.stream.up.spoil = self.stream.down.spoil = None
        self.now += 5000
        self.run_line()
        self.mac.transmit(b"\x02\x00\x07", 3)
        self.run_line()
        self.assertEqual(self.chip.sent[-1], b"\x02\x00\x07")

    def test_caller_s_mistakes(self):
        for length in (0, 126):
            with self.assertRaises(ValueError):
                self.mac.transmit(bytes(130), length)
        with self.assertRaises(ValueError):
            SerialRadio(bytes(7), self.stream, self.clock)


class Waiting(unittest.TestCase):
    """Over a real stream: a TCP connection to this test."""

    def setUp(self):
        listener = socket.socket()
        port = 27800
        while True:
            try:
                address = socket.getaddrinfo("127.0.0.1", port)[0][-1]
                listener.bind(address)
                break
            except OSError:
                port += 1
        listener.listen(1)
        self.near = socket.socket()
        self.near.connect(address)
        self.far = listener.accept()[0]
        listener.close()
        self.near.setblocking(False)
        self.now = 1000
        self.file = self.near.makefile("rwb", 0)
        self.mac = SerialRadio(EUI64, self.file, lambda: self.now, 0)
        self.buf = bytearray(127)

    def tearDown(self):
        self.file.close()
        self.near.close()
        self.far.close()

    def test_wakes_for_bytes_and_receives_them(self):
        self.assertEqual(self.far.recv(100), on_wire("reset"))
        self.mac.wait(0)
        self.assertEqual(self.mac.receive_into(self.buf), 0)
        self.far.send(on_wire("hello") + on_wire("received")[:10])
        self.mac.wait(5000)
        self.assertEqual(self.mac.receive_into(self.buf), 0)
        self.assertTrue(self.mac.is_up)
        self.far.send(on_wire("received")[10:] + on_wire("received"))
        self.mac.wait(5000)
        self.assertEqual(self.mac.receive_into(self.buf), 3)
        # What is left of the read needs no waiting for.
        poll = select.poll()
        poll.register(self.file, select.POLLIN)
        self.assertEqual(len(poll.poll(0)), 0)
        self.mac.wait(None)
        self.assertEqual(self.mac.receive_into(self.buf), 0)
        self.assertEqual(self.mac.counters["duplicate"], 1)

    def test_line_that_ended_is_told_at_the_edge_only(self):
        self.far.close()
        self.assertEqual(self.mac.receive_into(self.buf), 0)
        self.assertFalse(self.mac.transmit(b"\x02\x00\x07", 3))
        with self.assertRaises(OSError):
            self.mac.wait(1000)


if __name__ == "__main__":
    unittest.main()
