"""Protecting and verifying CoAP messages (RFC 8613 sections 4, 5 and 8).

A protected message keeps type, message ID and token of the one it was made from. Left out: Observe (an inner
Observe in a request is ignored, which RFC 7641 allows a server), splitting of Proxy-Uri, outer block-wise
transfer, which the CoAP layer below would undo.
"""

from microbrew.coap import numbers
from microbrew.coap.message import Message, decode_options, encode_options, ordered, response
from microbrew.crypto import equal
from microbrew.errors import CryptoError, DecodeError, OscoreError, StateError
from microbrew.oscore import option

# Class U (section 4.1, RFC 8768, RFC 9668); every other option is encrypted.
_OUTER = (3, 7, 16, 21, 39)


class Binding:
    """What ties a response to its request: the request's kid and Partial IV.

    ``answered`` guards the request's nonce: it serves one response.
    """

    __slots__ = ("answered", "kid", "piv")

    def __init__(self, kid, piv):
        self.kid = kid
        self.piv = piv
        self.answered = False


def protect_request(ctx, message):
    """(outer message, Binding). Each call takes a sequence number: never protect a retransmission anew."""
    piv = ctx.next_piv()
    binding = Binding(ctx.sender_id, piv)
    value = option.encode(piv, ctx.sender_id, ctx.id_context if ctx.announce else None)
    return _seal(ctx, message, numbers.POST, ctx.nonce(ctx.sender_id, piv), binding, value), binding


def protect_response(ctx, message, binding, own_piv=False):
    """Outer message of a response. ``own_piv`` spends a sequence number instead of the request's nonce.

    Raises StateError for a second response on the request's nonce.
    """
    if own_piv:
        piv = ctx.next_piv()
        return _seal(ctx, message, numbers.CHANGED, ctx.nonce(ctx.sender_id, piv), binding, option.encode(piv))
    if binding.answered:
        raise StateError("OSCORE: the request's nonce is used up")
    binding.answered = True
    nonce = ctx.nonce(binding.kid, binding.piv)
    return _seal(ctx, message, numbers.CHANGED, nonce, binding, b"")


def identify(message):
    """(kid, kid context or None) of a protected request: what its security context is found by.

    Raises OscoreError.
    """
    _, kid, kid_context = _fields(message)
    return kid, kid_context


def unprotect_request(ctx, message):
    """(inner message, Binding). Raises OscoreError; only a request that verifies moves the replay window.

    What the window's ``persist`` raises passes through, and the request must then not be acted upon.

    While the window is lost, the error's ``response`` is a protected 4.01 with an Echo option that has to
    be sent as it is; the request that brings the Echo back is accepted (RFC 8613 appendix B.1.2).
    """
    piv, kid, kid_context = _fields(message)
    if kid != ctx.recipient_id or (kid_context is not None and kid_context != ctx.id_context):
        raise OscoreError(numbers.UNAUTHORIZED, "Security context not found")
    window = ctx.replay
    number = int.from_bytes(piv, "big")
    if not window.is_lost and not window.check(number):
        raise OscoreError(numbers.UNAUTHORIZED, "Replay detected")
    binding = Binding(kid, piv)
    plaintext = _open(ctx, message, ctx.nonce(kid, piv), binding)
    if window.is_lost:
        # Nothing of a request that may be a replay is acted upon, and its nonce is not used for the answer.
        _resume(ctx, number, binding, _inner(message, plaintext, True))
    else:
        window.mark(number)
    inner = _inner(message, plaintext, True)
    inner.remove(numbers.OBSERVE)
    return inner, binding


def unprotect_response(ctx, message, binding):
    """Inner message of the response to the request of ``binding``. Raises OscoreError.

    An error leaves everything as it was, so the true response may still come.
    """
    if binding.answered:
        raise OscoreError(numbers.BAD_REQUEST, "Response already received")
    value = message.option(numbers.OSCORE)
    if value is None:
        raise OscoreError(numbers.UNAUTHORIZED, "Response is not protected")
    piv, kid, _ = _decode(message, value)
    if kid is not None and kid != ctx.recipient_id:
        raise OscoreError(numbers.UNAUTHORIZED, "Security context not found")
    nonce = ctx.nonce(ctx.recipient_id, piv) if piv else ctx.nonce(binding.kid, binding.piv)
    inner = _inner(message, _open(ctx, message, nonce, binding), False)
    binding.answered = True
    return inner


def refusal(error):
    """The response that an OscoreError asks for: the one it brought, or an unprotected one."""
    if error.response is not None:
        return error.response
    return response(error.code, str(error).encode())


def _seal(ctx, message, outer_code, nonce, binding, value):
    outer = [(numbers.OSCORE, value)]
    inner = []
    for item in message.options:
        number = item[0]
        if number in (numbers.OSCORE, numbers.PROXY_URI, numbers.OBSERVE):
            raise ValueError("OSCORE: option %d cannot be protected here" % number)
        (outer if number in _OUTER else inner).append(item)
    plaintext = bytearray((message.code,))
    encode_options(plaintext, inner, message.payload)
    ciphertext = ctx.seal(nonce, binding.kid, binding.piv, plaintext)
    return Message(message.type, outer_code, message.mid, message.token, outer, ciphertext)


def _fields(message):
    value = message.option(numbers.OSCORE)
    if value is None:
        raise OscoreError(numbers.UNAUTHORIZED, "Request is not protected")
    fields = _decode(message, value)
    if not fields[0] or fields[1] is None:
        raise OscoreError(numbers.BAD_OPTION, "Failed to decode COSE")
    return fields


def _decode(message, value):
    if len(message.payload) and len(message.options_of(numbers.OSCORE)) == 1:
        try:
            return option.decode(value)
        except DecodeError:
            pass
    raise OscoreError(numbers.BAD_OPTION, "Failed to decode COSE")


def _open(ctx, message, nonce, binding):
    try:
        return ctx.open(nonce, binding.kid, binding.piv, message.payload)
    except CryptoError:
        raise OscoreError(numbers.BAD_REQUEST, "Decryption failed") from None


def _inner(message, plaintext, is_request):
    code = plaintext[0] if plaintext else numbers.EMPTY
    try:
        options, payload = decode_options(plaintext, 1)
    except DecodeError:
        code = numbers.EMPTY
    if not code or is_request != (code >> 5 == 0) or code >> 5 not in (0, 2, 4, 5):
        raise OscoreError(numbers.BAD_REQUEST, "Inner message is malformed")
    for item in options:
        if item[0] in (numbers.OSCORE, numbers.EDHOC):
            raise OscoreError(numbers.BAD_OPTION, "Nested protection")
    # Of the outer options only class U counts; anything else there was added by who knows whom.
    options.extend([item for item in message.options if item[0] in _OUTER])
    return Message(message.type, code, message.mid, message.token, ordered(options), payload)


def _resume(ctx, number, binding, inner):
    echo = inner.option(numbers.ECHO)
    if ctx.challenge is not None and echo is not None and equal(echo, ctx.challenge):
        ctx.challenge = None
        ctx.replay.resume(number)
        return
    if ctx.challenge is None:
        ctx.challenge = ctx.crypto.random(8)
    answer = response(numbers.UNAUTHORIZED).add(numbers.ECHO, ctx.challenge)
    answer.mid = inner.mid
    answer.token = inner.token
    raise OscoreError(numbers.UNAUTHORIZED, "Replay window lost", protect_response(ctx, answer, binding, True))
