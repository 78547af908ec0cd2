"""Why a board did not join, in words for who stands beside it: from its log and the registrar's."""

from __future__ import annotations

from target_network import Run

_LAST = 3


def explain(run: Run, router: str, registrar: list[str]) -> str:
    """``run``: the board's life so far; ``router``: EUI-64 of the only proxy that it is to find; ``registrar``: its log
    about the board, the oldest entry first."""
    return "\n".join([_cause(run, router), *(f"registrar: {text}" for text in registrar[-_LAST:])])


def _cause(run: Run, router: str) -> str:
    if not run.logged("boot"):
        return f"The board's program did not start. Its console said: {' | '.join(run.lines[-5:]) or 'nothing'}"
    if run.outcome == "refused":
        return f"The board was refused: {run.reason}"
    proxies = [text.split(" ", 1)[0] for text in run.logged("proxy")]
    if not proxies:
        return (
            "The board runs but has heard no beacon. Is the radio's board near, are both antennas free, do both images "
            "come from this tree? Everything is on channel 15."
        )
    if router not in proxies:
        return (
            f"The board heard beacons of others only: it tried {', '.join(run.logged('proxy')[-_LAST:])}. Another "
            "network is on this channel: switch its devices off, or bring the two boards nearer to each other."
        )
    if run.outcome == "joined":
        return f"The board has joined but not found its way into the mesh: {' | '.join(run.lines[-5:])}"
    if not any(message.direction == "down" for message in run.timeline):
        return (
            f"The board heard the beacon and sent {len(run.timeline)} messages; no answer reached it. Either the radio "
            "does not hear the board (distance, antenna) or the registrar was not reached."
        )
    failed = run.logged("failed")
    last = f"its last attempt failed: {failed[-1]}" if failed else f"it is in state {run.state}"
    return f"The board talks with the registrar but has not joined; {last}"
