"""One request at a time to one peer: block-wise transfer inside, OSCORE where a context is given, CoAP outside.

The order is that of RFC 8613 section 4.1.3.4: inner blocks, each protected on its own.
"""

from microbrew.coap import numbers
from microbrew.coap.blockwise import Transfer
from microbrew.coap.exchange import RESPONSE
from microbrew.errors import CoapError, DecodeError, OscoreError
from microbrew.oscore import protect

FAILED = "failed"


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

    def request(self, message, now, done):
        """Send ``message``; later ``done(response, reason, now)`` with a Message or, failing that, None and why."""
        self._transfer = Transfer(message, self._config.block_szx, self._config.body_max)
        self._done = done
        self._send(now)

    def close(self):
        """Give up what is outstanding and forget the keys."""
        self._endpoint.cancel(self._peer)
        self._done = None
        self._transfer = None
        if self.context is not None:
            self.context.wipe()
            self.context = None

    def _send(self, now):
        message = self._transfer.next()
        if self.context is not None:
            message, self._binding = protect.protect_request(self.context, message)
        self._endpoint.request(self._peer, message, now, self._on_event)

    def _on_event(self, event, response, now):
        if self._done is None:
            return True
        if event != RESPONSE:
            self._finish(None, "no answer", now)
            return True
        try:
            if self.context is not None:
                if response.option(numbers.OSCORE) is None:
                    if self._strict:
                        return False
                    self._finish(None, "unprotected answer " + describe(response), now)
                    return True
                response = protect.unprotect_response(self.context, response, self._binding)
            finished = self._transfer.feed(response)
        except OscoreError:
            # A forged answer must not end the exchange: the genuine one may still come.
            return False
        except (CoapError, DecodeError) as error:
            self._finish(None, str(error), now)
            return True
        if finished:
            self._finish(self._transfer.response, None, now)
        else:
            self._send(now)
        return True

    def _finish(self, response, reason, now):
        done = self._done
        self._done = None
        self._transfer = None
        done(response, reason, now)


def describe(response):
    """A response code and its diagnostic text, cleaned for a log: "4.03 manufacturer not trusted"."""
    text = "%d.%02d" % (response.code >> 5, response.code & 31)
    printable = "".join([chr(c) for c in bytes(response.payload[:80]) if 32 <= c < 127])
    return text + " " + printable if printable else text
