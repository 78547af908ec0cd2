"""One request at a time to one peer: block-wise transfer inside, OSCORE where a context is given, CoAP outside.

The order is that of RFC 8613 section 4.1.3.4: inner blocks, each protected on its own. EDHOC's message_3 may ride in
front of a protected request (RFC 9668). A server that lost its replay window gets its Echo back, once per request
(RFC 8613 appendix B.1.2). What goes wrong becomes a JoinError in words for an installer.
"""

from microbrew.coap import numbers
from microbrew.coap.blockwise import Transfer
from microbrew.coap.exchange import RESPONSE
from microbrew.errors import CoapError, DecodeError, JoinError, OscoreError

# Made beforehand: there may be no memory for it when it is needed.
_NO_MEMORY = JoinError("memory", "not enough memory for this step")


class Channel:
    """Sends requests over ``endpoint`` to ``peer``; ``context`` is an OSCORE context or None.

    ``strict``: an answer that is not protected is no answer (RFC 9031 section 7.3.3) rather than an
    unauthenticated hint at what went wrong.
    """

    def __init__(self, endpoint, peer, config, context=None, strict=False):
        self._endpoint = endpoint
        self._peer = peer
        self._config = config
        self._strict = strict
        self.context = context
        self._transfer = None
        self._binding = None
        self._done = None
        self._challenged = False

    def request(self, message, now, done, message_3=b""):
        """Send ``message``; later ``done(response, failure, now)`` with a Message, or with None and a JoinError.

        ``message_3``, if given, goes in front of the protected request, which must then fit one message.
        """
        self._transfer = Transfer(message, self._config.block_szx, self._config.body_max)
        self._done = done
        self._challenged = False
        self._send(now, message_3)

    def close(self):
        """Give up what is outstanding and forget the keys."""
        # The keys first, whatever else goes wrong.
        if self.context is not None:
            self.context.wipe()
            self.context = None
        self._done = None
        self._transfer = None
        self._endpoint.cancel(self._peer)

    def _send(self, now, message_3=b"", echo=None):
        message = self._transfer.next()
        if echo is not None:
            message.add(numbers.ECHO, echo)
        if self.context is not None:
            from microbrew.oscore import protect

            message, self._binding = protect.protect_request(self.context, message)
            if message_3:
                from microbrew.edhoc import combined

                message = combined.combine(message_3, message)
        self._endpoint.request(self._peer, message, now, self._on_event)

    def _on_event(self, event, response, now):
        if self._done is None:
            return True
        if event != RESPONSE:
            self._finish(None, JoinError("unreachable", "no answer"), now)
            return True
        try:
            if self.context is not None:
                if response.option(numbers.OSCORE) is None:
                    if self._strict:
                        return False
                    self._finish(None, refusal(response), now)
                    return True
                from microbrew.oscore import protect

                response = protect.unprotect_response(self.context, response, self._binding)
                echo = response.option(numbers.ECHO)
                if response.code == numbers.UNAUTHORIZED and echo is not None and not self._challenged:
                    self._challenged = True
                    self._send(now, b"", echo)
                    return True
            finished = self._transfer.feed(response)
            if not finished:
                self._send(now)
        except MemoryError:
            # Whoever asked must hear of it, or would wait for ever.
            if self._done is None:
                raise
            self._finish(None, _NO_MEMORY, now)
            return True
        except OscoreError:
            # A forged answer must not end the exchange: the genuine one may still come.
            return False
        except (CoapError, DecodeError) as error:
            self._finish(None, JoinError("protocol", str(error)), now)
            return True
        if finished:
            self._finish(self._transfer.response, None, now)
        return True

    def _finish(self, response, failure, now):
        done = self._done
        self._done = None
        self._transfer = None
        done(response, failure, now)


def refusal(response):
    """JoinError for an answer that is not the wanted one; class 5 says that it may be another time."""
    if response.uint(numbers.CONTENT_FORMAT) == numbers.EDHOC_CBOR_SEQ:
        from microbrew.edhoc import messages

        error = messages.parse_error(response.payload)
        text = error.info if isinstance(error.info, str) else "EDHOC error %d" % error.code
    else:
        text = describe(response)
    if response.code >> 5 == 5:
        return JoinError("unavailable", "the registrar cannot serve now: " + text)
    return JoinError("refused", "the registrar refused: " + text)


def describe(response):
    """A response code and its diagnostic text, cleaned for a log: "4.03 manufacturer not trusted"."""
    text = "%d.%02d" % (response.code >> 5, response.code & 31)
    printable = "".join([chr(c) for c in bytes(response.payload[:80]) if 32 <= c < 127])
    return text + " " + printable if printable else text
