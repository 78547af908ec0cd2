"""A network in which the target joins over the air: the border router's radio is a second board with the bridge image.

R = radio ~ ~ ~ T. On hardware the air is the real one; an emulated pair is in an ether of its own. The network is not
the one of docs/nrf52840dk.md, so that devices which know that one keep out of this.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from join_trouble import explain
from processes import TIMEOUT, Run, Site, _psdus, parallel
from target_network import ROUTER, TARGET, TargetNetwork

from microbrew.mac import beacon
from microbrew.mac.frame import ACK, BEACON, Frame
from microbrew_host.board.errors import BoardError
from microbrew_host.board.target import image
from microbrew_host.demo import parts
from microbrew_host.demo.scenario import free_ports
from microbrew_host.factory.provision import Outcome
from microbrew_host.radio_line import LineRadio

EMULATED = "nrf52840-emulated"
NETWORK = "7e57"
RADIO = "radio"
_SNIFFER = bytes.fromhex("02000000736e6966")
# The bridge answers the first or second reset, each a second apart.
_PATIENCE_S = 5.0
_BEACON_S = 30.0
_EMULATED_LINE_MS = 2000


class AirNetwork(TargetNetwork):
    """``radio``: the serial port of a board with the bridge image, or EMULATED; ``line_ms`` is the border router's.

    Raises BoardError.
    """

    def __init__(self, root: Path, target: str, eui64: str, radio: str, line_ms: int | None = None) -> None:
        if ("/" in radio) != ("/" in target):
            raise BoardError(f"{target} and {radio} do not hear each other: one of them is emulated, the other is not")
        if "/" in radio and os.path.realpath(radio) == os.path.realpath(target):
            raise BoardError(f"{radio} cannot be the board under test and the radio that it is to hear")
        if "/" not in radio and radio != EMULATED:
            raise BoardError(f"no radio {radio}: a serial port such as /dev/ttyACM1, or {EMULATED}")
        super().__init__(root, target, eui64)
        self.site = Site("site", NETWORK, "R", ("acme",), 5, free_ports(), root / "site")
        self._bridge = None
        if radio == EMULATED:
            self._bridge = _emulated_bridge(f"{parts.LOOPBACK}:{self.ports.ether}")
            radio = self._bridge.console
            # A model of a chip is slower than the chip where a machine has other things to do as well.
            line_ms = line_ms or _EMULATED_LINE_MS
        self._line_ms = line_ms
        self.where = f"serial:{radio}"

    def set_up(self) -> Outcome:
        """As TargetNetwork does, without the device behind it. Raises BoardError if the radio does not answer."""
        answers(self.where)
        parallel(
            lambda: self.manufacture("acme", {}, {}),
            lambda: self.manufacture("own", {}, {"R": ROUTER}),
        )
        outcome = self.provision()
        self.found(self.site, [("own", "6lbr")])
        if self._bridge is not None:
            from microbrew_host.emulator.board import own_eui64

            self._eui64s[RADIO] = own_eui64(1).hex()
            self.link((RADIO, TARGET))
        self.start_parts("acme", self.site)
        return outcome

    async def _start_air(self) -> None:
        if self._bridge is not None:
            await super()._start_air()

    def router_air(self) -> tuple[int | None, tuple[str, ...]]:
        slow = () if self._line_ms is None else ("--line-ms", str(self._line_ms))
        return None, ("--radio", self.where, *slow)

    def until_proxying(self, run: Run, timeout: float = TIMEOUT) -> Run:
        """As Network does; a join that fails is explained to who stands beside the boards."""
        try:
            self.until(lambda: run.proxying or run.outcome == "refused", "the board is a join proxy", timeout)
        except AssertionError as error:
            pytest.fail(f"{self.explain(run)}\n\n{error}", pytrace=False)
        if not run.proxying:
            pytest.fail(self.explain(run), pytrace=False)
        return run

    def explain(self, run: Run) -> str:
        """Why the target has not joined, as far as that can be seen."""
        said = [str(entry["text"]) for entry in self.jrc_log(self.site, TARGET)]
        return explain(run, ROUTER, said)

    def invitation(self) -> tuple[str, int]:
        """Network id of the next beacon of the target's on the air, and its dBm. The border router must be off."""
        with closing(LineRadio(_SNIFFER, self.where, promiscuous=True)) as radio:
            radio.set_channel(parts.CHANNEL)
            for header, psdu in _heard(radio, _BEACON_S):
                if header.kind == BEACON and bytes(header.src).hex() == self.eui64(TARGET):
                    found = beacon.parse(psdu, header.header_end, header.end)
                    assert found is not None, psdu.hex()
                    return found.network_id.hex(), radio.rssi
        raise AssertionError(f"no beacon of {self.serial(TARGET)} within {_BEACON_S:.0f} s")

    def acknowledged(self) -> tuple[int, int]:
        """In an ether: frames of the target that asked the border router to acknowledge them, and acknowledgements."""
        asked = acks = 0
        target = bytes.fromhex(self.eui64(TARGET))
        # Who was the last to ask, by sequence number: an acknowledgement has nothing else.
        askers: dict[int, bytes | None] = {}
        header = Frame()
        for psdu in _psdus(self.pcap.read_bytes()):
            if header.parse(psdu, len(psdu)) is not None:
                continue
            if header.kind == ACK:
                acks += askers.get(header.seq) == target
            elif header.ack_request:
                asked += header.src == target
                askers[header.seq] = header.src
        return asked, acks

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self._bridge is not None:
                self._bridge.close()


def _emulated_bridge(air: str) -> object:
    from microbrew_host.emulator import Emulator

    return Emulator(image("nrf52840dk", "release-bridge"), ether=air, identity=1)


def _heard(radio: LineRadio, seconds: float) -> Iterator[tuple[Frame, bytes]]:
    buf = bytearray(127)
    end = time.monotonic() + seconds
    header = Frame()
    while time.monotonic() < end:
        length = radio.receive_into(buf)
        if not length:
            radio.wait(200)
        elif header.parse(buf, length) is None:
            yield header, bytes(buf[:length])


def answers(where: str) -> None:
    """Check that there is a radio at the end of a line. Raises BoardError with a sentence that helps."""
    try:
        with closing(LineRadio(_SNIFFER, where)) as radio:
            buf = bytearray(127)
            end = time.monotonic() + _PATIENCE_S
            while not radio.is_up and time.monotonic() < end:
                radio.receive_into(buf)
                radio.wait(100)
            if radio.is_up:
                return
            version = radio.counters.get("other_version")
            is_python = _is_python(radio)
    except OSError as error:
        raise BoardError(f"RADIO {where}: {error.strerror or error}") from None
    if version:
        raise BoardError(f"RADIO {where}: its bridge image is of another version; flash the one of this tree")
    if is_python:
        raise BoardError(
            f"RADIO {where}: MicroPython's REPL answers, no radio. Are TARGET and RADIO the wrong way round, or is its "
            "image not the bridge? make flash BOARD=nrf52840dk VARIANT=release APP=bridge"
        )
    raise BoardError(
        f"RADIO {where}: nothing answers. Is it the right port, is the board switched on, does another program have "
        "it? The bridge image: make flash BOARD=nrf52840dk VARIANT=release APP=bridge"
    )


def _is_python(radio: LineRadio) -> bool:
    """Whether the other end answers ctrl-C and ctrl-B as a REPL does."""
    said = b""
    os.write(radio.fileno(), b"\r\x03\x03\x02")
    end = time.monotonic() + 1
    while time.monotonic() < end and b">>>" not in said:
        try:
            said += os.read(radio.fileno(), 4096)
        except BlockingIOError:
            time.sleep(0.05)
    return b">>>" in said
