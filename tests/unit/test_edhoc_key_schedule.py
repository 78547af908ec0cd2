"""EDHOC key schedule against RFC 9529, both traces, and against the computed sets for methods 0, 2 and 3."""

import json
import unittest
from binascii import unhexlify

from microbrew import crypto
from microbrew.cose.structures import enc_structure
from microbrew.edhoc import key_schedule as ks

FILE = json.load(open("tests/vectors/edhoc.json"))  # noqa: SIM115
CRYPTO = crypto.load()


class Trace:
    """A set of vectors, by the names of the RFC, as bytes."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, name):
        return unhexlify(self.values[name])

    def __contains__(self, name):
        return name in self.values


def all_traces():
    traces = [FILE["rfc9529_trace_1"], FILE["rfc9529_trace_2"]]
    traces.extend(FILE["computed_vectors"].values())
    return [Trace(values) for values in traces]


class KeyScheduleTest(unittest.TestCase):
    """Each value from the ones before it, so that a mistake shows at its own step."""

    def each(self, check):
        for trace in all_traces():
            check(trace)

    def test_th_2(self):
        self.each(lambda t: self.assertEqual(ks.th_2(CRYPTO, t["G_Y"], t["H_message_1"]), t["TH_2"]))

    def test_prk_2e(self):
        self.each(lambda t: self.assertEqual(ks.prk_2e(CRYPTO, t["TH_2"], t["G_XY"]), t["PRK_2e"]))

    def test_keystream_2(self):
        def check(t):
            length = len(t["PLAINTEXT_2"])
            self.assertEqual(ks.keystream_2(CRYPTO, t["PRK_2e"], t["TH_2"], length), t["KEYSTREAM_2"])

        self.each(check)

    def test_prk_3e2m_with_a_responder_that_signs_or_uses_static_dh(self):
        def check(t):
            g_rx = t["G_RX"] if "G_RX" in t else None
            if g_rx is not None:
                self.assertEqual(ks.salt_3e2m(CRYPTO, t["PRK_2e"], t["TH_2"]), t["SALT_3e2m"])
            self.assertEqual(ks.prk_3e2m(CRYPTO, t["PRK_2e"], t["TH_2"], g_rx), t["PRK_3e2m"])

        self.each(check)

    def test_mac_2(self):
        def check(t):
            mac_2 = ks.mac_2(
                CRYPTO,
                t["PRK_3e2m"],
                t["C_R_wire"],
                t["ID_CRED_R"],
                t["TH_2"],
                t["CRED_R"],
                t["EAD_2"],
                len(t["MAC_2"]),
            )
            self.assertEqual(mac_2, t["MAC_2"])

        self.each(check)

    def test_th_3_k_3_iv_3(self):
        def check(t):
            self.assertEqual(ks.th_3(CRYPTO, t["TH_2"], t["PLAINTEXT_2"], t["CRED_R"]), t["TH_3"])
            self.assertEqual(ks.k_3(CRYPTO, t["PRK_3e2m"], t["TH_3"]), t["K_3"])
            self.assertEqual(ks.iv_3(CRYPTO, t["PRK_3e2m"], t["TH_3"]), t["IV_3"])
            self.assertEqual(enc_structure(t["TH_3"]), t["A_3"])

        self.each(check)

    def test_prk_4e3m_with_an_initiator_that_signs_or_uses_static_dh(self):
        def check(t):
            g_iy = t["G_IY"] if "G_IY" in t else None
            if g_iy is not None:
                self.assertEqual(ks.salt_4e3m(CRYPTO, t["PRK_3e2m"], t["TH_3"]), t["SALT_4e3m"])
            self.assertEqual(ks.prk_4e3m(CRYPTO, t["PRK_3e2m"], t["TH_3"], g_iy), t["PRK_4e3m"])

        self.each(check)

    def test_mac_3(self):
        def check(t):
            length = len(t["MAC_3"])
            mac_3 = ks.mac_3(CRYPTO, t["PRK_4e3m"], t["ID_CRED_I"], t["TH_3"], t["CRED_I"], t["EAD_3"], length)
            self.assertEqual(mac_3, t["MAC_3"])

        self.each(check)

    def test_th_4_k_4_iv_4(self):
        def check(t):
            self.assertEqual(ks.th_4(CRYPTO, t["TH_3"], t["PLAINTEXT_3"], t["CRED_I"]), t["TH_4"])
            self.assertEqual(ks.k_4(CRYPTO, t["PRK_4e3m"], t["TH_4"]), t["K_4"])
            self.assertEqual(ks.iv_4(CRYPTO, t["PRK_4e3m"], t["TH_4"]), t["IV_4"])

        self.each(check)

    def test_prk_out_and_prk_exporter(self):
        def check(t):
            self.assertEqual(ks.prk_out(CRYPTO, t["PRK_4e3m"], t["TH_4"]), t["PRK_out"])
            self.assertEqual(ks.prk_exporter(CRYPTO, t["PRK_out"]), t["PRK_exporter"])

        self.each(check)

    def test_info_is_a_cbor_sequence(self):
        prk = unhexlify(FILE["rfc9529_trace_1"]["PRK_out"])
        # Label, context and length by hand, each on both sides of where its encoding grows.
        for label, context, length, info in (
            (0, b"", 16, "004010"),
            (23, bytes(23), 23, "1757" + "00" * 23 + "17"),
            (24, bytes(24), 24, "18185818" + "00" * 24 + "1818"),
            (32768, bytes(8), 16, "19800048" + "00" * 8 + "10"),
            (65535, bytes(256), 256, "19ffff590100" + "00" * 256 + "190100"),
        ):
            expected = CRYPTO.hkdf_expand(prk, unhexlify(info), length)
            self.assertEqual(ks.kdf(CRYPTO, prk, label, context, length), expected)

    def test_key_update(self):
        for name in ("rfc9529_trace_1", "rfc9529_trace_2"):
            t = Trace(FILE[name])
            prk_out = ks.key_update(CRYPTO, t["PRK_out"], t["keyupdate_context"])
            self.assertEqual(prk_out, t["keyupdate_PRK_out"])
            self.assertEqual(ks.prk_exporter(CRYPTO, prk_out), t["keyupdate_PRK_exporter"])


if __name__ == "__main__":
    unittest.main()
