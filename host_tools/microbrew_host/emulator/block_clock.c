// Called by Unicorn at the start of every block of code: adds up cycles and ends the run when it is time or when an
// interrupt has become possible. The same in Python is in block_clock.py, some twenty times slower.

#include <stddef.h>
#include <stdint.h>

#define ENTRIES (1u << 19)

typedef int (*reg_read)(void *uc, int reg, void *value);
typedef int (*emu_stop)(void *uc);
// Cycles | instructions << 32 | SEV << 63.
typedef uint64_t (*cost)(uint64_t address, uint32_t size);

struct entry {
    uint32_t address, size, cycles, instructions;
};

// The first fields are those of block_clock.State.
struct clock {
    uint64_t cycles, instructions, limit;
    int32_t pending; // priority of the most urgent exception that waits, 256 if none
    int32_t running; // priority of what runs, BASEPRI and masks aside
    uint32_t event, stopped;
    uint64_t busy_until, busy_below; // code below this address waits until then
    reg_read read;
    emu_stop stop;
    cost cost;
    int32_t primask, basepri, faultmask; // Unicorn's numbers
    struct entry cache[ENTRIES];
};

#define SEV 0x80000000u

size_t clock_size(void) {
    return sizeof(struct clock);
}

static int unmasked(void *uc, struct clock *clock) {
    uint32_t value = 0;
    clock->read(uc, clock->faultmask, &value);
    if (value & 1) {
        return clock->pending < -1;
    }
    clock->read(uc, clock->primask, &value);
    if (value & 1) {
        return clock->pending < 0;
    }
    clock->read(uc, clock->basepri, &value);
    return !(value & 0xff) || clock->pending < (int32_t)(value & 0xff);
}

void clock_block(void *uc, uint64_t address, uint32_t size, void *user) {
    struct clock *clock = user;
    if (clock->cycles < clock->busy_until && address < clock->busy_below) {
        clock->cycles = clock->busy_until;
    }
    if (clock->cycles >= clock->limit || (clock->pending < clock->running && unmasked(uc, clock))) {
        clock->stopped = 1;
        clock->stop(uc);
        return;
    }
    struct entry *entry = &clock->cache[(address >> 1 ^ address >> 28) & (ENTRIES - 1)];
    if (entry->address != (uint32_t)address || entry->size != size) {
        uint64_t found = clock->cost(address, size);
        entry->address = (uint32_t)address;
        entry->size = size;
        entry->cycles = (uint32_t)found;
        entry->instructions = (uint32_t)(found >> 32);
    }
    clock->cycles += entry->cycles;
    clock->instructions += entry->instructions & ~SEV;
    clock->event |= entry->instructions >> 31;
}
