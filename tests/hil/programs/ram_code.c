// Code in RAM that is replaced, in a page that holds data too, and conditional loads from pages not seen before.
#include "start.h"

#define PAGE 1024
#define PAGES 16

// Not touched before main().
static uint8_t room[PAGE * PAGES] __attribute__((aligned(PAGE), section(".noinit")));

static uint32_t call(volatile uint16_t *code) {
    __asm volatile ("dsb; isb" ::: "memory");
    return ((uint32_t (*)(void))((uint32_t)code | 1))();
}

int main(void) {
    volatile uint16_t *code = (volatile uint16_t *)room;
    volatile uint32_t *data = (volatile uint32_t *)(room + 64);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 8; i++) {
        code[0] = 0x2000 | (i + 1); // movs r0, #i+1
        code[1] = 0x4770;           // bx lr
        code[100] = 0x2000 | i;
        code[101] = 0x4770;
        *data = i;
        sum = sum * 10 + call(code) - (call(code + 100) - i);
        *data += 1;
    }
    result[0] = sum;
    result[1] = *data;

    uint32_t taken = 0, rounds = 0;
    for (uint32_t page = 1; page < PAGES; page++) {
        uint32_t value = 7;
        __asm volatile (
            "cmp %[page], #0\n ittt ne\n ldrne %[value], [%[from]]\n addne %[taken], #1\n addne %[taken], #1\n"
            "cmp %[page], %[page]\n b 1f\n 1: adds %[rounds], #1\n adds %[rounds], #1\n"
            : [value] "+r" (value), [taken] "+r" (taken), [rounds] "+r" (rounds)
            : [page] "r" (page), [from] "r" (room + PAGE * page) : "cc", "memory");
        result[4] += value;
    }
    result[2] = taken;
    result[3] = rounds;
    return 0;
}
