"""OSCORE beside aiocoap: microseconds to protect a request and to verify it, 60 bytes of payload, in one run.

Program: ``python tests/bench/bench_oscore.py``; ``main()`` for callers. The part for MicroPython is this file again,
run in the interpreter that MICROPYTHON names, so only the rest may use what MicroPython lacks. Nothing is asserted
on time.
"""

import json
import os
import sys
import time

_MICROPYTHON = sys.implementation.name == "micropython"
_SECRET = bytes(range(16))
_SALT = bytes(range(8))
_PAYLOAD = bytes(60)
_CALLS = 300


def _microseconds():
    if _MICROPYTHON:
        return time.ticks_us()
    return time.perf_counter_ns() // 1000


def _request():
    from microbrew.coap import numbers
    from microbrew.coap.message import Message

    return Message(numbers.CON, numbers.POST, 1, b"ab", [(numbers.URI_PATH, b"j")], _PAYLOAD)


def measure(backend):
    """(protect, unprotect) of ours, best microseconds of five rounds; every message has a new number."""
    from microbrew import crypto
    from microbrew.oscore import protect
    from microbrew.oscore.context import Context

    chosen = crypto.load(backend)
    client = Context(chosen, _SECRET, _SALT, b"c", b"s")
    server = Context(chosen, _SECRET, _SALT, b"s", b"c")
    best = [None, None]
    for _ in range(5):
        start = _microseconds()
        sent = [protect.protect_request(client, _request())[0] for _ in range(_CALLS)]
        middle = _microseconds()
        for message in sent:
            protect.unprotect_request(server, message)
        for i, took in enumerate((middle - start, _microseconds() - middle)):
            if best[i] is None or took / _CALLS < best[i]:
                best[i] = took / _CALLS
    return best


def measure_aiocoap():
    """The same of aiocoap."""
    import aiocoap
    from aiocoap import oscore
    from aiocoap.message import Direction

    class Context(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
        def __init__(self, sender_id, recipient_id):
            self.alg_aead = oscore.algorithms["AES-CCM-16-64-128"]
            self.hashfun = oscore.hashfunctions["sha256"]
            self.sender_id = sender_id
            self.recipient_id = recipient_id
            self.id_context = None
            self.derive_keys(_SALT, _SECRET)
            self.sender_sequence_number = 0
            self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
            self.recipient_replay_window.initialize_empty()
            self.echo_recovery = None

        def post_seqnoincrease(self):
            pass

    client, server = Context(b"c", b"s"), Context(b"s", b"c")
    best = [None, None]
    for _ in range(5):
        sent = []
        start = _microseconds()
        for _ in range(_CALLS):
            request = aiocoap.Message(code=aiocoap.POST, uri_path=["j"], payload=_PAYLOAD)
            request.direction = Direction.OUTGOING
            sent.append(client.protect(request)[0])
        middle = _microseconds()
        for message in sent:
            message.direction = Direction.INCOMING
        ready = _microseconds()
        for message in sent:
            server.unprotect(message)
        for i, took in enumerate((middle - start, _microseconds() - ready)):
            if best[i] is None or took / _CALLS < best[i]:
                best[i] = took / _CALLS
    return best


def _measure_in_micropython():
    import subprocess
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    interpreter = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    ran = subprocess.run(  # noqa: S603
        [interpreter, "-X", "heapsize=4M", os.path.relpath(__file__, root)],
        cwd=root,
        env=dict(os.environ, MICROPYPATH="firmware:.frozen"),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def main():
    """Measures all, prints a table, saves. The exit status."""
    from results import save

    rows = {"aiocoap": measure_aiocoap(), "ours, cryptography": measure("host")}
    try:
        rows["ours, MicroPython pure"] = _measure_in_micropython()
    except (FileNotFoundError, PermissionError):
        print("no MicroPython here; set MICROPYTHON=", file=sys.stderr)
    reference = rows["aiocoap"]
    print(f"{'':24}{'protect':>10}{'':>8}{'unprotect':>10}{'':>8}   (microseconds, and as times of aiocoap's)")
    for name, (protect_us, unprotect_us) in rows.items():
        ratios = protect_us / reference[0], unprotect_us / reference[1]
        print(f"{name:24}{protect_us:10.1f}{ratios[0]:7.2f}x{unprotect_us:10.1f}{ratios[1]:7.2f}x")
    save("oscore_us", {name: {"protect": row[0], "unprotect": row[1]} for name, row in rows.items()})
    return 0


if __name__ == "__main__":
    if _MICROPYTHON:
        print(json.dumps(measure("pure")))
    else:
        sys.exit(main())
