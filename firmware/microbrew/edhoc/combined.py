"""EDHOC message_3 and an OSCORE request in one CoAP request (RFC 9668 section 3): both ends, without the keys.

Client: protect the first request with the context that EDHOC gave, then ``combine``. Server: ``session_of`` finds
the waiting run, ``split`` gives message_3 for it and the OSCORE request for the context that comes out of it. Only
for the forward flow (the client is the Initiator), and only where message_4 is not used. Left out, as they are
the endpoints' matter: outer block-wise transfers, which a server reassembles before (section 3.3.1), and the
choice of identifiers (section 4).
"""

from microbrew.cbor import Reader
from microbrew.coap import numbers
from microbrew.coap.message import Message
from microbrew.compat import const
from microbrew.edhoc.messages import MAX_MESSAGE
from microbrew.errors import CoapError, DecodeError
from microbrew.oscore import option

# What an OSCORE message may have as payload without outer block-wise transfer (RFC 8613 section 4.1.3.4.2).
MAX_UNFRAGMENTED_SIZE = 1024

# OSCORE ciphertexts hold a code and a tag at least.
_MIN_CIPHERTEXT = const(9)


def fits(message_3, request, max_size=MAX_UNFRAGMENTED_SIZE):
    """True if ``combine`` may be used; if not, message_3 goes first, on its own (section 3.2.1, step B)."""
    return len(message_3) + len(request.payload) <= max_size


def combine(message_3, request, block1=None, max_size=MAX_UNFRAGMENTED_SIZE):
    """The EDHOC + OSCORE request of ``request``, an OSCORE-protected one, which is left as it is.

    ``block1`` is the value of its inner Block1 option as an integer, if it had one before it was protected: only
    the first block can take message_3 along (section 3.2.1, step A). Raises ValueError for another block, for
    what is too long, and for what is no OSCORE request.
    """
    if block1 is not None and block1 >> 4:
        raise ValueError("only the first block can take message_3 along")
    if not fits(message_3, request, max_size):
        raise ValueError("too long to be combined")
    if request.option(numbers.OSCORE) is None or request.option(numbers.EDHOC) is not None:
        raise ValueError("not an OSCORE request, or combined already")
    out = Message(request.type, request.code, request.mid, request.token, list(request.options))
    # The combined payload has no media type.
    out.remove(numbers.CONTENT_FORMAT)
    out.add(numbers.EDHOC, b"")
    out.payload = bytes(message_3) + bytes(request.payload)
    return out


def is_combined(request):
    """True if ``request`` has the EDHOC option; its value, if any, means nothing."""
    return request.option(numbers.EDHOC) is not None


def session_of(request):
    """C_R of the run that ``request`` ends: the kid of its OSCORE option. Raises CoapError 4.00."""
    values = request.options_of(numbers.OSCORE)
    try:
        if len(values) != 1:
            raise DecodeError("OSCORE option: one expected")
        kid = option.decode(values[0])[1]
    except DecodeError:
        raise _bad_request() from None
    if kid is None:
        raise _bad_request()
    return kid


def split(request):
    """message_3, and the OSCORE request without it and without the EDHOC option. Raises CoapError 4.00.

    If message_3 fails, answer without OSCORE by an EDHOC error of code 1, Content-Format 64, and make no
    context. If only the OSCORE request fails, its errors are those of RFC 8613 section 8.2.
    """
    session_of(request)
    if len(request.options_of(numbers.EDHOC)) != 1 or request.code >> 5 or not request.code:
        raise _bad_request()
    payload = request.payload
    reader = Reader(payload)
    try:
        if reader.peek_major() != 2:
            raise DecodeError("EDHOC: byte string expected")
        reader.item()
    except DecodeError:
        raise _bad_request() from None
    if reader.pos > MAX_MESSAGE or len(payload) - reader.pos < _MIN_CIPHERTEXT:
        raise _bad_request()
    out = Message(request.type, request.code, request.mid, request.token, list(request.options))
    out.remove(numbers.EDHOC)
    out.payload = bytes(payload[reader.pos :])
    return bytes(payload[: reader.pos]), out


def _bad_request():
    return CoapError(numbers.BAD_REQUEST, "not an EDHOC and OSCORE request")
