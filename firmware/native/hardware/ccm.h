// AES-CCM (RFC 3610) with L = 2 out of a block cipher that only encrypts: for chips that have AES in hardware and CCM
// not, or another CCM.

#ifndef MB_CCM_H
#define MB_CCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symmetric.h" // mb_bytes_t

// One AES-128 block with the key that is in force. False: the hardware failed.
typedef bool (*mb_encrypt)(const uint8_t in[16], uint8_t out[16]);

enum mb_ccm { MB_CCM_DONE, MB_CCM_FORGED, MB_CCM_FAILED };

// nonce: 13 bytes; tag_len 4, 8 or 16; lengths as in symmetric.h, checked by the caller. sealed: room for the tag too.
enum mb_ccm mb_block_ccm_seal(mb_encrypt encrypt, uint8_t *sealed, const uint8_t *nonce, mb_bytes_t aad,
    mb_bytes_t plaintext, size_t tag_len);

// plaintext: sealed.len - tag_len bytes, wiped unless the result is MB_CCM_DONE.
enum mb_ccm mb_block_ccm_open(mb_encrypt encrypt, uint8_t *plaintext, const uint8_t *nonce, mb_bytes_t aad,
    mb_bytes_t sealed, size_t tag_len);

#endif
