// Start of the emulated flash: after the options.
void flash_init(void);
