#include "ticks.h"

// From an interrupt that brings news for the program: the sleep that is about to begin, or has begun, ends.
void ticks_wake(void);

void ticks_interrupt(void);
