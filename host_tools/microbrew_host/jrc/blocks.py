"""Block-wise transfer on the server's side (RFC 7959), bounded: few transfers, small bodies, short lives."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from aiocoap.message import Message
from aiocoap.numbers.codes import Code

from microbrew_host.jrc.limits import Expiring
from microbrew_host.jrc.refusal import Refusal

LIFETIME = 93.0
MAX_PAYLOAD = 1024

_MAX_SZX = 6


class Blocks:
    """Reassembles requests (Block1) and cuts responses (Block2)."""

    def __init__(self, max_transfers: int, max_body: int, clock: Callable[[], float]) -> None:
        self._max_body = max_body
        self._requests: Expiring[Hashable, bytes] = Expiring(max_transfers, LIFETIME, clock)
        self._responses: Expiring[Hashable, Message] = Expiring(max_transfers, LIFETIME, clock)

    def request(self, message: Message, key: Hashable) -> Message | None:
        """Take a request in: the request with its whole body, or None if more blocks have to come (2.31).

        Raises Refusal.
        """
        block = message.opt.block1
        if len(message.payload) > self._max_body:
            raise Refusal(Code.REQUEST_ENTITY_TOO_LARGE, "too large")
        if block is None:
            return message
        if block.size_exponent > _MAX_SZX:
            raise Refusal(Code.BAD_REQUEST, "block size")
        if block.more and len(message.payload) != block.size:
            raise Refusal(Code.BAD_REQUEST, "block length")
        body = self._requests.pop(key) if block.block_number else b""
        if body is None or len(body) != block.start:
            raise Refusal(Code.REQUEST_ENTITY_INCOMPLETE, "block out of order")
        body += message.payload
        if len(body) > self._max_body:
            raise Refusal(Code.REQUEST_ENTITY_TOO_LARGE, "too large")
        if block.more:
            self._requests.put(key, body)
            return None
        whole = message.copy(payload=body, block1=None)
        whole.direction = message.direction
        return whole

    def cached(self, message: Message, key: Hashable) -> Message | None:
        """A later block of a response, or None if ``message`` asks for none. Raises Refusal."""
        block = message.opt.block2
        if block is None or block.block_number == 0:
            return None
        known = self._responses.get(key)
        if known is None:
            raise Refusal(Code.REQUEST_ENTITY_INCOMPLETE, "nothing to continue")
        return self._cut(known, block)

    def response(self, message: Message, response: Message, key: Hashable) -> Message:
        """Cut ``response`` to the block that ``message`` asks for, keeping the rest for later requests."""
        block = message.opt.block2
        size = MAX_PAYLOAD if block is None else min(block.size, MAX_PAYLOAD)
        if len(response.payload) <= size:
            return response
        self._responses.put(key, response)
        return self._cut(response, block)

    def _cut(self, response: Message, block: Any) -> Message:
        number, exponent = (0, _MAX_SZX) if block is None else (block.block_number, min(block.size_exponent, _MAX_SZX))
        size = 1 << (exponent + 4)
        start = number * size
        if start >= len(response.payload):
            raise Refusal(Code.BAD_REQUEST, "block beyond the end")
        more = start + size < len(response.payload)
        return response.copy(payload=response.payload[start : start + size], block2=(number, more, exponent))
