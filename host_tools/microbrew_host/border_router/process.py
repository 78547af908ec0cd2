"""The border router as a process: clock, store, radio, sockets and signals around the sans-IO parts."""

from __future__ import annotations

import selectors
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from microbrew import crypto as crypto_facade
from microbrew.config import Config
from microbrew.identity.idevid import Identity
from microbrew.identity.sequence import Reserved
from microbrew.identity.store import Store
from microbrew.ip import addr
from microbrew.mac.link import Link
from microbrew_host.border_router.flows import FlowKey, HostAddress
from microbrew_host.border_router.join_jrc import JOIN_FLOW, JoinJrc
from microbrew_host.border_router.mesh import BorderRouter, Settings
from microbrew_host.border_router.radio import HostRadio, clock, is_there, on_readable
from microbrew_host.border_router.uplink import SocketUplink
from microbrew_host.radio_line import LineRadio

_MAX_WAIT_MS = 1000
# A radio behind a line is asked each second until it says hello.
_RADIO_PATIENCE_MS = 3000


def say(text: str) -> None:
    """One line for whoever watches."""
    print(f"border-router: {text}", flush=True)  # noqa: T201


class Process:
    """All of one border router; ``run`` returns after ``stop``."""

    def __init__(self, store_path: Path, open_radio: Callable[[bytes], HostRadio], settings: Settings) -> None:
        crypto = crypto_facade.load()
        store = Store(str(store_path))
        identity = Identity.load(store, crypto)
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._is_ready = False
        self._silent_at: int | None = clock() + _RADIO_PATIENCE_MS
        self._uplink = SocketUplink(self._selector, self._on_datagram)
        self._radio = open_radio(identity.eui64)
        self._selector.register(self._radio.fileno(), selectors.EVENT_READ, on_readable(self._radio))
        link = self._link = Link(self._radio, crypto, Reserved(store, "seq-link", Config().link_counter_step))
        self._router = BorderRouter(link, crypto.random, self._uplink, settings, say)
        self._join = JoinJrc(
            crypto,
            store,
            identity,
            settings.network_id,
            settings.coap,
            lambda remote, datagram: self._uplink.send(JOIN_FLOW, remote, datagram),
            self._router.configure,
            say,
        )

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        try:
            while not self._stopping:
                self._step()
        finally:
            self._uplink.close_all()
            self._radio.close()
            self._selector.close()
        self._report()

    def stop(self, *_: object) -> None:
        """End ``run`` soon."""
        self._stopping = True

    def _step(self) -> None:
        now = clock()
        dues = [due for due in (self._router.poll(now), self._join.poll(now)) if due is not None]
        self._watch_radio(now)
        if self._router.running and not self._is_ready and is_there(self._radio):
            self._is_ready = True
            settings = self._router.settings
            prefix = addr.text(settings.prefix + bytes(8))
            say(f"ready pan 0x{settings.pan_id:04x} channel {settings.channel} prefix {prefix}/64")
        # Signals interrupt the wait only by their handler's flag, and the radio says hello now and then.
        wait = min([due - now for due in dues] + [_MAX_WAIT_MS])
        for key, _ in self._selector.select(max(wait, 0) / 1000):
            key.data()

    def _watch_radio(self, now: int) -> None:
        """Tell, once, of a line without a radio: everything else would look well, and nobody be heard."""
        if is_there(self._radio):
            self._silent_at = None
        elif self._silent_at is not None and now >= self._silent_at and isinstance(self._radio, LineRadio):
            self._silent_at = None
            say(f"radio {self._radio.where}: no radio answers; is a board with the bridge image there?")

    def _on_datagram(self, flow: FlowKey, remote: HostAddress, datagram: bytes) -> None:
        now = clock()
        if flow == JOIN_FLOW:
            self._join.receive(remote, datagram, now)
        else:
            self._router.from_host(flow, remote, datagram, now)

    def _report(self) -> None:
        router = self._router
        counters = {**router.counters, **router.relay.counters, **router.net.counters, **router.root.counters}
        counters.update((f"link_{name}", value) for name, value in self._link.counters.items())
        if isinstance(self._radio, LineRadio):
            counters.update((f"radio_{name.removeprefix('radio_')}", n) for name, n in self._radio.counters.items())
        print(  # noqa: T201
            "border-router: ended " + " ".join(f"{name}={counters[name]}" for name in sorted(counters)),
            file=sys.stderr,
            flush=True,
        )
