// The module microbrew_native: what microbrew.crypto.native wants of C, and no more. microbrew_native.pyi documents it.
//
// One source for two forms: linked into a port as a user C module, and a loadable .mpy, in which the interpreter is
// reached through a table only. Arguments are checked here and in arguments.h, sums are done behind p256.h, x25519.h and
// symmetric.h. Results are allocated before a secret is touched, so that running out of memory leaves none behind.

#include <string.h>

#if MICROPY_ENABLE_DYNRUNTIME
#include "py/dynruntime.h"
#else
#include "py/objstr.h"
#include "py/runtime.h"
#endif

#include "arguments.h"
#include "p256.h"
#include "x25519.h"

enum { HASH = 32, SCALAR = 32, POINT = 64, PARTS = 3 };

static void raise_input(void) {
    mp_raise_ValueError(MP_ERROR_TEXT("not a key"));
}

static mp_obj_t p256_public(mp_obj_t secret_in) {
    const uint8_t *secret = buffer_of(secret_in, SCALAR);
    uint8_t *public;
    mp_obj_t result = new_bytes(POINT, &public);
    if (!mb_p256_public(public, secret)) {
        raise_input();
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_1(p256_public_obj, p256_public);

static mp_obj_t p256_ecdh(mp_obj_t secret_in, mp_obj_t peer_in) {
    const uint8_t *secret = buffer_of(secret_in, SCALAR);
    mb_bytes_t peer = buffer(peer_in);
    uint8_t point[POINT];
    uint8_t *shared;
    mp_obj_t result = new_bytes(SCALAR, &shared);
    if (peer.len == SCALAR) {
        memcpy(point, peer.data, SCALAR);
        // Both points with this x have the same x when multiplied.
        if (!mb_p256_solve(point + SCALAR, point)) {
            raise_input();
        }
    } else {
        memcpy(point, buffer_of(peer_in, POINT), POINT);
    }
    if (!mb_p256_ecdh(shared, secret, point)) {
        raise_input();
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_2(p256_ecdh_obj, p256_ecdh);

static mp_obj_t p256_solve(mp_obj_t x_in) {
    const uint8_t *x = buffer_of(x_in, SCALAR);
    uint8_t *y;
    mp_obj_t result = new_bytes(SCALAR, &y);
    if (!mb_p256_solve(y, x)) {
        raise_input();
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_1(p256_solve_obj, p256_solve);

static mp_obj_t p256_sign(mp_obj_t secret_in, mp_obj_t message_in) {
    const uint8_t *secret = buffer_of(secret_in, SCALAR);
    mb_bytes_t message = buffer(message_in);
    uint8_t digest[HASH];
    uint8_t *signature;
    mp_obj_t result = new_bytes(POINT, &signature);
    mb_sha256(digest, &message, 1);
    if (!mb_p256_sign(signature, secret, digest)) {
        raise_input();
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_2(p256_sign_obj, p256_sign);

static mp_obj_t p256_verify(mp_obj_t public_in, mp_obj_t message_in, mp_obj_t signature_in) {
    const uint8_t *public = buffer_of(public_in, POINT);
    mb_bytes_t message = buffer(message_in);
    const uint8_t *signature = buffer_of(signature_in, POINT);
    uint8_t digest[HASH];
    mb_sha256(digest, &message, 1);
    if (!mb_p256_verify(public, digest, signature)) {
        raise_forged();
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(p256_verify_obj, p256_verify);

static mp_obj_t x25519(mp_obj_t secret_in, mp_obj_t u_in) {
    const uint8_t *secret = buffer_of(secret_in, SCALAR);
    const uint8_t *u = buffer_of(u_in, SCALAR);
    uint8_t *product;
    mp_obj_t result = new_bytes(SCALAR, &product);
    if (!mb_x25519(product, secret, u)) {
        raise_input();
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_2(x25519_obj, x25519);

static mp_obj_t sha256(size_t count, const mp_obj_t *in) {
    mb_bytes_t parts[PARTS];
    uint8_t *digest;
    mp_obj_t result;
    for (size_t i = 0; i < count; i++) {
        parts[i] = buffer(in[i]);
    }
    result = new_bytes(HASH, &digest);
    mb_sha256(digest, parts, count);
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(sha256_obj, 1, PARTS, sha256);

static mp_obj_t hmac(mp_obj_t key_in, mp_obj_t data_in) {
    mb_bytes_t key = buffer(key_in);
    mb_bytes_t data = buffer(data_in);
    uint8_t *mac;
    mp_obj_t result = new_bytes(HASH, &mac);
    mb_hmac(mac, key, data);
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_2(hmac_obj, hmac);

static mp_obj_t hkdf_expand(mp_obj_t prk_in, mp_obj_t info_in, mp_obj_t length_in) {
    mb_bytes_t prk = buffer(prk_in);
    mb_bytes_t info = buffer(info_in);
    mp_int_t length = mp_obj_get_int(length_in);
    uint8_t *okm;
    mp_obj_t result;
    if (length < 0 || length > 255 * HASH) {
        raise_length();
    }
    result = new_bytes(length, &okm);
    mb_hkdf_expand(okm, length, prk, info);
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_3(hkdf_expand_obj, hkdf_expand);

static mp_obj_t ccm_seal(size_t n, const mp_obj_t *in) {
    ccm_arguments_t a;
    uint8_t *sealed;
    mp_obj_t result = ccm_sealing(&a, in, &sealed);
    (void)n;
    mb_ccm_seal(sealed, a.key, a.nonce, a.aad, a.data, a.tag_len);
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ccm_seal_obj, 5, 5, ccm_seal);

static mp_obj_t ccm_open(size_t n, const mp_obj_t *in) {
    ccm_arguments_t a;
    uint8_t *plaintext;
    mp_obj_t result = ccm_opening(&a, in, &plaintext);
    (void)n;
    if (!mb_ccm_open(plaintext, a.key, a.nonce, a.aad, a.data, a.tag_len)) {
        raise_forged();
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ccm_open_obj, 5, 5, ccm_open);

#define FUNCTIONS(EACH) \
    EACH(MP_QSTR_p256_public, p256_public_obj) \
    EACH(MP_QSTR_p256_ecdh, p256_ecdh_obj) \
    EACH(MP_QSTR_p256_solve, p256_solve_obj) \
    EACH(MP_QSTR_p256_sign, p256_sign_obj) \
    EACH(MP_QSTR_p256_verify, p256_verify_obj) \
    EACH(MP_QSTR_x25519, x25519_obj) \
    EACH(MP_QSTR_sha256, sha256_obj) \
    EACH(MP_QSTR_hmac, hmac_obj) \
    EACH(MP_QSTR_hkdf_expand, hkdf_expand_obj) \
    EACH(MP_QSTR_ccm_seal, ccm_seal_obj) \
    EACH(MP_QSTR_ccm_open, ccm_open_obj)

#if MICROPY_ENABLE_DYNRUNTIME

// A .mpy has no C library: what the compiler and the crypto library call comes from the interpreter.
#undef memcpy
#undef memmove
#undef memset

// Not to be folded into one: the compiler would turn memmove into a call of memcpy, and that into its own inline copy,
// which may not overlap.
__attribute__((no_icf)) void *memcpy(void *to, const void *from, size_t len) {
    return mp_fun_table.memmove_(to, from, len);
}

__attribute__((no_icf)) void *memmove(void *to, const void *from, size_t len) {
    return mp_fun_table.memmove_(to, from, len);
}

void *memset(void *to, int value, size_t len) {
    return mp_fun_table.memset_(to, value, len);
}

#define STORE(name, object) mp_store_global(name, MP_OBJ_FROM_PTR(&object));

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    FUNCTIONS(STORE)
    MP_DYNRUNTIME_INIT_EXIT
}

#else

#define ROW(name, object) {MP_ROM_QSTR(name), MP_ROM_PTR(&object)},

static const mp_rom_map_elem_t globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_microbrew_native)},
    FUNCTIONS(ROW)
};
static MP_DEFINE_CONST_DICT(globals_dict, globals_table);

const mp_obj_module_t microbrew_native_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&globals_dict,
};

MP_REGISTER_MODULE(MP_QSTR_microbrew_native, microbrew_native_module);

#endif
