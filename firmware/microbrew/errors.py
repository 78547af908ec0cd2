"""The three kinds of failure, in one place.

* A bad frame from the air is a *drop reason*: a short name that is counted, nothing is raised past the layer
  that found it.
* A failed session is one typed error that knows what the peer may learn (CoAP code, EDHOC error).
* A caller's mistake is ``StateError`` or ``ValueError``.

MicroPython allows one base class only for an exception, so the family is a plain tree.
"""


class MicrobrewError(Exception):
    """Root of every error that this package raises on purpose."""


class StateError(MicrobrewError):
    """The caller asked for a step that the object's state does not allow."""


class DecodeError(MicrobrewError):
    """Bytes from outside that are not what the specification says; the text says what is wrong."""


class CryptoError(MicrobrewError):
    """A tag, signature, point or key that does not hold. The text never contains key material."""


class EdhocError(MicrobrewError):
    """A failed EDHOC session (RFC 9528 section 6).

    ``code`` is the ERR_CODE, ``info`` its ERR_INFO: text for 1, a list of suites for 2, True for 3.
    ``received`` is True when the peer sent the error, which is never answered with another one.
    """

    def __init__(self, code, info, received=False):
        super().__init__(info)
        self.code = code
        self.info = info
        self.received = received


class OscoreError(MicrobrewError):
    """An OSCORE message that does not verify (RFC 8613 section 8); ``code`` is the CoAP code to answer with.

    ``response`` is a protected message to answer with instead, where there is one.
    """

    def __init__(self, code, text, response=None):
        super().__init__(text)
        self.code = code
        self.response = response


class CoapError(MicrobrewError):
    """A request that failed; ``code`` is the CoAP response code, the text its diagnostic payload."""

    def __init__(self, code, text=""):
        super().__init__(text)
        self.code = code


class JoinError(MicrobrewError):
    """A join attempt that ended; ``reason`` is a short stable name, the text is for an installer."""

    def __init__(self, reason, text=""):
        super().__init__(text or reason)
        self.reason = reason


class VoucherError(JoinError):
    """A voucher or voucher request that fails a check; ``reason`` is one of the names in join/voucher.py."""


class StoreError(MicrobrewError):
    """A stored record that is damaged, missing or does not fit."""
