"""Enc_structure of COSE_Encrypt0 against the bytes in the RFCs."""

import unittest

from microbrew import cbor
from microbrew.cose.structures import enc_structure


class TestEncStructure(unittest.TestCase):
    def test_bytes_of_rfc_8613_appendix_c_4(self):
        # The AAD of the first test vector: external_aad of a request with kid h'' and Partial IV 20.
        external_aad = bytes.fromhex("8501810a40411440")
        self.assertEqual(enc_structure(external_aad), bytes.fromhex("8368456e63727970743040488501810a40411440"))

    def test_bytes_of_edhoc_message_3(self):
        th_3 = bytes(range(32))
        self.assertEqual(enc_structure(th_3), b"\x83\x68Encrypt0\x40\x58\x20" + th_3)

    def test_structure_is_that_of_rfc_9052(self):
        for length in (0, 23, 24, 255, 256, 1000):
            aad = bytes(length)
            self.assertEqual(cbor.decode(enc_structure(aad, b"\xa1\x01\x0a")), ["Encrypt0", b"\xa1\x01\x0a", aad])
            self.assertEqual(enc_structure(memoryview(aad)), cbor.encode(["Encrypt0", b"", aad]))
