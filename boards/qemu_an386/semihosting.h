// Calls to the host of the emulator (Arm semihosting specification, section 7). The board works without a host that
// answers them; then it has neither options nor entropy, and its flash forgets.

#ifndef MICROBREW_SEMIHOSTING_H
#define MICROBREW_SEMIHOSTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum semihosting_mode { SEMIHOSTING_READ = 1, SEMIHOSTING_UPDATE = 3, SEMIHOSTING_CREATE = 7 }; // rb, r+b, w+b

// Handle of a host file, or -1.
int semihosting_open(const char *path, enum semihosting_mode mode);
void semihosting_close(int handle);
bool semihosting_seek(int handle, uint32_t position);
bool semihosting_read(int handle, void *buf, size_t length);
bool semihosting_write(int handle, const void *buf, size_t length);
// -1: unknown.
int32_t semihosting_length(int handle);
// The command line given to the emulator, zero-terminated. False: none, or too long.
bool semihosting_command_line(char *buf, size_t size);
// End the emulator with this exit status.
__attribute__((noreturn)) void semihosting_exit(int status);

#endif
