// Preemption, masks, tail chaining, floating-point frames, faults.
#include "start.h"

#define ISPR REG(0xE000E200)
#define ISER REG(0xE000E100)
#define PRIORITY(irq) (*(volatile uint8_t *)(0xE000E400 + (irq)))
#define BARRIER __asm volatile ("dsb; isb")
#define ICSR REG(0xE000ED04)

static volatile uint32_t order;
static volatile float number;

static void note(uint32_t digit) {
    order = order * 10 + digit;
}

static uint32_t ipsr(void) {
    uint32_t value;
    __asm volatile ("mrs %0, ipsr" : "=r" (value));
    return value;
}

void irq0(void) { // priority 0x40
    note(ipsr() == 16 ? 1 : 9);
    ISPR = 1 << 1; // more urgent: comes at once
    BARRIER;
    note(2);
    ISPR = 1 << 2; // less urgent: comes afterwards
    note(3);
}

void irq1(void) { // priority 0x20
    note(4);
    number = number * 2.0f;
}

void irq2(void) { // priority 0x60
    note(5);
    number = number + 1.0f;
}

void svcall(void) {
    note(6);
}

void pendsv(void) {
    note(7);
}

__attribute__((naked)) void usage_fault(void) {
    // Over the undefined instruction, which is two bytes long.
    __asm volatile ("ldr r0, [sp, #24]; adds r0, #2; str r0, [sp, #24]; bx lr");
}

__attribute__((naked)) void bus_fault(void) {
    // Over the load, which the assembler is told to make four bytes long.
    __asm volatile ("ldr r0, [sp, #24]; adds r0, #4; str r0, [sp, #24]; bx lr");
}

int main(void) {
    PRIORITY(0) = 0x40;
    PRIORITY(1) = 0x20;
    PRIORITY(2) = 0x7F; // of which three bits are there
    REG(0xE000ED20) = 0xE0u << 16; // PendSV
    result[0] = PRIORITY(2);
    ISER = 7;
    number = 1.5f;
    float kept = number * 3.0f;

    ISPR = 1;
    BARRIER;
    result[1] = order; // 1 4 2 3 5
    order = 0;

    __asm volatile ("cpsid i");
    ISPR = 1 << 1;
    BARRIER;
    note(8);
    __asm volatile ("cpsie i; isb");
    result[2] = order; // 8 4
    order = 0;

    __asm volatile ("msr basepri, %0" :: "r" (0x40));
    ISPR = 1 << 2 | 1 << 1;
    BARRIER;
    note(8);
    __asm volatile ("msr basepri, %0; isb" :: "r" (0));
    result[3] = order; // 4 8 5
    order = 0;

    __asm volatile ("svc 0");
    ICSR = 1 << 28;
    BARRIER;
    result[4] = order; // 6 7
    result[5] = (uint32_t)(kept * 10.0f); // 45: the handlers' arithmetic has not touched it
    result[6] = (uint32_t)(number * 10.0f); // ((1.5 * 2 + 1) * 2 * 2 + 1) * 10

    REG(0xE000ED24) = 3 << 17;
    __asm volatile ("udf 1");
    result[7] = REG(0xE000ED28);
    REG(0xE000ED28) = result[7];
    uint32_t nowhere = 0x60000000;
    __asm volatile ("ldr.w r1, [%0]" :: "r" (nowhere) : "r1");
    result[8] = REG(0xE000ED28);
    result[9] = REG(0xE000ED38);
    result[10] = 1;
    return 0;
}
