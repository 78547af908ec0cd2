"""CoAP message layer and matching of requests and responses over datagrams (RFC 7252 sections 4, 5.3 and 8).

An Endpoint is client and server at once. Everything it remembers is bounded in count and age, since anyone
on the air can make it remember something: exchanges it began itself, requests it has not answered yet, and
the replies to recent messages. The last may be pushed out by a flood, so a duplicate could then be
processed a second time; what must not happen twice is guarded above, by the OSCORE replay window or by the
states of EDHOC.

Tokens are two random bytes. Whoever hears the radio reads them anyway, so they only keep apart exchanges
and blind guesses; the binding of a response to its request is cryptographic, by OSCORE or by EDHOC's
transcript. A handler that cannot verify a response says so by returning ``False``, and the exchange goes on
waiting.

Left out: Observe, PROBING_RATE, No-Response, congestion control beyond NSTART = 1.
"""

from microbrew.coap import numbers
from microbrew.coap.message import MAX_TOKEN, Message, response
from microbrew.compat import const
from microbrew.errors import CoapError, DecodeError, StateError

RESPONSE = const(1)
TIMEOUT = const(2)
RESET = const(3)

_MAX_LATENCY = const(100000)
_LEISURE = const(5000)

# What an exchange waits for.
_QUEUED = const(0)
_WAIT_LEISURE = const(1)
_WAIT_ACK = const(2)
_WAIT_RESPONSE = const(3)


class Parameters:
    """Transmission parameters (RFC 7252 section 4.8) and the bounds of an Endpoint's memory; times in ms."""

    __slots__ = (
        "ack_delay",
        "ack_timeout",
        "exchange_lifetime",
        "max_exchanges",
        "max_pending",
        "max_retransmit",
        "non_wait",
        "seen_bytes",
        "seen_count",
    )

    def __init__(self, ack_timeout=2000, max_retransmit=4):
        self.ack_timeout = ack_timeout
        self.max_retransmit = max_retransmit
        span = (ack_timeout + ack_timeout // 2) * ((1 << max_retransmit) - 1)
        self.exchange_lifetime = span + 2 * _MAX_LATENCY + ack_timeout
        self.non_wait = span + _MAX_LATENCY
        self.ack_delay = min(1000, ack_timeout // 2)
        self.max_exchanges = 4
        self.max_pending = 4
        self.seen_count = 8
        self.seen_bytes = 2048


class _Exchange:
    """A message of ours that waits for something; ``handler`` is ``None`` for a response."""

    __slots__ = ("datagram", "deadline", "handler", "interval", "mid", "peer", "retries", "state", "token")

    def __init__(self, peer, message, handler, retries):
        self.peer = peer
        self.mid = message.mid
        self.token = message.token
        self.datagram = message.encode()
        self.handler = handler
        self.retries = retries
        self.state = _QUEUED
        self.interval = 0
        self.deadline = 0


class _Pending:
    """A request that is not answered yet; ``deadline`` is that of its ACK, then its end."""

    __slots__ = ("confirmable", "deadline", "is_acked", "mid", "multicast", "peer", "token")

    def __init__(self, peer, message, multicast, deadline):
        self.peer = peer
        self.mid = message.mid
        self.token = message.token
        self.multicast = multicast
        self.confirmable = message.type == numbers.CON
        # A NON request gets no ACK, so there is none left to send.
        self.is_acked = not self.confirmable
        self.deadline = deadline


class _Seen:
    """A message that was processed, and what a repetition of it is answered with."""

    __slots__ = ("expires", "mid", "peer", "reply")

    def __init__(self, peer, mid, expires):
        self.peer = peer
        self.mid = mid
        self.expires = expires
        self.reply = b""


class Endpoint:
    """CoAP over datagrams. ``random(n)`` gives n random bytes, ``send(peer, datagram)`` sends.

    ``peer`` is opaque and hashable. ``on_request(peer, request, now)`` returns the response Message, or
    ``None`` if it answers later with ``respond``; a CoapError it raises becomes its response.
    ``understood`` holds the numbers of further critical options that the application minds. ``counters``
    tells what was dropped.
    """

    def __init__(self, random, send, parameters=None, on_request=None):
        self.random = random
        self.send = send
        self.parameters = Parameters() if parameters is None else parameters
        self.on_request = on_request
        self.understood = ()
        self.counters = {}
        self._mid = int.from_bytes(random(2), "big")
        self._exchanges = []
        self._pending = []
        self._seen = []

    def request(self, peer, message, now, handler, confirmable=True):
        """Send a request; its type, message ID and token are filled in.

        ``handler(event, response or None, now)`` is called with RESPONSE, TIMEOUT or RESET and ends the
        exchange. Returning ``False`` for the first or the last means that the event is not believed: the
        exchange goes on as if it had not come. Raises StateError when too many exchanges are open.
        """
        if self._is_full(False):
            raise StateError("CoAP: too many exchanges")
        message.type = numbers.CON if confirmable else numbers.NON
        message.mid = self._next_mid()
        message.token = self._new_token(peer)
        self._add(peer, message, handler, now)

    def respond(self, peer, request, message, now):
        """Answer a deferred request; ``request`` needs its message ID and token only.

        False if nobody waits for the answer any more.
        """
        pending = self._find(self._pending, peer, request.mid)
        if pending is None or pending.token != request.token:
            return False
        self._answer(pending, message, now)
        return True

    def cancel(self, peer):
        """Forget all that is open with a peer; no handler is called."""
        # In place: this also ends what has failed for want of memory.
        for items in (self._exchanges, self._pending):
            for i in range(len(items) - 1, -1, -1):
                if items[i].peer == peer:
                    items.pop(i)

    def reset(self):
        """Forget all that is open with everybody; no handler is called."""
        self._exchanges = []
        self._pending = []
        self._seen = []

    def receive(self, peer, datagram, now, multicast=False):
        """Take a datagram in, whatever is in it; ``multicast`` tells that it was sent to a group."""
        try:
            message = Message.decode(datagram)
        except DecodeError:
            self._malformed(peer, datagram, multicast)
            return
        if message.type == numbers.RST:
            self._receive_reset(peer, message, now)
        elif message.type == numbers.ACK:
            self._receive_ack(peer, message, now)
        elif multicast and (message.type == numbers.CON or message.code >> 5):
            self._count("multicast")
        elif not self._repeat(peer, message, now):
            kind = message.code >> 5
            if message.code == numbers.EMPTY:
                self._reject(peer, message, "ping")
            elif kind == 0:
                self._receive_request(peer, message, now, multicast)
            elif kind in (2, 4, 5):
                self._receive_response(peer, message, now)
            else:
                self._reject(peer, message, "reserved_code")

    def poll(self, now):
        """Do what is due; the next deadline, or ``None``."""
        while True:
            item = None
            for candidate in self._exchanges:
                if candidate.state != _QUEUED and (item is None or candidate.deadline < item.deadline):
                    item = candidate
            for candidate in self._pending:
                if item is None or candidate.deadline < item.deadline:
                    item = candidate
            if item is None:
                return None
            if item.deadline > now:
                return item.deadline
            # Each of these moves the deadline on or removes the item, so the loop ends.
            if isinstance(item, _Pending):
                self._pending_due(item, now)
            else:
                self._exchange_due(item, now)

    # Sending

    def _is_full(self, responses):
        # Counted apart, so that a flood of requests from outside cannot keep us from sending our own.
        count = 0
        for exchange in self._exchanges:
            if (exchange.handler is None) == responses:
                count += 1
        return count >= self.parameters.max_exchanges

    def _next_mid(self):
        self._mid = (self._mid + 1) & 0xFFFF
        return self._mid

    def _new_token(self, peer):
        token = self.random(2)
        while self._by_token(peer, token) is not None:
            token = ((int.from_bytes(token, "big") + 1) & 0xFFFF).to_bytes(2, "big")
        return token

    def _add(self, peer, message, handler, now):
        confirmable = message.type == numbers.CON
        exchange = _Exchange(peer, message, handler, self.parameters.max_retransmit if confirmable else 0)
        self._exchanges.append(exchange)
        if not confirmable:
            self.send(peer, exchange.datagram)
            exchange.state = _WAIT_RESPONSE
            exchange.deadline = now + self.parameters.non_wait
        else:
            self._start_next(peer, now)

    def _start_next(self, peer, now):
        # NSTART = 1: while one waits for its ACK, the others wait for it.
        first = None
        for exchange in self._exchanges:
            if exchange.peer == peer:
                if exchange.state == _WAIT_ACK:
                    return
                if exchange.state == _QUEUED and first is None:
                    first = exchange
        if first is not None:
            timeout = self.parameters.ack_timeout
            # Uniform in [ACK_TIMEOUT, ACK_TIMEOUT * 1.5].
            first.interval = timeout + (timeout >> 1)
            try:
                first.interval = timeout + ((timeout * int.from_bytes(self.random(2), "big")) >> 17)
            except MemoryError:
                # The longest then: one that is queued must not be left without a deadline.
                pass
            first.deadline = now + first.interval
            first.state = _WAIT_ACK
            self.send(peer, first.datagram)

    def _exchange_due(self, exchange, now):
        if exchange.state == _WAIT_ACK and exchange.retries:
            exchange.retries -= 1
            exchange.interval *= 2
            exchange.deadline = now + exchange.interval
            self.send(exchange.peer, exchange.datagram)
        elif exchange.state == _WAIT_LEISURE:
            self._exchanges.remove(exchange)
            self.send(exchange.peer, exchange.datagram)
        else:
            self._end(exchange, TIMEOUT, None, now)

    def _end(self, exchange, event, message, now):
        """True if the exchange is over, False if its handler does not believe it."""
        # Removed first: the handler may well send the next request.
        self._exchanges.remove(exchange)
        believed = True
        try:
            if exchange.handler is not None:
                believed = exchange.handler(event, message, now)
        finally:
            # Also when the handler failed for want of memory: others may wait for this one to be over.
            if believed is False and event != TIMEOUT:
                self._count("not_believed")
                self._exchanges.append(exchange)
            else:
                self._start_next(exchange.peer, now)
        return believed is not False or event == TIMEOUT

    # Receiving

    def _count(self, name):
        self.counters[name] = self.counters.get(name, 0) + 1

    def _malformed(self, peer, datagram, multicast):
        extended = len(datagram) >= 4 and datagram[0] >> 6 == 1 and datagram[0] & 15 > MAX_TOKEN
        self._count("extended_token" if extended else "malformed")
        if not multicast and len(datagram) >= 4 and datagram[0] & 0xF0 == 0x40:
            self.send(peer, bytes((0x70, 0, datagram[2], datagram[3])))

    def _reject(self, peer, message, reason):
        self._count(reason)
        if message.type == numbers.CON:
            self.send(peer, Message(numbers.RST, numbers.EMPTY, message.mid).encode())

    def _receive_reset(self, peer, message, now):
        exchange = self._find(self._exchanges, peer, message.mid)
        if exchange is None or exchange.state in (_QUEUED, _WAIT_LEISURE):
            self._count("unmatched")
        else:
            self._end(exchange, RESET, None, now)

    def _receive_ack(self, peer, message, now):
        exchange = self._find(self._exchanges, peer, message.mid)
        if exchange is None or exchange.state != _WAIT_ACK:
            self._count("unmatched")
        elif message.code == numbers.EMPTY:
            if exchange.handler is None:
                self._exchanges.remove(exchange)
            else:
                exchange.state = _WAIT_RESPONSE
                exchange.deadline = now + self.parameters.exchange_lifetime
            self._start_next(peer, now)
        elif (
            exchange.handler is None
            or message.token != exchange.token
            or message.code >> 5 not in (2, 4, 5)
            or numbers.bad_critical(message.options, self.understood) is not None
        ):
            self._count("unmatched")
        else:
            self._end(exchange, RESPONSE, message, now)

    def _receive_response(self, peer, message, now):
        exchange = self._by_token(peer, message.token)
        if exchange is None or exchange.state == _QUEUED:
            self._reject(peer, message, "unmatched")
        elif numbers.bad_critical(message.options, self.understood) is not None:
            self._reject(peer, message, "critical_option")
        elif self._end(exchange, RESPONSE, message, now):
            seen = self._remember(peer, message.mid, now)
            if message.type == numbers.CON:
                self._reply(seen, Message(numbers.ACK, numbers.EMPTY, message.mid))

    def _receive_request(self, peer, message, now, multicast):
        pending = _Pending(peer, message, multicast, now + self.parameters.ack_delay)
        if not pending.confirmable:
            pending.deadline = now + self.parameters.exchange_lifetime
        bad = numbers.bad_critical(message.options, self.understood)
        if bad is not None:
            self._count("critical_option")
            if pending.confirmable:
                proxy = bad == numbers.PROXY_URI or bad == numbers.PROXY_SCHEME
                code = numbers.PROXYING_NOT_SUPPORTED if proxy else numbers.BAD_OPTION
                self._answer(pending, response(code), now)
        elif self.on_request is None or len(self._pending) >= self.parameters.max_pending:
            self._count("busy")
            self._answer(pending, response(numbers.SERVICE_UNAVAILABLE), now)
        else:
            self._remember(peer, message.mid, now)
            self._pending.append(pending)
            try:
                answer = self.on_request(peer, message, now)
            except CoapError as error:
                answer = response(error.code, str(error).encode())
            if answer is not None and pending in self._pending:
                self._answer(pending, answer, now)

    # Serving

    def _answer(self, pending, message, now):
        if pending in self._pending:
            self._pending.remove(pending)
        message.token = pending.token
        if pending.multicast:
            # A group gets no errors and nothing useless, and not from all at once (RFC 7252 section 8.2).
            if message.code >> 5 == 2 and len(message.payload):
                self._answer_later(pending.peer, message, now)
        elif pending.is_acked:
            confirmable = pending.confirmable and not self._is_full(True)
            message.type = numbers.CON if confirmable else numbers.NON
            message.mid = self._next_mid()
            if message.type == numbers.CON:
                self._add(pending.peer, message, None, now)
            else:
                self.send(pending.peer, message.encode())
        else:
            message.type = numbers.ACK
            message.mid = pending.mid
            seen = self._find(self._seen, pending.peer, pending.mid)
            self._reply(seen or self._remember(pending.peer, pending.mid, now), message)

    def _answer_later(self, peer, message, now):
        if not self._is_full(True):
            message.type = numbers.NON
            message.mid = self._next_mid()
            exchange = _Exchange(peer, message, None, 0)
            exchange.state = _WAIT_LEISURE
            exchange.deadline = now + ((_LEISURE * int.from_bytes(self.random(2), "big")) >> 16)
            self._exchanges.append(exchange)

    def _pending_due(self, pending, now):
        if pending.is_acked:
            self._pending.remove(pending)
            self._count("unanswered")
        else:
            pending.is_acked = True
            pending.deadline = now + self.parameters.exchange_lifetime
            seen = self._find(self._seen, pending.peer, pending.mid)
            seen = seen or self._remember(pending.peer, pending.mid, now)
            self._reply(seen, Message(numbers.ACK, numbers.EMPTY, pending.mid))

    # Memory of what was received

    def _find(self, items, peer, mid):
        for item in items:
            if item.mid == mid and item.peer == peer:
                return item
        return None

    def _by_token(self, peer, token):
        for exchange in self._exchanges:
            if exchange.handler is not None and exchange.token == token and exchange.peer == peer:
                return exchange
        return None

    def _repeat(self, peer, message, now):
        """True if the message was processed before; its reply is sent again."""
        self._seen = [seen for seen in self._seen if seen.expires > now]
        seen = self._find(self._seen, peer, message.mid)
        if seen is None:
            # Still being worked on, its memory pushed out by others.
            if self._find(self._pending, peer, message.mid) is None:
                return False
        elif message.type == numbers.CON and seen.reply:
            self.send(peer, seen.reply)
        self._count("duplicate")
        return True

    def _remember(self, peer, mid, now):
        if len(self._seen) >= self.parameters.seen_count:
            self._seen.pop(0)
        seen = _Seen(peer, mid, now + self.parameters.exchange_lifetime)
        self._seen.append(seen)
        return seen

    def _reply(self, seen, message):
        seen.reply = message.encode()
        total = 0
        for item in self._seen:
            total += len(item.reply)
        while total > self.parameters.seen_bytes and self._seen[0] is not seen:
            total -= len(self._seen.pop(0).reply)
        self.send(seen.peer, seen.reply)
