"""Every name that the decoders print, by registry: CoAP, COSE, CWT, EDHOC, YANG SIDs, CoJP, IEEE 802.15.4.

Numbers are those of the IANA registries and of RFC 7252, 7959, 8613, 9052, 9053, 9360, 9528, 9031, 9032 and
draft-ietf-anima-rfc8366bis (SID files of 2025-12-18).
"""

# --- CoAP (RFC 7252 section 12)

COAP_TYPES = {0: "CON", 1: "NON", 2: "ACK", 3: "RST"}

COAP_CODES = {
    0x00: "Empty",
    0x01: "GET",
    0x02: "POST",
    0x03: "PUT",
    0x04: "DELETE",
    0x05: "FETCH",
    0x06: "PATCH",
    0x07: "iPATCH",
    0x41: "Created",
    0x42: "Deleted",
    0x43: "Valid",
    0x44: "Changed",
    0x45: "Content",
    0x5F: "Continue",
    0x80: "Bad Request",
    0x81: "Unauthorized",
    0x82: "Bad Option",
    0x83: "Forbidden",
    0x84: "Not Found",
    0x85: "Method Not Allowed",
    0x86: "Not Acceptable",
    0x88: "Request Entity Incomplete",
    0x89: "Conflict",
    0x8C: "Precondition Failed",
    0x8D: "Request Entity Too Large",
    0x8F: "Unsupported Content-Format",
    0x96: "Unprocessable Entity",
    0x9D: "Too Many Requests",
    0xA0: "Internal Server Error",
    0xA1: "Not Implemented",
    0xA2: "Bad Gateway",
    0xA3: "Service Unavailable",
    0xA4: "Gateway Timeout",
    0xA5: "Proxying Not Supported",
    0xA8: "Hop Limit Reached",
}

# Number -> (name, format): "string", "uint", "opaque", "empty", "block", "content-format", "oscore".
COAP_OPTIONS = {
    1: ("If-Match", "opaque"),
    3: ("Uri-Host", "string"),
    4: ("ETag", "opaque"),
    5: ("If-None-Match", "empty"),
    6: ("Observe", "uint"),
    7: ("Uri-Port", "uint"),
    8: ("Location-Path", "string"),
    9: ("OSCORE", "oscore"),
    11: ("Uri-Path", "string"),
    12: ("Content-Format", "content-format"),
    13: ("Uri-Path-Abbrev", "uint"),
    14: ("Max-Age", "uint"),
    15: ("Uri-Query", "string"),
    16: ("Hop-Limit", "uint"),
    17: ("Accept", "content-format"),
    19: ("Q-Block1", "block"),
    20: ("Location-Query", "string"),
    21: ("EDHOC", "empty"),
    23: ("Block2", "block"),
    27: ("Block1", "block"),
    28: ("Size2", "uint"),
    31: ("Q-Block2", "block"),
    35: ("Proxy-Uri", "string"),
    39: ("Proxy-Scheme", "string"),
    60: ("Size1", "uint"),
    252: ("Echo", "opaque"),
    258: ("No-Response", "uint"),
    292: ("Request-Tag", "opaque"),
}

CONTENT_FORMATS = {
    0: "text/plain",
    16: "application/cose; cose-type=cose-encrypt0",
    17: "application/cose; cose-type=cose-mac0",
    18: "application/cose; cose-type=cose-sign1",
    40: "application/link-format",
    42: "application/octet-stream",
    50: "application/json",
    60: "application/cbor",
    61: "application/cwt",
    62: "application/multipart-core",
    63: "application/cbor-seq",
    64: "application/edhoc+cbor-seq",
    65: "application/cid-edhoc+cbor-seq",
    101: "application/cose-key",
    280: "application/pkcs7-mime; smime-type=server-generated-key",
    281: "application/pkcs7-mime; smime-type=certs-only",
    284: "application/pkcs8",
    285: "application/csrattrs",
    286: "application/pkcs10",
    287: "application/pkix-cert",
    836: "application/voucher+cose",
}

# --- COSE (RFC 9052, 9053, 9360, 9528)

COSE_HEADERS = {
    1: "alg",
    2: "crit",
    3: "content type",
    4: "kid",
    5: "IV",
    6: "Partial IV",
    10: "kid context",
    13: "kcwt",
    14: "kccs",
    15: "CWT Claims",
    16: "typ",
    22: "c5t",
    23: "c5u",
    24: "c5b",
    25: "c5c",
    32: "x5bag",
    33: "x5chain",
    34: "x5t",
    35: "x5u",
}

COSE_ALGORITHMS = {
    1: "A128GCM",
    2: "A192GCM",
    3: "A256GCM",
    5: "HMAC 256/256",
    10: "AES-CCM-16-64-128",
    11: "AES-CCM-16-64-256",
    12: "AES-CCM-64-64-128",
    24: "ChaCha20/Poly1305",
    30: "AES-CCM-16-128-128",
    31: "AES-CCM-16-128-256",
    32: "AES-CCM-64-128-128",
    -7: "ES256",
    -8: "EdDSA",
    -9: "ESP256",
    -10: "direct+HKDF-SHA-256",
    -15: "SHA-256/64",
    -16: "SHA-256",
    -18: "SHAKE128",
    -19: "Ed25519",
    -35: "ES384",
    -36: "ES512",
    -43: "SHA-384",
    -44: "SHA-512",
    -45: "SHAKE256",
    -47: "ES256K",
    -48: "ML-DSA-44",
    -49: "ML-DSA-65",
    -50: "ML-DSA-87",
    -51: "ESP384",
    -52: "ESP512",
    -53: "Ed448",
}

COSE_KEY_TYPES = {1: "OKP", 2: "EC2", 3: "RSA", 4: "Symmetric"}
COSE_CURVES = {
    1: "P-256",
    2: "P-384",
    3: "P-521",
    4: "X25519",
    5: "X448",
    6: "Ed25519",
    7: "Ed448",
    8: "secp256k1",
}
COSE_KEY_LABELS = {1: "kty", 2: "kid", 3: "alg", 4: "key_ops", 5: "Base IV"}

COSE_TAGS = {
    16: "COSE_Encrypt0",
    17: "COSE_Mac0",
    18: "COSE_Sign1",
    96: "COSE_Encrypt",
    97: "COSE_Mac",
    98: "COSE_Sign",
}

# --- CWT claims (RFC 8392, 8747)

CWT_CLAIMS = {
    1: "iss",
    2: "sub",
    3: "aud",
    4: "exp",
    5: "nbf",
    6: "iat",
    7: "cti",
    8: "cnf",
    10: "nonce",
}

# --- EDHOC (RFC 9528)

EDHOC_METHODS = {
    0: "signature - signature",
    1: "signature - static DH",
    2: "static DH - signature",
    3: "static DH - static DH",
}

# Suite -> (name, length of G_X and G_Y in bytes).
EDHOC_SUITES = {
    0: ("AES-CCM-16-64-128, SHA-256, 8, X25519, EdDSA", 32),
    1: ("AES-CCM-16-128-128, SHA-256, 16, X25519, EdDSA", 32),
    2: ("AES-CCM-16-64-128, SHA-256, 8, P-256, ES256", 32),
    3: ("AES-CCM-16-128-128, SHA-256, 16, P-256, ES256", 32),
    4: ("ChaCha20/Poly1305, SHA-256, 16, X25519, EdDSA", 32),
    5: ("ChaCha20/Poly1305, SHA-256, 16, P-256, ES256", 32),
    6: ("A128GCM, SHA-256, 16, X25519, ES256", 32),
    24: ("A256GCM, SHA-384, 16, P-384, ES384", 48),
    25: ("ChaCha20/Poly1305, SHAKE256, 16, X448, EdDSA", 56),
}

EDHOC_ERRORS = {
    0: "success",
    1: "unspecified error",
    2: "wrong selected cipher suite",
    3: "unknown credential referenced",
}

EDHOC_EAD = {0: "padding"}

# --- Vouchers (draft-ietf-anima-rfc8366bis): container SID, name, and leaf deltas.

VOUCHER_SID = 2451
VOUCHER_REQUEST_SID = 2501

VOUCHER_CONTAINERS = {VOUCHER_SID: "ietf-voucher:voucher", VOUCHER_REQUEST_SID: "ietf-voucher-request:voucher"}

VOUCHER_LEAVES = {
    1: "assertion",
    2: "created-on",
    3: "domain-cert-revocation-checks",
    4: "expires-on",
    5: "idevid-issuer",
    6: "last-renewal-date",
    7: "nonce",
    8: "pinned-domain-cert",
    9: "pinned-domain-pubk",
    10: "pinned-domain-pubk-sha256",
    11: "serial-number",
    12: "additional-configuration-url",
    13: "est-domain",
    14: "manufacturer-proprietary",
    15: "extensions",
}

VOUCHER_REQUEST_LEAVES = {
    1: "assertion",
    2: "created-on",
    3: "domain-cert-revocation-checks",
    4: "expires-on",
    5: "idevid-issuer",
    6: "last-renewal-date",
    7: "nonce",
    8: "pinned-domain-cert",
    9: "prior-signed-voucher-request",
    10: "proximity-registrar-cert",
    11: "proximity-registrar-pubk-sha256",
    12: "proximity-registrar-pubk",
    13: "serial-number",
    14: "agent-provided-proximity-registrar-cert",
    15: "agent-sign-cert",
    16: "agent-signed-data",
    17: "pinned-domain-pubk",
    18: "pinned-domain-pubk-sha256",
    19: "additional-configuration-url",
    20: "est-domain",
    21: "extensions",
    22: "manufacturer-proprietary",
}

VOUCHER_ASSERTIONS = {0: "verified", 1: "logged", 2: "proximity", 3: "agent-proximity"}

# --- CoJP (RFC 9031 section 8.4)

COJP_LABELS = {
    1: "role",
    2: "link-layer key set",
    3: "short identifier",
    4: "JRC address",
    5: "network identifier",
    6: "blacklist",
    7: "join rate",
    8: "unsupported configuration",
}
COJP_ROLES = {0: "6TiSCH node", 1: "6LBR"}
COJP_KEY_USAGES = {
    0: "6TiSCH-K1K2-ENC-MIC32",
    1: "6TiSCH-K1K2-ENC-MIC64",
    2: "6TiSCH-K1K2-ENC-MIC128",
    3: "6TiSCH-K1K2-MIC32",
    4: "6TiSCH-K1K2-MIC64",
    5: "6TiSCH-K1K2-MIC128",
    6: "6TiSCH-K1-MIC32",
    7: "6TiSCH-K1-MIC64",
    8: "6TiSCH-K1-MIC128",
    9: "6TiSCH-K2-MIC32",
    10: "6TiSCH-K2-MIC64",
    11: "6TiSCH-K2-MIC128",
    12: "6TiSCH-K2-ENC-MIC32",
    13: "6TiSCH-K2-ENC-MIC64",
    14: "6TiSCH-K2-ENC-MIC128",
}
COJP_UNSUPPORTED_CODES = {0: "unsupported", 1: "malformed"}

# --- Join proxy (draft-ietf-anima-constrained-join-proxy-06)

ADDRESS_FAMILIES = {1: "IPv4", 2: "IPv6"}

# --- IEEE 802.15.4

FRAME_TYPES = {0: "beacon", 1: "data", 2: "acknowledgement", 3: "MAC command", 5: "multipurpose"}
FRAME_VERSIONS = {0: "2003", 1: "2006", 2: "2015"}
SECURITY_LEVELS = {
    0: "none",
    1: "MIC-32",
    2: "MIC-64",
    3: "MIC-128",
    4: "ENC",
    5: "ENC-MIC-32",
    6: "ENC-MIC-64",
    7: "ENC-MIC-128",
}
MIC_LENGTHS = (0, 4, 8, 16, 0, 4, 8, 16)
HEADER_IES = {
    0x1A: "LE CSL",
    0x1E: "time correction",
    0x7E: "header IEs end, payload IEs follow",
    0x7F: "header IEs end, payload follows",
}
PAYLOAD_IES = {0: "ESDU", 1: "MLME", 2: "vendor", 3: "MPX", 5: "IETF", 15: "termination"}
MLME_SHORT_IES = {
    0x1A: "TSCH synchronization",
    0x1B: "TSCH slotframe and link",
    0x1C: "TSCH timeslot",
    0x1D: "hopping timing",
    0x1E: "enhanced beacon filter",
    0x1F: "MAC metrics",
}
MLME_LONG_IES = {0x9: "channel hopping"}
IETF_SUBTYPES = {1: "6top protocol", 2: "minimal security join information"}
LINK_OPTIONS = ("TX", "RX", "shared", "timekeeping", "priority")

# --- X.509 extensions (RFC 5280, 8520, 8995, 4108)

CERTIFICATE_EXTENSIONS = {
    "1.3.6.1.5.5.7.1.25": "MUD URL",
    "1.3.6.1.5.5.7.1.30": "MUD signer",
    "1.3.6.1.5.5.7.1.32": "MASA URL",
}
HARDWARE_MODULE_NAME = "1.3.6.1.5.5.7.8.4"
EXTENDED_KEY_USAGES = {
    "1.3.6.1.5.5.7.3.28": "cmcRA",
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
}
