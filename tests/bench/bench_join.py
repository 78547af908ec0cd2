"""A whole zero-touch join beside its budgets: bytes on the air, and the heap of a device on MicroPython.

Everything is real: the processes of ``microbrew demo`` without losses, devices that run firmware/main.py in
MicroPython. The smallest heap is found by binary search over joins of one device through the border router, each
with a fresh process and ``-X heapsize``, and confirmed by a whole demo in which every device has no more and two
of them are join proxies. Nothing is asserted on time.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator

from results import ROOT, save

from microbrew_host.demo import parts
from microbrew_host.demo.device import PHASES, Device
from microbrew_host.demo.process import Process
from microbrew_host.demo.run import HEAP_SIZE, Demo
from microbrew_host.demo.scenario import DEVICES, Scenario, free_ports, serial_of

# UDP payload bytes of a whole join on the pledge's side of the proxy: now, and the goal after that.
BYTES_BUDGET = (1700, 1135)
# What cBRSKI over DTLS needs for the voucher alone, in 12 datagrams.
BYTES_CBRSKI = 3406

_LOW, _HIGH, _STEP = 200, 640, 4
# Other interpreters and other timing need a little more.
_MARGIN = 16
_JOIN_TIMEOUT = 40.0


def _scenario(name: str) -> Scenario:
    directory = ROOT / "build" / "bench" / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    scenario = Scenario(directory, free_ports())
    scenario.prepare()
    return scenario


@contextlib.asynccontextmanager
async def _running(demo: Demo) -> AsyncIterator[Demo]:
    try:
        await demo.start()
        yield demo
    finally:
        await demo.stop()


async def _demo(heap: str) -> Demo:
    """A finished demo without losses."""
    async with _running(Demo(_scenario("demo"), 0.0, 1, heap)) as demo:
        await demo.run(110, lambda _elapsed: None)
        return demo


async def _joins(scenario: Scenario, heap: int) -> bool:
    """Whether a device with ``heap`` kB joins and becomes a join proxy, without running out of memory on the way."""
    name, eui64, _ = DEVICES[0]
    device = Device(name, serial_of(eui64), eui64)
    argv = parts.device(scenario.store(eui64), scenario.ports.ether, f"{heap}k", reset=True)
    process = Process(f"device with {heap} kB", argv, scenario.root / f"device-{heap}k.log", device.feed)
    await process.start()
    try:
        async with asyncio.timeout(_JOIN_TIMEOUT):
            while process.running and not device.proxying and not device.reason.startswith("not enough memory"):
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    finally:
        await process.stop()
    return device.proxying


async def _smallest_heap() -> int:
    """Smallest heap in kB, to ``_STEP``, with which one device joins."""
    demo = Demo(_scenario("search"), 0.0, 1)
    # The devices are started one by one here.
    demo.devices = []
    low, high = _LOW, _HIGH
    async with _running(demo):
        if not await _joins(demo.scenario, high):
            raise SystemExit(f"no join even with {high} kB of heap")
        while high - low > _STEP:
            middle = (low + high) // 2 // _STEP * _STEP
            if await _joins(demo.scenario, middle):
                high = middle
            else:
                low = middle
    return high


async def _heap_for_all(heap: int) -> int:
    """Smallest heap in kB, from ``heap`` up, with which the whole demo ends as it should."""
    while (demo := await _demo(f"{heap}k")).verdict():
        heap += _STEP
        if heap > _HIGH:
            raise SystemExit(f"no demo with {heap} kB of heap: {demo.verdict()}")
    return heap


def _print_bytes(devices: list[Device]) -> None:
    print("UDP payload bytes of a join without losses, on the pledge's side of the proxy:")
    print(f"{'':12}" + "".join(f"{phase:>11}" for phase in PHASES) + f"{'total':>11}{'datagrams':>11}")
    for device in devices:
        phases = device.bytes_by_phase()
        line = f"{'device ' + device.name:12}" + "".join(f"{phases[phase]:11}" for phase in PHASES)
        print(line + f"{sum(phases.values()):11}{len(device.timeline):11}")
    print(f"{'budget':12}{BYTES_BUDGET[0]:55}   then {BYTES_BUDGET[1]}; the voucher alone by DTLS {BYTES_CBRSKI}")


async def _measure() -> dict[str, object]:
    demo = await _demo(HEAP_SIZE)
    if wrong := demo.verdict():
        raise SystemExit("; ".join(wrong))
    joined = [device for device in demo.devices if device.outcome == "joined"]
    _print_bytes(joined)
    code = max(device.heap_code for device in joined)
    peak = max(device.heap_peak for device in joined)
    one = await _smallest_heap()
    whole = await _heap_for_all(one)
    print(f"\nheap of a device on {_bits()} MicroPython, bytes in use after a collection:")
    print(f"code {code:9,}   data at its peak {peak - code:9,}   together {peak:9,}")
    print(f"smallest -X heapsize that holds a join {one}k, a demo with two join proxies {whole}k")
    print(f"(code is compiled from source on the device); the demo's devices have {HEAP_SIZE}")
    if int(HEAP_SIZE.rstrip("k")) < whole + _MARGIN:
        print(f"HEAP_SIZE in microbrew_host/demo/run.py leaves less than {_MARGIN}k to spare", file=sys.stderr)
    return {
        "bytes_by_phase": {device.name: device.bytes_by_phase() for device in joined},
        "bytes": {device.name: device.bytes_of("up") + device.bytes_of("down") for device in joined},
        "bytes_budget": list(BYTES_BUDGET),
        "datagrams": {device.name: len(device.timeline) for device in joined},
        "heap_code": code,
        "heap_data_peak": peak - code,
        "heapsize_join": one * 1024,
        "heapsize_demo": whole * 1024,
    }


def _bits() -> str:
    import subprocess

    script = "import sys; print(32 if sys.maxsize < 1 << 32 else 64)"
    ran = subprocess.run([parts.interpreter(), "-c", script], capture_output=True, text=True, check=True)
    return ran.stdout.strip() + "-bit"


def main() -> int:
    """Measures, prints, saves; the exit status."""
    save("join", asyncio.run(_measure()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
