"""Vouchers on the host side: data, signature, keys, IDevID fields. Independent of the firmware's handling.

Every failure is ``microbrew.errors.VoucherError`` with one of the reasons "format", "algorithm", "signature",
"certificate", "serial", "url" and a sentence.
"""

from microbrew_host.voucher.cose import Signed, parse_signed, sign, strip_unprotected_x5, verify
from microbrew_host.voucher.data import Voucher, VoucherRequest, parse_voucher, parse_voucher_request
from microbrew_host.voucher.keys import fingerprint, public_from_spki, spki

__all__ = [
    "Signed",
    "Voucher",
    "VoucherRequest",
    "fingerprint",
    "parse_signed",
    "parse_voucher",
    "parse_voucher_request",
    "public_from_spki",
    "sign",
    "spki",
    "strip_unprotected_x5",
    "verify",
]
