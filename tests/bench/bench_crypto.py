"""How long the pure-Python crypto takes on CPython and on MicroPython, as times of ``cryptography``.

Program: ``python tests/bench/bench_crypto.py``; ``main()`` for callers. The interpreter is the one that
MICROPYTHON names, or the one beside this Python. The part that runs in MicroPython is this file again, so only
that part may use what MicroPython has. Nothing is asserted on time.
"""

import gc
import json
import sys
import time

_CCM_KEY = bytes(range(16))
_CCM_NONCE = bytes(range(13))
_MICROPYTHON = sys.implementation.name == "micropython"


def _microseconds():
    if _MICROPYTHON:
        return time.ticks_us()
    return time.perf_counter_ns() // 1000


def _time(function, seconds):
    """Best microseconds per call, over batches that last ``seconds`` in all."""
    best = None
    spent = 0
    calls = 1
    while spent < seconds * 1000000:
        gc.collect()
        start = _microseconds()
        for _ in range(calls):
            function()
        took = _microseconds() - start
        spent += took
        if best is None or took / calls < best:
            best = took / calls
        if took < 10000:
            # Too short for the clock.
            calls *= 4
    return best


def measure(backend, seconds=0.5):
    """Microseconds of each verb of a backend, and the heap that the generator's table takes where that shows."""
    from microbrew import crypto

    out = {}
    chosen = crypto.load(backend)
    if backend == "pure":
        from microbrew.crypto.pure import p256

        gc.collect()
        before = gc.mem_alloc() if _MICROPYTHON else 0
        start = _microseconds()
        p256.multiply_base(1)
        out["first use"] = _microseconds() - start
        gc.collect()
        if _MICROPYTHON:
            out["table bytes"] = gc.mem_alloc() - before
    private = chosen.load_private(crypto.P256, bytes(range(1, 33)))
    peer = chosen.load_private(crypto.P256, bytes(range(2, 34))).public
    message = bytes(200)
    signature = chosen.sign(private, message)
    plaintext = bytes(100)
    sealed = chosen.ccm_seal(_CCM_KEY, _CCM_NONCE, plaintext[:20], plaintext, 8)
    for name, function in (
        ("generate", lambda: chosen.generate(crypto.P256)),
        ("ecdh x||y", lambda: chosen.ecdh(private, peer)),
        ("ecdh x", lambda: chosen.ecdh(private, peer[:32])),
        ("sign", lambda: chosen.sign(private, message)),
        ("verify", lambda: chosen.verify(crypto.P256, private.public, message, signature)),
        ("ccm_seal 100 B", lambda: chosen.ccm_seal(_CCM_KEY, _CCM_NONCE, plaintext[:20], plaintext, 8)),
        ("ccm_open 100 B", lambda: chosen.ccm_open(_CCM_KEY, _CCM_NONCE, plaintext[:20], sealed, 8)),
        ("sha256 200 B", lambda: chosen.sha256(message)),
        ("hmac 64 B", lambda: chosen.hmac(peer[:32], peer)),
    ):
        out[name] = _time(function, seconds)
    return out


def _measure_in_micropython(seconds):
    import os
    import subprocess
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    interpreter = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    ran = subprocess.run(  # noqa: S603
        [interpreter, os.path.relpath(__file__, root), str(seconds)],
        cwd=root,
        env=dict(os.environ, MICROPYPATH="firmware:.frozen"),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout)


def main(seconds=0.5):
    """Measures all three, prints a table, saves; ``seconds`` per verb. The exit status."""
    from results import save

    host = measure("host", seconds)
    pure = measure("pure", seconds)
    try:
        micropython = _measure_in_micropython(seconds)
    except (FileNotFoundError, PermissionError):
        micropython = {}
        print("no MicroPython here; set MICROPYTHON=", file=sys.stderr)
    print(f"{'':16}{'cryptography':>14}{'CPython pure':>14}{'':>8}{'MicroPython':>14}{'':>8}   (microseconds)")
    for name, reference in host.items():
        line = f"{name:16}{reference:14.1f}"
        for times in (pure, micropython):
            if times:
                line += f"{times[name]:14.1f}{times[name] / reference:7.0f}x"
        print(line)
    if micropython:
        print(
            "generator table: built at first use in {:.1f} ms, {} bytes of heap from then on".format(
                micropython["first use"] / 1000, micropython["table bytes"]
            )
        )
    save("crypto_us", {"cryptography": host, "cpython_pure": pure, "micropython": micropython})
    return 0


if __name__ == "__main__":
    if _MICROPYTHON:
        print(json.dumps(measure("pure", float(sys.argv[1]))))
    else:
        sys.exit(main())
