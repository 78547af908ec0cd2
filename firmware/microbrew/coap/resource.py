"""Resources of a CoAP server: which handler serves a request, and discovery (RFC 7252 section 5.8, RFC 6690).

The order of decisions is the one that lets no one learn more than needed: critical options, blocks, path,
protection, method, Content-Format, Accept, handler.
"""

from microbrew.coap import numbers
from microbrew.coap.message import response
from microbrew.errors import CoapError, DecodeError

_CORE = (".well-known", "core")


class _Resource:
    __slots__ = ("consumes", "methods", "oscore", "produces")

    def __init__(self, methods, oscore, consumes, produces):
        self.methods = methods
        self.oscore = oscore
        self.consumes = consumes
        self.produces = produces


class Site:
    """The resources of one server; ``blocks`` is a blockwise.Server, ``None`` if all bodies fit a datagram.

    ``understood`` holds the numbers of further critical options that the handlers mind.
    """

    __slots__ = ("_blocks", "_links", "_resources", "understood")

    def __init__(self, blocks=None):
        self._blocks = blocks
        self._resources = {}
        self._links = []
        self.understood = ()

    def add(self, path, methods, rt=None, oscore=False, consumes=None, produces=None):
        """Serve ``path``, a tuple of str, by ``methods``: {code: handler}.

        ``handler(request, peer, context, now)`` returns the response Message, or ``None`` to answer later
        through ``finish``; it may raise CoapError. ``context`` is the OSCORE context that the request came
        under, or ``None``; with ``oscore=True`` unprotected requests are refused. ``consumes`` and
        ``produces`` are tuples of Content-Formats, ``None`` for any. With ``rt`` the resource is listed in
        /.well-known/core.
        """
        self._resources[path] = _Resource(methods, oscore, consumes, produces)
        if rt is not None:
            self.link("/" + "/".join(path), rt)

    def link(self, target, rt):
        """List a target, a path or a URI of another server or port, with its resource types."""
        self._links.append((target, rt))

    def serve(self, peer, request, now, context=None):
        """The response to a request, or ``None`` if a handler answers later.

        ``context`` is the OSCORE context that ``request`` was taken out of; the response is then to be
        protected.
        """
        # An EDHOC option that is still there was processed by nobody (RFC 9668 section 3.3.1).
        bad = numbers.bad_critical(request.options, self.understood)
        if bad is not None or request.option(numbers.EDHOC) is not None:
            return response(numbers.BAD_OPTION)
        if self._blocks is not None:
            request, answer = self._blocks.take((peer, context), request, now)
            if request is None:
                return answer
        elif request.option(numbers.BLOCK1) is not None:
            return response(numbers.BAD_OPTION)
        try:
            answer = self._dispatch(peer, request, now, context)
        except CoapError as error:
            answer = response(error.code, str(error).encode())
        return None if answer is None else self.finish(peer, request, answer, now, context)

    def finish(self, peer, request, answer, now, context=None):
        """What to send of the response to a request that a handler got: all or the first block."""
        if self._blocks is None:
            return answer
        return self._blocks.give((peer, context), request, answer, now)

    def _dispatch(self, peer, request, now, context):
        try:
            path = request.path()
            queries = request.queries()
        except DecodeError:
            return response(numbers.BAD_OPTION)
        if path == _CORE and path not in self._resources:
            if request.code != numbers.GET:
                return response(numbers.METHOD_NOT_ALLOWED)
            if request.uint(numbers.ACCEPT, numbers.LINK_FORMAT) != numbers.LINK_FORMAT:
                return response(numbers.NOT_ACCEPTABLE)
            return response(numbers.CONTENT, self.links(queries), numbers.LINK_FORMAT)
        resource = self._resources.get(path)
        if resource is None:
            return response(numbers.NOT_FOUND)
        if resource.oscore and context is None:
            return response(numbers.UNAUTHORIZED)
        handler = resource.methods.get(request.code)
        if handler is None:
            return response(numbers.METHOD_NOT_ALLOWED)
        if resource.consumes is not None:
            if request.uint(numbers.CONTENT_FORMAT, -1) not in resource.consumes:
                return response(numbers.UNSUPPORTED_CONTENT_FORMAT)
        wanted = request.uint(numbers.ACCEPT)
        if wanted is not None and resource.produces is not None and wanted not in resource.produces:
            return response(numbers.NOT_ACCEPTABLE)
        return handler(request, peer, context, now)

    def links(self, queries):
        """The link-format document, filtered by ``rt=`` or ``href=`` queries (RFC 6690 section 4.1)."""
        out = []
        for target, rt in self._links:
            if _matches(target, rt, queries):
                out.append('<%s>;rt="%s"' % (target, rt) if " " in rt else "<%s>;rt=%s" % (target, rt))
        return ",".join(out).encode()


def _matches(target, rt, queries):
    for query in queries:
        name, _, value = query.partition("=")
        if name == "rt":
            candidates = rt.split(" ")
        elif name == "href":
            candidates = (target,)
        else:
            return False
        if value.endswith("*"):
            hits = [text for text in candidates if text.startswith(value[:-1])]
        else:
            hits = [text for text in candidates if text == value]
        if not hits:
            return False
    return True
