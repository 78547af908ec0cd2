"""CCM* against frames that Wireshark decrypts, and the rules of keys: usage, replay, rekeying, storage."""

import json
import unittest

from microbrew import crypto as facade
from microbrew.errors import CryptoError
from microbrew.mac import frame, security
from microbrew.mac.security import Key, KeySet

with open("tests/vectors/secframes.json") as _file:
    VECTORS = json.load(_file)
FRAMES = VECTORS["frames"]
KEY = bytes.fromhex(VECTORS["key"])
ASN = VECTORS["asn"]
KEY2 = bytes(range(16))
KEY3 = bytes(range(16, 32))
PEER = bytes.fromhex("00124b0000000202")

crypto = facade.load()

SECURED = (
    "eb_mic32_tsch",
    "data_encmic32_tsch",
    "data_encmic64_fc5_v1",
    "data_encmic32_fc6_v2",
    "data_short_src_tsch",
)


def psdu(name):
    return bytearray(bytes.fromhex(FRAMES[name])[:-2])


def parsed(data):
    header = frame.Frame()
    assert header.parse(data, len(data)) is None
    return header


def nonce_of(header):
    if header.counter >= 0:
        return security.counter_nonce(header.src, header.counter, header.level)
    return security.tsch_nonce(header.src, header.src_pan, ASN)


def unseal(data, header):
    return bytes(security.unseal(crypto, KEY, nonce_of(header), header.level, data, header.header_end, header.length))


class Vectors(unittest.TestCase):
    def test_decrypt(self):
        plain = {}
        for name in SECURED:
            data = psdu(name)
            plain[name] = unseal(data, parsed(data))
        self.assertEqual(plain["data_short_src_tsch"], b"\x3fhello zsj")
        # IPHC and UDP of the same CoAP discovery that is in the unsecured vectors.
        for name in ("data_encmic32_tsch", "data_encmic64_fc5_v1", "data_encmic32_fc6_v2"):
            self.assertEqual(plain[name][-10:], b"brski-jp=*")
        # A beacon is authenticated, not encrypted.
        self.assertEqual(plain["eb_mic32_tsch"], bytes(psdu("eb_mic32_tsch")[19:-4]))

    def test_encrypt_again_byte_for_byte(self):
        for name in SECURED:
            data = psdu(name)
            header = parsed(data)
            plain = unseal(data, header)
            buf = bytearray(125)
            buf[: header.header_end] = data[: header.header_end]
            buf[header.header_end : header.end] = plain
            end = security.seal(crypto, KEY, nonce_of(header), header.level, buf, header.header_end, header.end)
            self.assertEqual(bytes(buf[:end]), bytes(data), name)

    def test_any_flipped_bit_is_refused(self):
        for name in ("data_encmic64_fc5_v1", "eb_mic32_tsch"):
            good = psdu(name)
            header = parsed(good)
            for i in range(2, len(good)):
                data = bytearray(good)
                data[i] ^= 1 << i % 8
                with self.assertRaises(CryptoError):
                    unseal(data, header)

    def test_wrong_key_and_wrong_nonce(self):
        data = psdu("data_encmic64_fc5_v1")
        header = parsed(data)
        for key, counter in ((KEY2, 5), (KEY, 6)):
            nonce = security.counter_nonce(PEER, counter, 6)
            with self.assertRaises(CryptoError):
                security.unseal(crypto, key, nonce, 6, data, header.header_end, header.length)


class Usage(unittest.TestCase):
    def test_levels_of_every_key_usage(self):
        # RFC 9031 table 5: (beacon level, data level) by usage 0 to 14; 0 where the key is not for it.
        table = (
            (1, 5), (2, 6), (3, 7), (1, 1), (2, 2), (3, 3), (1, 0), (2, 0), (3, 0),
            (0, 1), (0, 2), (0, 3), (0, 5), (0, 6), (0, 7),
        )  # fmt: skip
        for usage in range(15):
            key = Key(1, usage, KEY)
            self.assertEqual((key.beacon_level, key.data_level), table[usage])

    def test_bad_keys(self):
        for index, usage, value in ((0, 0, KEY), (255, 0, KEY), (1, 15, KEY), (1, -1, KEY), (1, 0, KEY[:15])):
            with self.assertRaises(ValueError):
                Key(index, usage, value)

    def test_separate_keys_for_beacons_and_data(self):
        keys = KeySet()
        keys.install([(3, 6, KEY), (4, 12, KEY2)], 0)
        self.assertEqual((keys.beacon_key().index, keys.data_key().index), (3, 4))
        keys = KeySet()
        keys.install([(4, 12, KEY2)], 0)
        self.assertIsNone(keys.beacon_key())

    def test_key_set_is_bounded(self):
        with self.assertRaises(ValueError):
            KeySet().install([], 0)
        with self.assertRaises(ValueError):
            KeySet().install([(i, 0, KEY) for i in range(1, 6)], 0)
        with self.assertRaises(ValueError):
            KeySet().install([(1, 0, KEY), (1, 0, KEY2)], 0)


def secured(counter, index=1, usage=0, value=KEY, src=PEER, payload=b"data"):
    """A data frame as a neighbour would send it: (buffer, header)."""
    key = Key(index, usage, value)
    buf = bytearray(125)
    pos = frame.put_data(buf, 1, 0xCAFE, None, src, False, True)
    pos = frame.put_aux(buf, pos, key.data_level, counter, index)
    end = pos + len(payload)
    buf[pos:end] = payload
    nonce = security.counter_nonce(src, counter, key.data_level)
    end = security.seal(crypto, value, nonce, key.data_level, buf, pos, end)
    header = frame.Frame()
    assert header.parse(buf, end) is None
    return buf, header


class Receive(unittest.TestCase):
    def setUp(self):
        self.keys = KeySet(False, 3)
        self.keys.install([(1, 0, KEY)], 0)

    def take(self, counter, now=0, **other):
        buf, header = secured(counter, **other)
        reason, payload = self.keys.unprotect(crypto, header, buf, now)
        return reason or bytes(payload)

    def test_vector_with_its_key(self):
        keys = KeySet()
        keys.install([(1, 1, KEY)], 0)
        data = psdu("data_encmic64_fc5_v1")
        reason, payload = keys.unprotect(crypto, parsed(data), data, 0)
        self.assertIsNone(reason)
        self.assertTrue(b"brski-jp=*" in bytes(payload))
        self.assertEqual(keys.unprotect(crypto, parsed(data), data, 0)[0], "replay")

    def test_good_frame_and_its_replay(self):
        self.assertEqual(self.take(5), b"data")
        self.assertEqual(self.take(5), "replay")
        self.assertEqual(self.take(4), "replay")
        self.assertEqual(self.take(6), b"data")

    def test_unknown_key_wrong_level_wrong_mic(self):
        self.assertEqual(self.take(1, index=2), "unknown_key")
        self.assertEqual(self.take(1, usage=3), "bad_level")
        self.assertEqual(self.take(1, usage=1), "bad_level")
        self.assertEqual(self.take(1, value=KEY2), "bad_mic")

    def test_forged_frame_changes_no_counter(self):
        self.take(5)
        self.assertEqual(self.take(1000, value=KEY2), "bad_mic")
        self.assertEqual(self.take(6), b"data")
        self.assertEqual(self.take(7, value=KEY2, src=PEER[:7] + b"\x09"), "bad_mic")
        self.assertEqual(len(self.keys.current[0].heard), 1)

    def test_last_counter_value_is_refused(self):
        self.assertEqual(self.take(0xFFFFFFFF), "bad_counter")
        self.assertEqual(self.take(0xFFFFFFFE), b"data")

    def test_frames_without_counter_or_key_index_or_eui64(self):
        for name, reason in (("data_encmic32_tsch", "bad_counter"), ("data_short_src_tsch", "bad_counter")):
            data = psdu(name)
            self.assertEqual(self.keys.unprotect(crypto, parsed(data), data, 0)[0], reason)
        buf, header = secured(1)
        header.key_mode = 0
        self.assertEqual(self.keys.unprotect(crypto, header, buf, 0)[0], "key_mode")
        buf, header = secured(1)
        header.src = b"\x00\x01"
        self.assertEqual(self.keys.unprotect(crypto, header, buf, 0)[0], "short_source")

    def test_full_table_refuses_a_newcomer_and_forgets_only_the_silent(self):
        for number in range(3):
            self.assertEqual(self.take(1, number, src=PEER[:7] + bytes((number,))), b"data")
        self.assertEqual(self.take(1, 1000, src=PEER[:7] + b"\x09"), "neighbours_full")
        self.assertEqual(self.take(1, 1000, src=PEER[:7] + b"\x01"), "replay")
        self.assertEqual(self.take(2, 600000, src=PEER[:7] + b"\x00"), b"data")
        # Only number 1 has been silent for ten minutes now; it is the one that goes.
        self.assertEqual(self.take(1, 600001, src=PEER[:7] + b"\x09"), b"data")
        self.assertEqual(self.take(1, 600001, src=PEER[:7] + b"\x00"), "replay")
        self.assertEqual(self.take(1, 600001, src=PEER[:7] + b"\x02"), "replay")

    def test_mic_only_key(self):
        keys = KeySet()
        keys.install([(1, 4, KEY)], 0)
        buf, header = secured(1, usage=4)
        reason, payload = keys.unprotect(crypto, header, buf, 0)
        self.assertEqual((reason, bytes(payload)), (None, b"data"))


class Rekey(unittest.TestCase):
    def setUp(self):
        self.keys = KeySet()
        self.keys.install([(1, 0, KEY)], 0)
        self.counter = 0

    def take(self, now, index, value):
        self.counter += 1
        buf, header = secured(self.counter, index, value=value)
        return self.keys.unprotect(crypto, header, buf, now)[0]

    def test_node_sends_with_the_old_until_it_hears_the_new(self):
        self.assertTrue(self.keys.install([(2, 0, KEY2)], 1000))
        self.assertEqual(self.keys.data_key().index, 1)
        self.assertIsNone(self.take(2000, 1, KEY))
        self.assertEqual(self.keys.data_key().index, 1)
        # A forged frame with the new key id is not hearing it.
        self.assertEqual(self.take(3000, 2, KEY3), "bad_mic")
        self.assertEqual(self.keys.data_key().index, 1)
        self.assertIsNone(self.take(4000, 2, KEY2))
        self.assertEqual(self.keys.data_key().index, 2)

    def test_old_keys_live_for_the_guard_time(self):
        old = self.keys.current[0]
        self.keys.install([(2, 0, KEY2)], 0)
        self.assertIsNone(self.keys.poll(100000))
        self.take(100000, 2, KEY2)
        self.assertEqual(self.keys.poll(100000), 112000)
        self.assertIsNone(self.take(111999, 1, KEY))
        self.assertEqual(self.keys.poll(111999), 112000)
        self.assertIsNone(self.keys.poll(112000))
        self.assertEqual(self.take(112000, 1, KEY), "unknown_key")
        self.assertEqual(bytes(old.value), bytes(16))

    def test_border_router_switches_at_once(self):
        keys = KeySet(True)
        keys.install([(1, 0, KEY)], 0)
        keys.install([(2, 0, KEY2)], 5)
        self.assertEqual(keys.data_key().index, 2)
        self.assertEqual(keys.poll(5), 12005)

    def test_repeated_update_resets_nothing(self):
        self.assertIsNone(self.take(0, 1, KEY))
        self.assertFalse(self.keys.install([(1, 0, KEY)], 1))
        self.counter = 0
        self.assertEqual(self.take(0, 1, KEY), "replay")
        self.assertTrue(self.keys.install([(2, 0, KEY2)], 1))
        self.assertFalse(self.keys.install([(2, 0, KEY2)], 2))
        self.take(3, 2, KEY2)
        self.assertFalse(self.keys.install([(2, 0, KEY2)], 4))
        self.assertEqual(self.keys.poll(4), 12003)

    def test_same_key_id_with_a_new_value(self):
        self.keys.install([(1, 0, KEY2)], 0)
        self.assertIsNone(self.take(0, 1, KEY))
        self.assertTrue(self.keys.data_key().same(1, 0, KEY))
        self.assertIsNone(self.take(0, 1, KEY2))
        self.assertTrue(self.keys.data_key().same(1, 0, KEY2))
        self.assertIsNone(self.take(0, 1, KEY))

    def test_key_kept_over_a_rekeying_keeps_its_counters(self):
        self.assertIsNone(self.take(0, 1, KEY))
        self.keys.install([(1, 0, KEY), (2, 12, KEY2)], 0)
        self.counter = 0
        self.assertEqual(self.take(0, 1, KEY), "replay")
        self.assertIsNone(self.take(0, 1, KEY))
        # The kept key tells nothing about who else has the new set.
        self.assertEqual(len(self.keys.pending), 2)

    def test_set_without_new_keys_takes_effect_at_once(self):
        keys = KeySet()
        keys.install([(1, 0, KEY), (2, 12, KEY2)], 0)
        self.assertTrue(keys.install([(1, 0, KEY)], 0))
        self.assertEqual((len(keys.current), len(keys.pending)), (1, 0))
        keys.poll(12000)
        self.assertEqual(bytes(keys.current[0].value), KEY)

    def test_update_during_an_update(self):
        self.keys.install([(2, 0, KEY2)], 0)
        self.keys.install([(3, 0, KEY3)], 0)
        self.assertEqual(self.take(0, 2, KEY2), "unknown_key")
        self.assertIsNone(self.take(0, 1, KEY))
        self.assertIsNone(self.take(0, 3, KEY3))
        self.keys.install([(2, 0, KEY2)], 1)
        self.assertEqual(self.take(1, 1, KEY), "unknown_key")
        self.assertIsNone(self.take(1, 3, KEY3))
        self.assertIsNone(self.take(1, 2, KEY2))
        self.assertEqual(self.keys.data_key().index, 2)

    def test_store_and_load(self):
        self.keys.install([(2, 6, KEY2), (3, 12, KEY3)], 0)
        again = security.keyset_from_list(self.keys.to_list())
        self.assertEqual(again.to_list(), self.keys.to_list())
        self.assertEqual(again.data_key().index, 1)
        self.assertEqual(again.to_list(), [False, [[1, 0, KEY]], [[2, 6, KEY2], [3, 12, KEY3]]])
        self.assertEqual(security.keyset_from_list([True, [], []]).to_list(), [True, [], []])
        for bad in (
            [],
            None,
            5,
            {},
            {0: 1, 1: 2, 2: 3},
            [False, 5, []],
            [False, [5], []],
            [False, [[1, 0, None]], []],
            [False, [[1, 0, KEY]], [[2]]],
            [False, [[1, 0, b"short"]], []],
            [False, [[0, 0, KEY]], []],
        ):
            with self.assertRaises(ValueError):
                security.keyset_from_list(bad)

    def test_wipe_overwrites(self):
        key = self.keys.current[0]
        self.keys.wipe()
        self.assertEqual(bytes(key.value), bytes(16))
        self.assertIsNone(self.keys.data_key())


if __name__ == "__main__":
    unittest.main()
