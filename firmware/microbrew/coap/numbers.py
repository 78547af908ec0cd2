"""CoAP numbers that this project uses (RFC 7252 section 12, RFC 7959, RFC 8613, RFC 9175, RFC 9668).

Also the one question asked of the option registry at run time: is there a critical option here that we do not
understand? Formats of elective options are judged where they are read.
"""

from microbrew.compat import const

CON = const(0)
NON = const(1)
ACK = const(2)
RST = const(3)

EMPTY = const(0)
GET = const(0x01)
POST = const(0x02)
PUT = const(0x03)
DELETE = const(0x04)
FETCH = const(0x05)

CREATED = const(0x41)
DELETED = const(0x42)
VALID = const(0x43)
CHANGED = const(0x44)
CONTENT = const(0x45)
CONTINUE = const(0x5F)
BAD_REQUEST = const(0x80)
UNAUTHORIZED = const(0x81)
BAD_OPTION = const(0x82)
FORBIDDEN = const(0x83)
NOT_FOUND = const(0x84)
METHOD_NOT_ALLOWED = const(0x85)
NOT_ACCEPTABLE = const(0x86)
REQUEST_ENTITY_INCOMPLETE = const(0x88)
REQUEST_ENTITY_TOO_LARGE = const(0x8D)
UNSUPPORTED_CONTENT_FORMAT = const(0x8F)
INTERNAL_SERVER_ERROR = const(0xA0)
SERVICE_UNAVAILABLE = const(0xA3)
GATEWAY_TIMEOUT = const(0xA4)
PROXYING_NOT_SUPPORTED = const(0xA5)

URI_HOST = const(3)
ETAG = const(4)
OBSERVE = const(6)
URI_PORT = const(7)
OSCORE = const(9)
URI_PATH = const(11)
CONTENT_FORMAT = const(12)
MAX_AGE = const(14)
URI_QUERY = const(15)
HOP_LIMIT = const(16)
ACCEPT = const(17)
EDHOC = const(21)
BLOCK2 = const(23)
BLOCK1 = const(27)
SIZE2 = const(28)
PROXY_URI = const(35)
PROXY_SCHEME = const(39)
SIZE1 = const(60)
ECHO = const(252)
NO_RESPONSE = const(258)
REQUEST_TAG = const(292)

LINK_FORMAT = const(40)
CBOR = const(60)
EDHOC_CBOR_SEQ = const(64)
CID_EDHOC_CBOR_SEQ = const(65)
VOUCHER_COSE = const(836)

# Critical options that are understood, each with its shortest and longest value; those in _REPEATABLE may
# occur more than once.
_CRITICAL = {
    3: (1, 255),
    7: (0, 2),
    9: (0, 255),
    11: (0, 255),
    15: (0, 255),
    17: (0, 2),
    21: (0, 255),
    23: (0, 3),
    27: (0, 3),
}
_REPEATABLE = (11, 15)


def bad_critical(options, understood=()):
    """The first critical option that must not be ignored (RFC 7252 section 5.4.1), or ``None``.

    That is one that is unknown and not in ``understood``, has a value of a length its format forbids, or is
    repeated although it may not be (sections 5.4.3 and 5.4.5).
    """
    previous = -1
    for number, value in options:
        if number & 1 and number not in understood:
            limits = _CRITICAL.get(number)
            if limits is None or not limits[0] <= len(value) <= limits[1]:
                return number
            if number == previous and number not in _REPEATABLE:
                return number
        previous = number
    return None


def code_text(code):
    """``"4.04"`` for 0x84: how a code is written in logs."""
    return "%d.%02d" % (code >> 5, code & 0x1F)
