"""COSE_Sign1, COSE_Encrypt0, COSE_Key and CCS (RFC 9052, 9053, 9360, 8392)."""

from typing import Any

from microbrew import cbor
from microbrew.errors import DecodeError
from microbrew_host.decode import certificate, tables, voucher
from microbrew_host.decode.notation import (
    Describe,
    Node,
    Options,
    array,
    diag,
    embedded,
    generic,
    mapping,
    named,
    read_item,
    secret,
    strictness,
    tagged,
)

_CREDENTIALS = {13, 14, 22, 23, 24, 25, 32, 33, 34, 35}


def is_sign1(value: Any) -> bool:
    """The array of a COSE_Sign1, untagged."""
    return (
        isinstance(value, list)
        and len(value) == 4
        and isinstance(value[0], bytes)
        and isinstance(value[1], dict)
        and (value[2] is None or isinstance(value[2], bytes))
        and isinstance(value[3], bytes)
    )


def is_encrypt0(value: Any) -> bool:
    """The array of a COSE_Encrypt0, untagged."""
    return (
        isinstance(value, list)
        and len(value) == 3
        and isinstance(value[0], bytes)
        and isinstance(value[1], dict)
        and (value[2] is None or isinstance(value[2], bytes))
    )


def is_key(value: Any) -> bool:
    """A COSE_Key."""
    if not isinstance(value, dict) or -1 not in value:
        return False
    return isinstance(value.get(1), int) and value[1] in tables.COSE_KEY_TYPES


def is_ccs(value: Any) -> bool:
    """A CWT Claims Set with a confirmation key, as EDHOC uses it."""
    return isinstance(value, dict) and isinstance(value.get(8), dict) and is_key(value[8].get(1))


def is_headers(value: Any) -> bool:
    """A header map that identifies a credential, as EDHOC's ID_CRED_x."""
    return isinstance(value, dict) and bool(_CREDENTIALS & value.keys()) and value.keys() <= tables.COSE_HEADERS.keys()


def message(value: Any, options: Options, complaint: str = "") -> Node:
    """A COSE message, tagged or not. Raises DecodeError."""
    number = None
    if isinstance(value, cbor.Tag):
        number, value = value.number, value.value
    if is_sign1(value) and number in (None, 18):
        node = _sign1(value, options)
    elif is_encrypt0(value) and number in (None, 16):
        node = array(
            [
                _protected(value[0], options),
                headers(value[1], options).noted("unprotected"),
                Node(diag(value[2]), note=f"ciphertext, {len(value[2] or b'')} bytes"),
            ],
            "COSE_Encrypt0",
        )
    else:
        raise DecodeError("COSE: neither COSE_Sign1 nor COSE_Encrypt0")
    node.noted(strictness(complaint))
    return node if number is None else tagged(number, node)


def _sign1(value: list[Any], options: Options) -> Node:
    payload = value[2]
    if payload is None:
        body = Node("null", note="payload is detached")
    else:
        body = _payload(payload, options)
    return array(
        [
            _protected(value[0], options),
            headers(value[1], options).noted("unprotected"),
            body,
            Node(diag(value[3]), note=f"signature, {len(value[3])} bytes"),
        ],
        "COSE_Sign1",
    )


def _protected(encoded: bytes, options: Options) -> Node:
    if not encoded:
        return Node("h''", note="protected: empty")
    try:
        value, complaint = read_item(encoded)
    except DecodeError as error:
        return Node(diag(encoded), note=f"protected: {error}")
    node = headers(value, options.deeper()) if isinstance(value, dict) else generic(value)
    return embedded([node], "protected").noted(strictness(complaint))


def _payload(payload: bytes, options: Options) -> Node:
    try:
        value, complaint = read_item(payload)
    except DecodeError:
        return Node(diag(payload), note=f"payload, {len(payload)} bytes")
    inner = options.deeper()
    return embedded([anything(value, inner)], f"payload, {len(payload)} bytes").noted(strictness(complaint))


def voucher_data(value: Any, options: Options) -> Node:
    """Voucher data, with a signed request inside looked into. Raises DecodeError."""

    def signed(encoded: Any) -> Node:
        if not isinstance(encoded, bytes):
            return generic(encoded)
        try:
            inner, complaint = read_item(encoded)
            return embedded([message(inner, options.deeper(), complaint)], f"{len(encoded)} bytes")
        except DecodeError as error:
            return Node(diag(encoded), note=str(error))

    return voucher.data(value, signed)


def anything(value: Any, options: Options) -> Node:
    """A key, a CCS or a COSE message where ``value`` is one, else plain notation."""
    if is_ccs(value):
        return ccs(value, options)
    if is_key(value):
        return key(value, options)
    if isinstance(value, cbor.Tag) and value.number in (16, 18):
        return message(value, options)
    if voucher.is_voucher(value):
        return voucher_data(value, options)
    if is_headers(value):
        return headers(value, options).noted("COSE header map")
    return generic(value)


def headers(value: dict[Any, Any], options: Options) -> Node:
    """A header map with its labels named and certificates summarised."""
    special: dict[Any, Describe] = {
        1: named(tables.COSE_ALGORITHMS),
        13: generic,
        14: lambda item: ccs(item, options) if isinstance(item, dict) else generic(item),
        32: _certificates,
        33: _certificates,
        34: _x5t,
    }
    return mapping(value, {label: (name, special.get(label)) for label, name in tables.COSE_HEADERS.items()})


def _certificates(value: Any) -> Node:
    if isinstance(value, list):
        return array([certificate.item(item) for item in value], f"{len(value)} certificates")
    return certificate.item(value)


def _x5t(value: Any) -> Node:
    algorithm = value[0] if isinstance(value, list) and value else None
    return Node(diag(value), note=tables.COSE_ALGORITHMS.get(algorithm, "") if isinstance(algorithm, int) else "")


def key(value: dict[Any, Any], options: Options) -> Node:
    """A COSE_Key; private parts are hidden unless keys are to be shown."""
    fields: dict[Any, tuple[str, Describe | None]] = {
        label: (name, None) for label, name in tables.COSE_KEY_LABELS.items()
    }
    fields[1] = ("kty", named(tables.COSE_KEY_TYPES))
    fields[3] = ("alg", named(tables.COSE_ALGORITHMS))
    if value.get(1) == 4:
        fields[-1] = ("k", lambda item: secret(item, options))
    else:
        fields[-1] = ("crv", named(tables.COSE_CURVES))
        fields[-2] = ("x", None)
        fields[-3] = ("y", None)
        fields[-4] = ("d", lambda item: secret(item, options))
    return mapping(value, fields, "COSE_Key")


def ccs(value: dict[Any, Any], options: Options) -> Node:
    """A CWT Claims Set."""
    fields: dict[Any, tuple[str, Describe | None]] = {label: (name, None) for label, name in tables.CWT_CLAIMS.items()}

    def confirmation(item: Any) -> Node:
        if not isinstance(item, dict):
            return generic(item)
        return mapping(
            item,
            {
                1: ("COSE_Key", lambda inner: key(inner, options) if isinstance(inner, dict) else generic(inner)),
                2: ("Encrypted_COSE_Key", None),
                3: ("kid", None),
            },
        )

    fields[8] = ("cnf", confirmation)
    return mapping(value, fields, "CWT Claims Set")
