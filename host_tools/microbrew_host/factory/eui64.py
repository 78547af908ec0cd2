"""EUI-64s and their text form, which is the default serial number: ``00-12-4B-00-00-00-02-02``."""


def parse(text: str) -> bytes:
    """8 bytes of 16 hex digits, plain or with ``-`` or ``:`` between the bytes. Raises ValueError."""
    try:
        eui64 = bytes.fromhex(text.replace("-", " ").replace(":", " "))
    except ValueError:
        eui64 = b""
    if len(eui64) != 8:
        raise ValueError(f"{text} is not an EUI-64 such as 00-12-4B-00-00-00-02-02")
    return eui64


def text(eui64: bytes) -> str:
    """Upper-case hex with dashes."""
    return eui64.hex("-").upper()


def plus(eui64: bytes, number: int) -> bytes:
    """The EUI-64 ``number`` further on. Raises ValueError beyond the last."""
    value = int.from_bytes(eui64, "big") + number
    if value >= 1 << 64:
        raise ValueError("there are no more EUI-64s after FF-FF-FF-FF-FF-FF-FF-FF")
    return value.to_bytes(8, "big")
