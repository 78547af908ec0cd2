"""Which functions of the firmware are counted one by one while a device joins, by the numbers agent.py notes."""

# Names in the report, and (module, class or empty, function) in the firmware. A release keeps public names only
# (mpconfig/slim.py).
FUNCTIONS = (
    ("own credential", "microbrew.edhoc.credentials", "", "own_x5chain"),
    ("start", "microbrew.edhoc.initiator", "Start", "__init__"),
    ("message_1 with key pair", "microbrew.edhoc.initiator", "Start", "message_1"),
    ("message_2", "microbrew.edhoc.initiator", "WaitMessage2", "receive"),
    ("peer's credential", "microbrew.edhoc.credentials", "", "peer_kccs"),
    ("verify message_2", "microbrew.edhoc.initiator", "ReceivedMessage2", "verify"),
    ("message_3", "microbrew.edhoc.initiator", "VerifiedMessage2", "message_3"),
    ("OSCORE keys", "microbrew.edhoc.session", "Completed", "oscore"),
    ("voucher request", "microbrew.join.voucher", "", "voucher_request"),
    ("voucher", "microbrew.join.voucher", "", "verify_voucher"),
    ("protect", "microbrew.oscore.protect", "", "protect_request"),
    ("unprotect", "microbrew.oscore.protect", "", "unprotect_response"),
    ("datagram to CoAP", "microbrew.coap.exchange", "Endpoint", "receive"),
)
# The initiator, from its credential to the keys of OSCORE, in the order of the run.
EDHOC = tuple(name for name, *_ in FUNCTIONS[:8])

# The native module's functions, and which arguments have the lengths that matter, all of sha256's.
NATIVE = (
    ("p256_public", ()),
    ("p256_ecdh", ()),
    ("p256_sign", (1,)),
    ("p256_verify", (1,)),
    ("sha256", (0, 1, 2)),
    ("hmac", (1,)),
    ("hkdf_expand", (1,)),
    ("ccm_seal", (3,)),
    ("ccm_open", (3,)),
)
FIRST_NATIVE = 100


def install_functions() -> str:
    """Code for the board, before the package is loaded."""
    wanted = [(number, *where) for number, (_, *where) in enumerate(FUNCTIONS)]
    return f"probe_when_imported({wanted})"


def install_natives() -> str:
    """Code for the board, after the package is loaded."""
    names = [name for name, _ in NATIVE]
    sized = [arguments for _, arguments in NATIVE]
    return f"probe_natives({FIRST_NATIVE}, {names}, {sized})"


def name_of(number: int) -> str:
    """What a sample's number stands for."""
    return NATIVE[number - FIRST_NATIVE][0] if number >= FIRST_NATIVE else FUNCTIONS[number][0]
