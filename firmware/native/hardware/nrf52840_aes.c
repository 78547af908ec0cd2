// AES by the nRF52840's ECB, which fetches key and block by EasyDMA.

#include "aes.h"

#include <string.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define ECB_STARTECB REG(0x4000E000)
#define ECB_ENDECB REG(0x4000E100)
#define ECB_ERRORECB REG(0x4000E104)
#define ECB_ECBDATAPTR REG(0x4000E504)
// A block takes less than 10 us.
#define PATIENCE 10000

// As the hardware reads and writes it. In RAM because its DMA reaches nothing else.
static struct {
    uint8_t key[16];
    uint8_t clear[16];
    uint8_t cipher[16];
} ecb;

bool mb_aes_begin(const uint8_t key[16]) {
    ECB_ECBDATAPTR = (uint32_t)&ecb;
    memcpy(ecb.key, key, 16);
    return true;
}

bool mb_aes_encrypt(const uint8_t in[16], uint8_t out[16]) {
    memcpy(ecb.clear, in, 16);
    ECB_ENDECB = 0;
    ECB_ERRORECB = 0;
    __asm volatile ("dmb" ::: "memory");
    ECB_STARTECB = 1;
    for (int i = 0; !ECB_ENDECB; i++) {
        if (i == PATIENCE || ECB_ERRORECB) {
            return false;
        }
    }
    __asm volatile ("dmb" ::: "memory");
    memcpy(out, ecb.cipher, 16);
    return true;
}

void mb_aes_end(void) {
    memset(&ecb, 0, sizeof(ecb));
    __asm volatile ("" ::: "memory");
}
