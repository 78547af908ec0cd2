"""EDHOC responder handshakes per second on one core, ours beside lakers (Rust) in the same run.

A handshake is everything that the responder does from message_1 to a verified message_3 and the OSCORE keys. The
initiator's side is made ahead of time where it can be, and kept out of the measured time in any case. Prints one
line per case; nothing is asserted on time.
"""

import json
import sys
import time
from collections.abc import Callable

from results import ROOT, save

from microbrew.crypto import P256
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import initiator, responder
from microbrew.edhoc.credentials import Own, Peer, certificates, own_kccs, own_x5chain, peer_kccs, peer_x5chain

SECONDS = 2.0

with open(ROOT / "tests/vectors/edhoc.json") as file:
    _FILE = json.load(file)
_TRACE = _FILE["rfc9529_trace_2"]
_CERTIFICATE = bytes.fromhex(_FILE["computed_vectors_certificates"]["initiator_cert_der"])
_CRED_I = bytes.fromhex(_TRACE["CRED_I"])
_CRED_R = bytes.fromhex(_TRACE["CRED_R"])
_SK_I = bytes.fromhex(_TRACE["SK_I"])
_SK_R = bytes.fromhex(_TRACE["SK_R"])

CRYPTO = HostCrypto()
KEY_I = CRYPTO.load_private(P256, _SK_I)
KEY_R = CRYPTO.load_private(P256, _SK_R)


class Stopwatch:
    """Adds up the time between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self.total = 0.0
        self._since = 0.0

    def start(self) -> None:
        self._since = time.perf_counter()

    def stop(self) -> None:
        self.total += time.perf_counter() - self._since


def ours(method: int, own_i: Own, own_r: Own, peer_i: Callable[[bytes], Peer]) -> Callable[[Stopwatch], None]:
    """One handshake of our responder with our initiator."""

    def peer_r(id_cred: bytes) -> Peer:
        return peer_kccs(id_cred) if id_cred[1] == 14 else Peer(own_r.cred, KEY_R.public)

    def handshake(watch: Stopwatch) -> None:
        message_1, wait_2 = initiator.Start(CRYPTO, method, (2,), b"", own_i).message_1()
        watch.start()
        received_1 = responder.Start(CRYPTO, (method,), (2,), {2: own_r}).receive(message_1)
        message_2, wait_3 = received_1.message_2(b"\x05")
        watch.stop()
        received_2 = wait_2.receive(message_2)
        message_3, done_i = received_2.verify(peer_r(received_2.id_cred_r)).message_3()
        watch.start()
        received_3 = wait_3.receive(message_3)
        keys = received_3.verify(peer_i(received_3.id_cred_i)).oscore()
        watch.stop()
        if keys != done_i.oscore():
            raise SystemExit("the sides do not agree")

    return handshake


def lakers_responder() -> Callable[[Stopwatch], None]:
    """One handshake of lakers' responder with our initiator."""
    import lakers

    own_i = Own(bytes.fromhex(_TRACE["ID_CRED_I"]), _CRED_I, KEY_I)
    cred_i = lakers.Credential(_CRED_I)
    cred_r = lakers.Credential(_CRED_R)

    def handshake(watch: Stopwatch) -> None:
        message_1, wait_2 = initiator.Start(CRYPTO, 3, (2,), b"\x37", own_i).message_1()
        watch.start()
        their = lakers.EdhocResponder(_SK_R, cred_r)
        their.process_message_1(message_1)
        message_2 = their.prepare_message_2(lakers.CredentialTransfer.ByReference, b"\x05", [])
        watch.stop()
        verified = wait_2.receive(bytes(message_2)).verify(Peer(_CRED_R, KEY_R.public))
        message_3, done_i = verified.message_3()
        watch.start()
        their.parse_message_3(message_3)
        their.verify_message_3(cred_i)
        their.completed_without_message_4()
        keys = (bytes(their.edhoc_exporter(0, b"", 16)), bytes(their.edhoc_exporter(1, b"", 8)))
        watch.stop()
        if keys != done_i.oscore():
            raise SystemExit("the sides do not agree")

    return handshake


def rate(handshake: Callable[[Stopwatch], None], seconds: float) -> float:
    """Handshakes per second of measured time, over about ``seconds`` of it."""
    handshake(Stopwatch())
    watch = Stopwatch()
    count = 0
    while watch.total < seconds:
        handshake(watch)
        count += 1
    return count / watch.total


def main(seconds: float = SECONDS) -> int:
    """Measures all cases, prints, saves; the exit status."""
    by_kid_i = Own(bytes.fromhex(_TRACE["ID_CRED_I"]), _CRED_I, KEY_I)
    by_kid_r = Own(bytes.fromhex(_TRACE["ID_CRED_R"]), _CRED_R, KEY_R)
    known_i = Peer(_CRED_I, KEY_I.public)

    def by_certificate(id_cred: bytes) -> Peer:
        return peer_x5chain(certificates(id_cred)[0], KEY_I.public)

    cases = [
        (
            "microbrew method 0, x5chain and kccs",
            ours(0, own_x5chain(_CERTIFICATE, KEY_I), own_kccs(KEY_R, "jrc"), by_certificate),
        ),
        ("microbrew method 3, kid", ours(3, by_kid_i, by_kid_r, lambda _: known_i)),
    ]
    try:
        cases.append(("lakers method 3, kid", lakers_responder()))
    except ImportError:
        print("lakers is not installed", file=sys.stderr)
    rates = {name: rate(handshake, seconds) for name, handshake in cases}
    for name, per_second in rates.items():
        print(f"{name:40} {per_second:8.0f} handshakes/s")
    save("edhoc_responder_per_s", rates)
    return 0


if __name__ == "__main__":
    sys.exit(main())
