"""EDHOC: responder handshakes per second beside lakers, the initiator in MicroPython, message lengths beside RFC 9528.

Responder: one core of CPython over the ``host`` backend, beside lakers (Rust) in the same run, the cases taking turns
so that a busy machine slows them alike. A handshake is everything that the responder does from message_1 to a
verified message_3 and the OSCORE keys; the initiator's side is kept out of the measured time. Initiator: the pure
backend inside MicroPython, the interpreter that MICROPYTHON names or the one beside this Python, in a heap that is
found by halving. Prints tables; nothing is asserted on time.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from results import save

from microbrew.crypto import ED25519, P256, X25519
from microbrew.crypto.host import HostCrypto
from microbrew.edhoc import initiator, responder
from microbrew.edhoc.authentication import initiator_signs, responder_signs
from microbrew.edhoc.credentials import Own, Peer, certificates, own_kccs, own_x5chain, peer_kccs, peer_x5chain
from microbrew.edhoc.x509 import own_x5t

SECONDS = 2.0
_SLICE = 0.1
_HEAP_STEP = 1024
_HEAP_MOST = 1 << 19
# Room for a run without a collection.
_HEAP_AMPLE = 1 << 26

with open("tests/vectors/edhoc.json") as file:
    _FILE = json.load(file)
_TRACE = _FILE["rfc9529_trace_2"]
_CERTIFICATE = bytes.fromhex(_FILE["computed_vectors_certificates"]["initiator_cert_der"])
_CRED_I = bytes.fromhex(_TRACE["CRED_I"])
_CRED_R = bytes.fromhex(_TRACE["CRED_R"])
_SK_I = bytes.fromhex(_TRACE["SK_I"])
_SK_R = bytes.fromhex(_TRACE["SK_R"])
_ID_CRED_I = bytes.fromhex(_TRACE["ID_CRED_I"])
_ID_CRED_R = bytes.fromhex(_TRACE["ID_CRED_R"])

CRYPTO = HostCrypto()
KEY_I = CRYPTO.load_private(P256, _SK_I)
KEY_R = CRYPTO.load_private(P256, _SK_R)

# RFC 9528 section 1.2: bytes of the three messages by (method, reference).
SIZES = {(3, "kid"): (37, 45, 19), (3, "x5t"): (37, 58, 33), (0, "kid"): (37, 102, 77), (0, "x5t"): (37, 115, 90)}

Case = tuple[int, int, Own, Own, Callable[[bytes], Peer], Callable[[bytes], Peer]]


class Stopwatch:
    """Adds up the time between ``start`` and ``stop``."""

    def __init__(self) -> None:
        self.total = 0.0
        self._since = 0.0

    def start(self) -> None:
        self._since = time.perf_counter()

    def stop(self) -> None:
        self.total += time.perf_counter() - self._since


def curve_of(suite: int, signs: bool) -> int:
    """Curve of an authentication key."""
    if suite > 1:
        return P256
    return ED25519 if signs else X25519


def case(method: int, suite: int, reference: str) -> Case:
    """Method, suite, both Owns by ``reference`` (kid, x5t or value), and how each finds the other."""
    owns = []
    for signs, secret, kid, cred in (
        (initiator_signs(method), _SK_I, _ID_CRED_I, _CRED_I),
        (responder_signs(method), _SK_R, _ID_CRED_R, _CRED_R),
    ):
        private = CRYPTO.load_private(curve_of(suite, signs), secret)
        if reference == "kid":
            owns.append(Own(kid, cred, private))
        elif reference == "x5t":
            owns.append(own_x5t(CRYPTO, _CERTIFICATE, private))
        elif kid == _ID_CRED_I:
            owns.append(own_x5chain(_CERTIFICATE, private))
        else:
            owns.append(own_kccs(private, "jrc"))
    own_i, own_r = owns

    def peer_i(id_cred: bytes) -> Peer:
        if reference == "value":
            return peer_x5chain(certificates(id_cred)[0], own_i.private.public)
        return Peer(own_i.cred, own_i.private.public)

    def peer_r(id_cred: bytes) -> Peer:
        return peer_kccs(id_cred) if reference == "value" else Peer(own_r.cred, own_r.private.public)

    return method, suite, own_i, own_r, peer_i, peer_r


def ours(chosen: Case, messages: list[bytes] | None = None) -> Callable[[Stopwatch], None]:
    """One handshake of our responder with our initiator; ``messages`` receives those of the last one."""
    method, suite, own_i, own_r, peer_i, peer_r = chosen

    def handshake(watch: Stopwatch) -> None:
        message_1, wait_2 = initiator.Start(CRYPTO, method, (suite,), b"\x37", own_i).message_1()
        watch.start()
        received_1 = responder.Start(CRYPTO, (method,), (suite,), {suite: own_r}).receive(message_1)
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
        if messages is not None:
            messages[:] = message_1, message_2, message_3

    return handshake


def lakers_responder() -> Callable[[Stopwatch], None]:
    """One handshake of lakers' responder with our initiator."""
    import lakers

    own_i = Own(_ID_CRED_I, _CRED_I, KEY_I)
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


def rates(handshakes: dict[str, Callable[[Stopwatch], None]], seconds: float) -> dict[str, float]:
    """Handshakes per second of measured time, over about ``seconds`` of it each, in short turns."""
    watches = {name: Stopwatch() for name in handshakes}
    counts = dict.fromkeys(handshakes, 0)
    for handshake in handshakes.values():
        handshake(Stopwatch())
    while any(watch.total < seconds for watch in watches.values()):
        for name, handshake in handshakes.items():
            until = watches[name].total + _SLICE
            while watches[name].total < until:
                handshake(watches[name])
                counts[name] += 1
    return {name: counts[name] / watches[name].total for name in handshakes}


def print_responder(seconds: float) -> None:
    """Our responder beside lakers'."""
    handshakes = {
        "microbrew method 3, suite 2, kid": ours(case(3, 2, "kid")),
        "microbrew method 0, suite 2, kid": ours(case(0, 2, "kid")),
        "microbrew method 0, suite 2, x5chain and kccs": ours(case(0, 2, "value")),
        "microbrew method 3, suite 0, kid": ours(case(3, 0, "kid")),
        "microbrew method 0, suite 0, kid": ours(case(0, 0, "kid")),
    }
    theirs = "lakers    method 3, suite 2, kid"
    try:
        handshakes[theirs] = lakers_responder()
    except ImportError:
        print("lakers is not installed", file=sys.stderr)
    found = rates(handshakes, seconds)
    save("edhoc_responder_per_s", {" ".join(name.split()): rate for name, rate in found.items()})
    for name, rate in found.items():
        ratio = f"{rate / found[theirs]:6.2f} x lakers" if theirs in found else ""
        print(f"{name:48}{rate:8.0f} handshakes/s{ratio}")


def print_sizes() -> None:
    """Bytes on the air beside the table of RFC 9528 section 1.2."""
    print(f"\n{'message lengths':40}{'ours':>18}{'RFC 9528':>18}")
    for (method, reference), expected in SIZES.items():
        for suite in (2, 0):
            messages: list[bytes] = []
            ours(case(method, suite, reference), messages)(Stopwatch())
            lengths = "/".join(str(len(message)) for message in messages)
            print(f"method {method}, suite {suite}, {reference:24}{lengths:>18}{'/'.join(map(str, expected)):>18}")
    messages = []
    ours(case(0, 2, "value"), messages)(Stopwatch())
    print(f"{'method 0, suite 2, x5chain and kccs':40}{'/'.join(str(len(message)) for message in messages):>18}")


def on_device(chosen: Case, repeat: int) -> dict[str, object]:
    """A case for edhoc_on_device.py, with a message_2 that fits its fixed ephemeral key."""
    method, suite, own_i, own_r, _peer_i, peer_r = chosen
    ephemeral_curve = P256 if suite > 1 else X25519
    secret = bytes.fromhex(_TRACE["X"])
    ephemeral = CRYPTO.load_private(ephemeral_curve, secret)
    message_1, _ = initiator.Start(CRYPTO, method, (suite,), b"\x37", own_i, ephemeral).message_1()
    message_2, _ = responder.Start(CRYPTO, (method,), (suite,), {suite: own_r}).receive(message_1).message_2(b"\x05")
    peer = peer_r(own_r.id_cred)
    return {
        "method": method,
        "suite": suite,
        "repeat": repeat,
        "own_curve": own_i.private.curve,
        "secret": _SK_I.hex(),
        "id_cred": own_i.id_cred.hex(),
        "cred": bytes(own_i.cred).hex(),
        "c_i": "37",
        "ephemeral_curve": ephemeral_curve,
        "ephemeral": secret.hex(),
        "message_2": message_2.hex(),
        "peer_cred": bytes(peer.cred).hex(),
        "peer_public": bytes(peer.public).hex(),
    }


def in_micropython(chosen: dict[str, object], heap: int) -> dict[str, object] | None:
    """What edhoc_on_device.py says of a case, or None if ``heap`` bytes are too few."""
    root = Path(__file__).resolve().parents[2]
    interpreter = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    ran = subprocess.run(  # noqa: S603
        [interpreter, "-X", f"heapsize={heap}", "tests/bench/edhoc_on_device.py"],
        input=json.dumps(chosen) + "\n",
        cwd=root,
        env=dict(os.environ, MICROPYPATH="firmware:.frozen"),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return json.loads(ran.stdout)
    except ValueError:
        # In a heap that is too small the interpreter ends in several ways.
        if heap < _HEAP_AMPLE:
            return None
        raise SystemExit(ran.stdout + ran.stderr) from None


def smallest_heap(chosen: dict[str, object]) -> int:
    """The smallest heap in which the case runs, sources compiled there included."""
    low, high = 0, _HEAP_MOST
    while high - low > _HEAP_STEP:
        middle = (low + high) // 2
        if in_micropython(chosen, middle) is None:
            low = middle
        else:
            high = middle
    return high


def print_initiator(repeat: int) -> None:
    """The initiator in MicroPython: time by step, what it loads, and the heap."""
    print(
        f"\n{'initiator, MicroPython, pure Python':40}{'message_1':>10}{'receive':>9}{'verify':>9}{'message_3':>10}"
        f"{'ms':>7}{'modules':>9}{'live kB':>9}{'run kB':>8}{'heap kB':>9}"
    )
    for method, suite, reference in ((3, 2, "kid"), (0, 2, "kid"), (0, 2, "value"), (3, 0, "kid"), (0, 0, "kid")):
        chosen = on_device(case(method, suite, reference), repeat)
        try:
            found = in_micropython(chosen, _HEAP_AMPLE)
        except (FileNotFoundError, PermissionError):
            print("no MicroPython here; set MICROPYTHON=", file=sys.stderr)
            return
        assert found is not None
        first, receive, verify, third = found["ms"]
        heap = smallest_heap(chosen | {"repeat": 0})
        print(
            f"{f'method {method}, suite {suite}, {reference}':40}{first:10.1f}{receive:9.1f}{verify:9.1f}{third:10.1f}"
            f"{first + receive + verify + third:7.1f}{len(found['modules']):9}{found['live'] / 1024:9.1f}"
            f"{found['allocated'] / 1024:8.0f}{heap / 1024:9.0f}"
        )
        curves = [name.rpartition(".")[2] for name in found["modules"] if ".pure." in name or name.endswith("sign1")]
        print(f"{'':40}loads {', '.join(curves)}")
    print(
        "live: bytecode (in flash on a board) and objects after a run; run: allocated by one run, nothing collected;\n"
        "heap: the smallest that does, compiling the sources in it"
    )


def main(seconds: float = SECONDS, repeat: int = 5) -> int:
    """Measures all cases; the exit status."""
    print_responder(seconds)
    print_sizes()
    print_initiator(repeat)
    return 0


if __name__ == "__main__":
    sys.exit(main())
