"""EDHOC key schedule with SHA-256 (RFC 9528 section 4), in the names of the RFC.

Functions of bytes only: who computes G_RX, G_IY and the parts of the transcript is the roles' matter. PRKs
come back as ``bytearray`` so that their holder can wipe them. Left out: SHAKE hashes, and the keystream
beyond 8160 bytes (Appendix G), which no message within our limits reaches.
"""

from microbrew.cbor import encode, head
from microbrew.edhoc.suites import HASH_LEN, KEY_LEN, NONCE_LEN


def put_bstr(out, data):
    """Append ``data`` to the bytearray ``out`` as a CBOR byte string."""
    out.extend(head(2, len(data)))
    out.extend(data)


def kdf(crypto, prk, label, context, length):
    """EDHOC_KDF: ``length`` bytes, at most 8160."""
    info = bytearray(head(0, label))
    put_bstr(info, context)
    info.extend(head(0, length))
    return crypto.hkdf_expand(prk, info, length)


def th_2(crypto, g_y, h_message_1):
    """TH_2 = H( G_Y, H(message_1) )."""
    out = bytearray()
    put_bstr(out, g_y)
    put_bstr(out, h_message_1)
    return crypto.sha256(out)


def th_3(crypto, th_2, plaintext_2, cred_r):
    """TH_3 = H( TH_2, PLAINTEXT_2, CRED_R )."""
    # In parts: together they hold a certificate twice, and a device has no room for a copy.
    return crypto.sha256(encode(th_2), plaintext_2, cred_r)


# TH_4 = H( TH_3, PLAINTEXT_3, CRED_I ) is the same function of the next values.
th_4 = th_3


def prk_2e(crypto, th_2, g_xy):
    """PRK_2e = EDHOC_Extract( TH_2, G_XY )."""
    return bytearray(crypto.hkdf_extract(th_2, g_xy))


def keystream_2(crypto, prk_2e, th_2, length):
    """KEYSTREAM_2, as long as PLAINTEXT_2."""
    return kdf(crypto, prk_2e, 0, th_2, length)


def salt_3e2m(crypto, prk_2e, th_2):
    """SALT_3e2m, 32 bytes."""
    return kdf(crypto, prk_2e, 1, th_2, HASH_LEN)


def prk_3e2m(crypto, prk_2e, th_2, g_rx):
    """PRK_3e2m; ``g_rx`` is None when the Responder signs, and then it is PRK_2e."""
    if g_rx is None:
        return bytearray(prk_2e)
    return bytearray(crypto.hkdf_extract(salt_3e2m(crypto, prk_2e, th_2), g_rx))


def mac_2(crypto, prk_3e2m, c_r, id_cred_r, th_2, cred_r, ead_2, length):
    """MAC_2; ``c_r`` is the connection identifier as it is on the wire."""
    return _mac(crypto, prk_3e2m, 2, c_r, id_cred_r, th_2, cred_r, ead_2, length)


def k_3(crypto, prk_3e2m, th_3):
    """K_3, 16 bytes."""
    return kdf(crypto, prk_3e2m, 3, th_3, KEY_LEN)


def iv_3(crypto, prk_3e2m, th_3):
    """IV_3, 13 bytes."""
    return kdf(crypto, prk_3e2m, 4, th_3, NONCE_LEN)


def salt_4e3m(crypto, prk_3e2m, th_3):
    """SALT_4e3m, 32 bytes."""
    return kdf(crypto, prk_3e2m, 5, th_3, HASH_LEN)


def prk_4e3m(crypto, prk_3e2m, th_3, g_iy):
    """PRK_4e3m; ``g_iy`` is None when the Initiator signs, and then it is PRK_3e2m."""
    if g_iy is None:
        return bytearray(prk_3e2m)
    return bytearray(crypto.hkdf_extract(salt_4e3m(crypto, prk_3e2m, th_3), g_iy))


def mac_3(crypto, prk_4e3m, id_cred_i, th_3, cred_i, ead_3, length):
    """MAC_3."""
    return _mac(crypto, prk_4e3m, 6, b"", id_cred_i, th_3, cred_i, ead_3, length)


def prk_out(crypto, prk_4e3m, th_4):
    """PRK_out, 32 bytes."""
    return bytearray(kdf(crypto, prk_4e3m, 7, th_4, HASH_LEN))


def k_4(crypto, prk_4e3m, th_4):
    """K_4, 16 bytes."""
    return kdf(crypto, prk_4e3m, 8, th_4, KEY_LEN)


def iv_4(crypto, prk_4e3m, th_4):
    """IV_4, 13 bytes."""
    return kdf(crypto, prk_4e3m, 9, th_4, NONCE_LEN)


def prk_exporter(crypto, prk_out):
    """PRK_exporter, 32 bytes."""
    return bytearray(kdf(crypto, prk_out, 10, b"", HASH_LEN))


def key_update(crypto, prk_out, context):
    """The next PRK_out (RFC 9528 Appendix H)."""
    return bytearray(kdf(crypto, prk_out, 11, context, HASH_LEN))


def _mac(crypto, prk, label, c_r, id_cred, th, cred, ead, length):
    # Written straight into info: context_x holds a certificate twice, and a device has no room for a copy.
    info = bytearray(head(0, label))
    info.extend(head(2, len(c_r) + len(id_cred) + 2 + len(th) + len(cred) + len(ead)))
    info.extend(c_r)
    info.extend(id_cred)
    put_bstr(info, th)
    info.extend(cred)
    info.extend(ead)
    info.extend(head(0, length))
    return crypto.hkdf_expand(prk, info, length)
