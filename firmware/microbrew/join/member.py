"""A node once it has joined: routes, registers with the JRC, invites and relays pledges, takes new keys.

    WAIT_ROUTE --routed--> WAIT_REGISTRATION --join port of the JRC--> PROXYING
         ^                        |  ^ try again
         |                        v  |
         +------- parent lost ----+--+--------> on_lost: the owner makes it a pledge again, with its kept key

After a restart it begins here, from the ``network`` record, without joining anew. The CoJP security context
(RFC 9031 section 7.3) stays in use: the node registers under it, the JRC pushes Parameter Updates under it.
"""

from microbrew.coap import numbers
from microbrew.compat import const
from microbrew.errors import DecodeError, OscoreError, StoreError
from microbrew.ip import rpl
from microbrew.join import membership, update
from microbrew.join.channel import Channel
from microbrew.join.context import cojp_context, stored_window
from microbrew.mac.beacon import Beacon
from microbrew.oscore import protect
from microbrew.proxy import discovery
from microbrew.proxy.stateless import StatelessProxy

WAIT_ROUTE = "WAIT_ROUTE"
WAIT_REGISTRATION = "WAIT_REGISTRATION"
PROXYING = "PROXYING"

_COAP_PORT = const(5683)
_RETRY_MS = const(5000)
_LAST_PRIORITY = const(0x7E)


class Member:
    """``parts`` (node.Parts) are the layers below; ``member`` is the Membership; ``on_lost(now)`` ends it."""

    def __init__(self, parts, member, on_lost):
        self.parts = parts
        self.member = member
        self.state = WAIT_ROUTE
        self._on_lost = on_lost
        self._proxy = None
        self._channel = None
        self._context = cojp_context(
            parts.crypto,
            member.psk,
            parts.identity.eui64,
            parts.sequence,
            stored_window(parts.store, parts.crypto, member.psk),
        )
        self._register_at = None
        self._beacon_at = None
        self._asn_offset = 0
        self.rpl = rpl.Rpl(parts.net, parts.crypto.random, self._on_rpl)

    def start(self, now):
        """Take the node's place in the network."""
        member = self.member
        link = self.parts.link
        link.configure(member.pan_id, member.channel, member.short_address)
        link.set_keys(member.keys)
        self._apply_blacklist()
        net = self.parts.net
        net.join(member.parent)
        net.open_ports = {_COAP_PORT}
        self._set_state(WAIT_ROUTE)
        self.rpl.start(now)

    def stop(self):
        """Leave: no beacons, no relaying, no keys in use. What is stored stays."""
        self.rpl.stop()
        self._close_proxy()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._context.wipe()
        self.parts.net.leave()
        self.parts.link.set_keys(None)

    def poll(self, now):
        """Do what is due; the next deadline in ms, or None."""
        if self._register_at is not None and now >= self._register_at:
            self._register(now)
        if self._beacon_at is not None and now >= self._beacon_at:
            self._send_beacon(now)
        due = self.rpl.poll(now)
        for other in (self._register_at, self._beacon_at):
            if other is not None and (due is None or other < due):
                due = other
        return due

    def on_beacon(self, beacon, src, secured, now):
        """Network time comes from the parent's beacons."""
        if secured and src == self.member.parent:
            self._asn_offset = beacon.asn * 10 - now

    # Routing and registration

    def _on_rpl(self, event, now):
        if event == rpl.EVENT_ROUTED:
            if self.state == WAIT_ROUTE:
                self._set_state(WAIT_REGISTRATION)
                self._register_at = now
        else:
            self.parts.log("parent-lost", self.member.parent.hex())
            self._on_lost(now)

    def _register(self, now):
        """Ask the JRC for its join port, protected, so that it learns where this node is (docs/profile.md)."""
        self._register_at = None
        jrc = self._jrc_address()
        if self._channel is None:
            self._channel = Channel(
                self.parts.endpoint, (jrc, _COAP_PORT, True), self.parts.config, self._context, strict=True
            )
        try:
            self._channel.request(discovery.query(discovery.REGISTRAR), now, self._registered)
        except StoreError as error:
            self._registered(None, error, now)

    def _registered(self, answer, failure, now):
        port = None
        if answer is not None and answer.code == numbers.CONTENT:
            try:
                port = discovery.port_of(answer.payload, discovery.REGISTRAR)
            except DecodeError as error:
                failure = error
        if port is None:
            self.parts.log("registration", "failed: %s" % (failure or "the JRC did not say where to send"))
            self._register_at = now + _RETRY_MS
            return
        self._register_at = now + self.parts.config.registration_ms
        if self._proxy is None:
            self._open_proxy(port, now)

    def _jrc_address(self):
        address = self.member.jrc_address
        return self.rpl.dodag_id if address is None else address

    # Being a join proxy

    def _open_proxy(self, jpy_port, now):
        config = self.parts.config
        self._proxy = StatelessProxy(self.parts.net, self._jrc_address(), jpy_port, config.join_port, config.proxy_port)
        self._proxy.relay.set_join_rate(self.member.join_rate, now)
        self._beacon_at = now
        self._set_state(PROXYING)
        self.parts.log("proxying", "port %d" % config.join_port)

    def _close_proxy(self):
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None
        self._beacon_at = None
        self._register_at = None

    def _send_beacon(self, now):
        config = self.parts.config
        # A tenth of jitter keeps two neighbours from beaconing over each other for ever.
        self._beacon_at = now + config.beacon_ms - config.beacon_ms * self.parts.crypto.random(1)[0] // 2560
        metric = self.rpl.join_metric
        if metric is None or self._proxy.relay.silent:
            return
        member = self.member
        beacon = Beacon(
            pan_id=member.pan_id,
            asn=(now + self._asn_offset) // 10 & 0xFFFFFFFFFF,
            network_id=member.network_id,
            proxy_priority=min(metric, _LAST_PRIORITY),
            join_metric=min(metric, 255),
        )
        self.parts.link.send_beacon(beacon, now)

    # Requests

    def on_request(self, peer, request, now):
        """Response to a CoAP request; ``peer`` is (address, port, whether its frames are secured)."""
        if request.option(numbers.OSCORE) is not None and peer[2]:
            return self._on_protected(request, now)
        return discovery.answer(request, self.parts.net.link_local, self.parts.config.join_port)

    def _on_protected(self, request, now):
        window = self._context.replay
        persist = window.persist
        # The window is stored after the effect, which is idempotent (docs/decisions/0004).
        window.persist = None
        try:
            inner, binding = protect.unprotect_request(self._context, request)
        except OscoreError as error:
            self.parts.log("oscore", str(error))
            return protect.refusal(error)
        except StoreError as error:
            self.parts.log("oscore", "no challenge: %s" % error)
            return None
        finally:
            window.persist = persist
        answer = update.answer(inner, lambda config: self._update(config, now))
        stored = True
        try:
            persist(window.lower_edge, window.bitmap)
        except StoreError as error:
            self.parts.log("update", "replay window not stored: %s" % error)
            stored = False
        try:
            # After a restart a request that is not remembered comes again: its nonce is not for two answers.
            return protect.protect_response(self._context, answer, binding, not stored)
        except StoreError:
            return None

    def _update(self, config, now):
        try:
            self.member.update(config, now)
            self.parts.store.write(membership.RECORD, self.member.to_record())
        except (StoreError, ValueError) as error:
            self.parts.log("update", "failed: %s" % error)
            raise
        self._apply_blacklist()
        if self._proxy is not None:
            self._proxy.relay.set_join_rate(self.member.join_rate, now)
        self.parts.log("update", "keys %s" % [key[0] for key in config.keys])

    def _apply_blacklist(self):
        self.parts.link.blacklist = self.member.blacklist or ()

    def _set_state(self, state):
        self.state = state
        self.parts.log("state", state)
