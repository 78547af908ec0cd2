"""What an operator does to devices: add one with its key, deny, allow. Each is one transaction with its log entry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from microbrew_host.jrc import registry
from microbrew_host.jrc.cojp import label
from microbrew_host.jrc.database import ROLE_6LBR, ROLE_NODE, Database, Device
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.policy import MAX_SERIAL, eui64_of_serial
from microbrew_host.jrc.refusal import Refusal

PSK_LENGTH = 16
ROLES = {"node": ROLE_NODE, "6lbr": ROLE_6LBR}


@dataclass(frozen=True)
class OneTouch:
    """A device that shares a key with the registrar from the start (RFC 9031 section 3)."""

    eui64: bytes
    psk: bytes
    serial: str | None = None


def parse_eui64(text: str) -> bytes:
    """8 bytes of an EUI-64 as text. Raises ValueError."""
    eui64 = eui64_of_serial(text)
    if eui64 is None:
        raise ValueError(f"{text} is not an EUI-64 such as 00-12-4B-00-00-00-02-02")
    return eui64


def parse_psk(text: str) -> bytes:
    """A key of 32 hexadecimal digits. Raises ValueError, which does not repeat the text."""
    try:
        psk = bytes.fromhex(text.strip())
    except ValueError:
        psk = b""
    if len(psk) != PSK_LENGTH:
        raise ValueError("a key is 32 hexadecimal digits")
    return psk


def read_import(path: Path) -> list[OneTouch]:
    """Devices of a factory's list, one JSON object a line: eui64, psk, maybe serial. Raises OSError, ValueError."""
    out = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            serial = entry.get("serial")
            if serial is not None and (not isinstance(serial, str) or not 1 <= len(serial) <= MAX_SERIAL):
                raise ValueError("serial is not a short text")
            out.append(OneTouch(parse_eui64(entry["eui64"]), parse_psk(entry["psk"]), serial))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"{path}, line {number}: not a device with eui64 and psk") from None
    return out


def add(
    database: Database,
    journal: Journal,
    devices: Iterable[OneTouch],
    role: str = "node",
    short_address: int | None = None,
) -> int:
    """Register devices with their keys, all or none: how many. Raises ValueError."""
    count = 0
    with database.transaction() as session:
        for entry in devices:
            device = _one_touch_device(session, entry)
            device.role = ROLES[role]
            if short_address is not None:
                registry.claim_short_address(session, device, short_address)
            registry.set_psk(session, device, entry.psk)
            device.state = "enrolled"
            journal.write("added", f"registered with an imported key as {role}", label(device), session)
            count += 1
    return count


def deny(database: Database, journal: Journal, name: str, why: str) -> None:
    """Refuse a device from now on and take its key away; one not seen yet can be denied too."""
    with database.transaction() as session:
        for device in find_all(session, name) or [_new_device(session, name)]:
            device.denied = why[:256] or "no reason given"
            registry.drop_psk(session, device)
            device.state = "denied"
            device.address = device.port = None
            journal.write("denied", f"denied: {device.denied}", label(device), session)


def allow(database: Database, journal: Journal, name: str) -> None:
    """Take a denial back; the device has to enrol again. Raises ValueError."""
    with database.transaction() as session:
        denied = [device for device in find_all(session, name) if device.denied is not None]
        if not denied:
            raise ValueError(f"{name} is not denied")
        for device in denied:
            device.denied = None
            device.state = "new"
            # Whose it is will be seen again, should it have been filed under the wrong manufacturer.
            device.manufacturer = None
            journal.write("allowed", "allowed again", label(device), session)


def find(session: Session, name: str) -> Device | None:
    """The device of a serial number or EUI-64, or None; of two, the one that was known first."""
    found = find_all(session, name)
    return found[0] if found else None


def find_all(session: Session, name: str) -> list[Device]:
    """The devices of a serial number or EUI-64: two, if one name was filed each before they were known as one's."""
    same = [Device.serial == name]
    eui64 = eui64_of_serial(name)
    if eui64 is not None:
        same.append(Device.eui64 == eui64)
    return list(session.scalars(select(Device).where(or_(*same)).order_by(Device.id)))


def _one_touch_device(session: Session, entry: OneTouch) -> Device:
    device = registry.by_eui64(session, entry.eui64)
    if device is None:
        device = registry.by_serial(session, entry.serial) if entry.serial else Device()
        session.add(device)
    if device.denied is not None:
        raise ValueError(f"{label(device)} is denied; allow it first")
    if entry.serial is not None and device.serial not in (None, entry.serial):
        raise ValueError(f"EUI-64 {entry.eui64.hex()} belongs to {device.serial}")
    device.serial = device.serial or entry.serial
    try:
        registry.bind_eui64(session, device, entry.eui64)
    except Refusal as refusal:
        raise ValueError(f"{label(device)}: {refusal.reason}") from None
    session.flush()
    return device


def _new_device(session: Session, name: str) -> Device:
    if not 1 <= len(name) <= MAX_SERIAL or not name.isprintable():
        raise ValueError("a device is named by its serial number or EUI-64")
    # An EUI-64 is written in several ways, and only the certificate knows how its serial number is.
    eui64 = eui64_of_serial(name)
    device = Device(serial=name if eui64 is None else None, eui64=eui64)
    session.add(device)
    session.flush()
    return device
