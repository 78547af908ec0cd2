"""Block-wise transfer of bodies that do not fit a datagram (RFC 7959), client and server.

Both halves turn messages into messages, so they work the same on plain messages and on the inside of
OSCORE, which binds each block to its request; that is why Request-Tag (RFC 9175) is not used. Without
OSCORE the body must be protected as a whole, as EDHOC messages are. Left out: random access to blocks,
block-wise Observe, BERT, and transfers that act upon single blocks.
"""

from microbrew.coap import numbers
from microbrew.coap.message import Message, encode_options, response
from microbrew.compat import const
from microbrew.errors import CoapError

MAX_SZX = const(6)

_MAX_RESTARTS = const(2)

# What tells one block of an operation from the next, or says nothing about which operation it is.
_PER_BLOCK = (numbers.BLOCK1, numbers.BLOCK2, numbers.SIZE1, numbers.SIZE2, numbers.ECHO)


def block(num, more, szx):
    """Option value as an int: block number, more flag, size exponent (size is 16 << szx bytes)."""
    return num << 4 | (8 if more else 0) | szx


def parse(message, number):
    """(num, more, szx) of a block option, or ``None``. Raises CoapError 4.00 for the reserved size."""
    value = message.uint(number)
    if value is None:
        return None
    if value & 7 > MAX_SZX:
        raise CoapError(numbers.BAD_REQUEST, "Reserved block size")
    return value >> 4, bool(value & 8), value & 7


def _without(message, dropped):
    options = [option for option in message.options if option[0] not in dropped]
    return Message(message.type, message.code, 0, b"", options, b"")


class Transfer:
    """One operation of a client: sends ``request`` whole or in blocks, gathers the whole response.

    ``szx`` is the largest block size to use in either direction, ``max_body`` the longest response body to
    take. Send what ``next()`` returns, ``feed()`` each response, until that returns True; ``response`` is
    then the final one, which may be an error, with the whole body as its payload.
    """

    __slots__ = (
        "_body",
        "_etag",
        "_max_body",
        "_offset",
        "_receiving",
        "_request",
        "_restarts",
        "_sent",
        "_szx",
        "response",
    )

    def __init__(self, request, szx=MAX_SZX, max_body=4096):
        if not 0 <= szx <= MAX_SZX:
            raise ValueError("block size exponent out of range")
        self._request = request
        self._szx = szx
        self._max_body = max_body
        self._restarts = 0
        self.response = None
        self._start()

    def _start(self):
        self._offset = 0  # of the next block of our body, in bytes
        self._sent = 0  # length of the block last sent
        self._receiving = False
        self._body = bytearray()
        self._etag = None

    def next(self):
        """The next request, without message ID and token."""
        request = self._request
        size = 16 << self._szx
        if self._receiving:
            message = _without(request, (numbers.SIZE1,))
            return message.add(numbers.BLOCK2, block(len(self._body) >> (4 + self._szx), False, self._szx))
        message = _without(request, ())
        total = len(request.payload)
        if total <= size and not self._offset:
            message.payload = request.payload
            self._sent = total
        else:
            end = min(self._offset + size, total)
            message.payload = bytes(request.payload[self._offset : end])
            self._sent = end - self._offset
            message.add(numbers.BLOCK1, block(self._offset >> (4 + self._szx), end < total, self._szx))
            if not self._offset:
                message.add(numbers.SIZE1, total)
        if self._offset + self._sent == total and self._szx < MAX_SZX:
            message.add(numbers.BLOCK2, block(0, False, self._szx))
        return message

    def feed(self, response):
        """Take the response to the last request; True when the operation is over.

        Raises CoapError if the server breaks the rules or the body grows too long; the operation is then
        over too.
        """
        if self._receiving:
            return self._receive(response)
        return self._continue(response)

    def _continue(self, response):
        total = len(self._request.payload)
        done = self._offset + self._sent
        ack = parse(response, numbers.BLOCK1)
        smaller = ack is not None and ack[2] < self._szx
        if response.code == numbers.REQUEST_ENTITY_TOO_LARGE and smaller and not self._offset:
            self._szx = ack[2]
            return False
        if response.code == numbers.REQUEST_ENTITY_INCOMPLETE and self._offset:
            return not self._again() and self._finish(response, response.payload)
        if response.code >> 5 != 2:
            return self._finish(response, response.payload)
        if ack is not None and self._sent != total and ack[0] != self._offset >> (4 + self._szx):
            raise CoapError(numbers.BAD_REQUEST, "Block1 of the response does not match")
        if done < total:
            if ack is None:
                raise CoapError(numbers.BAD_REQUEST, "Response before the last block")
            self._offset = done
            if smaller:
                self._szx = ack[2]
            return False
        if response.code == numbers.CONTINUE:
            raise CoapError(numbers.BAD_REQUEST, "Continue after the last block")
        return self._receive(response)

    def _receive(self, response):
        if response.code == numbers.REQUEST_ENTITY_INCOMPLETE and self._receiving and self._again():
            return False
        if response.code >> 5 != 2:
            return self._finish(response, response.payload)
        got = parse(response, numbers.BLOCK2)
        if got is None:
            if self._receiving:
                raise CoapError(numbers.BAD_REQUEST, "Block2 of the response is missing")
            self._bound(len(response.payload))
            return self._finish(response, response.payload)
        num, more, szx = got
        etag = response.option(numbers.ETAG)
        if self._receiving and etag != self._etag:
            if self._again():
                return False
            raise CoapError(numbers.REQUEST_ENTITY_INCOMPLETE, "Representation changed")
        size = 16 << szx
        length = len(response.payload)
        if num << (4 + szx) != len(self._body) or length > size or (more and length != size):
            raise CoapError(numbers.BAD_REQUEST, "Block2 of the response does not match")
        if self._receiving and szx > self._szx:
            raise CoapError(numbers.BAD_REQUEST, "Server enlarged its blocks")
        self._bound(max(len(self._body) + length, response.uint(numbers.SIZE2, 0)))
        self._etag = etag
        self._body.extend(response.payload)
        if not more:
            return self._finish(response, bytes(self._body))
        self._receiving = True
        self._szx = szx
        return False

    def _again(self):
        # A request with effects must not be done twice behind the caller's back; one whose blocks were lost
        # was never done.
        safe = self._request.code in (numbers.GET, numbers.FETCH) or not self._receiving
        if not safe or self._restarts >= _MAX_RESTARTS:
            return False
        self._restarts += 1
        self._start()
        return True

    def _bound(self, length):
        if length > self._max_body:
            raise CoapError(numbers.REQUEST_ENTITY_TOO_LARGE, "Response body too long")

    def _finish(self, response, body):
        response.remove(numbers.BLOCK1)
        response.remove(numbers.BLOCK2)
        response.payload = body
        self.response = response
        return True


class _Body:
    """A body on its way in (``reply`` is ``None``) or on its way out."""

    __slots__ = ("body", "expires", "key", "reply")

    def __init__(self, key, body, reply):
        self.key = key
        self.body = body
        self.reply = reply
        self.expires = 0


class Server:
    """The server's half: ``take`` requests, ``give`` responses.

    At most ``max_transfers`` bodies of ``max_body`` bytes are kept, each until nothing was heard of it for
    ``lifetime`` ms; a new one pushes out the one that was silent for longest, whose client starts again
    after a 4.08. ``szx`` is the largest block size used.
    """

    __slots__ = ("_bodies", "_lifetime", "_max_body", "_max_transfers", "_szx")

    def __init__(self, max_body=2048, max_transfers=2, szx=MAX_SZX, lifetime=247000):
        self._max_body = max_body
        self._max_transfers = max_transfers
        self._szx = szx
        self._lifetime = lifetime
        self._bodies = []

    def take(self, peer, request, now):
        """(whole request, ``None``) to be handled, or (``None``, response) to be sent at once.

        ``peer`` tells clients apart and must include the security context, if there is one.
        """
        self._bodies = [item for item in self._bodies if item.expires > now]
        try:
            block1 = parse(request, numbers.BLOCK1)
            block2 = parse(request, numbers.BLOCK2)
            if block1 is not None:
                return self._gather(peer, request, block1, now)
            if block2 is not None and block2[0]:
                return None, self._serve(peer, request, block2, now)
            if len(request.payload) > self._max_body:
                return None, self._too_large()
        except CoapError as error:
            return None, response(error.code, str(error).encode())
        return request, None

    def give(self, peer, request, reply, now):
        """What to send of the response to a request that ``take`` returned: all of it or its first block.

        The rest is kept. Call it for every response, however small.
        """
        block1 = parse(request, numbers.BLOCK1)
        if block1 is not None:
            reply.add(numbers.BLOCK1, block(block1[0], False, block1[2]))
        block2 = parse(request, numbers.BLOCK2)
        szx = self._szx if block2 is None else min(self._szx, block2[2])
        size = 16 << szx
        if len(reply.payload) <= size:
            if self._bodies:
                self._drop(_key(peer, request))
            return reply
        kept = _Body(_key(peer, request), reply.payload, _without(reply, (numbers.BLOCK1,)))
        self._keep(kept, now)
        first = _cut(kept, 0, szx)
        if block1 is not None:
            first.add(numbers.BLOCK1, reply.uint(numbers.BLOCK1))
        return first.add(numbers.SIZE2, len(kept.body))

    def _gather(self, peer, request, block1, now):
        num, more, szx = block1
        size = 16 << szx
        length = len(request.payload)
        if length > size or (more and length != size):
            return None, response(numbers.BAD_REQUEST)
        key = _key(peer, request)
        if not num:
            self._drop(key)
            if request.uint(numbers.SIZE1, 0) > self._max_body:
                return None, self._too_large()
            kept = _Body(key, bytearray(), None)
            self._keep(kept, now)
        else:
            kept = self._find(key, False)
            if kept is None or len(kept.body) != num << (4 + szx):
                self._drop(key)
                return None, response(numbers.REQUEST_ENTITY_INCOMPLETE)
        if len(kept.body) + length > self._max_body:
            self._drop(key)
            return None, self._too_large()
        kept.body.extend(request.payload)
        self._touch(kept, now)
        if more:
            answer = response(numbers.CONTINUE)
            # Only before the second block can the client still change its block size without confusion.
            wanted = min(szx, self._szx) if not num else szx
            return None, answer.add(numbers.BLOCK1, block(num, True, wanted))
        self._bodies.remove(kept)
        whole = Message(request.type, request.code, request.mid, request.token, request.options)
        whole.payload = bytes(kept.body)
        return whole, None

    def _serve(self, peer, request, block2, now):
        num, _, szx = block2
        kept = self._find(_key(peer, request), True)
        szx_used = min(szx, self._szx)
        offset = num << (4 + szx)
        if kept is None or offset >= len(kept.body):
            return response(numbers.REQUEST_ENTITY_INCOMPLETE)
        self._touch(kept, now)
        return _cut(kept, offset, szx_used)

    def _too_large(self):
        return response(numbers.REQUEST_ENTITY_TOO_LARGE).add(numbers.SIZE1, self._max_body)

    def _find(self, key, outgoing):
        for item in self._bodies:
            if item.key == key and (item.reply is not None) == outgoing:
                return item
        return None

    def _drop(self, key):
        self._bodies = [item for item in self._bodies if item.key != key]

    def _keep(self, item, now):
        self._drop(item.key)
        if len(self._bodies) >= self._max_transfers:
            self._bodies.pop(0)
        self._bodies.append(item)
        item.expires = now + self._lifetime

    def _touch(self, item, now):
        # The list is in the order of last use.
        self._bodies.remove(item)
        self._bodies.append(item)
        item.expires = now + self._lifetime


def _key(peer, request):
    options = bytearray((request.code,))
    encode_options(options, _without(request, _PER_BLOCK).options, b"")
    return peer, bytes(options)


def _cut(kept, offset, szx):
    end = offset + (16 << szx)
    message = _without(kept.reply, ())
    message.payload = bytes(kept.body[offset:end])
    return message.add(numbers.BLOCK2, block(offset >> (4 + szx), end < len(kept.body), szx))
