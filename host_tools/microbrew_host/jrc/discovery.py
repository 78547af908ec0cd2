"""GET /.well-known/core: where the JPY port is, and, asked under a CoJP context, where a node can be reached.

The request by which a node looks for the JPY port is also its registration: protected by its CoJP context it tells
the registrar the transport address that Parameter Updates go to.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from aiocoap.message import Message
from aiocoap.numbers.codes import Code

from microbrew_host.jrc.cojp import label
from microbrew_host.jrc.database import Database, Device
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.oscore_contexts import StoredContext
from microbrew_host.jrc.refusal import Refusal

CF_LINK_FORMAT = 40

_RESOURCES = (
    ("/.well-known/edhoc", "core.edhoc"),
    ("/.well-known/brski", "brski"),
    ("/.well-known/brski/rv", "brski.rv"),
    ("/.well-known/brski/vs", "brski.vs"),
    ("/.well-known/brski/es", "brski.es"),
)


class Discovery:
    """The resource ``core``. ``jpy()`` gives the JPY port's address and number as nodes of the mesh see it."""

    def __init__(self, jpy: Callable[[], tuple[str, int]], database: Database, journal: Journal) -> None:
        self._jpy = jpy
        self._database = database
        self._journal = journal

    async def get(self, request: Message, context: object) -> Message:
        """The links that fit the query. Raises Refusal: 4.04 if none does."""
        if request.opt.accept not in (None, CF_LINK_FORMAT):
            raise Refusal(Code.NOT_ACCEPTABLE, "")
        if isinstance(context, StoredContext):
            self._register(request, context)
        wanted = [query.removeprefix("rt=") for query in request.opt.uri_query if query.startswith("rt=")]
        links = [link for link, kind in self._links() if all(_fits(kind, pattern) for pattern in wanted)]
        if not links:
            raise Refusal(Code.NOT_FOUND, "")
        return Message(code=Code.CONTENT, content_format=CF_LINK_FORMAT, payload=",".join(links).encode())

    def _links(self) -> list[tuple[str, str]]:
        host, port = self._jpy()
        address = ipaddress.ip_address(host)
        if address.version == 4:
            # Nodes read links of one form only, and take no more than the port from this one.
            address = ipaddress.IPv6Address(f"::ffff:{address}")
        links = [(f'<coap://[{address}]:{port}>;rt="brski.rjp"', "brski.rjp")]
        return links + [(f'<{path}>;rt="{kind}"', kind) for path, kind in _RESOURCES]

    def _register(self, request: Message, context: StoredContext) -> None:
        peer = request.remote.underlying_address
        # A node behind a proxy has no address of its own that could be stored.
        if peer.pledge is not None:
            return
        host, port = peer.address
        with self._database.transaction() as session:
            device = session.get(Device, context.device_id)
            if device is None:
                return
            moved = (device.address, device.port) != (host, port)
            device.address, device.port = host, port
            device.seen = self._journal.clock()
            if moved:
                self._journal.write(
                    "registered", "the node can be reached for updates", label(device), session, address=peer.hostinfo
                )


def _fits(kind: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return kind.startswith(pattern[:-1])
    return kind == pattern
