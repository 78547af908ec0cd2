"""Commands that change a running ether, one a line; each is answered by one line of JSON.

loss P              loss of links that name none of their own
link A B [P]        let A and B hear each other; ``radio`` is the radio of --radio
unlink A B          cut them apart
clients             EUI-64s that are registered
stats               the counters
"""

import json
from typing import Any

from microbrew_host.ether.hub import Ether
from microbrew_host.ether.topology import check_loss, parse_node


def execute(ether: Ether, line: str) -> str:
    """Obey one line: ``{"ok": ...}``, or ``{"error": "..."}`` and nothing has changed."""
    try:
        return json.dumps({"ok": _obey(ether, line.split())})
    except ValueError as error:
        return json.dumps({"error": str(error)})


def _obey(ether: Ether, words: list[str]) -> Any:
    match words:
        case ["loss", loss]:
            ether.topology.loss = _loss(loss)
        case ["link", a, b]:
            ether.topology.link(parse_node(a), parse_node(b))
        case ["link", a, b, loss]:
            ether.topology.link(parse_node(a), parse_node(b), _loss(loss))
        case ["unlink", a, b]:
            return ether.topology.unlink(parse_node(a), parse_node(b))
        case ["clients"]:
            return [eui64.hex() for eui64 in ether.clients]
        case ["stats"]:
            return dict(ether.counters)
        case _:
            raise ValueError(f"unknown command: {' '.join(words)}")
    return True


def _loss(text: str) -> float:
    try:
        return check_loss(float(text))
    except ValueError:
        raise ValueError(f"loss must be a number from 0 to 1, not {text!r}") from None
