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
import io
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
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


def instrumented() -> dict:
    """Every target by name, the packages that they are about counting their branches for atheris."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("atheris is missing: make fuzz installs it") from None
    # What the libraries log about an input is neither read nor cheap.
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["microbrew", "microbrew_host"]):
        return targets()


def start(name: str, function: Callable[[bytes], None], seeds: list[bytes], seconds: int) -> int:
    """Fuzz one target in a child of this process, which has paid for the imports: its process id."""
    corpus = BUILD / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed[:MAX_LEN])
    pid = os.fork()
    if pid:
        return pid
    log = os.open(_log(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import atheris

    tempfile.tempdir = str(BUILD / "tmp")
    options = [f"-max_total_time={seconds}", f"-max_len={MAX_LEN}", f"-timeout={TIMEOUT_S}"]
    options += [f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1", f"-artifact_prefix={BUILD}/{name}-"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], function)
    atheris.Fuzz()
    os._exit(0)


def report(name: str, status: int) -> bool:
    """Print how a target's run ended; True if it found nothing."""
    output = _log(name).read_bytes()
    executed = _EXECUTED.search(output)
    covered = _COVERED.findall(output)
    good = status == 0 and executed is not None
    if not good:
        sys.stdout.write(output[-4000:].decode(errors="replace"))
    executions = int(executed.group(1)) if executed else 0
    edges = int(covered[-1]) if covered else 0
    print(f"{name:20} {executions:9} executions {edges:6} branches{'' if good else '  FOUND SOMETHING'}", flush=True)
    return good


def fuzz(chosen: dict, seconds: int, jobs: int) -> list[str]:
    """Fuzz each target for its share of the time, ``jobs`` at once: the names of those with findings."""
    each = max(1, seconds * jobs // len(chosen))
    (BUILD / "tmp").mkdir(parents=True, exist_ok=True)
    running: dict[int, str] = {}
    bad = []
    for name in [*chosen, *[None] * jobs]:
        while len(running) == jobs or (name is None and running):
            pid, status = os.wait()
            done = running.pop(pid)
            if not report(done, status):
                bad.append(done)
        if name is not None:
            running[start(name, chosen[name][0], chosen[name][1](), each)] = name
    shutil.rmtree(BUILD / "tmp")
    return bad


def _log(name: str) -> Path:
    return BUILD / f"{name}.log"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing of every decoder.")
    parser.add_argument("--seconds", type=int, default=60, help="time for all targets together")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run the one target on this input and stop")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    given = parser.parse_args()
    known = targets() if given.replay else instrumented()
    unknown = [name for name in given.targets if name not in known]
    if unknown:
        parser.error(f"no target {unknown[0]}; there are {', '.join(known)}")
    chosen = {name: known[name] for name in given.targets or known}
    if given.replay is not None:
        for function, _seeds in chosen.values():
            function(given.replay.read_bytes())
        return 0
    bad = fuzz(chosen, given.seconds, max(1, min(given.jobs, len(chosen))))
    if bad:
        print(f"findings in {', '.join(bad)}: see build/fuzz/*-crash-*, *-timeout-*, *-oom-* and *.log")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
