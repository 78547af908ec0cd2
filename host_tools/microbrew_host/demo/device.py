"""What one device of the demo says about itself: its log lines turned into state, timeline and outcome."""

from __future__ import annotations

from dataclasses import dataclass, field

PHASES = ("discovery", "edhoc", "voucher", "cojp")


@dataclass
class Message:
    """One datagram of the join, as the pledge saw it: ``ms`` since the device's start, ``shares`` bytes by part."""

    ms: int
    direction: str
    name: str
    size: int
    shares: dict[str, int]


@dataclass
class Device:
    """A device of the demo. ``outcome`` is "joined", "refused" or None while it is open."""

    name: str
    serial: str
    eui64: str
    state: str = "off"
    outcome: str | None = None
    reason: str = ""
    via: str | None = None
    short_address: str | None = None
    proxying: bool = False
    heap_peak: int = 0
    heap_code: int = 0
    joined_ms: int | None = None
    timeline: list[Message] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def feed(self, line: str) -> None:
        """Take one log line ``ms event text``; lines of another form are kept for the log only."""
        self.lines.append(line)
        parts = line.split(" ", 2)
        if len(parts) < 2 or not parts[0].isdigit():
            return
        ms, event, text = int(parts[0]), parts[1], parts[2] if len(parts) > 2 else ""
        handler = getattr(self, "_on_" + event.replace("-", "_"), None)
        if handler is not None:
            handler(ms, text)

    def _on_state(self, _ms: int, text: str) -> None:
        self.state = text

    def _on_msg(self, ms: int, text: str) -> None:
        direction, parts, name = text.split(" ", 2)
        shares = {part: int(size) for part, _, size in (item.partition("=") for item in parts.split(","))}
        self.timeline.append(Message(ms, direction, name, sum(shares.values()), shares))

    def _on_proxy(self, _ms: int, text: str) -> None:
        self.via = text.split(" ", 1)[0]

    def _on_failed(self, _ms: int, text: str) -> None:
        name, _, self.reason = text.partition(": ")
        if name == "refused":
            self.outcome = "refused"

    def _on_joined(self, ms: int, text: str) -> None:
        self.outcome = "joined"
        self.reason = "voucher verified, keys received" if "imprinted" in text else "keys received"
        self.joined_ms = ms
        for word in text.split():
            key, _, value = word.partition("=")
            if key == "short":
                self.short_address = value

    def _on_proxying(self, _ms: int, _text: str) -> None:
        self.proxying = True
        self.state = "NODE, JOIN PROXY"

    def _on_heap(self, _ms: int, text: str) -> None:
        for word in text.split():
            key, _, value = word.partition("=")
            if key == "peak":
                self.heap_peak = max(self.heap_peak, int(value))
            elif key == "code":
                self.heap_code = int(value)

    def bytes_by_phase(self) -> dict[str, int]:
        """UDP payload bytes of both directions, by part of the join."""
        totals = dict.fromkeys(PHASES, 0)
        for message in self.timeline:
            for part, size in message.shares.items():
                totals[part] = totals.get(part, 0) + size
        return totals

    def bytes_of(self, direction: str) -> int:
        """UDP payload bytes sent ("up") or received ("down")."""
        return sum(message.size for message in self.timeline if message.direction == direction)

    def facts(self) -> dict[str, object]:
        """The device's entry in report.json."""
        return {
            "name": self.name,
            "serial": self.serial,
            "eui64": self.eui64,
            "outcome": self.outcome or "open",
            "reason": self.reason,
            "via": self.via,
            "datagrams": len(self.timeline),
            "bytes_up": self.bytes_of("up"),
            "bytes_down": self.bytes_of("down"),
            "bytes_by_phase": self.bytes_by_phase(),
            "heap_peak": self.heap_peak,
            "heap_code": self.heap_code,
            "short_address": self.short_address,
            "joined_ms": self.joined_ms,
            "timeline": [vars(message) for message in self.timeline],
        }
