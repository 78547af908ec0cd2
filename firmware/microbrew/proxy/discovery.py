"""Join proxy and registrar discovery over CoAP (draft-ietf-anima-constrained-join-proxy-06 sections 6.1 and 6.3).

A pledge asks its neighbour for ``rt=brski.jp``, a node asks the JRC for ``rt=brski.rjp``; both get one link in
link-format (RFC 6690). Links say ``coap``: the channel is protected by OSCORE, not by DTLS (docs/decisions/0001).
"""

from microbrew.coap import numbers
from microbrew.coap.message import request, response
from microbrew.compat import const
from microbrew.errors import DecodeError
from microbrew.ip import addr

JOIN_PROXY = "brski.jp"
REGISTRAR = "brski.rjp"
CORE_PATH = (".well-known", "core")

_COAP_PORT = const(5683)
_MAX_LINKS = const(256)


def link(address, port, resource_type):
    """The link that says where ``resource_type`` is: ``address`` 16 bytes."""
    return '<coap://[%s]:%d>;rt="%s"' % (addr.text(address), port, resource_type)


def query(resource_type):
    """The request that asks where ``resource_type`` is."""
    return request(numbers.GET, CORE_PATH).add(numbers.URI_QUERY, "rt=" + resource_type)


def port_of(links, resource_type):
    """Port in the link of ``resource_type`` in a link-format document, 5683 where the link names none.

    The address in the link is not used: who answered is who is meant. Raises DecodeError.
    """
    if len(links) > _MAX_LINKS:
        raise DecodeError("discovery: answer too long")
    try:
        text = str(bytes(links), "ascii")
    except (UnicodeError, ValueError):
        raise DecodeError("discovery: answer is not text") from None
    for item in text.split(","):
        target, _, attributes = item.partition(">")
        if ("rt=" + resource_type) in attributes.replace('"', "").split(";"):
            return _port(target)
    raise DecodeError("discovery: no link of type " + resource_type)


def _port(target):
    _, bracket, rest = target.partition("]")
    if not bracket:
        raise DecodeError("discovery: link without an address")
    rest = rest.partition("/")[0]
    if not rest:
        return _COAP_PORT
    digits = rest[1:]
    if rest[0] != ":" or not 0 < len(digits) <= 5 or not digits.isdigit() or not 0 < int(digits) < 65536:
        raise DecodeError("discovery: link with a bad port")
    return int(digits)


def answer(question, address, join_port):
    """Response of a join proxy to a question on its discovery port: the only one that it serves to strangers."""
    try:
        path = question.path()
        queries = question.queries()
    except DecodeError:
        return response(numbers.BAD_REQUEST)
    if path != CORE_PATH:
        return response(numbers.NOT_FOUND)
    if question.code != numbers.GET:
        return response(numbers.METHOD_NOT_ALLOWED)
    for text in queries:
        if text not in ("rt=" + JOIN_PROXY, "rt=brski*", "rt=brski.*"):
            # RFC 6690 section 4.1: a filter that matches nothing.
            return response(numbers.CONTENT, b"", numbers.LINK_FORMAT)
    return response(numbers.CONTENT, link(address, join_port, JOIN_PROXY).encode(), numbers.LINK_FORMAT)
