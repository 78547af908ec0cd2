"""POST /j: the Join Request (RFC 9031 section 8.4.1) and the Configuration that answers it.

The request comes over the device's CoJP context, so it is the device's own. The role 6LBR is only for devices that are
marked so, and a device gets a short address once.
"""

from __future__ import annotations

from aiocoap.message import Message
from aiocoap.numbers.codes import Code
from sqlalchemy import select
from sqlalchemy.orm import Session

from microbrew.errors import DecodeError
from microbrew.join import cojp
from microbrew_host.jrc import registry
from microbrew_host.jrc.config import Config
from microbrew_host.jrc.database import CURRENT, NEXT, ROLE_6LBR, Database, Device, LinkKey
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.oscore_contexts import StoredContext
from microbrew_host.jrc.refusal import Refusal

_MAX_REQUEST = 256


class JoinEndpoint:
    """The resource ``j``. ``label`` names a device in the log."""

    def __init__(self, config: Config, database: Database, journal: Journal) -> None:
        self._config = config
        self._database = database
        self._journal = journal

    async def post(self, request: Message, context: StoredContext) -> Message:
        """A Join_Request in, a Configuration out. Raises Refusal."""
        try:
            if len(request.payload) > _MAX_REQUEST:
                raise DecodeError("Join Request: too long")
            network, role, unsupported = cojp.parse_join_request(request.payload)
        except DecodeError as error:
            raise Refusal(Code.BAD_REQUEST, "bad Join Request", f"its Join Request is bad: {error}") from None
        if network != self._config.network_id:
            raise Refusal(
                Code.NOT_FOUND, "unknown network", f"it asked for network {network.hex()}, which is not run here"
            )
        with self._database.transaction() as session:
            device = session.get(Device, context.device_id)
            if device is None or device.denied is not None:
                raise Refusal(Code.FORBIDDEN, "device denied", "it is denied here", "denied")
            if role != device.role and role == ROLE_6LBR:
                raise Refusal(Code.FORBIDDEN, "not a 6LBR", "it asked to be the 6LBR and is not marked as one")
            answer = self._configuration(session, device)
            device.state = "joined"
            device.seen = self._journal.clock()
            text = f"joined network {network.hex()} with short address {device.short_address:04x}"
            self._journal.write("joined", text, label(device), session, role="6LBR" if role else "node")
            for _, parameter, _info in unsupported[:8]:
                text = f"the device could not use parameter {parameter} of its last configuration"
                self._journal.write("warning", text, label(device), session)
        return Message(code=Code.CHANGED, payload=cojp.encode_configuration(answer))

    def _configuration(self, session: Session, device: Device) -> cojp.Configuration:
        return cojp.Configuration(
            keys=link_keys(session),
            short_address=registry.short_address(session, device),
            jrc_address=self._config.jrc_address,
            join_rate=self._config.join_rate,
        )


def link_keys(session: Session) -> list[tuple[int, int, bytes]]:
    """The key set for a node that joins now: the current key, and during a rekey the next one as well."""
    wanted = select(LinkKey).where(LinkKey.state.in_((CURRENT, NEXT))).order_by(LinkKey.id)
    return [(key.key_id, key.usage, key.value) for key in session.scalars(wanted)]


def label(device: Device) -> str:
    """How a device is called in the log: its serial, or its EUI-64 if it has none."""
    if device.serial is not None:
        return device.serial
    return "?" if device.eui64 is None else device.eui64.hex()
