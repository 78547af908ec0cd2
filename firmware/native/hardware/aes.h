// The chip's AES: one file for each chip implements it. One user at a time, never from an interrupt.

#ifndef MB_AES_H
#define MB_AES_H

#include <stdbool.h>
#include <stdint.h>

// Between mb_aes_begin and mb_aes_end the key is in the hardware's reach. False: the hardware failed, and goes on to do so
// until the next begin; end is due all the same.
bool mb_aes_begin(const uint8_t key[16]);
// AES-128 of one block. `out` may be `in`.
bool mb_aes_encrypt(const uint8_t in[16], uint8_t out[16]);
void mb_aes_end(void);

#endif
