"""COSE_Sign1 and COSE_Key both ways with pycose."""

import cbor2
import pytest
from pycose.algorithms import Es256
from pycose.headers import KID, Algorithm, ContentType
from pycose.keys import CoseKey, EC2Key
from pycose.keys.curves import P256 as PYCOSE_P256
from pycose.messages import Enc0Message, Sign1Message

from microbrew import cbor, crypto
from microbrew.cose import key, sign1
from microbrew.cose.structures import enc_structure
from microbrew.crypto import P256
from microbrew.errors import CryptoError

SECRET = bytes(range(1, 33))
BACKENDS = [crypto.load("pure"), crypto.load("host")]


def _pycose_key(public: bytes) -> EC2Key:
    return EC2Key(crv=PYCOSE_P256, x=public[:32], y=public[32:], d=SECRET)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
@pytest.mark.parametrize("external_aad", [b"", b"external"])
def test_pycose_verifies_our_message(backend: crypto.Crypto, external_aad: bytes) -> None:
    private = backend.load_private(P256, SECRET)
    encoded = sign1.sign(backend, private, b"payload", {3: 836}, {4: b"kid"}, external_aad, tagged=False)
    # Untagged, as pycose wants a list and a dict, and newer cbor2 makes immutable ones of a tag's content.
    message = Sign1Message.from_cose_obj(cbor2.loads(encoded), False)
    message.key = _pycose_key(private.public)
    message.external_aad = external_aad
    assert message.verify_signature()
    assert message.phdr[Algorithm] is Es256
    assert message.uhdr[KID] == b"kid"


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
@pytest.mark.parametrize("tag", [True, False])
def test_we_verify_pycoses_message(backend: crypto.Crypto, tag: bool) -> None:
    private = backend.load_private(P256, SECRET)
    theirs = Sign1Message(
        phdr={Algorithm: Es256, ContentType: 836}, uhdr={KID: b"kid"}, payload=b"payload", external_aad=b"aad"
    )
    theirs.key = _pycose_key(private.public)
    message = sign1.decode(theirs.encode(tag=tag))
    message.verify(backend, private.public, b"aad")
    assert (message.algorithm, message.header(3), message.header(4)) == (sign1.ES256, 836, b"kid")
    with pytest.raises(CryptoError):
        message.verify(backend, private.public)


def test_keys_cross_over() -> None:
    public = BACKENDS[0].load_private(P256, SECRET).public
    theirs = CoseKey.decode(cbor.encode(key.cose_key(public, b"kid")))
    assert isinstance(theirs, EC2Key)
    assert (theirs.x + theirs.y, theirs.kid) == (public, b"kid")
    encoded = EC2Key(crv=PYCOSE_P256, x=public[:32], y=public[32:], optional_params={"KID": b"kid"}).encode()
    assert key.public_from_cose_key(cbor.decode(encoded)) == public


def test_enc_structure_is_pycoses() -> None:
    message = Enc0Message(external_aad=b"external")
    assert enc_structure(b"external") == message._enc_structure
