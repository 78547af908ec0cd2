// Hash, MAC, key derivation and AEAD over BearSSL. AES is its bit-sliced 32-bit form: no tables, so constant time with
// any cache; two blocks go through at once, and CTR and CBC-MAC share a pass.

#include "aead/ccm.c"
#include "codec/ccopy.c"
#include "codec/dec32be.c"
#include "codec/enc32be.c"
#include "hash/sha2small.c"
#include "mac/hmac.c"
#include "symcipher/aes_ct.c"
#include "symcipher/aes_ct_ctrcbc.c"
#include "symcipher/aes_ct_enc.c"

#include "symmetric.h"
#ifndef MB_STACK
#define MB_STACK (UINTPTR_MAX > 0xFFFFFFFF ? 2560 : 1536)
#endif
#include "wipe.h"

enum { HASH = 32, KEY = 16, NONCE = 13 };

static MB_BELOW void hash(uint8_t digest[32], const mb_bytes_t *parts, size_t count) {
    br_sha256_context context;
    br_sha256_init(&context);
    for (size_t i = 0; i < count; i++) {
        br_sha256_update(&context, parts[i].data, parts[i].len);
    }
    br_sha256_out(&context, digest);
}

// What is hashed may be a secret as well.
void mb_sha256(uint8_t digest[32], const mb_bytes_t *parts, size_t count) {
    hash(digest, parts, count);
    mb_wipe_stack();
}

static MB_BELOW void authenticate(uint8_t mac[32], mb_bytes_t key, mb_bytes_t data) {
    br_hmac_key_context keyed;
    br_hmac_context context;
    br_hmac_key_init(&keyed, &br_sha256_vtable, key.data, key.len);
    br_hmac_init(&context, &keyed, HASH);
    br_hmac_update(&context, data.data, data.len);
    br_hmac_out(&context, mac);
}

void mb_hmac(uint8_t out[32], mb_bytes_t key, mb_bytes_t data) {
    authenticate(out, key, data);
    mb_wipe_stack();
}

static MB_BELOW void expand(uint8_t *okm, size_t len, mb_bytes_t prk, mb_bytes_t info) {
    br_hmac_key_context keyed;
    br_hmac_context context;
    uint8_t block[HASH];
    uint8_t counter = 0;
    br_hmac_key_init(&keyed, &br_sha256_vtable, prk.data, prk.len);
    while (len > 0) {
        size_t part = len < HASH ? len : HASH;
        br_hmac_init(&context, &keyed, HASH);
        if (counter > 0) {
            br_hmac_update(&context, block, HASH);
        }
        br_hmac_update(&context, info.data, info.len);
        counter++;
        br_hmac_update(&context, &counter, 1);
        br_hmac_out(&context, block);
        memcpy(okm, block, part);
        okm += part;
        len -= part;
    }
}

void mb_hkdf_expand(uint8_t *okm, size_t len, mb_bytes_t prk, mb_bytes_t info) {
    expand(okm, len, prk, info);
    mb_wipe_stack();
}

static void start(br_ccm_context *ccm, br_aes_ct_ctrcbc_keys *aes, const uint8_t *key, const uint8_t *nonce,
    mb_bytes_t aad, size_t len, size_t tag_len) {
    br_aes_ct_ctrcbc_init(aes, key, KEY);
    br_ccm_init(ccm, &aes->vtable);
    br_ccm_reset(ccm, nonce, NONCE, aad.len, len, tag_len);
    br_ccm_aad_inject(ccm, aad.data, aad.len);
    br_ccm_flip(ccm);
}

static MB_BELOW void seal(uint8_t *sealed, const uint8_t *key, const uint8_t *nonce, mb_bytes_t aad,
    mb_bytes_t plaintext, size_t tag_len) {
    br_aes_ct_ctrcbc_keys aes;
    br_ccm_context ccm;
    start(&ccm, &aes, key, nonce, aad, plaintext.len, tag_len);
    memcpy(sealed, plaintext.data, plaintext.len);
    br_ccm_run(&ccm, 1, sealed, plaintext.len);
    br_ccm_get_tag(&ccm, sealed + plaintext.len);
}

void mb_ccm_seal(uint8_t *sealed, const uint8_t *key, const uint8_t *nonce, mb_bytes_t aad, mb_bytes_t plaintext,
    size_t tag_len) {
    seal(sealed, key, nonce, aad, plaintext, tag_len);
    mb_wipe_stack();
}

static MB_BELOW int unseal(uint8_t *plaintext, const uint8_t *key, const uint8_t *nonce, mb_bytes_t aad,
    mb_bytes_t sealed, size_t tag_len) {
    br_aes_ct_ctrcbc_keys aes;
    br_ccm_context ccm;
    size_t len = sealed.len - tag_len;
    start(&ccm, &aes, key, nonce, aad, len, tag_len);
    memcpy(plaintext, sealed.data, len);
    br_ccm_run(&ccm, 0, plaintext, len);
    return br_ccm_check_tag(&ccm, sealed.data + len);
}

int mb_ccm_open(uint8_t *plaintext, const uint8_t *key, const uint8_t *nonce, mb_bytes_t aad, mb_bytes_t sealed,
    size_t tag_len) {
    int valid = unseal(plaintext, key, nonce, aad, sealed, tag_len);
    if (!valid) {
        mb_wipe(plaintext, sealed.len - tag_len);
    }
    mb_wipe_stack();
    return valid;
}
