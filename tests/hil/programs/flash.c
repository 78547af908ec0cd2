// NVMC and ACL: what can be written, how long the processor waits for it, and what is refused.
#include "start.h"

#define NVMC(offset) REG(0x4001E000 + (offset))
#define ACL(offset) REG(0x4001E800 + (offset))
#define PAGE 0xC0000u
#define WORD(n) REG(PAGE + 4 * (n))

static volatile uint32_t faults;

__attribute__((naked)) void bus_fault(void) {
    // Over the access, two bytes long as it is written below.
    __asm volatile (
        "ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; ldr r0, =faults; ldr r1, [r0]; adds r1, #1; str r1, [r0]; bx lr");
}

__attribute__((noinline)) static void store(uint32_t address, uint32_t value) {
    register uint32_t where __asm("r2") = address;
    register uint32_t what __asm("r3") = value;
    __asm volatile ("str r3, [r2]; nop" :: "r" (where), "r" (what) : "memory");
}

__attribute__((noinline)) static uint32_t load(uint32_t address) {
    register uint32_t where __asm("r2") = address;
    register uint32_t what __asm("r3") = 0;
    __asm volatile ("ldr r3, [r2]; nop" : "+r" (what) : "r" (where) : "memory");
    return what;
}

static uint32_t us(void) {
    REG(0x4001A040) = 1;
    return REG(0x4001A540);
}

static void erase(uint32_t page) {
    NVMC(0x504) = 2;
    NVMC(0x508) = page;
    while (!NVMC(0x400)) {
    }
    NVMC(0x504) = 0;
}

int main(void) {
    REG(0x4001A508) = 3;
    REG(0x4001A000) = 1;
    REG(0xE000ED24) = 1 << 17;

    // Programming clears bits; a second time clears more, and sets none.
    uint32_t begun = us();
    NVMC(0x504) = 1;
    WORD(0) = 0xFFFF00FF;
    while (!NVMC(0x400)) {
    }
    result[0] = us() - begun;
    WORD(0) = 0x0FFFFFFF;
    while (!NVMC(0x400)) {
    }
    result[1] = WORD(0);
    NVMC(0x504) = 0;

    // Not without permission, and words only.
    store(PAGE + 4, 0);
    result[2] = faults;
    result[3] = WORD(1);
    NVMC(0x504) = 1;
    *(volatile uint8_t *)(PAGE + 8) = 0; // a byte: this store is four bytes long or two
    NVMC(0x504) = 0;
    result[4] = WORD(2);
    faults = 0;

    // Erasing a page takes 85 ms, in which code in flash stands still.
    begun = us();
    erase(PAGE);
    result[5] = us() - begun;
    result[6] = WORD(0);

    // In slices of 10 ms it takes nine of them.
    NVMC(0x504) = 1;
    WORD(0) = 0;
    while (!NVMC(0x400)) {
    }
    NVMC(0x504) = 2;
    NVMC(0x51C) = 10;
    begun = us();
    for (int i = 0; i < 9; i++) {
        if (i == 8) {
            result[7] = load(PAGE + 16) == 0xFFFFFFFF && load(PAGE) == 0xFFFFFFFF;
        }
        NVMC(0x518) = PAGE;
        while (!NVMC(0x400)) {
        }
    }
    NVMC(0x504) = 0;
    result[8] = us() - begun;
    result[9] = WORD(0);

    // Without erase being permitted nothing happens.
    NVMC(0x504) = 1;
    WORD(0) = 5;
    while (!NVMC(0x400)) {
    }
    NVMC(0x508) = PAGE;
    result[10] = WORD(0);
    NVMC(0x504) = 0;

    // ACL: no write, then no read, and neither can be taken back.
    ACL(0x00) = PAGE;
    ACL(0x04) = 4096;
    ACL(0x08) = 2;
    erase(PAGE);
    result[11] = WORD(0);
    ACL(0x10) = PAGE + 4096;
    ACL(0x14) = 4096;
    ACL(0x18) = 6;
    ACL(0x18) = 0;
    faults = 0;
    load(PAGE + 4096);
    result[12] = faults;
    load(PAGE + 8192);
    result[13] = faults;
    result[14] = 1;
    return 0;
}
