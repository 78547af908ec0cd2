// Read by upstream's mpconfigport.h as its last word (BOARD_SPECIFIC_MODULES).

// Upstream's takes all native code for code in RAM, which this chip runs by another address. The radio driver's is frozen, and
// is called where it lies in flash.
#undef MICROPY_MAKE_POINTER_CALLABLE
#define MICROPY_MAKE_POINTER_CALLABLE(p) \
    ((void *)(((uintptr_t)(p) < 0x20000000 ? (uintptr_t)(p) : (uintptr_t)(p) - 0x20000000 + 0x00800000) | 1))

// Called at the start, for modules of a board, of which this one has none.
#define board_modules_init0()
