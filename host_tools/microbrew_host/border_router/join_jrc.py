"""How the border router joins: CoJP with role 6LBR (RFC 9031) over plain CoAP and OSCORE, from its store's PSK.

Link keys live in memory only: after a restart they are asked for again. The JRC learns the transport address of
the border router from the registration and pushes Parameter Updates there.
"""

from __future__ import annotations

from collections.abc import Callable

from microbrew.coap import numbers
from microbrew.coap.exchange import Endpoint
from microbrew.coap.message import Message, response
from microbrew.config import Config
from microbrew.crypto import Crypto
from microbrew.errors import DecodeError, OscoreError
from microbrew.identity.idevid import Identity
from microbrew.identity.sequence import Reserved
from microbrew.identity.store import Store
from microbrew.join import cojp, update
from microbrew.join.channel import Channel, describe
from microbrew.join.context import cojp_context, stored_window
from microbrew.oscore import protect
from microbrew.proxy import discovery
from microbrew_host.border_router.flows import FlowKey, HostAddress

# Flow of the border router's own conversation with the JRC.
JOIN_FLOW: FlowKey = (b"", 1)

_RETRY_MS = 2000
_MAX_RETRY_MS = 60000


class JoinJrc:
    """Sans-IO. ``send(remote, datagram)`` sends to the JRC; ``on_configuration(config, now)`` installs.

    ``on_configuration`` raises ValueError for keys it cannot use. Raises ValueError for a store without a PSK.
    """

    def __init__(
        self,
        crypto: Crypto,
        store: Store,
        identity: Identity,
        network_id: bytes,
        jrc: HostAddress,
        send: Callable[[HostAddress, bytes], object],
        on_configuration: Callable[[cojp.Configuration, int], None],
        on_event: Callable[[str], None],
    ) -> None:
        if identity.psk is None:
            raise ValueError("the border router's identity has no PSK: provision it with --one-touch")
        self.joined = False
        self._network_id = network_id
        self._jrc = jrc
        self._on_configuration = on_configuration
        self._on_event = on_event
        self._config = Config()
        self._context = cojp_context(
            crypto,
            identity.psk,
            identity.eui64,
            Reserved(store, "seq-cojp", self._config.oscore_step),
            stored_window(store, crypto, identity.psk),
        )
        self._endpoint = Endpoint(crypto.random, send, None, self._on_request)
        self._channel = Channel(self._endpoint, jrc, self._config, self._context, True)
        self._retry_ms = _RETRY_MS
        self._next_at: int | None = 0

    def receive(self, remote: HostAddress, datagram: bytes, now: int) -> None:
        """A datagram that reached the socket of JOIN_FLOW."""
        self._endpoint.receive(remote, datagram, now)

    def poll(self, now: int) -> int | None:
        """Do what is due: the next deadline in ms, or None."""
        if self._next_at is not None and now >= self._next_at:
            self._next_at = None
            if self.joined:
                self._register(now)
            else:
                self._join(now)
        due = self._endpoint.poll(now)
        if self._next_at is not None and (due is None or self._next_at < due):
            return self._next_at
        return due

    def _join(self, now: int) -> None:
        request = Message(numbers.CON, numbers.POST, payload=cojp.encode_join_request(self._network_id, cojp.ROLE_6LBR))
        for segment in update.JOIN_PATH:
            request.add(numbers.URI_PATH, segment)
        self._channel.request(request, now, self._on_join_response)

    def _on_join_response(self, answer: Message | None, failure: Exception | None, now: int) -> None:
        try:
            if answer is None or answer.code != numbers.CHANGED:
                raise DecodeError(str(failure) if answer is None else "refused: " + describe(answer))
            config = cojp.parse_configuration(answer.payload)
            if not config.keys:
                raise DecodeError("no usable link-layer key")
            self._on_configuration(config, now)
        except (DecodeError, ValueError) as error:
            self._on_event(f"join failed: {error}")
            self._next_at = now + self._retry_ms
            self._retry_ms = min(2 * self._retry_ms, _MAX_RETRY_MS)
            return
        self.joined = True
        self._next_at = now

    def _register(self, now: int) -> None:
        request = Message(numbers.CON, numbers.GET)
        for segment in discovery.CORE_PATH:
            request.add(numbers.URI_PATH, segment)
        request.add(numbers.URI_QUERY, "rt=" + discovery.REGISTRAR)
        self._channel.request(request, now, self._on_registration)

    def _on_registration(self, answer: Message | None, failure: Exception | None, now: int) -> None:
        if answer is None or answer.code != numbers.CONTENT:
            self._on_event("registration failed: " + str(failure if answer is None else describe(answer)))
            self._next_at = now + _RETRY_MS
        else:
            self._next_at = now + self._config.registration_ms

    def _on_request(self, peer: HostAddress, request: Message, now: int) -> Message | None:
        if request.option(numbers.OSCORE) is None:
            return response(numbers.UNAUTHORIZED)
        try:
            inner, binding = protect.unprotect_request(self._context, request)
        except OscoreError as error:
            # RFC 9031 section 8.3.2 wants silence, except for the Echo challenge that the error may bring.
            self._on_event(f"request refused: {error}")
            challenge: Message | None = error.response
            return challenge
        answer = update.answer(inner, lambda config: self._update(config, now))
        return protect.protect_response(self._context, answer, binding)

    def _update(self, config: cojp.Configuration, now: int) -> None:
        try:
            self._on_configuration(config, now)
        except ValueError as error:
            self._on_event(f"update failed: {error}")
            raise
