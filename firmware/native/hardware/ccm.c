#include "ccm.h"

#include <string.h>

#define BLOCK 16u

// Running CBC-MAC: `at` bytes of the block have been filled.
struct mac {
    mb_encrypt encrypt;
    uint8_t block[BLOCK];
    uint8_t at;
    bool failed;
};

static void wipe(void *data, size_t length) {
    memset(data, 0, length);
    __asm volatile ("" :: "r" (data) : "memory");
}

static void mac_flush(struct mac *mac) {
    if (mac->at) {
        mac->failed |= !mac->encrypt(mac->block, mac->block);
        mac->at = 0;
    }
}

static void mac_take(struct mac *mac, const uint8_t *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        mac->block[mac->at++] ^= data[i];
        if (mac->at == BLOCK) {
            mac_flush(mac);
        }
    }
}

// B_0 and the associated data.
static void mac_begin(struct mac *mac, mb_encrypt encrypt, const uint8_t *nonce, mb_bytes_t aad, size_t length,
    size_t tag_len) {
    memset(mac, 0, sizeof(*mac));
    mac->encrypt = encrypt;
    uint8_t head[BLOCK];
    head[0] = (uint8_t)((aad.len ? 0x40 : 0) | (tag_len - 2) / 2 << 3 | 1);
    memcpy(head + 1, nonce, 13);
    head[14] = (uint8_t)(length >> 8);
    head[15] = (uint8_t)length;
    mac_take(mac, head, BLOCK);
    if (aad.len) {
        const uint8_t size[2] = {(uint8_t)(aad.len >> 8), (uint8_t)aad.len};
        mac_take(mac, size, 2);
        mac_take(mac, aad.data, aad.len);
        mac_flush(mac);
    }
}

// Key stream block `counter`.
static bool stream(mb_encrypt encrypt, const uint8_t *nonce, unsigned counter, uint8_t *out) {
    uint8_t block[BLOCK];
    block[0] = 1;
    memcpy(block + 1, nonce, 13);
    block[14] = (uint8_t)(counter >> 8);
    block[15] = (uint8_t)counter;
    return encrypt(block, out);
}

// `out` may be `in`.
static bool crypt(mb_encrypt encrypt, const uint8_t *nonce, const uint8_t *in, size_t length, uint8_t *out) {
    uint8_t key_stream[BLOCK];
    bool good = true;
    for (size_t i = 0; good && i < length; i++) {
        if (i % BLOCK == 0) {
            good = stream(encrypt, nonce, (unsigned)(i / BLOCK) + 1, key_stream);
        }
        out[i] = in[i] ^ key_stream[i % BLOCK];
    }
    wipe(key_stream, sizeof(key_stream));
    return good;
}

// The tag of what `mac` has taken, in place of its block.
static bool mac_end(struct mac *mac, const uint8_t *nonce) {
    uint8_t key_stream[BLOCK];
    mac_flush(mac);
    bool good = stream(mac->encrypt, nonce, 0, key_stream) && !mac->failed;
    for (size_t i = 0; i < BLOCK; i++) {
        mac->block[i] ^= key_stream[i];
    }
    wipe(key_stream, sizeof(key_stream));
    return good;
}

enum mb_ccm mb_block_ccm_seal(mb_encrypt encrypt, uint8_t *sealed, const uint8_t *nonce, mb_bytes_t aad,
    mb_bytes_t plaintext, size_t tag_len) {
    struct mac mac;
    mac_begin(&mac, encrypt, nonce, aad, plaintext.len, tag_len);
    mac_take(&mac, plaintext.data, plaintext.len);
    bool good = crypt(encrypt, nonce, plaintext.data, plaintext.len, sealed) && mac_end(&mac, nonce);
    memcpy(sealed + plaintext.len, mac.block, tag_len);
    wipe(&mac, sizeof(mac));
    return good ? MB_CCM_DONE : MB_CCM_FAILED;
}

enum mb_ccm mb_block_ccm_open(mb_encrypt encrypt, uint8_t *plaintext, const uint8_t *nonce, mb_bytes_t aad,
    mb_bytes_t sealed, size_t tag_len) {
    struct mac mac;
    size_t length = sealed.len - tag_len;
    mac_begin(&mac, encrypt, nonce, aad, length, tag_len);
    bool good = crypt(encrypt, nonce, sealed.data, length, plaintext);
    mac_take(&mac, plaintext, length);
    good = mac_end(&mac, nonce) && good;
    // In a time that does not depend on where they differ.
    unsigned different = 0;
    for (size_t i = 0; i < tag_len; i++) {
        different |= mac.block[i] ^ sealed.data[length + i];
    }
    wipe(&mac, sizeof(mac));
    if (good && !different) {
        return MB_CCM_DONE;
    }
    wipe(plaintext, length);
    return good ? MB_CCM_FORGED : MB_CCM_FAILED;
}
