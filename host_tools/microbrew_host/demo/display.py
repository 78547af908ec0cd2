"""The demo on the terminal: a live view while it runs, timelines and a table at the end."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from microbrew_host.demo.device import PHASES, Device

_STYLE = {"joined": "green", "refused": "yellow", None: "cyan"}


def live(devices: list[Device], seconds: float, note: str) -> RenderableType:
    """State of each device and its last message."""
    table = Table(title=f"{note}  {seconds:5.1f} s", title_justify="left", expand=False)
    for column in ("device", "state", "via", "last message", "bytes", "outcome"):
        table.add_column(column)
    for device in devices:
        last = device.timeline[-1] if device.timeline else None
        table.add_row(
            device.name,
            device.state,
            device.via or "",
            f"{'>' if last.direction == 'up' else '<'} {last.name}" if last else "",
            f"{device.bytes_of('up') + device.bytes_of('down')}",
            Text(device.outcome or "...", style=_STYLE[device.outcome]),
        )
    return table


def timeline(device: Device) -> RenderableType:
    """Every datagram of one device's join."""
    table = Table(title=f"{device.name}  {device.serial}", title_justify="left")
    table.add_column("ms", justify="right")
    table.add_column("")
    table.add_column("message")
    table.add_column("bytes", justify="right")
    table.add_column("part")
    for message in device.timeline:
        arrow = "→" if message.direction == "up" else "←"
        table.add_row(str(message.ms), arrow, message.name, str(message.size), ", ".join(message.shares))
    return table


def summary(devices: list[Device], heap: str) -> RenderableType:
    """The final table. ``heap`` is the size that each device was given."""
    title = f"Result (UDP payload bytes on the pledge's side of the proxy; peak of a heap of {heap})"
    table = Table(title=title, title_justify="left")
    for column in ("device", "outcome", "reason", "via", "short"):
        table.add_column(column)
    for column in ("datagrams", "up", "down", *PHASES, "heap code", "heap data"):
        table.add_column(column, justify="right")
    for device in devices:
        phases = device.bytes_by_phase()
        table.add_row(
            device.name,
            Text(device.outcome or "open", style=_STYLE[device.outcome]),
            device.reason,
            device.via or "",
            device.short_address or "",
            str(len(device.timeline)),
            str(device.bytes_of("up")),
            str(device.bytes_of("down")),
            *(str(phases[phase]) for phase in PHASES),
            f"{device.heap_code / 1024:.0f} kB",
            f"{(device.heap_peak - device.heap_code) / 1024:.0f} kB",
        )
    return Group(*(timeline(device) for device in devices), table)
