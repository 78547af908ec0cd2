// The least that a test program needs: a vector table of 64 entries, zeroed .bss, and words in which it leaves what
// the test looks at.

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

extern volatile uint32_t result[64];
int main(void);
