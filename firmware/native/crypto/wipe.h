// Overwriting of secrets in a way that no compiler takes out. The library leaves its working values on the stack. So a
// verb does its work in a function marked MB_BELOW, which keeps what it likes there, and overwrites the stack below
// itself when that one has returned.

#ifndef MICROBREW_WIPE_H
#define MICROBREW_WIPE_H

#include <stddef.h>
#include <string.h>

#define MB_BELOW __attribute__((noinline))

// Each file that includes this says first how deep: MB_STACK, in bytes. A host test looks whether anything is left.
#ifndef MB_STACK
#error "MB_STACK is missing"
#endif

static inline void mb_wipe(void *data, size_t len) {
    memset(data, 0, len);
    __asm__ volatile ("" : : "r" (data) : "memory");
}

static MB_BELOW void mb_wipe_stack(void) {
    unsigned char area[MB_STACK];
    mb_wipe(area, sizeof area);
}

#endif
