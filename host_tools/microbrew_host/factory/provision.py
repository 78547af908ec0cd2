"""Provisioning of one board over its serial line: request out, certificate in, inventory.

The inventory has the device before the board has its certificate: cut in between, the board still has the key pending
that the certificate is for, and the next attempt gives it the same one. So a complete device is registered, once.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Engine

from microbrew import crypto
from microbrew.identity import provision as on_device
from microbrew.identity.store import Store
from microbrew_host.board.errors import BoardError
from microbrew_host.board.repl import Failed
from microbrew_host.factory import eui64
from microbrew_host.factory.line import CERTIFICATE, EUI64, MASA_SPKI, SERIAL, Order, next_orders
from microbrew_host.factory.manufacturer import Manufacturer
from microbrew_host.factory.wire import Wire
from microbrew_host.masa import database
from microbrew_host.voucher import idevid

# In the manufacturer's directory: keys made here, for as long as their boards do not have them.
PENDING = "pending"

# First byte of an EUI-64 (IEEE 802): a group's address; administered locally.
_GROUP = 0x01
_LOCAL = 0x02


@dataclass(frozen=True)
class Outcome:
    """A board that has an identity. ``made``: it got it now; else it had it, and nothing was changed."""

    order: Order
    made: bool
    key_on_device: bool
    certificate: bytes


def provision(
    wire: Wire,
    maker: Manufacturer,
    engine: Engine,
    order: Order | None,
    *,
    key_on_device: bool | None = None,
    replace: bool = False,
    chip: bool = False,
    now: datetime,
) -> Outcome:
    """Make the board at ``wire`` the device ``order``; without an order, the one that suits it.

    ``key_on_device``: None for on the device if it has a random generator. ``replace``: give a board that has an
    identity another key. ``chip``: the EUI-64 may come from the chip's number. Raises BoardError or ValueError with a
    sentence; whatever happens, a repetition goes on where this ended.
    """
    has, pending = _status(wire, replace)
    if has is not None and not replace:
        return _as_it_is(has, maker, engine, order, now)
    if order is None:
        order = _order_of(has) or _order_of(pending) or (_chip_order(wire) if chip else None)
    if order is None:
        order = next_orders(maker, engine, 1)[0]
    can = wire.has_entropy()
    if key_on_device and not can:
        raise BoardError("the board has no random generator: --key here")
    on_board = can if key_on_device is None else key_on_device
    if on_board:
        certificate = issue(maker, engine, order, wire.request(order.serial, order.eui64), replace, now)
        wire.accept(_record(order, certificate, maker))
    else:
        certificate = _install(wire, maker, engine, order, replace, now)
    has, _ = wire.status()
    if has is None or has.get(CERTIFICATE) != certificate or has.get(SERIAL) != order.serial:
        raise BoardError(f"the board does not have what it was given as {order.serial}")
    return Outcome(order, True, on_board, certificate)


def issue(maker: Manufacturer, engine: Engine, order: Order, request: bytes, replace: bool, now: datetime) -> bytes:
    """The certificate (DER) for a certification request, registered; the same one for the same key.

    Raises ValueError for a request that does not prove its key or asks for another name, and, without ``replace``, for
    a device that has a certificate for another key.
    """
    key = _proven_key(request, order.serial)
    with engine.begin() as tx:
        known = database.device(tx, order.serial)
        if known is not None and maker.issued(known.certificate) and idevid.load(known.certificate).public_key() == key:
            return bytes(known.certificate)
        if known is not None and not replace:
            raise ValueError(f"{order.serial} was made before, with another key; --replace makes it anew")
        number = database.reserve(tx, "certificate", 1)
        certificate = maker.issue(key, number, order.serial, now).public_bytes(serialization.Encoding.DER)
        if known is None:
            database.add_device(tx, order.serial, certificate, int(now.timestamp()))
        else:
            database.replace_device(tx, order.serial, certificate)
    return certificate


def _proven_key(der: bytes, serial: str) -> ec.EllipticCurvePublicKey:
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        proven = request.is_signature_valid
    except ValueError as error:
        raise ValueError(f"the certification request cannot be read: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the certification request is not for a P-256 key")
    if not proven:
        raise ValueError("the certification request is not signed by its own key")
    if request.subject != x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)]):
        raise ValueError(f"the certification request is for {request.subject.rfc4514_string()}, not for {serial}")
    return key


def _install(wire: Wire, maker: Manufacturer, engine: Engine, order: Order, replace: bool, now: datetime) -> bytes:
    """As on the device, in a store here, whose record then goes over the line; kept until the board has it."""
    path = maker.path / PENDING / order.name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    store, backend = Store(str(path)), crypto.load()
    path.chmod(0o700)
    whole = store.read(on_device.FACTORY)
    if whole is None:
        request = on_device.request(store, backend, order.serial, order.eui64)
        certificate = issue(maker, engine, order, request, replace, now)
        on_device.accept(store, backend, _record(order, certificate, maker))
        whole = store.read(on_device.FACTORY)
    wire.install(whole)
    shutil.rmtree(path)
    return bytes(whole[CERTIFICATE])


def _as_it_is(has: dict[int, Any], maker: Manufacturer, engine: Engine, order: Order | None, now: datetime) -> Outcome:
    was = Order(has[EUI64], has[SERIAL])
    if order is not None and order != was:
        raise BoardError(f"the board is {was.serial} already; --replace makes it {order.serial}")
    certificate = has.get(CERTIFICATE)
    if certificate is None:
        raise BoardError(f"the board is {was.serial} already, a one-touch device; --replace gives it an IDevID")
    if not maker.issued(certificate):
        raise BoardError(f"the board is {was.serial} of another manufacturer; --replace makes it one of {maker.path}")
    with engine.begin() as tx:
        known = database.device(tx, was.serial)
        if known is None:
            # Provisioned with this authority's key elsewhere, or the inventory is an old copy.
            database.add_device(tx, was.serial, certificate, int(now.timestamp()))
        elif known.certificate != certificate:
            raise BoardError(f"the board is {was.serial}, but the inventory has another key of it; --replace")
    return Outcome(was, False, True, certificate)


def _status(wire: Wire, replace: bool) -> tuple[dict[int, Any] | None, dict[int, Any] | None]:
    try:
        return wire.status()
    except Failed as error:
        if error.name != "StoreError" or not replace:
            raise
        return None, None


def _record(order: Order, certificate: bytes, maker: Manufacturer) -> dict[int, Any]:
    return {SERIAL: order.serial, EUI64: order.eui64, CERTIFICATE: certificate, MASA_SPKI: maker.masa_spki}


def _order_of(record: dict[int, Any] | None) -> Order | None:
    return None if record is None else Order(record[EUI64], record[SERIAL])


def _chip_order(wire: Wire) -> Order | None:
    number, is_eui64 = wire.chip_number()
    if len(number) != 8:
        return None
    if is_eui64:
        return Order.of(number)
    # Unique, but out of nobody's block: of a single device, administered locally.
    return Order.of(bytes([number[0] & ~_GROUP | _LOCAL]) + number[1:])


def describe(outcome: Outcome) -> str:
    """A sentence for who stands at the line."""
    name = f"{outcome.order.serial} (EUI-64 {eui64.text(outcome.order.eui64)})"
    if not outcome.made:
        return f"is {name} already; nothing was changed"
    where = "on the board, where it stays" if outcome.key_on_device else "here"
    return f"is {name} now; key made {where}; IDevID {len(outcome.certificate)} bytes"
