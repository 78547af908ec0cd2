"""What a device does on the production line: its key is made here and stays here.

``request`` makes a key, keeps it in the record ``factory-pending`` and gives a certification request; ``accept``
takes the certificate and writes the record ``factory``, which makes the device one. Each step can be repeated, and a
power cut at any moment leaves a device that is blank or complete: blank with the same key pending, so that the
certificate that was issued for it still fits. Not in release images, which have no console to be provisioned over.
"""

from microbrew.compat import const
from microbrew.crypto import P256, spki_p256
from microbrew.errors import CryptoError, StoreError
from microbrew.identity.csr import certification_request
from microbrew.identity.idevid import Identity

FACTORY = "factory"
PENDING = "factory-pending"

# Fields as in idevid.py; the pending record has 1, 2 and 4.
_SERIAL = const(1)
_EUI64 = const(2)
_CERTIFICATE = const(3)
_PRIVATE_KEY = const(4)
_PSK = const(6)

_TRIES = const(16)


def status(store):
    """[identity, pending]: what of the two records is no secret, None where there is none. Raises StoreError."""
    factory = store.read(FACTORY)
    pending = _pending(store)
    if factory is not None and pending is not None and pending[_PRIVATE_KEY] == factory.get(_PRIVATE_KEY):
        # Power failed after the last but one step of ``accept``.
        store.erase(PENDING)
        pending = None
    return [_public(factory), _public(pending)]


def request(store, crypto, serial, eui64):
    """Certification request (DER) for the key pending for this serial number and EUI-64, made if there is none."""
    pending = _pending(store)
    if pending is None or pending[_SERIAL] != serial or pending[_EUI64] != eui64:
        pending = {_SERIAL: serial, _EUI64: eui64, _PRIVATE_KEY: _new_secret(crypto)}
        store.write(PENDING, pending)
    private = crypto.load_private(P256, pending[_PRIVATE_KEY])
    try:
        return certification_request(crypto, private, serial)
    finally:
        private.wipe()


def accept(store, crypto, record):
    """Become the device of ``record``: {1: serial, 2: EUI-64, 3: certificate, 5: MASA's key}. Raises StoreError."""
    if _PRIVATE_KEY in record or _PSK in record:
        raise StoreError("the key comes from here")
    pending = _pending(store)
    if pending is None:
        if _public(store.read(FACTORY)) == record:
            return
        raise StoreError("no key is pending")
    if record.get(_SERIAL) != pending[_SERIAL] or record.get(_EUI64) != pending[_EUI64]:
        raise StoreError("the key is pending for another device")
    private = crypto.load_private(P256, pending[_PRIVATE_KEY])
    fits = record.get(_CERTIFICATE, b"").find(spki_p256(private.public)) >= 0
    private.wipe()
    if not fits:
        raise StoreError("the certificate is not for the key that is pending")
    whole = dict(record)
    whole[_PRIVATE_KEY] = pending[_PRIVATE_KEY]
    install(store, crypto, whole)
    store.erase(PENDING)


def install(store, crypto, record):
    """Become the device of a whole ``record``, with a key that was made elsewhere. Raises StoreError."""
    Identity(record, crypto).wipe()
    try:
        before = store.read(FACTORY)
    except StoreError:
        before = {}
    if before == record:
        return
    if before is not None:
        # The networks of who it was before go first: cut here it is still that one, fresh from the factory.
        store.factory_reset()
    store.write(FACTORY, record)


def _pending(store):
    try:
        return store.read(PENDING)
    except StoreError:
        # A damaged one is worth nothing; the next request writes it anew.
        return None


def _new_secret(crypto):
    for _ in range(_TRIES):
        secret = crypto.random(32)
        try:
            crypto.load_private(P256, secret).wipe()
        except CryptoError:
            continue
        return bytes(secret)
    raise CryptoError("random generator gives no valid private key")


def _public(record):
    if record is None:
        return None
    return {key: record[key] for key in record if key != _PRIVATE_KEY and key != _PSK}
