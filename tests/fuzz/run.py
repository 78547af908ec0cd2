"""Coverage-guided fuzzing of every decoder with atheris: ``python tests/fuzz/run.py --seconds 600 [TARGET...]``.

The time is divided among the targets. Seeds are the test vectors; what atheris finds interesting stays in
build/fuzz/corpus/TARGET for the next run, and an input that breaks a decoder in build/fuzz/TARGET-crash-*:
``python tests/fuzz/run.py --replay FILE TARGET`` runs one input. Prints the number of executions per target; the
exit status is 1 if anything was found.
"""

import argparse
import contextlib
import hashlib
import importlib
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"

MAX_LEN = 1500
# No input of that size may take longer, or more memory.
TIMEOUT_S = 5
MEMORY_MB = 1024

_EXECUTED = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")
_COVERED = re.compile(rb"cov: (\d+)")
_MODULES = ("decoder_targets", "host_targets")


def targets() -> dict:
    """Every target by name."""
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / "tests" / "unit"), str(ROOT / "tests" / "fuzz"), str(ROOT / "firmware")]
    found: dict = {}
    for module in _MODULES:
        found.update(importlib.import_module(module).TARGETS)
    return found


def child(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process; does not return."""
    import atheris

    # What the libraries log about an input is neither read nor cheap.
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["microbrew", "microbrew_host"]):
        function, seeds = targets()[name]
    corpus = BUILD / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed[:MAX_LEN])
    atheris.Setup([sys.argv[0], *arguments, str(corpus)], function)
    atheris.Fuzz()


def fuzz(name: str, seconds: int) -> tuple[int, int, bool]:
    """Run one target in a process of its own: (executions, edges covered, whether it ended well)."""
    BUILD.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "--child", name]
    command += [f"-max_total_time={seconds}", f"-max_len={MAX_LEN}", f"-timeout={TIMEOUT_S}"]
    command += [f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1", f"-artifact_prefix={BUILD}/{name}-"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # noqa: S603
    (BUILD / f"{name}.log").write_bytes(done.stdout)
    executed = _EXECUTED.search(done.stdout)
    covered = _COVERED.findall(done.stdout)
    if done.returncode:
        sys.stdout.write(done.stdout[-4000:].decode(errors="replace"))
    return (
        int(executed.group(1)) if executed else 0,
        int(covered[-1]) if covered else 0,
        done.returncode == 0 and executed is not None,
    )


def main() -> int:
    """The command line."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
        return 1
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing of every decoder.")
    parser.add_argument("--seconds", type=int, default=60, help="time for all targets together")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run the one target on this input and stop")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    given = parser.parse_args()
    known = targets()
    unknown = [name for name in given.targets if name not in known]
    if unknown:
        parser.error(f"no target {unknown[0]}; there are {', '.join(known)}")
    names = given.targets or list(known)
    if given.replay is not None:
        for name in names:
            known[name][0](given.replay.read_bytes())
        return 0
    each = max(1, given.seconds // len(names))
    bad = []
    with contextlib.suppress(KeyboardInterrupt):
        for name in names:
            executions, covered, good = fuzz(name, each)
            print(f"{name:20} {executions:9} executions {covered:6} edges {'' if good else 'FOUND SOMETHING'}", flush=True)
            if not good:
                bad.append(name)
    if bad:
        print(f"findings in {', '.join(bad)}: see build/fuzz/*-crash-*, *-timeout-*, *-oom-* and *.log")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
