#include "semihosting.h"

#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0A,
    SYS_FLEN = 0x0C,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
};

#define ADP_STOPPED_APPLICATION_EXIT 0x20026

static int32_t call(uint32_t operation, const uint32_t *arguments) {
    register uint32_t r0 __asm("r0") = operation;
    register const uint32_t *r1 __asm("r1") = arguments;
    __asm volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

int semihosting_open(const char *path, enum semihosting_mode mode) {
    return call(SYS_OPEN, (uint32_t[]) {(uint32_t)path, mode, strlen(path)});
}

void semihosting_close(int handle) {
    call(SYS_CLOSE, (uint32_t[]) {handle});
}

bool semihosting_seek(int handle, uint32_t position) {
    return call(SYS_SEEK, (uint32_t[]) {handle, position}) == 0;
}

// Both return the number of bytes that were not transferred.
bool semihosting_read(int handle, void *buf, size_t length) {
    return call(SYS_READ, (uint32_t[]) {handle, (uint32_t)buf, length}) == 0;
}

bool semihosting_write(int handle, const void *buf, size_t length) {
    return call(SYS_WRITE, (uint32_t[]) {handle, (uint32_t)buf, length}) == 0;
}

int32_t semihosting_length(int handle) {
    return call(SYS_FLEN, (uint32_t[]) {handle});
}

bool semihosting_command_line(char *buf, size_t size) {
    return call(SYS_GET_CMDLINE, (uint32_t[]) {(uint32_t)buf, size}) == 0;
}

void semihosting_exit(int status) {
    call(SYS_EXIT_EXTENDED, (uint32_t[]) {ADP_STOPPED_APPLICATION_EXIT, status});
    for (;;) {
    }
}
