"""What the demo needs on disk: two manufacturers, five stores, a registrar's directory, a topology."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from microbrew_host.board.target import QEMU, UNIX, image
from microbrew_host.demo.parts import execute

BORDER_ROUTER = "00124b0000000100"
# name, EUI-64, manufacturer
DEVICES = (
    ("A", "00124b00000002a1", "acme"),
    ("B", "00124b00000002b2", "acme"),
    ("C", "00124b00000002c3", "acme"),
    ("D", "00124b00000002d4", "rogue"),
)
# Who hears whom: C is two radio hops from the border router, B one; D is next to it.
LINKS = (("R", "A"), ("A", "B"), ("B", "C"), ("R", "D"))
# Who is a board if the demo has one as its target; the others are processes in any case.
ON_BOARDS = ("A", "B")

PREFIX = "fd00:6d62::/64"
JRC_ADDRESS = "fd00:6d62::1"
NETWORK_ID = "cafe"
MESH_JPY_PORT = 61619


def serial_of(eui64: str) -> str:
    """Serial number that the factory gives to an EUI-64 by default; also the name of its store."""
    return "-".join(eui64[i : i + 2] for i in range(0, 16, 2)).upper()


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one run."""

    ether: int
    masa: int
    coap: int
    jpy: int


def free_ports() -> Ports:
    """Ports that nobody uses right now."""
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_DGRAM)
    sockets = [socket.socket(socket.AF_INET, kind) for kind in kinds]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return Ports(*(each.getsockname()[1] for each in sockets))
    finally:
        for each in sockets:
            each.close()


@dataclass(frozen=True)
class EmulatedBoard:
    """A device that is a board: its image, the file that is its flash, the TCP port that its radio's wire goes to."""

    image: Path
    flash: Path
    radio: int


def free_port() -> int:
    """A TCP port that nobody uses right now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Scenario:
    """The directories under ``root``, which must not exist yet. ``target``: what the devices ON_BOARDS run on."""

    def __init__(self, root: Path, ports: Ports, target: str = UNIX) -> None:
        self.root = root
        self.ports = ports
        self.target = target
        # By EUI-64.
        self.boards: dict[str, EmulatedBoard] = {}
        if target not in (UNIX, QEMU):
            raise ValueError(f"devices of the demo run on {UNIX} or {QEMU}, not on {target}")
        if target != UNIX:
            for name, eui64, _ in DEVICES:
                if name in ON_BOARDS:
                    self.boards[eui64] = EmulatedBoard(image(target, "release"), root / f"flash-{name}", free_port())
        self.manufacturer = root / "acme"
        self.jrc_config = root / "jrc" / "jrc.toml"
        self.topology = root / "topology.toml"
        self.border_router = self.store(BORDER_ROUTER)

    def store(self, eui64: str) -> Path:
        """A device's store directory."""
        return self.root / "stores" / serial_of(eui64)

    def prepare(self) -> None:
        """Run the factory and configure the registrar, by the commands a user would type."""
        stores = self.root / "stores"
        for name in ("acme", "rogue"):
            execute("factory", "init", self.root / name, "--name", name, "--masa-url", f"localhost:{self.ports.masa}")
            mine = [eui64 for _, eui64, maker in DEVICES if maker == name]
            words = [word for eui64 in mine if eui64 not in self.boards for word in ("--eui64", eui64)]
            execute("factory", "provision", self.root / name, "--out", stores, *words)
            for eui64 in mine:
                if eui64 in self.boards:
                    # Over its console, as the board's factory would; its key is made there and stays there.
                    where = ("--target", self.target, "--flash", self.boards[eui64].flash)
                    execute("factory", "provision", self.root / name, *where, "--eui64", eui64)
        execute("factory", "provision", self.manufacturer, "--out", stores, "--eui64", BORDER_ROUTER, "--one-touch")
        execute(
            *("jrc", "init", self.jrc_config.parent, "--network-id", NETWORK_ID, "--manufacturer", self.manufacturer),
            *("--coap", f"127.0.0.1:{self.ports.coap}", "--jpy", f"127.0.0.1:{self.ports.jpy}"),
            *("--jrc-address", JRC_ADDRESS),
        )
        self._tune_registrar()
        execute("jrc", "add", "--config", self.jrc_config, "--import", stores / "one-touch.jsonl", "--role", "6lbr")
        self._write_topology()

    def _tune_registrar(self) -> None:
        # As a user would edit it: the mesh is fast, and it sees the join port under a number that compresses well.
        text = self.jrc_config.read_text()
        text = text.replace("[network]\n", f"[network]\njpy_port = {MESH_JPY_PORT}\n")
        self.jrc_config.write_text(text + "\n[cojp]\nack_timeout = 2.0\n")

    def _write_topology(self) -> None:
        eui64s = {name: eui64 for name, eui64, _ in DEVICES} | {"R": BORDER_ROUTER}
        links = [f'[[link]]\na = "{eui64s[one]}"\nb = "{eui64s[other]}"\n' for one, other in LINKS]
        self.topology.write_text("\n".join(links))
