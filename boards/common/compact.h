// Modules and classes in less heap (compact.c).

// After mp_init.
void compact_init(void);
