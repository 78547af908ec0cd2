"""The pledge: from the first beacon to the network's keys. THE state machine of enrolment.

Zero-touch join (draft-ietf-6tisch-dtsecurity-zerotouch-join) as profiled in docs/profile.md, and one-touch join
(RFC 9031) for a device that already shares a key with the JRC, from the factory or from an earlier enrolment.

    WAIT_EB --SCANNED--> WAIT_PROXY --PROXY--> WAIT_MESSAGE_2 --SEQUENTIAL--> WAIT_MESSAGE_3_ACK
                             |                           |                      | ANSWER
                             | PROXY_AND_KEY (one-touch) +-----COMBINED-----+   |
                             |                                              v   v
                             |                          VOUCHER_BAD       WAIT_VOUCHER <--ANSWER / TIMER (asked to wait)
                             |                 WAIT_REPORT_ACK <------------    | VOUCHER_GOOD
                             |                                                  v
                             +------> WAIT_JOIN_RESPONSE <-----ANSWER---- WAIT_STATUS_ACK
                                           | CONFIGURED
                                           v
                                        JOINED

The code of the handshake and of the voucher is loaded when its part begins and forgotten when that is over: it is a
fifth of all that a pledge has in RAM.

Every state but the ends also takes FAILED: the attempt's secrets are wiped, the next-best proxy or network is
tried, and when none is left WAIT_RETRY pauses before WAIT_EB. All of it is in TRANSITIONS below. Nothing is
stored before JOINED, so a power cut at any point leaves a pledge.
"""

from microbrew import cbor
from microbrew.coap import numbers
from microbrew.coap.message import request
from microbrew.compat import const, forget_modules, loaded_modules
from microbrew.crypto import equal, wipe
from microbrew.errors import CryptoError, DecodeError, EdhocError, JoinError, StoreError, VoucherError
from microbrew.ip import addr
from microbrew.join.channel import Channel, describe, refusal

WAIT_EB = "WAIT_EB"
WAIT_PROXY = "WAIT_PROXY"
WAIT_MESSAGE_2 = "WAIT_MESSAGE_2"
WAIT_MESSAGE_3_ACK = "WAIT_MESSAGE_3_ACK"
WAIT_VOUCHER = "WAIT_VOUCHER"
WAIT_STATUS_ACK = "WAIT_STATUS_ACK"
WAIT_REPORT_ACK = "WAIT_REPORT_ACK"
WAIT_JOIN_RESPONSE = "WAIT_JOIN_RESPONSE"
WAIT_RETRY = "WAIT_RETRY"
JOINED = "JOINED"

SCANNED = "scanned"
PROXY = "proxy"
PROXY_AND_KEY = "proxy-and-key"
ANSWER = "answer"
COMBINED = "combined"
SEQUENTIAL = "sequential"
TIMER = "timer"
VOUCHER_GOOD = "voucher-good"
VOUCHER_BAD = "voucher-bad"
CONFIGURED = "configured"
FAILED = "failed"

# Which part of the join a state's traffic counts for, what it has sent and what it waits for.
_TRAFFIC = {
    WAIT_PROXY: ("discovery", "proxy discovery", "join port"),
    WAIT_MESSAGE_2: ("edhoc", "message_1", "message_2"),
    WAIT_MESSAGE_3_ACK: ("edhoc", "message_3", "message_3 accepted"),
    WAIT_VOUCHER: ("voucher", "voucher request", "voucher"),
    WAIT_STATUS_ACK: ("voucher", "voucher status", "status accepted"),
    WAIT_REPORT_ACK: ("voucher", "voucher status", "status accepted"),
    WAIT_JOIN_RESPONSE: ("cojp", "join request", "join response"),
}

_METHOD = const(0)
_SUITE = const(2)
_PSK_LABEL = const(32768)
_PSK_LEN = const(16)
_COAP_PORT = const(5683)
# message_3 and a voucher request of these sizes make a datagram that fits 1024 bytes with all that is around them.
_COMBINED_MAX = const(900)
_MAX_JOIN_ATTEMPTS = const(4)
# After so many failures of the kept key the device proves its identity anew.
_MAX_KEY_FAILURES = const(3)

_EDHOC_PATH = (".well-known", "edhoc")
_VOUCHER_PATH = (".well-known", "brski", "rv")
_STATUS_PATH = (".well-known", "brski", "vs")


class Pledge:
    """Drives one device to membership.

    ``parts`` (node.Parts) are the layers below; ``listener`` collects beacons; ``on_candidate(candidate)`` is told
    which proxy is tried now, None for none; ``on_joined(membership, now)`` ends it. ``home``: Membership of a node
    that lost its way; it returns to that network and registrar only, for nothing but a factory reset sets a device
    free (zero-touch join 2.1). The registrar is known by its key: anybody can call a network by the same name.
    """

    def __init__(self, parts, listener, on_candidate, on_joined, home=None):
        self.identity = parts.identity
        self.crypto = parts.crypto
        self.endpoint = parts.endpoint
        self.sequence = parts.sequence
        self.config = parts.config
        self.log = parts.log
        self.listener = listener
        self.on_candidate = on_candidate
        self.on_joined = on_joined
        self.state = WAIT_EB
        self.reason = None
        self.candidate = None
        self._home = None if home is None else home.network_id
        self._home_registrar = None if home is None else home.registrar
        self._kept_psk = self.identity.psk if home is None else home.psk
        self._key_failures = 0
        self._round = 0
        self._deadline = None
        self._failed_in = None
        self._excluded = []
        self._loaded = loaded_modules() if self.config.frees_modules else None
        self._reset_attempt()
        self.log("state", self.state)

    # What the node calls

    def poll(self, now):
        """Do what is due; the next deadline or None. Exchanges have their deadlines in the endpoint."""
        if self.state == WAIT_EB and self._deadline is None and self.listener.candidates:
            # All who heard that first beacon would otherwise begin to speak in the same millisecond.
            scan = self.config.scan_ms
            self._deadline = now + scan + scan * self.crypto.random(1)[0] // 1024
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._dispatch(SCANNED if self.state == WAIT_EB else TIMER, None, now)
        return self._deadline

    def is_welcome(self, beacon):
        """Whether the network of a beacon is one that this device may join."""
        return self._home is None or beacon.network_id == self._home

    def out_of_memory(self, now):
        """Memory ran out somewhere below: end the attempt, if there is one, which gives its memory back."""
        if self.traffic is not None:
            self._dispatch(_NO_MEMORY[0], _NO_MEMORY[1], now)

    def stop(self):
        """Give up the attempt, if there is one, and forget its secrets; nothing is logged or called."""
        self._abandon()

    @property
    def traffic(self):
        """Names of the part of the join that runs, of what was sent and of what is waited for; None in between."""
        return _TRAFFIC.get(self.state)

    # The machine

    def _dispatch(self, event, detail, now):
        row = TRANSITIONS.get((self.state, event))
        if row is None and event == FAILED:
            row = _FAILURE
            self._failed_in = self.state
        if row is None:
            return
        action, target = row
        if target is not None:
            self.state = target
            self.log("state", target)
        try:
            follow = action(self, detail, now)
        except (CryptoError, DecodeError) as error:
            follow = FAILED, JoinError("protocol", str(error))
        except EdhocError as error:
            follow = FAILED, self._edhoc_failure(error)
        except JoinError as error:
            follow = FAILED, error
        except StoreError as error:
            follow = FAILED, JoinError("store", str(error))
        except MemoryError:
            if row is _FAILURE:
                # Not even for failing in good order: what it had is free by now, or will be, so later.
                self.log(FAILED, "memory: not enough memory")
                self._deadline = now + self.config.retry_min_ms
                return
            follow = _NO_MEMORY
        if follow is not None:
            self._dispatch(follow[0], follow[1], now)

    def _answered(self, response, failure, now):
        if response is None:
            self._dispatch(FAILED, failure, now)
        else:
            self._dispatch(ANSWER, response, now)

    # Actions: each returns None, or the event that follows at once with its detail

    def _choose(self, _detail, now):
        candidate = self.listener.best(self._excluded, now)
        if candidate is None:
            return FAILED, None
        self.candidate = candidate
        self.on_candidate(candidate)
        beacon = candidate.beacon
        self.log("proxy", "%s network %s" % (bytes(candidate.proxy).hex(), beacon.network_id.hex()))
        self._proxy = addr.link_local(candidate.proxy)
        from microbrew.proxy import discovery

        self._channel = Channel(self.endpoint, (self._proxy, _COAP_PORT, False), self.config)
        self._channel.request(discovery.query(discovery.JOIN_PROXY), now, self._answered)
        return None

    def _found_proxy(self, response, now):
        if response.code != numbers.CONTENT:
            raise JoinError("proxy", "the join proxy answered " + describe(response))
        from microbrew.proxy import discovery

        self._peer = (self._proxy, discovery.port_of(response.payload, discovery.JOIN_PROXY), False)
        forget_modules(self._loaded)
        if self._kept_psk is not None:
            self._psk = self._kept_psk
            return PROXY_AND_KEY, None
        return PROXY, None

    def _send_message_1(self, _detail, now):
        from microbrew.edhoc.initiator import Start

        message_1, self._edhoc = Start(self.crypto, _METHOD, [_SUITE], b"", self._credential()).message_1()
        self._channel = Channel(self.endpoint, self._peer, self.config)
        self._post_edhoc(b"\xf5" + message_1, now)

    def _verify_message_2(self, response, now):
        _expect_changed(response)
        keys = self._complete_handshake(response.payload, now)
        # Nothing else of the handshake is left, on the stack neither.
        forget_modules(self._loaded)
        self._open_context(keys)
        self._make_voucher_request()
        forget_modules(self._loaded)
        return (COMBINED if len(self._message_3) + len(self._request) <= _COMBINED_MAX else SEQUENTIAL), None

    def _credential(self, id_cred=None):
        """Our own, or a peer's. What reads them is forgotten at once: at the signatures there is least room."""
        loaded = self._loaded and loaded_modules()
        from microbrew.edhoc import credentials

        if id_cred is None:
            found = credentials.own_x5chain(self.identity.certificate, self.identity.private)
        else:
            found = credentials.peer_kccs(id_cred)
        forget_modules(loaded)
        return found

    def _complete_handshake(self, message_2, now):
        """From message_2 to message_3: (OSCORE master secret and salt, C_R, C_I)."""
        from microbrew.edhoc import messages

        received = self._edhoc = self._edhoc.receive(message_2)
        # Provisional: any registrar may show any key here; the voucher decides (RFC 8995 section 5.1).
        c_r = self._c_r = messages.encode_identifier(received.c_r)
        try:
            peer = self._credential(received.id_cred_r)
            if self._home_registrar is not None and not equal(peer.public, self._home_registrar):
                raise EdhocError(1, "not the registrar that this device belongs to")
            self._message_3, self._edhoc = received.verify(peer).message_3()
        except EdhocError as error:
            # Sent once: the failure that follows takes the exchange back.
            self._post_edhoc(c_r + messages.error_message(error.code, error.info), now, True)
            raise
        self._registrar_public = peer.public
        done = self._edhoc
        self._psk = done.exporter(_PSK_LABEL, self.identity.eui64, _PSK_LEN)
        keys = done.oscore(), done.c_r, done.c_i
        done.wipe()
        self._edhoc = None
        return keys

    def _open_context(self, keys):
        from microbrew.oscore.context import Context

        (secret, salt), c_r, c_i = keys
        self._context = Context(self.crypto, secret, salt, c_r, c_i)

    def _make_voucher_request(self):
        from microbrew.join.voucher import NONCE_LEN, voucher_request

        self._nonce = self.crypto.random(NONCE_LEN)
        self._request = voucher_request(
            self.crypto, self.identity.private, self.identity.serial, self._nonce, self._registrar_public
        )

    def _send_combined(self, _detail, now):
        """message_3 and the voucher request in one datagram (RFC 9668)."""
        self._open_onboarding()
        self.riding = len(self._message_3)
        self._channel.request(self._voucher_message(), now, self._answered, self._message_3)
        self._message_3 = None

    def _send_message_3(self, _detail, now):
        self._post_edhoc(self._c_r + self._message_3, now)
        self._message_3 = None

    def _send_voucher_request(self, response, now):
        _expect_changed(response)
        self._open_onboarding()
        self._repeat_voucher_request(None, now)

    def _open_onboarding(self):
        self._channel = Channel(self.endpoint, self._peer, self.config, self._context)

    def _repeat_voucher_request(self, _detail, now):
        # The identical request, same nonce: a registrar that asked to wait is still working on it.
        self._channel.request(self._voucher_message(), now, self._answered)

    def _voucher_message(self):
        return request(numbers.POST, _VOUCHER_PATH, self._request, numbers.VOUCHER_COSE)

    def _check_voucher(self, response, now):
        self.riding = 0
        if response.code == numbers.SERVICE_UNAVAILABLE:
            return self._wait_for_voucher(response, now)
        _expect_changed(response)
        from microbrew.join.voucher import verify_voucher

        try:
            voucher = verify_voucher(
                self.crypto,
                response.payload,
                self.identity.masa_public,
                self.identity.serial,
                self._nonce,
                self._registrar_public,
            )
        except VoucherError as error:
            return VOUCHER_BAD, JoinError("voucher-" + error.reason, str(error))
        if voucher.join_process != "minimal":
            return VOUCHER_BAD, JoinError("voucher-join-process", "the voucher asks for an enrolment by certificate")
        self.log("voucher", "network authenticated")
        forget_modules(self._loaded)
        return VOUCHER_GOOD, None

    def _wait_for_voucher(self, response, now):
        self._waits += 1
        if self._waits > self.config.wait_rounds:
            raise JoinError("unreachable", "the registrar kept asking to wait: " + describe(response))
        wait = response.uint(numbers.MAX_AGE, 60) * 1000
        self._deadline = now + max(1000, min(wait, self.config.wait_max_ms))
        self.log("wait", describe(response))

    def _report_success(self, _detail, now):
        self._post_status({"version": 1, "status": True}, now)

    def _report_failure(self, error, now):
        self._pending_failure = error
        self._post_status({"version": 1, "status": False, "reason": str(error)}, now)

    def _reported(self, _detail, _now):
        return FAILED, self._pending_failure

    def _send_join_request(self, _detail, now):
        if self._join_context is None:
            from microbrew.join.context import cojp_context

            self._close_channel()
            self._join_context = cojp_context(self.crypto, self._psk, self.identity.eui64, self.sequence)
            self._channel = Channel(self.endpoint, self._peer, self.config, self._join_context, strict=True)
        from microbrew.join import cojp
        from microbrew.join.update import JOIN_PATH

        payload = cojp.encode_join_request(self.candidate.beacon.network_id, cojp.ROLE_NODE, self._unsupported)
        self._channel.request(request(numbers.POST, JOIN_PATH, payload), now, self._answered)

    def _after_status(self, response, now):
        _expect_changed(response)
        self._send_join_request(None, now)

    def _configure(self, response, now):
        _expect_changed(response)
        from microbrew.join import cojp

        config = cojp.parse_configuration(response.payload)
        if not config.keys:
            self._join_attempts += 1
            if self._join_attempts >= _MAX_JOIN_ATTEMPTS:
                raise JoinError("configuration", "the registrar sent no usable link-layer key")
            self._unsupported = config.unsupported or [(cojp.MALFORMED, 2, None)]
            self._send_join_request(None, now)
            return None
        return CONFIGURED, config

    def _finish(self, config, now):
        from microbrew.join.membership import joined

        beacon = self.candidate.beacon
        try:
            membership = joined(
                beacon.network_id,
                beacon.pan_id,
                self.config.channel,
                self.candidate.proxy,
                self._psk,
                self._registrar_public is not None,
                config,
                now,
            )
        except ValueError as error:
            raise JoinError("configuration", "unusable link-layer keys: %s" % error) from None
        membership.registrar = self._registrar_public or self._home_registrar
        try:
            self.on_joined(membership, now)
        except StoreError as error:
            raise JoinError("store", str(error)) from None
        self._psk = None
        self._abandon()

    def _fail(self, error, now):
        if self._pending_failure is not None:
            error = self._pending_failure
        candidate = self.candidate
        # First, so that there is memory for the rest; this is entered again if there is none even so.
        self._abandon()
        self.on_candidate(None)
        if error is not None:
            self.reason = error
            self.log("failed", "%s: %s" % (error.reason, error))
            if self._kept_psk is not None and self._failed_in == WAIT_JOIN_RESPONSE and error.reason != "memory":
                self._count_key_failure()
            # A registrar that said no would say it again through another proxy.
            local = error.reason in ("unreachable", "proxy")
            if candidate is not None:
                self._excluded.append((candidate.beacon.network_id, candidate.proxy if local else None))
        if self.listener.best(self._excluded, now) is not None:
            self.state = WAIT_EB
            return SCANNED, None
        pause = min(self.config.retry_min_ms << min(self._round, 16), self.config.retry_max_ms)
        self._round += 1
        # Jitter keeps the devices of a street that lost power together from asking together.
        pause += pause * self.crypto.random(1)[0] // 512
        self._deadline = now + pause
        self.log("retry", "in %d s" % (pause // 1000))
        return None

    def _count_key_failure(self):
        self._key_failures += 1
        # A member that never saw a registrar's key could not tell its own from another.
        may_prove = self._home is None or self._home_registrar is not None
        if self._key_failures >= _MAX_KEY_FAILURES and may_prove and self.identity.certificate is not None:
            self.log("key", "the kept key was not accepted; proving identity anew")
            self._kept_psk = None

    def _scan_anew(self, _detail, _now):
        # Once more, because there may have been no memory for it when the attempt failed.
        self._abandon()
        self.on_candidate(None)
        self._excluded = []
        self.listener.clear()

    # Helpers of the actions

    def _post_edhoc(self, payload, now, last=False):
        message = request(numbers.POST, _EDHOC_PATH, payload, numbers.CID_EDHOC_CBOR_SEQ)
        self._channel.request(message, now, _ignore if last else self._answered)

    def _edhoc_failure(self, error):
        text = error.info if isinstance(error.info, str) else "EDHOC error %d" % error.code
        if error.received:
            return JoinError("refused", "the registrar refused: " + text)
        return JoinError("edhoc", "the registrar failed the handshake: " + text)

    def _post_status(self, status, now):
        self._channel.request(
            request(numbers.POST, _STATUS_PATH, cbor.encode(status), numbers.CBOR), now, self._answered
        )

    def _close_channel(self):
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        self._context = None

    def _abandon(self):
        """End the attempt: nothing outstanding, no secret kept."""
        for state in (self._edhoc, self._context, self._join_context):
            if state is not None:
                state.wipe()
        if isinstance(self._psk, bytearray) and self._psk is not self._kept_psk:
            wipe(self._psk)
        self._close_channel()
        self._reset_attempt()
        forget_modules(self._loaded)

    def _reset_attempt(self):
        self.candidate = None
        self._proxy = None
        self._peer = None
        self._channel = None
        self._edhoc = None
        # Encoded, as it goes in front of what is sent.
        self._c_r = None
        self._context = None
        self._join_context = None
        self._registrar_public = None
        self._psk = None
        self._nonce = None
        self._request = None
        self._message_3 = None
        # Bytes of message_3 in the request that is out.
        self.riding = 0
        self._waits = 0
        self._join_attempts = 0
        self._unsupported = None
        self._pending_failure = None


# (state, event) -> (action, next state); None as next state stays. FAILED is taken in every state, by _FAILURE.
TRANSITIONS = {
    (WAIT_EB, SCANNED): (Pledge._choose, WAIT_PROXY),
    (WAIT_PROXY, ANSWER): (Pledge._found_proxy, None),
    (WAIT_PROXY, PROXY): (Pledge._send_message_1, WAIT_MESSAGE_2),
    (WAIT_PROXY, PROXY_AND_KEY): (Pledge._send_join_request, WAIT_JOIN_RESPONSE),
    (WAIT_MESSAGE_2, ANSWER): (Pledge._verify_message_2, None),
    (WAIT_MESSAGE_2, COMBINED): (Pledge._send_combined, WAIT_VOUCHER),
    (WAIT_MESSAGE_2, SEQUENTIAL): (Pledge._send_message_3, WAIT_MESSAGE_3_ACK),
    (WAIT_MESSAGE_3_ACK, ANSWER): (Pledge._send_voucher_request, WAIT_VOUCHER),
    (WAIT_VOUCHER, ANSWER): (Pledge._check_voucher, None),
    (WAIT_VOUCHER, TIMER): (Pledge._repeat_voucher_request, None),
    (WAIT_VOUCHER, VOUCHER_GOOD): (Pledge._report_success, WAIT_STATUS_ACK),
    (WAIT_VOUCHER, VOUCHER_BAD): (Pledge._report_failure, WAIT_REPORT_ACK),
    (WAIT_REPORT_ACK, ANSWER): (Pledge._reported, None),
    (WAIT_STATUS_ACK, ANSWER): (Pledge._after_status, WAIT_JOIN_RESPONSE),
    (WAIT_JOIN_RESPONSE, ANSWER): (Pledge._configure, None),
    (WAIT_JOIN_RESPONSE, CONFIGURED): (Pledge._finish, JOINED),
    (WAIT_RETRY, TIMER): (Pledge._scan_anew, WAIT_EB),
}

_FAILURE = (Pledge._fail, WAIT_RETRY)

# Made beforehand: there may be no memory for it when it is needed.
_NO_MEMORY = (FAILED, JoinError("memory", "not enough memory for this step"))


def _expect_changed(response):
    if response.code != numbers.CHANGED:
        raise refusal(response)


def _ignore(_response, _reason, _now):
    pass
