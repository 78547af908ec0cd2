// Interrupts of the UARTs, for the vector table.

void uarte0_interrupt(void);
void uarte1_interrupt(void);
