"""The OSCORE option: compressed COSE header (RFC 8613 section 6.1)."""

from microbrew.oscore import option
from microbrew_host.decode.notation import Node, heading


def summary(value: bytes) -> str:
    """The fields in a few words. Raises DecodeError."""
    if not value:
        return "empty: the request's Partial IV"
    piv, kid, kid_context = option.decode(value)
    parts = [f"Partial IV h'{piv.hex()}'"] if piv else []
    if kid_context is not None:
        parts.append(f"kid context h'{kid_context.hex()}'")
    if kid is not None:
        parts.append(f"kid h'{kid.hex()}'")
    return ", ".join(parts)


def describe(value: bytes) -> Node:
    """An option value. Raises DecodeError."""
    return heading("OSCORE option", [Node(f"value: h'{value.hex()}'", note=summary(value))])
