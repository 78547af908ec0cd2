"""A Parameter Update from the JRC as a CoAP request (RFC 9031 section 8.3.2): what a node and a 6LBR answer."""

from microbrew.coap import numbers
from microbrew.coap.message import response
from microbrew.errors import DecodeError, StoreError
from microbrew.join import cojp

JOIN_PATH = ("j",)


def answer(request, install):
    """Response to ``request``, the inner message of one that OSCORE verified.

    ``install(config)`` takes a cojp.Configuration over as a whole, or raises ValueError or StoreError. A
    Configuration with anything in it that is not understood is reported and not installed.
    """
    try:
        if request.path() != JOIN_PATH:
            return response(numbers.NOT_FOUND)
        if request.code != numbers.POST:
            return response(numbers.METHOD_NOT_ALLOWED)
        config = cojp.parse_configuration(request.payload)
    except DecodeError:
        return response(numbers.BAD_REQUEST)
    if config.unsupported:
        return response(numbers.BAD_REQUEST, cojp.encode_unsupported(config.unsupported), numbers.CBOR)
    try:
        install(config)
    except (StoreError, ValueError):
        return response(numbers.INTERNAL_SERVER_ERROR)
    return response(numbers.CHANGED)
