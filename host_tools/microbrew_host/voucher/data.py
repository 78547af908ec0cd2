"""Voucher data: what a voucher or voucher request says, and its CBOR form (RFC 9254, rfc8366bis).

Reading takes SID deltas, absolute SIDs (tag 47), leaf names, and a mixture; unknown leaves are ignored (RFC
8995 section 5.6.1). Writing always uses deltas in deterministic order. Left out: JSON vouchers; leaves of the
agent-proximity assertion and ``last-renewal-date``, which are ignored when read.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from microbrew import cbor
from microbrew.errors import DecodeError, VoucherError
from microbrew_host.voucher import reader, sids

VERIFIED = 0
LOGGED = 1
PROXIMITY = 2
AGENT_PROXIMITY = 3
ASSERTIONS = ("verified", "logged", "proximity", "agent-proximity")

MAX_TEXT = 256
MAX_BYTES = 8192
MAX_EXTENSIONS = 16


@dataclass(frozen=True, kw_only=True)
class Voucher:
    """Voucher data of the MASA. Dates are yang:date-and-time text; keys are SPKI DER, certificates DER."""

    serial_number: str
    assertion: int | None = None
    created_on: str | None = None
    domain_cert_revocation_checks: bool | None = None
    expires_on: str | None = None
    idevid_issuer: bytes | None = None
    nonce: bytes | None = None
    pinned_domain_cert: bytes | None = None
    pinned_domain_pubk: bytes | None = None
    pinned_domain_pubk_sha256: bytes | None = None
    additional_configuration_url: str | None = None
    est_domain: str | None = None
    manufacturer_proprietary: bytes | None = None
    extensions: tuple[int | str, ...] = ()
    join_process: str | None = None

    def encode(self) -> bytes:
        """The payload to sign."""
        return _encode(self, sids.VOUCHER)


@dataclass(frozen=True, kw_only=True)
class VoucherRequest:
    """Voucher request data of a pledge (PVR) or registrar (RVR); same conventions as ``Voucher``."""

    serial_number: str
    assertion: int | None = None
    created_on: str | None = None
    expires_on: str | None = None
    idevid_issuer: bytes | None = None
    nonce: bytes | None = None
    prior_signed_voucher_request: bytes | None = None
    proximity_registrar_cert: bytes | None = None
    proximity_registrar_pubk: bytes | None = None
    proximity_registrar_pubk_sha256: bytes | None = None
    pinned_domain_cert: bytes | None = None
    pinned_domain_pubk: bytes | None = None
    pinned_domain_pubk_sha256: bytes | None = None
    additional_configuration_url: str | None = None
    est_domain: str | None = None
    manufacturer_proprietary: bytes | None = None
    extensions: tuple[int | str, ...] = ()
    join_process: str | None = None

    def encode(self) -> bytes:
        """The payload to sign."""
        return _encode(self, sids.VOUCHER_REQUEST)


_Data = TypeVar("_Data", Voucher, VoucherRequest)


def parse_voucher(payload: bytes) -> Voucher:
    """Voucher data out of a signed payload. Raises VoucherError("format")."""
    return _parse(payload, sids.VOUCHER, Voucher)


def parse_voucher_request(payload: bytes) -> VoucherRequest:
    """Voucher request data out of a signed payload. Raises VoucherError("format")."""
    return _parse(payload, sids.VOUCHER_REQUEST, VoucherRequest)


def timestamp(when: datetime) -> str:
    """yang:date-and-time text in UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Inverse of ``timestamp``; any offset and fraction. Raises VoucherError("format")."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise VoucherError("format", "a date is not in the form of RFC 3339") from None
    if when.tzinfo is None:
        raise VoucherError("format", "a date has no time zone")
    return when


def _encode(data: Voucher | VoucherRequest, container: sids.Container) -> bytes:
    inner: dict[int | str, Any] = {}
    for leaf, delta in container.deltas.items():
        value = getattr(data, _attribute(leaf), None)
        if value is not None and leaf != "extensions":
            inner[delta] = value
    extensions = list(data.extensions)
    if data.join_process is not None:
        if sids.JOIN_EXTENSION not in extensions:
            extensions.append(sids.JOIN_EXTENSION)
        inner[sids.JOIN_EXTENSION_KEY] = {sids.JOIN_PROCESS: data.join_process}
    if extensions:
        inner[container.deltas["extensions"]] = extensions
    return cbor.encode({container.sid: inner})


def _parse(payload: bytes, container: sids.Container, kind: type[_Data]) -> _Data:
    try:
        outer = reader.decode(payload)
    except DecodeError as error:
        raise VoucherError("format", f"voucher data: {error}") from None
    if not isinstance(outer, dict) or len(outer) != 1:
        raise VoucherError("format", "voucher data are not a map of one container")
    ((key, inner),) = outer.items()
    if isinstance(key, cbor.Tag) and key.number == sids.TAG_ABSOLUTE_SID:
        key = key.value
    if key not in (container.sid, container.name):
        raise VoucherError("format", f"the container is not {container.name}")
    if not isinstance(inner, dict):
        raise VoucherError("format", "the container is not a map")
    # RFC 9254 section 3.2: below a name the SIDs start again from zero, below a SID they are deltas to it.
    leaves = _by_name(inner, container, reference=container.sid if isinstance(key, int) else 0)
    known = {field.name for field in fields(kind)}
    values: dict[str, Any] = {}
    for leaf, value in leaves.items():
        name = _attribute(leaf)
        if name in known and leaf in _CHECKS:
            if not _CHECKS[leaf](value):
                raise VoucherError("format", f"{leaf} has a value of the wrong type or size")
            values[name] = tuple(value) if isinstance(value, list) else value
    if "serial_number" not in values:
        raise VoucherError("format", "serial-number is missing")
    values["join_process"] = _join_process(inner, values.get("extensions", ()))
    return kind(**values)


def _by_name(inner: dict[Any, Any], container: sids.Container, reference: int) -> dict[str, Any]:
    names = {container.sid + delta: leaf for leaf, delta in container.deltas.items()}
    leaves: dict[str, Any] = {}
    for key, value in inner.items():
        if isinstance(key, cbor.Tag) and key.number == sids.TAG_ABSOLUTE_SID:
            leaf = names.get(key.value) if isinstance(key.value, int) else None
        elif isinstance(key, int):
            leaf = names.get(reference + key)
        else:
            leaf = key if isinstance(key, str) and key in container.deltas else None
        if leaf is None:
            continue
        if leaf in leaves:
            raise VoucherError("format", f"{leaf} occurs twice")
        leaves[leaf] = value
    return leaves


def _join_process(inner: dict[Any, Any], extensions: tuple[int | str, ...]) -> str | None:
    value = inner.get(sids.JOIN_EXTENSION_KEY)
    if value is None:
        return None
    if sids.JOIN_EXTENSION not in extensions:
        raise VoucherError("format", f"{sids.JOIN_EXTENSION_KEY} is not announced in extensions")
    process = value.get(sids.JOIN_PROCESS) if isinstance(value, dict) else None
    if not _is_text(process):
        raise VoucherError("format", f"{sids.JOIN_EXTENSION_KEY} has no {sids.JOIN_PROCESS}")
    return str(process)


def _attribute(leaf: str) -> str:
    return leaf.replace("-", "_")


def _is_text(value: object) -> bool:
    # It goes to logs and terminals, so control characters have no place in it.
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes) and 0 < len(value) <= MAX_BYTES


def _is_sha256(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def _is_nonce(value: object) -> bool:
    return isinstance(value, bytes) and 8 <= len(value) <= 32


def _is_assertion(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(ASSERTIONS)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_extensions(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_EXTENSIONS
        and all(_is_text(item) or (isinstance(item, int) and not isinstance(item, bool)) for item in value)
    )


_CHECKS = {
    "assertion": _is_assertion,
    "created-on": _is_text,
    "domain-cert-revocation-checks": _is_bool,
    "expires-on": _is_text,
    "idevid-issuer": _is_bytes,
    "nonce": _is_nonce,
    "pinned-domain-cert": _is_bytes,
    "pinned-domain-pubk": _is_bytes,
    "pinned-domain-pubk-sha256": _is_sha256,
    "prior-signed-voucher-request": _is_bytes,
    "proximity-registrar-cert": _is_bytes,
    "proximity-registrar-pubk": _is_bytes,
    "proximity-registrar-pubk-sha256": _is_sha256,
    "serial-number": _is_text,
    "additional-configuration-url": _is_text,
    "est-domain": _is_text,
    "manufacturer-proprietary": _is_bytes,
    "extensions": _is_extensions,
}
