// A reset that software asks for keeps RAM.
#include "start.h"

static volatile uint32_t starts __attribute__((section(".noinit")));

int main(void) {
    starts++;
    result[0] = starts;
    if (starts < 3) {
        REG(0xE000ED0C) = 0x05FA0004;
        for (;;) {
        }
    }
    return 0;
}
