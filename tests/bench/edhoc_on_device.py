"""The initiator's half of one EDHOC exchange inside MicroPython: time, modules and heap, as JSON on stdout.

Started by bench_edhoc.py, which made the other side's messages: a line of JSON on stdin is the case. Only what
an initiator loads is loaded.
"""

import gc
import json
import sys
import time
from binascii import unhexlify

gc.collect()
_heap_before = gc.mem_alloc()
_modules_before = len(sys.modules)


def main():
    case = json.loads(sys.stdin.readline())
    repeat = case["repeat"]

    from microbrew.crypto.pure.backend import PureCrypto
    from microbrew.edhoc import initiator
    from microbrew.edhoc.credentials import Own, Peer

    crypto = PureCrypto()
    curve = case["own_curve"]
    private = crypto.load_private(curve, unhexlify(case["secret"]))
    own = Own(unhexlify(case["id_cred"]), unhexlify(case["cred"]), private)
    peer = Peer(unhexlify(case["peer_cred"]), unhexlify(case["peer_public"]))
    message_2 = unhexlify(case["message_2"])

    def run():
        """One handshake; milliseconds of each step."""
        marks = [time.ticks_us()]
        # The private half is fixed, so that the recorded message_2 fits; making it costs the same.
        ephemeral = crypto.load_private(case["ephemeral_curve"], unhexlify(case["ephemeral"]))
        start = initiator.Start(crypto, case["method"], (case["suite"],), unhexlify(case["c_i"]), own, ephemeral)
        _, wait = start.message_1()
        marks.append(time.ticks_us())
        received = wait.receive(message_2)
        marks.append(time.ticks_us())
        verified = received.verify(peer)
        marks.append(time.ticks_us())
        _, done = verified.message_3()
        done.oscore()
        marks.append(time.ticks_us())
        return [time.ticks_diff(marks[i + 1], marks[i]) / 1000 for i in range(4)]

    run()
    gc.collect()
    live = gc.mem_alloc()
    allocated = 0
    if repeat:
        gc.disable()
        run()
        allocated = gc.mem_alloc() - live
        gc.enable()
    best = None
    for _ in range(repeat):
        gc.collect()
        times = run()
        if best is None or sum(times) < sum(best):
            best = times
    modules = sorted(name for name in sys.modules if name.startswith("microbrew") and "." in name)
    print(json.dumps({"ms": best, "modules": modules, "live": live - _heap_before, "allocated": allocated}))


if __name__ == "__main__":
    main()
