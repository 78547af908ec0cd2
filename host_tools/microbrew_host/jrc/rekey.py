"""Changing the link key (RFC 9031 sections 8.2 and 8.4.3): Parameter Updates to every node that has registered.

A rekey is a row in the database. The command makes it, the server finds it and does it, and goes on with it after a
restart; a node that took the key is not asked twice. Ordinary nodes come first, the 6LBR last, since it begins to send
with the new key at once. Until the end, who joins gets both keys. A node that missed the change has to join again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from aiocoap import error, oscore
from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from aiocoap.numbers.constants import TransportTuning
from aiocoap.protocol import Context as CoapContext
from sqlalchemy import select
from sqlalchemy.orm import Session

from microbrew.errors import DecodeError
from microbrew.join import cojp
from microbrew_host.jrc.cojp import label
from microbrew_host.jrc.config import Config
from microbrew_host.jrc.database import (
    CURRENT,
    DONE,
    NEXT,
    REQUESTED,
    RETIRED,
    ROLE_6LBR,
    RUNNING,
    CojpContext,
    Database,
    Device,
    LinkKey,
    Rekey,
    RekeyResult,
)
from microbrew_host.jrc.journal import Journal, show
from microbrew_host.jrc.oscore_contexts import Contexts, StoredContext
from microbrew_host.jrc.transports import Peer

OK = "ok"
PARALLEL = 4
POLL = 0.5

_HOST = "6tisch.arpa"
_KEY_LENGTH = 16
# K1K2-ENC-MIC64: beacons with a MIC of 8 bytes, everything else encrypted as well (RFC 9031 table 3).
_USAGE = 1
_FIRST_KEY_ID = 1
_LAST_KEY_ID = 254


class _UpdateTuning(TransportTuning):
    """CoJP's own timing (RFC 9031 section 8.4.2)."""

    reliability = True

    def __init__(self, ack_timeout: float) -> None:
        self.ACK_TIMEOUT = ack_timeout


def new_key(session: Session, state: str, now: float, random: Callable[[int], bytes] = os.urandom) -> LinkKey:
    """A fresh random link key with the next key_id; ids come round again after 254 keys."""
    last = session.scalar(select(LinkKey.key_id).order_by(LinkKey.id.desc()).limit(1))
    key_id = _FIRST_KEY_ID if last is None or last >= _LAST_KEY_ID else last + 1
    key = LinkKey(key_id=key_id, usage=_USAGE, value=random(_KEY_LENGTH), state=state, created=now)
    session.add(key)
    session.flush()
    return key


def request_rekey(database: Database, now: float) -> int:
    """Ask the server for a rekey: its number. One that is under way already is not started twice."""
    with database.transaction() as session:
        running = session.scalar(select(Rekey).where(Rekey.state != DONE))
        if running is None:
            running = Rekey(requested=now)
            session.add(running)
            session.flush()
        return running.id


class Rekeyer:
    """The server's part. ``peer(host, port)`` makes the address of a node."""

    def __init__(
        self,
        config: Config,
        database: Database,
        journal: Journal,
        contexts: Contexts,
        coap: CoapContext,
        peer: Callable[[str, int], Peer],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._tuning = _UpdateTuning(config.ack_timeout)
        self._database = database
        self._journal = journal
        self._contexts = contexts
        self._coap = coap
        self._peer = peer
        self._random = random

    async def run(self) -> None:
        """Wait for rekeys and do them, until cancelled."""
        while True:
            try:
                rekey_id = self._begin()
                if rekey_id is not None:
                    await self._spread(rekey_id)
            except Exception as failure:
                # A busy or full disk passes; what was recorded so far counts at the next try. Nothing ends this loop.
                show(f'event="rekey" error={type(failure).__name__!r}')
            await asyncio.sleep(POLL)

    def _begin(self) -> int | None:
        with self._database.transaction() as session:
            rekey = session.scalar(select(Rekey).where(Rekey.state.in_((REQUESTED, RUNNING))).order_by(Rekey.id))
            if rekey is None:
                return None
            if rekey.state == REQUESTED:
                key = new_key(session, NEXT, self._journal.clock(), self._random)
                rekey.link_key_id = key.id
                rekey.state = RUNNING
                self._journal.write("rekey", f"changing the link key to key {key.key_id}", session=session)
            return rekey.id

    async def _spread(self, rekey_id: int) -> None:
        nodes, routers = self._outstanding(rekey_id)
        slots = asyncio.Semaphore(PARALLEL)

        async def one(device: Device) -> None:
            async with slots:
                self._record(rekey_id, device, await self._update(rekey_id, device))

        for group in (nodes, routers):
            await asyncio.gather(*(one(device) for device in group))
        self._finish(rekey_id)

    def _outstanding(self, rekey_id: int) -> tuple[list[Device], list[Device]]:
        asked = select(RekeyResult.device_id).where(RekeyResult.rekey_id == rekey_id)
        wanted = select(Device).join(CojpContext).where(Device.state == "joined", Device.id.not_in(asked))
        with self._database.transaction() as session:
            devices = list(session.scalars(wanted.where(Device.denied.is_(None))))
        return (
            [device for device in devices if device.role != ROLE_6LBR],
            [device for device in devices if device.role == ROLE_6LBR],
        )

    async def _update(self, rekey_id: int, device: Device) -> str:
        if device.address is None or device.port is None or device.eui64 is None:
            return "it never registered an address"
        context = self._contexts.cojp(device.eui64)
        if context is None:
            return "it has no key with this registrar any more"
        message = Message(code=Code.POST, uri_path=("j",), uri_host=_HOST, payload=self._parameters(rekey_id))
        try:
            peer = self._peer(device.address, device.port)
            answer = await self._ask(context, peer, message)
            if answer.code == Code.UNAUTHORIZED and answer.opt.echo is not None:
                # The node lost its replay window and wants to see that this is no replay (RFC 8613 appendix B.1.2).
                answer = await self._ask(context, peer, message.copy(echo=answer.opt.echo))
        except (oscore.NotAProtectedMessage, oscore.ProtectionInvalid):
            return "its answer was not protected by its key"
        except (error.Error, ValueError):
            return "it did not answer"
        return _result(answer)

    async def _ask(self, context: StoredContext, peer: Peer, message: Message) -> Message:
        protected, request_id = context.protect_request(message)
        protected.transport_tuning = self._tuning
        protected.remote = peer
        # Neither the key nor the sequence number may be given out again after a power cut.
        await self._database.settled()
        outer = await self._coap.request(protected, handle_blockwise=False).response
        return context.unprotect_response(outer, request_id)

    def _parameters(self, rekey_id: int) -> bytes:
        with self._database.transaction() as session:
            rekey = session.get_one(Rekey, rekey_id)
            key = session.get_one(LinkKey, rekey.link_key_id)
        return bytes(cojp.encode_configuration(cojp.Configuration(keys=[(key.key_id, key.usage, key.value)])))

    def _record(self, rekey_id: int, device: Device, result: str) -> None:
        with self._database.transaction() as session:
            session.add(RekeyResult(rekey_id=rekey_id, device_id=device.id, result=result))
            text = "took the new link key" if result == OK else f"missed the new link key: {result}"
            self._journal.write("rekey", text, label(device), session)

    def _finish(self, rekey_id: int) -> None:
        with self._database.transaction() as session:
            rekey = session.get_one(Rekey, rekey_id)
            fresh = session.get_one(LinkKey, rekey.link_key_id)
            for key in session.scalars(select(LinkKey).where(LinkKey.state == CURRENT)):
                key.state = RETIRED
                # Nobody is given it again, so it need not lie about.
                key.value = bytes(_KEY_LENGTH)
            fresh.state = CURRENT
            rekey.state = DONE
            results = list(session.scalars(select(RekeyResult.result).where(RekeyResult.rekey_id == rekey_id)))
            missed = sum(result != OK for result in results)
            text = f"link key {fresh.key_id} is in use: {len(results) - missed} nodes took it, {missed} missed it"
            self._journal.write("rekey", text, session=session)


def _result(answer: Message) -> str:
    if answer.code == Code.CHANGED:
        return OK
    if answer.code == Code.BAD_REQUEST and answer.payload:
        try:
            items = cojp.parse_unsupported(answer.payload)
        except DecodeError:
            items = []
        if items:
            return "it cannot use parameter " + ", ".join(str(item[1]) for item in items[:8])
    return f"it answered {answer.code.dotted}"
