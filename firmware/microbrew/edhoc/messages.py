"""EDHOC messages and plaintexts on the wire (RFC 9528 sections 3.3, 5 and 6), no cryptography.

Each is a CBOR sequence; what is not in deterministic encoding is refused. Readers raise DecodeError.
"""

from microbrew.cbor import Reader, encode, head
from microbrew.edhoc import ead
from microbrew.edhoc.suites import MAX_SUITES
from microbrew.errors import DecodeError, EdhocError

MAX_MESSAGE = 1200
# With the 13-byte nonces of suites 0-3 an OSCORE Sender ID has at most 7 bytes (RFC 8613 section 3.3).
MAX_CONNECTION_ID = 7
MAX_KID = 64
MAX_ERROR_TEXT = 128

_MAX_ITEMS = 64
_MAX_DEPTH = 5


class Message1:
    """Fields of a parsed message_1; ``suites_i`` is a list whose last element is the selected suite."""

    __slots__ = ("c_i", "ead_1", "g_x", "method", "suites_i")

    def __init__(self, method, suites_i, g_x, c_i, ead_1):
        self.method = method
        self.suites_i = suites_i
        self.g_x = g_x
        self.c_i = c_i
        self.ead_1 = ead_1


class Plaintext:
    """Fields of a parsed PLAINTEXT_2 or PLAINTEXT_3.

    ``c_r`` is None in PLAINTEXT_3. ``id_cred`` is the full map, as received or rebuilt from a compact kid.
    ``ead`` is the EAD field as received, ``items`` the same as ``(label, value)`` pairs.
    """

    __slots__ = ("c_r", "ead", "id_cred", "items", "proof")

    def __init__(self, c_r, id_cred, proof, ead_field, items):
        self.c_r = c_r
        self.id_cred = id_cred
        self.proof = proof
        self.ead = ead_field
        self.items = items


def encode_identifier(identifier):
    """bstr_identifier: a byte that is itself a CBOR integer stands for itself, all else is a byte string."""
    if len(identifier) == 1 and _is_small_int(identifier[0]):
        return bytes(identifier)
    return encode(bytes(identifier))


def split_identifier(payload):
    """The C_x in front of a message in a CoAP payload, and what follows it. Raises DecodeError."""
    reader = Reader(payload)
    identifier = _identifier(reader, MAX_CONNECTION_ID)
    return identifier, bytes(payload[reader.pos :])


def check_connection_id(identifier):
    """Raises ValueError for an identifier that a peer would refuse."""
    if len(identifier) > MAX_CONNECTION_ID:
        raise ValueError("connection identifier too long")


def compact_id_cred(id_cred):
    """ID_CRED_x as it is in a plaintext: ``{4: kid}`` alone shrinks to the kid (section 3.5.3.2)."""
    kid = _only_kid(id_cred)
    return id_cred if kid is None else encode_identifier(kid)


def check_message_1(ead_1):
    """Raises ValueError for an EAD_1 that would make message_1 one that a peer refuses."""
    ead.check(ead_1)
    # METHOD, SUITES_I, G_X and C_I at their longest.
    if len(ead_1) > MAX_MESSAGE - 1 - (1 + 2 * MAX_SUITES) - 34 - (1 + MAX_CONNECTION_ID):
        raise ValueError("EAD_1 too long")


def check_plaintext(id_cred, proof_len, ead_field, overhead):
    """Raises ValueError if a message around this plaintext would be one that a peer refuses.

    ``overhead`` is what the message adds to ID_CRED_x, Signature_or_MAC_x and EAD_x, its own header aside.
    """
    ead.check(ead_field)
    length = len(compact_id_cred(id_cred)) + 2 + proof_len + len(ead_field) + overhead
    if length > MAX_MESSAGE - 3:
        raise ValueError("EDHOC message too long")


def check_plaintext_4(ead_4):
    """Raises ValueError for an EAD_4 that would make message_4 one that a peer refuses."""
    ead.check(ead_4)
    if len(ead_4) > MAX_MESSAGE - 3 - 16:
        raise ValueError("EAD_4 too long")


def encode_suites(suites):
    """SUITES_I or SUITES_R: one alone is an integer."""
    return encode(suites[0] if len(suites) == 1 else list(suites))


def encode_message_1(method, suites_i, g_x, c_i, ead_1):
    """message_1 as bytes."""
    return encode(method) + encode_suites(suites_i) + encode(bytes(g_x)) + encode_identifier(c_i) + ead_1


def parse_message_1(buf):
    """The Message1 in ``buf``."""
    reader = _reader(buf)
    method = _int(reader)
    suites_i = _suites(reader)
    g_x = _bstr(reader)
    c_i = _identifier(reader, MAX_CONNECTION_ID)
    return Message1(method, suites_i, g_x, c_i, ead.read(reader))


def parse_bstr(buf):
    """The one byte string that message_2, message_3 or message_4 is.

    Raises EdhocError with ``received`` set when ``buf`` is an error message instead.
    """
    reader = _reader(buf)
    if reader.peek_major() <= 1:
        raise parse_error(buf)
    content = _bstr(reader)
    reader.finish()
    return content


def encode_bstr(content):
    """message_2, message_3 or message_4 out of what it wraps."""
    # ``encode`` has two copies for a moment, and message_3 is long.
    return head(2, len(content)) + content


def encode_plaintext(c_r, id_cred, proof, ead_field):
    """PLAINTEXT_2, or PLAINTEXT_3 with ``c_r`` None, as a bytearray."""
    out = bytearray()
    if c_r is not None:
        out.extend(encode_identifier(c_r))
    out.extend(compact_id_cred(id_cred))
    out.extend(encode(proof))
    out.extend(ead_field)
    return out


def parse_plaintext(buf, has_c_r, proof_len):
    """The Plaintext in ``buf``; Signature_or_MAC_x must have ``proof_len`` bytes."""
    reader = _reader(buf)
    c_r = _identifier(reader, MAX_CONNECTION_ID) if has_c_r else None
    if reader.peek_major() == 5:
        id_cred = reader.raw()
        if len(id_cred) == 1:
            raise DecodeError("EDHOC: empty ID_CRED")
        if _only_kid(id_cred) is not None:
            raise DecodeError("EDHOC: kid not in its compact form")
    else:
        id_cred = b"\xa1\x04" + encode(_identifier(reader, MAX_KID))
    proof = _bstr(reader)
    if len(proof) != proof_len:
        raise DecodeError("EDHOC: wrong length of Signature_or_MAC")
    start = reader.pos
    items = ead.read(reader)
    return Plaintext(c_r, id_cred, proof, bytes(buf[start:]), items)


def parse_plaintext_4(buf):
    """The EAD items that PLAINTEXT_4 is."""
    return ead.read(_reader(buf))


def error_message(code, info):
    """An EDHOC error message: text for code 1, suites for 2, True for 3. ValueError for other codes."""
    if code == 1:
        info = encode(str(info)[:MAX_ERROR_TEXT])
    elif code == 2:
        if not 1 <= len(info) <= MAX_SUITES:
            raise ValueError("number of cipher suites")
        info = encode_suites(info)
    elif code == 3:
        info = b"\xf5"
    else:
        raise ValueError("no EDHOC error message with this code")
    return encode(code) + info


def parse_error(buf):
    """EdhocError, to be raised by the caller, out of a received error message.

    Never raises: what is malformed is an error of code 1 all the same, for the peer has given up. Text of the
    peer is cut and reduced to printable ASCII; ``info`` is None for codes that we do not know.
    """
    try:
        reader = _reader(buf)
        code = _int(reader)
        if code == 1 and reader.peek_major() == 3:
            error = EdhocError(1, _printable(reader.item()[:MAX_ERROR_TEXT]), True)
        elif code == 2:
            error = EdhocError(2, _suites(reader), True)
        elif code == 3 and reader.item() is True:
            error = EdhocError(3, True, True)
        elif code in (1, 3):
            raise DecodeError("EDHOC: ERR_INFO")
        else:
            error = EdhocError(code, None, True)
            if reader.more():
                reader.item()
        reader.finish()
    except DecodeError:
        return EdhocError(1, "malformed error message", True)
    return error


def _reader(buf):
    if len(buf) > MAX_MESSAGE:
        raise DecodeError("EDHOC: message too long")
    return Reader(buf, 0, None, _MAX_DEPTH, _MAX_ITEMS)


def _printable(text):
    return "".join([c if " " <= c <= "~" else "?" for c in text])


def _is_small_int(byte):
    return byte < 0x18 or 0x20 <= byte < 0x38


def _int(reader):
    if reader.peek_major() > 1:
        raise DecodeError("EDHOC: integer expected")
    return reader.item()


def _bstr(reader):
    if reader.peek_major() != 2:
        raise DecodeError("EDHOC: byte string expected")
    return reader.item()


def _suites(reader):
    if reader.peek_major() != 4:
        return [_int(reader)]
    count = reader.array()
    if not 2 <= count <= MAX_SUITES:
        raise DecodeError("EDHOC: number of cipher suites")
    return [_int(reader) for _ in range(count)]


def _identifier(reader, max_len):
    start = reader.pos
    if reader.peek_major() <= 1:
        reader.item()
        if reader.pos != start + 1:
            raise DecodeError("EDHOC: identifier")
        return bytes(reader.buf[start : start + 1])
    identifier = _bstr(reader)
    if len(identifier) > max_len:
        raise DecodeError("EDHOC: identifier too long")
    if len(identifier) == 1 and _is_small_int(identifier[0]):
        raise DecodeError("EDHOC: identifier not in its shortest form")
    return identifier


def _only_kid(id_cred):
    if bytes(id_cred[:2]) != b"\xa1\x04":
        return None
    reader = Reader(id_cred, 2)
    return reader.item() if reader.peek_major() == 2 else None
