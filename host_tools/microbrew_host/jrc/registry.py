"""Bookkeeping of devices: one row per device, one EUI-64 and one short address for nobody else."""

from __future__ import annotations

import hashlib

from aiocoap.numbers.codes import Code
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from microbrew_host.jrc.database import CojpContext, Device, Setting, SpentKey
from microbrew_host.jrc.refusal import Refusal

FIRST_SHORT_ADDRESS = 0x0001
LAST_SHORT_ADDRESS = 0xFFFD

_NEXT_SHORT_ADDRESS = "next_short_address"


def denial(session: Session, serial: str | None, eui64: bytes | None) -> str | None:
    """Why the device is denied, or None. Both its names count."""
    same = [Device.serial == serial] if serial is not None else []
    if eui64 is not None:
        same.append(Device.eui64 == eui64)
    return session.scalar(select(Device.denied).where(or_(*same), Device.denied.is_not(None)))


def refuse_denied(session: Session, serial: str | None, eui64: bytes | None) -> None:
    """Raises Refusal if the device is denied."""
    why = denial(session, serial, eui64)
    if why is not None:
        raise Refusal(Code.FORBIDDEN, "device denied", f"it is denied here: {why}", "denied")


def by_serial(session: Session, serial: str) -> Device:
    """The device of that serial number, made now if it is new."""
    device = session.scalar(select(Device).where(Device.serial == serial))
    if device is None:
        device = Device(serial=serial)
        session.add(device)
        session.flush()
    return device


def by_eui64(session: Session, eui64: bytes) -> Device | None:
    """The device with that EUI-64, or None."""
    return session.scalar(select(Device).where(Device.eui64 == eui64))


def bind_eui64(session: Session, device: Device, eui64: bytes) -> None:
    """Give ``device`` its pledge identifier. Raises Refusal if it is another device's, or if it had another one."""
    if device.eui64 is not None and device.eui64 != eui64:
        raise Refusal(
            Code.CONFLICT,
            "pledge identifier changed",
            f"it enrolled with EUI-64 {device.eui64.hex()} before and now uses {eui64.hex()}",
        )
    other = by_eui64(session, eui64)
    if other is not None and other.id != device.id:
        if _is_placeholder(session, other):
            session.delete(other)
            session.flush()
            device.eui64 = eui64
            return
        raise Refusal(
            Code.CONFLICT,
            "pledge identifier in use",
            f"EUI-64 {eui64.hex()} belongs to {other.serial or 'a device with an imported key'}",
        )
    device.eui64 = eui64


def _is_placeholder(session: Session, device: Device) -> bool:
    # What is left of a denial by EUI-64 that was lifted before the device ever came.
    has_key = session.scalar(select(CojpContext.id).where(CojpContext.device_id == device.id)) is not None
    return device.serial is None and device.denied is None and device.short_address is None and not has_key


def set_psk(session: Session, device: Device, psk: bytes) -> None:
    """Replace the CoJP context of ``device``: numbers from zero, or on from where ``psk`` was used here before.

    Its short address stays.
    """
    if device.eui64 is None:
        raise ValueError("a device without an EUI-64 has no CoJP context")
    drop_psk(session, device)
    context = CojpContext(device_id=device.id, eui64=device.eui64, psk=psk)
    spent = session.get(SpentKey, _check(psk))
    if spent is not None:
        context.next_sequence = spent.next_sequence
        context.replay_index = spent.replay_index
        context.replay_bitmap = spent.replay_bitmap
    session.add(context)


def drop_psk(session: Session, device: Device) -> None:
    """Take away the CoJP context of ``device``, if any."""
    old = session.scalar(select(CojpContext).where(CojpContext.device_id == device.id))
    if old is not None:
        session.merge(
            SpentKey(
                check=_check(old.psk),
                next_sequence=old.next_sequence,
                replay_index=old.replay_index,
                replay_bitmap=old.replay_bitmap,
            )
        )
        session.delete(old)
        session.flush()


def _check(psk: bytes) -> bytes:
    return hashlib.sha256(b"spent" + psk).digest()[:16]


def short_address(session: Session, device: Device) -> bytes:
    """The device's short address, 2 bytes; given at the first call. Raises Refusal when all are used up."""
    if device.short_address is None:
        device.short_address = _next_short_address(session)
        session.flush()
    return device.short_address.to_bytes(2, "big")


def claim_short_address(session: Session, device: Device, wanted: int) -> None:
    """Give ``device`` a short address chosen by hand. Raises ValueError if it is not free."""
    if not FIRST_SHORT_ADDRESS <= wanted <= LAST_SHORT_ADDRESS:
        raise ValueError(f"a short address is {FIRST_SHORT_ADDRESS:04x} to {LAST_SHORT_ADDRESS:04x}")
    holder = session.scalar(select(Device).where(Device.short_address == wanted))
    if holder is not None and holder.id != device.id:
        raise ValueError(f"short address {wanted:04x} belongs to another device")
    if device.short_address not in (None, wanted):
        raise ValueError(f"the device has short address {device.short_address:04x} already")
    device.short_address = wanted


def _next_short_address(session: Session) -> int:
    # Counted up for ever: an address that was given once could still be in use under an old key.
    counter = session.get(Setting, _NEXT_SHORT_ADDRESS)
    if counter is None:
        counter = Setting(name=_NEXT_SHORT_ADDRESS, value=FIRST_SHORT_ADDRESS)
        session.add(counter)
    number = counter.value
    while session.scalar(select(func.count()).where(Device.short_address == number)):
        number += 1
    if number > LAST_SHORT_ADDRESS:
        raise Refusal(Code.SERVICE_UNAVAILABLE, "network full", "all short addresses are used up", "full")
    counter.value = number + 1
    return number
