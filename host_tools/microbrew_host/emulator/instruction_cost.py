"""Cycles that a block of Thumb-2 code takes on a Cortex-M4.

From the instruction timings of the Cortex-M4 Technical Reference Manual (chapter 3.3 and, for floating point, 7.2),
without wait states: one cycle for most instructions, two for a load or store of a register, 1 + N for N registers,
three for a taken branch. A conditional branch counts two (one if not taken, three if taken: it is not known at the
start of a block), a division seven of its two to twelve.
"""

_BRANCH = 3
_CONDITIONAL = 2
_DIVIDE = 7
_FLOAT_DIVIDE = 14
SEV = 0xBF40


def block_cost(code: bytes) -> tuple[int, int, bool]:
    """(cycles, instructions, whether one is SEV) of a block of code."""
    cycles = 0
    count = 0
    sev = False
    at = 0
    end = len(code) - 1
    while at < end:
        first = code[at] | code[at + 1] << 8
        at += 2
        count += 1
        if first >> 11 in (0x1D, 0x1E, 0x1F):
            second = code[at] | code[at + 1] << 8 if at < end else 0
            at += 2
            cycles += _wide(first, second)
        else:
            cycles += _narrow(first)
            sev = sev or first == SEV
    return cycles, count, sev


def _narrow(op: int) -> int:
    top = op >> 12
    if op >> 11 == 0x09 or top == 0x5 or top in (0x6, 0x7, 0x8, 0x9):
        return 2
    if top == 0xB:
        if op & 0x0600 == 0x0400:  # PUSH, POP
            jump = op & 0x0900 == 0x0900
            return 1 + (op & 0x1FF).bit_count() + (_BRANCH - 1 if jump else 0)
        if op & 0x0500 == 0x0100:  # CBZ, CBNZ
            return _CONDITIONAL
        return 1
    if top == 0xC:  # LDM, STM
        return 1 + (op & 0xFF).bit_count()
    if top == 0xD:
        return _CONDITIONAL if op & 0x0E00 != 0x0E00 else 1
    if top == 0xE:
        return _BRANCH
    if op & 0xFF00 == 0x4700:  # BX, BLX
        return _BRANCH
    return 1


def _wide(first: int, second: int) -> int:
    group = first >> 9 & 0x3F
    if first & 0xFE00 == 0xE800:
        if first & 0x0040:  # LDRD, STRD, exclusive, TBB
            if first & 0xFFF0 == 0xE8D0 and second & 0x00E0 == 0:
                return 2 + _BRANCH
            return 3 if first & 0x0120 else 2
        jump = first & 0x10 and second & 0x8000
        return 1 + second.bit_count() + (_BRANCH - 1 if jump else 0)
    if first & 0xFE00 == 0xF800:  # load or store of a register
        return 2 + (_BRANCH if first & 0x10 and second >> 12 == 15 and first & 0x40 else 0)
    if first & 0xF800 == 0xF000 and second & 0x8000:
        if second & 0x5000 == 0:  # conditional branch, or one of MSR, MRS, barriers
            return _CONDITIONAL if first & 0x0380 != 0x0380 else 2
        return _BRANCH
    if first & 0xFF80 == 0xFB00:  # multiply; with accumulate 2
        return 1 if second >> 12 == 15 else 2
    if first & 0xFF80 == 0xFB80:
        return _DIVIDE if first & 0x00D0 == 0x0090 else 1
    if group in (0x36, 0x3E):  # coprocessor: loads and stores of floating point
        if first & 0x0120 == 0x0100:
            return 2
        return 1 + (second & 0xFF)
    if first & 0xFF80 == 0xEE80 and second & 0x0F00 in (0x0A00, 0x0B00):  # VDIV, VSQRT
        if first & 0x0070 == 0 or (first & 0x00BF == 0x00B1 and second & 0x00C0 == 0x00C0):
            return _FLOAT_DIVIDE
    return 1
