"""Point arithmetic of the pure backend: two algorithms against each other, edge cases, and regularity."""

import json
import unittest

from microbrew.crypto.pure import ecdsa, p256
from microbrew.errors import CryptoError

N = p256.N
P = p256.P
GX, GY = p256.G
EDGES = (1, 2, 3, 15, 16, 17, 31, 32, 33, 2**52 - 1, 2**52, 2**208, 2**255, N >> 1, (N >> 1) + 1, N - 32, N - 2, N - 1)

with open("tests/vectors/crypto.json") as _file:
    VECTORS = json.load(_file)


def _scalars(count):
    """Scalars spread over the range, the same in every run."""
    k = 0x9E3779B97F4A7C15F39CC0605CEDC8341082276BF3A27251F86C6A11D0C18E95
    for _ in range(count):
        k = k * k % N
        yield k


def _combine(u1, u2, x, y):
    """u1 * G + u2 * (x, y) by double-and-add, written for this test only."""
    total = (1, 1, 0)
    for i in range(255, -1, -1):
        total = p256._double(total)
        if u1 >> i & 1:
            total = p256._add(total, GX, GY)
        if u2 >> i & 1:
            total = p256._add(total, x, y)
    return p256._affine(total)


class TestMultiply(unittest.TestCase):
    def test_comb_agrees_with_windows(self):
        for k in EDGES + tuple(_scalars(6)):
            self.assertEqual(p256.multiply_base(k), p256.multiply(k, GX, GY))

    def test_multiples_agree_with_published_key_pairs(self):
        for name, point in (("i", "g_i"), ("r", "g_r")):
            k = int.from_bytes(bytes.fromhex(VECTORS["ecdh_rfc5903"][name]), "big")
            public = bytes.fromhex(VECTORS["ecdh_rfc5903"][point])
            self.assertEqual(p256.encode_point(*p256.multiply_base(k)), public)

    def test_multiplying_twice_is_multiplying_by_the_product(self):
        for k in _scalars(3):
            x, y = p256.multiply_base(k)
            self.assertEqual(p256.multiply(5, x, y), p256.multiply_base(5 * k % N))
            self.assertEqual(p256.multiply(k, *p256.multiply_base(5)), p256.multiply_base(5 * k % N))

    def test_zero_gives_infinity_and_n_minus_one_the_negative(self):
        self.assertIsNone(p256.multiply_base(0))
        self.assertIsNone(p256.multiply(0, GX, GY))
        self.assertEqual(p256.multiply_base(N - 1), (GX, P - GY))

    def test_addition_is_right_for_equal_opposite_and_infinite_points(self):
        two = p256.multiply_base(2)
        self.assertEqual(p256._affine(p256._add((GX, GY, 1), GX, GY)), two)
        self.assertIsNone(p256._affine(p256._add((GX, GY, 1), GX, P - GY)))
        self.assertEqual(p256._affine(p256._add((1, 1, 0), GX, GY)), p256.G)
        self.assertIsNone(p256._affine(p256._double((1, 1, 0))))

    def test_multiples_of_a_secret_take_the_same_operations_for_every_scalar(self):
        x, y = p256.multiply_base(7)
        counts = set()
        original = p256._add, p256._double
        calls = []

        def add(point, x2, y2):
            calls.append("a")
            return original[0](point, x2, y2)

        def double(point):
            calls.append("d")
            return original[1](point)

        p256._add = add
        p256._double = double
        try:
            for k in (2**200, 2**255 + 1, N >> 1, N - 1) + tuple(_scalars(3)):
                del calls[:]
                p256.multiply_base(k)
                p256.multiply(k, x, y)
                counts.add("".join(calls))
        finally:
            p256._add, p256._double = original
        self.assertEqual(len(counts), 1)

    def test_comb_takes_a_kilobyte(self):
        p256.multiply_base(1)
        self.assertEqual(len(p256._comb), 1024)


class TestCombine(unittest.TestCase):
    def test_sum_agrees_with_double_and_add(self):
        qx, qy = p256.multiply_base(0x1234567)
        pairs = list(zip(_scalars(4), (1, 2, N - 1, N >> 1)))
        for u1, u2 in pairs + [(0, 1), (1, 1), (0, N - 1), (3, 16), (N - 1, 31)]:
            r = _combine(u1, u2, qx, qy)[0]
            self.assertTrue(p256.combine_matches(u1, u2, qx, qy, r % N))
            self.assertFalse(p256.combine_matches(u1, u2, qx, qy, (r + 1) % N))

    def test_sum_with_the_generator_itself_meets_every_exception(self):
        for u1, u2 in ((1, 1), (1, 2), (5, 5), (N - 5, 7), (2**208, 2**208)):
            r = p256.multiply_base((u1 + u2) % N)[0]
            self.assertTrue(p256.combine_matches(u1, u2, GX, GY, r % N))

    def test_sum_at_infinity_matches_nothing(self):
        for r in (0, 1, GX % N):
            self.assertFalse(p256.combine_matches(N - 5, 5, GX, GY, r))

    def test_coordinate_between_n_and_p_matches_its_remainder(self):
        x = N
        while True:
            try:
                y = p256.recover_y(x)
                break
            except CryptoError:
                x += 1
        self.assertTrue(p256.combine_matches(0, 1, x, y, x - N))
        self.assertFalse(p256.combine_matches(0, 1, x, y, x - N + 1))

    def test_remainder_plus_n_is_not_tried_beyond_p(self):
        # The x-coordinate r + n - p matches r + n only modulo p, which names no coordinate.
        x = P - N
        while True:
            try:
                y = p256.recover_y(x)
                break
            except CryptoError:
                x += 1
        r = x + P - N
        self.assertFalse(p256.combine_matches(0, 1, x, y, r))
        self.assertTrue(p256.combine_matches(0, 1, x, y, x))


class TestPoints(unittest.TestCase):
    def test_either_root_is_recovered(self):
        for k in EDGES:
            x, y = p256.multiply_base(k)
            self.assertIn(p256.recover_y(x), (y, P - y))

    def test_coordinates_out_of_range_are_refused(self):
        for x in (P, P + 5, -1, 2**256 - 1):
            self.assertRaises(CryptoError, p256.recover_y, x)

    def test_encoding_keeps_leading_zeros(self):
        self.assertEqual(p256.encode_point(1, 2), bytes(31) + b"\x01" + bytes(31) + b"\x02")


class TestNonces(unittest.TestCase):
    def test_nonce_is_that_of_rfc_6979_a_2_5(self):
        secret = bytes.fromhex(VECTORS["ecdsa_rfc6979"]["private"])
        digest = bytes.fromhex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf")
        nonces = ecdsa._nonces(secret, digest)
        first = 0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60
        self.assertEqual(next(nonces), first)
        # The candidate after one that gives no signature, computed with CPython's hmac module.
        second = 0x8E83DC490BC5FC4D5992BD63CD87F254ADFFCB930F8A8011702A88870F638FDB
        self.assertEqual(next(nonces), second)
