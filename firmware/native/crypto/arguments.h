// What the modules in C take from Python and give back: buffers, new bytes, the arguments of AES-CCM with their limits.
// Behind MicroPython's headers, those of a port or of a loadable .mpy.

#ifndef MICROBREW_ARGUMENTS_H
#define MICROBREW_ARGUMENTS_H

#include "symmetric.h" // mb_bytes_t

// The number that Linux has for it, and gives from its own AEADs for a forged message.
enum { FORGED_EBADMSG = 74 };

enum { CCM_KEY = 16, CCM_NONCE = 13 };

// The limits of RFC 3610 for L = 2, and of its short form of the length of aad.
enum { CCM_MAX_PLAINTEXT = 0xFFFF, CCM_MAX_AAD = 0xFEFF };

static inline mb_bytes_t buffer(mp_obj_t object) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, MP_BUFFER_READ);
    return (mb_bytes_t) {info.buf, info.len};
}

static inline void raise_length(void) {
    mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
}

static inline void raise_forged(void) {
    mp_raise_OSError(FORGED_EBADMSG);
}

static inline const uint8_t *buffer_of(mp_obj_t object, size_t len) {
    mb_bytes_t bytes = buffer(object);
    if (bytes.len != len) {
        raise_length();
    }
    return bytes.data;
}

// A bytes object whose content is written before anyone else sees it; the two forms have no other way in common.
static inline mp_obj_t new_bytes(size_t len, uint8_t **data) {
    mp_obj_str_t *object = mp_obj_malloc(mp_obj_str_t, &mp_type_bytes);
    object->hash = 0;
    object->len = 0;
    object->data = NULL;
    *data = m_malloc(len + 1);
    (*data)[len] = 0;
    object->data = *data;
    object->len = len;
    return MP_OBJ_FROM_PTR(object);
}

typedef struct {
    const uint8_t *key;
    const uint8_t *nonce;
    mb_bytes_t aad;
    mb_bytes_t data; // plaintext, or ciphertext with its tag
    size_t tag_len;
} ccm_arguments_t;

static inline void ccm_arguments(ccm_arguments_t *arguments, const mp_obj_t *in) {
    mp_int_t tag_len = mp_obj_get_int(in[4]);
    arguments->key = buffer_of(in[0], CCM_KEY);
    arguments->nonce = buffer_of(in[1], CCM_NONCE);
    arguments->aad = buffer(in[2]);
    arguments->data = buffer(in[3]);
    arguments->tag_len = (size_t)tag_len;
    if ((tag_len != 4 && tag_len != 8 && tag_len != 16) || arguments->aad.len > CCM_MAX_AAD) {
        raise_length();
    }
}

// From the five arguments of ccm_seal: the result, not yet written.
static inline mp_obj_t ccm_sealing(ccm_arguments_t *arguments, const mp_obj_t *in, uint8_t **sealed) {
    ccm_arguments(arguments, in);
    if (arguments->data.len > CCM_MAX_PLAINTEXT) {
        raise_length();
    }
    return new_bytes(arguments->data.len + arguments->tag_len, sealed);
}

// Of ccm_open.
static inline mp_obj_t ccm_opening(ccm_arguments_t *arguments, const mp_obj_t *in, uint8_t **plaintext) {
    ccm_arguments(arguments, in);
    if (arguments->data.len < arguments->tag_len) {
        raise_forged();
    }
    if (arguments->data.len - arguments->tag_len > CCM_MAX_PLAINTEXT) {
        raise_length();
    }
    return new_bytes(arguments->data.len - arguments->tag_len, plaintext);
}

#endif
