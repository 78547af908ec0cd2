"""Runs the MASA's HTTP interface over TLS on a socket, until SIGINT or SIGTERM."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from microbrew_host.masa import directory
from microbrew_host.masa.database import open_database
from microbrew_host.masa.http import application
from microbrew_host.masa.service import Masa
from microbrew_host.voucher.keys import load_private_key

MAX_CONNECTIONS = 128


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def load(path: Path, clock: Callable[[], datetime] = utc_now) -> Masa:
    """The MASA of a manufacturer's directory. Raises OSError or ValueError with a sentence."""
    directory.require(path)
    signing_key = load_private_key(path / directory.SIGNING_KEY)
    certificate = x509.load_pem_x509_certificate((path / directory.SIGNING_CERTIFICATE).read_bytes())
    if certificate.public_key() != signing_key.public_key():
        raise ValueError(f"{directory.SIGNING_CERTIFICATE} does not belong to {directory.SIGNING_KEY}")
    return Masa(
        engine=open_database(path / directory.DATABASE),
        signing_key=signing_key,
        certificate=certificate.public_bytes(serialization.Encoding.DER),
        clock=clock,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 is any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)


class Server(uvicorn.Server):
    """uvicorn, quiet, that calls ``ready(url)`` as soon as requests are served."""

    def __init__(self, masa: Masa, path: Path, ready: Callable[[str], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application(masa),
                ssl_keyfile=str(path / directory.TLS_KEY),
                ssl_certfile=str(path / directory.TLS_CERTIFICATE),
                log_level="warning",
                access_log=False,
                server_header=False,
                # The peer address goes into the log, so no header may replace it.
                proxy_headers=False,
                lifespan="off",
                ws="none",
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=10,
                # A request takes milliseconds; a registrar's idle connection must not hold up the end.
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Announce the address once the sockets accept."""
        await super().startup(sockets)
        for sock in sockets or []:
            host, port = sock.getsockname()[:2]
            self._ready(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")


def serve(path: Path, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the manufacturer's directory ``path`` until a signal ends it. Raises OSError, ValueError."""
    masa = load(path)
    try:
        with listen(host, port) as sock:
            Server(masa, path, ready).run(sockets=[sock])
    finally:
        masa.engine.dispose()
