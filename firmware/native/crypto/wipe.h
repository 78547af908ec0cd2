// Overwriting of secrets in a way that no compiler takes out. The library leaves its working values on the stack, so
// after each secret computation the stack below the caller is overwritten, as deep as the library may have gone.

#ifndef MICROBREW_WIPE_H
#define MICROBREW_WIPE_H

#include <stddef.h>
#include <string.h>

// Each file that includes this says first how deep: MB_STACK, in bytes. A host test looks whether anything is left.
#ifndef MB_STACK
#error "MB_STACK is missing"
#endif

static inline void mb_wipe(void *data, size_t len) {
    memset(data, 0, len);
    __asm__ volatile ("" : : "r" (data) : "memory");
}

// Not inlined: its array must lie where the frames of the library were.
static __attribute__((noinline)) void mb_wipe_stack(void) {
    unsigned char area[MB_STACK];
    mb_wipe(area, sizeof area);
}

#endif
