"""What the native crypto module costs: milliseconds beside the pure backend; Cortex-M4 instructions, stack, flash.

Program: ``python tests/bench/bench_native.py``. Three parts, each left out with a word when its tools are missing:
both backends in one run of MicroPython; every verb on a bare emulated Cortex-M4, also with the libraries that were
not chosen (docs/decisions/0008-native-crypto-library.md); the verbs as Python calls them on the board qemu_an386,
from the module in its image and from the loadable one. Instruction counts repeat exactly. Nothing is asserted.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "firmware/native/crypto"
BEARSSL = ROOT / "build/src/bearssl"
MBEDTLS = ROOT / "build/src/mbedtls"
IMAGE = ROOT / "build/firmware/qemu_an386-dev/firmware.elf"

# The verbs as Python calls them, in MicroPython: measure() gives [[verb, microseconds], ...]. SECONDS comes before it.
VERBS = """
import time, json, gc
from microbrew import crypto
def measure(c):
    key = c.load_private(1, bytes(range(1, 33)))
    peer = c.load_private(1, bytes(range(2, 34))).public
    message = bytes(64)
    signature = c.sign(key, message)
    sealed = c.ccm_seal(bytes(16), bytes(13), bytes(20), bytes(100), 8)
    out = []
    for name, call in (
        ("key pair", lambda: c.load_private(1, peer[:32])),
        ("ecdh x||y", lambda: c.ecdh(key, peer)),
        ("ecdh x", lambda: c.ecdh(key, peer[:32])),
        ("sign", lambda: c.sign(key, message)),
        ("verify", lambda: c.verify(1, key.public, message, signature)),
        ("x25519", lambda: c.ecdh(other, peer[:32])),
        ("sha256 64 B", lambda: c.sha256(message)),
        ("hmac 64 B", lambda: c.hmac(peer[:32], message)),
        ("hkdf_expand 32 B", lambda: c.hkdf_expand(peer[:32], message, 32)),
        ("ccm_seal 100 B", lambda: c.ccm_seal(bytes(16), bytes(13), message[:20], peer + peer[:36], 8)),
        ("ccm_open 100 B", lambda: c.ccm_open(bytes(16), bytes(13), bytes(20), sealed, 8)),
    ):
        if name == "x25519":
            other = c.load_private(4, bytes(range(32)))
        call()
        gc.collect()
        n = 0
        start = time.ticks_us()
        while True:
            call()
            n += 1
            took = time.ticks_diff(time.ticks_us(), start)
            if took >= SECONDS * 1000000:
                break
        out.append((name, took / n))
    return out
"""


def in_micropython() -> dict[str, dict[str, float]]:
    """Microseconds of each verb, both backends in one process."""
    code = "SECONDS = 0.3\n" + VERBS + "print(json.dumps({n: measure(crypto.load(n)) for n in ('native', 'pure')}))"
    interpreter = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    done = subprocess.run(  # noqa: S603
        [interpreter, "-c", code],
        cwd=ROOT,
        env=dict(os.environ, MICROPYPATH="firmware:build/native/x64:.frozen"),
        capture_output=True,
        text=True,
        check=True,
    )
    return {name: dict(pairs) for name, pairs in json.loads(done.stdout).items()}


def bare(name: str, optimise: str, *sources: object) -> dict[str, dict[str, int]]:
    """{verb: {instructions, stack}} of one implementation of p256.h; "flash" has its bytes."""
    compiler = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-std=gnu99", optimise, f"-I{SOURCE}"]
    compiler += [f"-I{BEARSSL}/inc", f"-I{BEARSSL}/src", f"-I{MBEDTLS}/include", f"-I{MBEDTLS}/3rdparty/p256-m/p256-m"]
    compiler += ["-DMBEDTLS_PSA_P256M_DRIVER_ENABLED", "-DWITH_X25519", "-ffunction-sections", "-fdata-sections"]
    with tempfile.TemporaryDirectory() as directory:
        objects = []
        flash = 0
        for source in map(Path, sources):  # type: ignore[arg-type]
            objects.append(f"{directory}/{source.stem}.o")
            subprocess.run([*compiler, "-c", str(source), "-o", objects[-1]], check=True)  # noqa: S603
            size = subprocess.run(["arm-none-eabi-size", objects[-1]], capture_output=True, text=True, check=True)  # noqa: S603, S607
            flash += int(size.stdout.splitlines()[1].split()[0])
        image = f"{directory}/m4.elf"
        rest = [SOURCE / "bench/m4.c", SOURCE / "symmetric_bearssl.c", SOURCE / "x25519_bearssl.c"]
        link = ["-nostartfiles", "-T", str(SOURCE / "bench/m4.ld"), "-Wl,--gc-sections", "-specs=nano.specs"]
        subprocess.run([*compiler, *link, *map(str, rest), *objects, "-o", image], check=True)  # noqa: S603
        command = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"]
        command += ["-semihosting-config", "enable=on,target=native", "-icount", "shift=0,sleep=off", "-kernel", image]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)  # noqa: S603
    out: dict[str, dict[str, int]] = {"flash": {"bytes": flash}}
    for line in (done.stdout + done.stderr).splitlines():
        verb, instructions, stack = line.split()
        if verb != "FAILED":  # a comparison that lacks a verb
            out[verb] = {"instructions": int(instructions), "stack": int(stack)}
    return out


def on_the_board(module: Path | None) -> dict[str, float]:
    """Instructions of each verb as Python on the board calls it; ``module``: a .mpy in place of the built-in one."""
    from mpremote.transport_serial import SerialTransport

    from microbrew_host.board.qemu import Qemu

    with Qemu(IMAGE, icount=True) as board:
        transport = SerialTransport(board.console, 115200)
        try:
            transport.enter_raw_repl(soft_reset=False)
            if module is not None:
                transport.fs_writefile("loaded.mpy", module.read_bytes())
                transport.exec("import sys, loaded\nsys.modules['microbrew_native'] = loaded")
            transport.exec("SECONDS = 0.05\n" + VERBS)
            text, error = transport.exec_raw("print(json.dumps(measure(crypto.load('native'))))", timeout=120)
            if error:
                raise RuntimeError(error.decode())
        finally:
            transport.close()
    # With -icount an instruction takes a nanosecond.
    return {name: microseconds * 1000 for name, microseconds in json.loads(text)}


def main() -> int:
    """Measures, prints tables, saves. The exit status."""
    from results import save

    facts: dict[str, object] = {}
    if (ROOT / "build/native/x64/microbrew_native.mpy").exists():
        times = in_micropython()
        facts["micropython_us"] = times
        print(f"{'MicroPython, ms':18}{'native':>10}{'pure':>10}")
        for name, native in times["native"].items():
            pure = times["pure"][name]
            print(f"{name:18}{native / 1000:10.3f}{pure / 1000:10.3f}{pure / native:8.1f}x")
    else:
        print("no module for MicroPython here: make native")

    tools = ("arm-none-eabi-gcc", "qemu-system-arm")
    if all(map(shutil.which, tools)) and BEARSSL.exists() and MBEDTLS.exists():
        p256m = (SOURCE / "bench/p256_p256m.c", MBEDTLS / "3rdparty/p256-m/p256-m/p256-m.c")
        libraries = {
            "BearSSL m31 (chosen)": bare("m31", "-Os", SOURCE / "p256_bearssl.c"),
            "BearSSL m15": bare("m15", "-O2", SOURCE / "bench/p256_m15.c"),
            "p256-m": bare("p256m", "-O2", *p256m),
        }
        facts["cortex_m4"] = libraries
        print("\nCortex-M4, thousands of instructions (stack bytes); flash bytes of P-256 with ECDSA")
        print(f"{'':18}" + "".join(f"{name:>24}" for name in libraries))
        for verb in libraries["BearSSL m31 (chosen)"]:
            cells = []
            for counts in libraries.values():
                found = counts.get(verb)
                if found is None:
                    cells.append("-")
                elif verb == "flash":
                    cells.append(str(found["bytes"]))
                else:
                    cells.append(f"{found['instructions'] / 1000:.1f} ({found['stack']})")
            print(f"{verb:18}" + "".join(f"{cell:>24}" for cell in cells))
    else:
        print(f"no counts on a bare Cortex-M4: needs {' and '.join(tools)} and make sources")

    module = ROOT / "build/native/armv7m/microbrew_native.mpy"
    if shutil.which("qemu-system-arm") and IMAGE.exists():
        built_in = on_the_board(None)
        loaded = on_the_board(module) if module.exists() else {}
        facts["qemu_an386_instructions"] = {"built_in": built_in, "loaded": loaded}
        print(f"\n{'from Python, k':18}{'built in':>12}{'loaded .mpy':>14}")
        for name, count in built_in.items():
            other = f"{loaded[name] / 1000:14.1f}" if loaded else ""
            print(f"{name:18}{count / 1000:12.1f}{other}")
    else:
        print("no board: make firmware BOARD=qemu_an386")
    facts["at"] = time.strftime("%Y-%m-%d")
    save("native", facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
