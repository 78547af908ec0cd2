"""What is called at the REPL of a developer's image whose package is that of a release: provisioning, tests of targets.

Never run: slim.py leaves in the image what this refers to, and takes no name that is assigned to here for a constant.
"""

import board_radio
import device
from microbrew import cbor, crypto
from microbrew.identity import provision
from microbrew.identity.store import Store

# tests/hil/target_network.py
device.STORE = "store"
device.run()

# microbrew_host/factory/wire.py
cbor.decode(cbor.encode(None))
backend = crypto.load(release=True)
store = Store("store")
provision.status(store)
provision.request(store, backend, "serial", b"EUI-64")
provision.accept(store, backend, {})
provision.install(store, backend, {})
store.names()

# tests/hil/test_target_*.py
private = backend.generate(1)
private.wipe()
backend.load_private(1, private.secret)
backend.ecdh(private, private.public)
backend.verify(private.curve, private.public, b"", backend.sign(private, b""))
backend.hkdf_expand(backend.hkdf_extract(b"", backend.hmac(b"", backend.sha256(b""))), b"", 16)
backend.ccm_open(b"", b"", b"", backend.ccm_seal(b"", b"", b"", b"", 8), 8)
backend.decompress(b"", 0)
backend.random(1)
radio = board_radio.make(b"", None)
radio.set_channel(11)
radio.set_filter(0xFFFF, 0xFFFF)
radio.transmit(b"", 0)
radio.receive_into(bytearray(127))
radio.wait(radio.lqi)
