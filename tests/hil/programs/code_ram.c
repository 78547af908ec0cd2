// Code in RAM, called where the code bus sees the RAM, and other code at the same place after it.
#include "start.h"

typedef uint32_t (*function_t)(uint32_t);

static uint16_t code[2];

static uint32_t call(uint16_t first, uint32_t argument) {
    code[0] = first;
    code[1] = 0x4770; // bx lr
    __asm volatile ("dsb; isb" ::: "memory");
    return ((function_t)((uintptr_t)code - 0x20000000 + 0x00800000 + 1))(argument);
}

int main(void) {
    result[0] = call(0x3001, 41); // adds r0, #1
    result[1] = call(0x3002, 41); // adds r0, #2
    return 0;
}
