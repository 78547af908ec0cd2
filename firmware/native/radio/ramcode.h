// Where the code that an interrupt runs is placed: in RAM on a chip whose flash stalls while it is being erased.

#ifndef MB_RAMCODE_H
#define MB_RAMCODE_H

#ifdef __arm__
// Only what never leaves its file is inlined; the rest is reached by a veneer of the linker.
#define MB_RAMCODE __attribute__((section(".ramcode")))
#else
#define MB_RAMCODE
#endif

#endif
