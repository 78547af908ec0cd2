"""The native crypto module as it is built: its forms, what it leaves on the stack, what happens where it does not fit.

Needs what `make sources` fetches and a compiler; a test that lacks them is skipped with the reason.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "firmware/native/crypto"
MICROPYTHON_SOURCE = ROOT / "build/src/micropython"
BEARSSL = ROOT / "build/src/bearssl"
LIBRARY = [SOURCE / name for name in ("p256_bearssl.c", "symmetric_bearssl.c", "x25519_bearssl.c")]
INCLUDES = [f"-I{SOURCE}", f"-I{BEARSSL}/inc", f"-I{BEARSSL}/src"]

# Byte 2 of a .mpy: features, and the architecture in bits 2 to 7 (py/persistentcode.h).
ARCHITECTURE = {"x64": 2, "armv7m": 5}
# Text of the armv7m module; a change that needs more is made knowingly.
ARMV7M_BYTES = 32 * 1024


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    for tree in (MICROPYTHON_SOURCE, BEARSSL):
        if not tree.exists():
            pytest.skip(f"{tree.relative_to(ROOT)} is missing: make sources")


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command], env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(directory: Path, architecture: str) -> Path:
    (directory / "Makefile").write_text(f"include {SOURCE}/natmod.mk\n")
    run(
        *("make", "-C", directory, f"ARCH={architecture}", f"MPY_DIR={MICROPYTHON_SOURCE}"),
        *(f"BEARSSL_DIR={BEARSSL}", f"PYTHON={sys.executable}"),
    )
    return directory / "microbrew_native.mpy"


def micropython() -> str:
    named = os.environ.get("MICROPYTHON") or str(Path(sys.executable).parent / "micropython")
    found = shutil.which(str(ROOT / named) if "/" in named else named)
    if found is None:
        pytest.skip("no MicroPython")
    return found


def backend_with(path: Path, code: str = "print(crypto.load().name)") -> str:
    """What MicroPython prints with ``path`` as the place of the native module."""
    code = "from microbrew import crypto\n" + code
    return run(micropython(), "-c", code, MICROPYPATH=f"{ROOT}/firmware:{path}:.frozen").strip()


def test_the_x64_module_is_loaded_by_the_unix_port_and_chosen(tmp_path: Path) -> None:
    need("gcc", "make")
    module = build(tmp_path, "x64")
    assert module.read_bytes()[2] >> 2 == ARCHITECTURE["x64"]
    code = "import microbrew_native\nprint(crypto.load().name, microbrew_native.sha256(b'abc').hex()[:16])"
    assert backend_with(tmp_path, code) == "native ba7816bf8f01cfea"


def test_the_module_for_cortex_m4_is_within_its_size(tmp_path: Path) -> None:
    need("arm-none-eabi-gcc", "make")
    module = build(tmp_path, "armv7m")
    assert module.read_bytes()[2] >> 2 == ARCHITECTURE["armv7m"]
    assert module.stat().st_size <= ARMV7M_BYTES
    # The wide multiplication that the library's constant time rests on, and which Cortex-M3 does not have constant.
    listing = run("arm-none-eabi-objdump", "-d", tmp_path / "build/p256_bearssl.o")
    assert re.search(r"\bumull\b", listing)
    assert "__aeabi" not in run("arm-none-eabi-nm", "-u", tmp_path / "build/p256_bearssl.o")


@pytest.mark.parametrize(
    "content", [b"M\x06" + bytes([5 << 2 | 3, 31]) + bytes(40), b"", b"M\x05\x00\x1f", b"nonsense"]
)
def test_a_module_that_does_not_fit_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "microbrew_native.mpy").write_bytes(content)
    assert backend_with(tmp_path) == "pure"
    code = "try:\n crypto.load('native')\nexcept ImportError: print('missing')"
    assert backend_with(tmp_path, code) == "missing"


def leftovers(directory: Path, *flags: str) -> dict[str, int]:
    """{verb: bytes below its frame that depend on its secret, after it has returned}."""
    program = directory / "leftovers"
    run(
        *("gcc", "-std=gnu99", "-static", "-U_FORTIFY_SOURCE", "-fno-stack-protector", *flags, *INCLUDES),
        *(SOURCE / "bench/leftovers.c", *LIBRARY, "-o", program),
    )
    lines = run(program).splitlines()
    return {name: int(different) for name, different, _ in map(str.split, lines)}


@pytest.mark.parametrize("optimise", ["-Os", "-O2"])
def test_no_verb_leaves_anything_of_its_secret_on_the_stack(tmp_path: Path, optimise: str) -> None:
    need("gcc")
    left = leftovers(tmp_path, optimise)
    assert len(left) == 9
    assert not any(left.values()), left


def test_without_wiping_every_verb_would_leave_much(tmp_path: Path) -> None:
    need("gcc")
    left = leftovers(tmp_path, "-Os", "-DMB_STACK=8")
    assert all(count > 64 for count in left.values()), left


def test_declarations_and_exports_are_the_same_functions() -> None:
    declared = re.findall(r"^def (\w+)\(", (SOURCE / "microbrew_native.pyi").read_text(), re.MULTILINE)
    exported = re.findall(r"EACH\(MP_QSTR_(\w+), \1_obj\)", (SOURCE / "modmicrobrew_native.c").read_text())
    assert sorted(declared) == sorted(exported)


def test_both_lists_of_files_for_builds_are_the_same() -> None:
    made = re.findall(r"\w+\.c", (SOURCE / "sources.mk").read_text().split("NATIVE_MODULE", 1)[1])
    cmade = re.findall(r"/(\w+\.c)\b", (SOURCE / "micropython.cmake").read_text())
    assert sorted(made) == sorted(cmade) == sorted(path.name for path in SOURCE.glob("*.c"))
