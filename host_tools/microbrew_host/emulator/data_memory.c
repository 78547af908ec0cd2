// Called by Unicorn when its table of pages (TLB) lacks one: RAM is not executable until something is executed there.
//
// Unicorn checks each store to a page that could hold code for whether it replaces code, which takes most of the time
// of a program that uses its RAM as RAM.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BITS 10 // of the M profile
#define MOST_RANGES 4
#define MOST_PAGES 1024

#define FETCH 18 // UC_MEM_FETCH
#define READ_WRITE 3
#define ALL 7
#define IT_BITS 0x0600FC00u

typedef int (*reg_access)(void *uc, int reg, void *value);

struct entry {
    uint64_t address;
    uint32_t permissions;
};

// The first fields are those of data_memory.State.
struct memory {
    reg_access read, write;
    uint64_t *limit; // of the block clock: 0 ends the run at the next block
    int32_t xpsr; // Unicorn's number
    uint32_t ranges;
    uint32_t changed; // a page has become one of code: the table is to be emptied
    struct {
        uint32_t base, size;
    } range[MOST_RANGES];
    uint8_t code[MOST_RANGES][MOST_PAGES];
};

size_t memory_size(void) {
    return sizeof(struct memory);
}

bool memory_page(void *uc, uint64_t address, int access, struct entry *entry, void *user) {
    struct memory *memory = user;
    entry->address = address;
    entry->permissions = ALL;
    for (uint32_t i = 0; i < memory->ranges; i++) {
        uint64_t offset = address - memory->range[i].base;
        if (offset < memory->range[i].size) {
            uint8_t *code = &memory->code[i][offset >> PAGE_BITS];
            if (access == FETCH && !*code) {
                *code = 1;
                // The page may be in the table of another privilege, as one of data.
                memory->changed = 1;
                *memory->limit = 0;
            }
            entry->permissions = *code ? ALL : READ_WRITE;
        }
    }
    if (access != FETCH) {
        // Unicorn has brought its registers up to date as if the block ended here. It goes on, and would end with the
        // conditions of an IT block in force that has ended by then.
        uint32_t xpsr = 0;
        memory->read(uc, memory->xpsr, &xpsr);
        if (xpsr & IT_BITS) {
            xpsr &= ~IT_BITS;
            memory->write(uc, memory->xpsr, &xpsr);
        }
    }
    return true;
}
