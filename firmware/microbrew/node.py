"""A device: wires the layers top to bottom and runs the loop. Read this first.

    radio  ->  mac/link  ->  ip/network  ->  coap/exchange  ->  join/pledge  or  join/member

A device is a pledge until it has a ``network`` record, and a member from then on. The node itself knows no
protocol: it hands datagrams up and down, keeps the clock's deadlines, and swaps the two roles.
"""

from microbrew.coap.exchange import Endpoint, Parameters
from microbrew.compat import const, forget_modules, loaded_modules
from microbrew.config import Config
from microbrew.identity.idevid import Identity
from microbrew.identity.sequence import Reserved
from microbrew.identity.store import NETWORK
from microbrew.ip.network import Network
from microbrew.mac.beacon import Listener
from microbrew.mac.link import BATCH, Link

_COAP_PORT = const(5683)
# How long to leave a device alone that has no memory.
_STARVED_MS = const(100)
_STARVED_MAX_MS = const(10000)


class Parts:
    """The layers below a role, and what they all need. ``log(event, text)`` writes the device's log."""

    __slots__ = ("config", "crypto", "endpoint", "identity", "link", "log", "net", "sequence", "store")

    def __init__(self, radio, store, crypto, config, log, identity):
        random = crypto.random
        self.config = config
        self.crypto = crypto
        self.store = store
        self.log = log
        self.identity = identity
        self.sequence = Reserved(store, "seq-cojp", config.oscore_step)
        self.link = Link(radio, crypto, Reserved(store, "seq-link", config.link_counter_step))
        self.net = Network(self.link, self.identity.eui64, random)
        self.endpoint = Endpoint(random, None, Parameters(config.ack_timeout_ms))


class Node:
    """One device on ``radio`` with the records in ``store``.

    ``crypto``: a backend of microbrew.crypto; ``log(now, event, text)``; ``identity``: that of the store, where it
    was read before, as it takes a point multiplication. Raises StoreError if the store holds no usable identity or
    a damaged membership.
    """

    def __init__(self, radio, store, crypto, log, now, config=None, identity=None):
        self.now = now
        self._log_line = log
        if identity is None:
            identity = Identity.load(store, crypto)
        if config is None:
            config = Config()
        parts = self.parts = Parts(radio, store, crypto, config, self._log, identity)
        parts.endpoint.send = self._send
        parts.endpoint.on_request = self._on_request
        parts.net.bind(_COAP_PORT, self._on_datagram)
        parts.link.on_beacon = self._on_beacon
        self.listener = Listener()
        # What is imported from here on is a role's.
        self._loaded = loaded_modules() if config.frees_modules else None
        self.pledge = None
        self.member = None
        self._arrival = None
        self._home = None
        self._starved_at = None
        record = store.read(NETWORK)
        if record is None:
            self._become_pledge()
        else:
            from microbrew.join.membership import from_record

            self._become_member(from_record(record), now)

    def step(self, now):
        """Do everything that is due; the deadline in ms at which to come back, or None for the next frame.

        Raises MemoryError when for ten seconds no frame could be dealt with; the device should start anew.
        """
        self.now = now
        try:
            return self._step(now)
        except MemoryError:
            # What was being done is lost as a frame may be. Nothing is half claimed: see those who catch it below.
            if self._starved_at is None:
                self._starved_at = now
                self._log("memory", "not enough memory: a step was given up")
            elif now - self._starved_at >= _STARVED_MAX_MS:
                # The heap is too small, or in pieces: a fresh start from what is stored has all of it.
                raise
            if self.pledge is not None:
                self.pledge.out_of_memory(now)
            return now + _STARVED_MS

    def _step(self, now):
        parts = self.parts
        if self._home is not None:
            # There was no memory for it when the way was lost.
            self._go_home()
        if self._arrival is not None:
            # Here, where the attempt that led to it holds no memory any more.
            self._become_member(self._arrival, now)
            self._arrival = None
        # What is due is done even while the radio has more: whoever floods it must not stop the clocks.
        taken = parts.link.receive(now)
        role = self.pledge or self.member
        due = None
        # From the top down, so that what a role sends leaves in the same step.
        for layer in (role, parts.endpoint, parts.net, parts.link):
            other = layer.poll(now)
            if other is not None and (due is None or other < due):
                due = other
        if taken:
            # A step with nothing to do takes no memory, and proves none.
            self._starved_at = None
        return now if taken == BATCH or self._arrival is not None else due

    def factory_reset(self, now):
        """Forget every network; the device is a pledge again, with its factory identity. Raises StoreError."""
        self.parts.store.factory_reset()
        self._arrival = None
        if self.pledge is not None:
            self.pledge.stop()
        if self.member is not None:
            self.member.stop()
            self.member = None
        self.now = now
        self._log("reset", "factory reset")
        self._become_pledge()

    # Roles

    def _become_pledge(self, home=None):
        """``home``: the Membership to return to, or None for a device that belongs nowhere yet."""
        parts = self.parts
        parts.endpoint.reset()
        parts.link.configure(None, parts.config.channel)
        self.listener.clear()
        forget_modules(self._loaded)
        from microbrew.join.pledge import Pledge

        self.pledge = Pledge(parts, self.listener, self._on_candidate, self._on_joined, home)

    def _become_member(self, member, now):
        self.parts.endpoint.reset()
        # Of nobody until the member is there; if there is no memory for that, ``_arrival`` is still there to try again.
        self.pledge = None
        forget_modules(self._loaded)
        from microbrew.join.member import Member

        self.member = Member(self.parts, member, self._on_lost)
        self.member.start(now)

    def _on_candidate(self, candidate):
        parts = self.parts
        if candidate is None:
            # Of no PAN again, or the beacons of all the others would be filtered out.
            parts.link.configure(None, parts.config.channel)
            parts.net.proxy = None
        else:
            parts.link.configure(candidate.beacon.pan_id, parts.config.channel)
            parts.net.proxy = candidate.proxy

    def _on_joined(self, member, now):
        if member.imprinted:
            from microbrew.join.context import begin_window

            begin_window(self.parts.store, self.parts.crypto, member.psk)
        # The one write that makes a pledge a node (docs/decisions/0004); nothing happens before it is on flash.
        self.parts.store.write(NETWORK, member.to_record())
        # Before anything else that may fail: the device is a node now.
        self._arrival = member
        try:
            self._log(
                "joined",
                "via=%s short=%s %s"
                % (
                    member.parent.hex(),
                    "" if member.short_address is None else member.short_address.hex(),
                    "imprinted" if member.imprinted else "by its key",
                ),
            )
        except MemoryError:
            pass

    def _on_lost(self, now):
        """The way to the root is gone: join the same network again, through whoever is there."""
        self._home = self.member.member
        self.member.stop()
        self._go_home()

    def _go_home(self):
        self._become_pledge(self._home)
        self.member = None
        self._home = None

    # Between the layers

    def _on_beacon(self, beacon, src, secured, lqi, now):
        if self.pledge is not None:
            if self.pledge.is_welcome(beacon):
                self.listener.hear(beacon, src, lqi, now)
        else:
            self.member.on_beacon(beacon, src, secured, now)

    def _on_request(self, peer, request, now):
        if self.member is None:
            return None
        return self.member.on_request(peer, request, now)

    def _on_datagram(self, src, src_port, dst, dst_port, payload, link_src, secured, now):
        self._trace("down", payload)
        self.parts.endpoint.receive((src, src_port, secured), payload, now)

    def _send(self, peer, datagram):
        self._trace("up", datagram)
        address, port, secured = peer
        self.parts.net.send(_COAP_PORT, address, port, datagram, self.now, secured)

    # Log

    def _log(self, event, text):
        try:
            self._log_line(self.now, event, text)
        except MemoryError:
            # A line of the log is not worth a step.
            pass

    def _trace(self, direction, datagram):
        """One log line for each datagram of a join: direction, bytes by part of the join, name by its CoAP code."""
        pledge = self.pledge
        if pledge is None or pledge.traffic is None:
            return
        phase, sent, awaited = pledge.traffic
        name = sent if direction == "up" else awaited
        shares = "%s=%d" % (phase, len(datagram))
        if len(datagram) < 2:
            name = "malformed"
        elif not datagram[1]:
            name = "acknowledgement"
        elif datagram[1] >> 5 > 2:
            name = "refusal"
        elif pledge.riding and direction == "up":
            # RFC 9668: one datagram of two parts.
            name = "message_3 and " + name
            shares = "edhoc=%d,%s=%d" % (pledge.riding, phase, len(datagram) - pledge.riding)
        self._log("msg", "%s %s %s" % (direction, shares, name))
