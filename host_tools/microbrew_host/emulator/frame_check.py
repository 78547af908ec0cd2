"""The frame check sequence of IEEE 802.15.4 (CRC-16 ITU-T, reflected, from 0)."""


def _byte(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value


_TABLE = tuple(_byte(value) for value in range(256))


def frame_check(data: bytes) -> int:
    """What is sent behind ``data``, low byte first."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc
