// The module microbrew_hardware: AES-CCM by the nRF52840's ECB. microbrew_hardware.pyi documents it.

#include <string.h>

#include "py/mperrno.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "ccm.h"

// The number that Linux has for it; see microbrew_native.
enum { FORGED_EBADMSG = 74 };
enum { KEY = 16, NONCE = 13, MAX_PLAINTEXT = 0xFFFF, MAX_AAD = 0xFEFF };

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

static bool encrypt(const uint8_t in[16], uint8_t out[16]) {
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

static void use_key(const uint8_t *key) {
    ECB_ECBDATAPTR = (uint32_t)&ecb;
    memcpy(ecb.key, key, 16);
}

static void forget_key(void) {
    memset(&ecb, 0, sizeof(ecb));
    __asm volatile ("" ::: "memory");
}

static mb_bytes_t buffer(mp_obj_t object) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, MP_BUFFER_READ);
    return (mb_bytes_t) {info.buf, info.len};
}

static const uint8_t *buffer_of(mp_obj_t object, size_t len) {
    mb_bytes_t bytes = buffer(object);
    if (bytes.len != len) {
        mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
    }
    return bytes.data;
}

typedef struct {
    const uint8_t *key;
    const uint8_t *nonce;
    mb_bytes_t aad;
    mb_bytes_t data;
    size_t tag_len;
} arguments_t;

static void take_arguments(arguments_t *arguments, const mp_obj_t *in) {
    mp_int_t tag_len = mp_obj_get_int(in[4]);
    arguments->key = buffer_of(in[0], KEY);
    arguments->nonce = buffer_of(in[1], NONCE);
    arguments->aad = buffer(in[2]);
    arguments->data = buffer(in[3]);
    arguments->tag_len = (size_t)tag_len;
    if ((tag_len != 4 && tag_len != 8 && tag_len != 16) || arguments->aad.len > MAX_AAD) {
        mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
    }
}

static mp_obj_t result(enum mb_ccm how, vstr_t *vstr) {
    forget_key();
    if (how != MB_CCM_DONE) {
        mp_raise_OSError(how == MB_CCM_FORGED ? FORGED_EBADMSG : MP_EIO);
    }
    return mp_obj_new_bytes_from_vstr(vstr);
}

static mp_obj_t ccm_seal(size_t n, const mp_obj_t *in) {
    arguments_t a;
    vstr_t sealed;
    take_arguments(&a, in);
    if (a.data.len > MAX_PLAINTEXT) {
        mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
    }
    vstr_init_len(&sealed, a.data.len + a.tag_len);
    use_key(a.key);
    return result(mb_block_ccm_seal(encrypt, (uint8_t *)sealed.buf, a.nonce, a.aad, a.data, a.tag_len), &sealed);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ccm_seal_obj, 5, 5, ccm_seal);

static mp_obj_t ccm_open(size_t n, const mp_obj_t *in) {
    arguments_t a;
    vstr_t plaintext;
    take_arguments(&a, in);
    if (a.data.len < a.tag_len) {
        mp_raise_OSError(FORGED_EBADMSG);
    }
    if (a.data.len - a.tag_len > MAX_PLAINTEXT) {
        mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
    }
    vstr_init_len(&plaintext, a.data.len - a.tag_len);
    use_key(a.key);
    return result(mb_block_ccm_open(encrypt, (uint8_t *)plaintext.buf, a.nonce, a.aad, a.data, a.tag_len), &plaintext);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ccm_open_obj, 5, 5, ccm_open);

static const mp_rom_map_elem_t globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_microbrew_hardware)},
    {MP_ROM_QSTR(MP_QSTR_ccm_seal), MP_ROM_PTR(&ccm_seal_obj)},
    {MP_ROM_QSTR(MP_QSTR_ccm_open), MP_ROM_PTR(&ccm_open_obj)},
};
static MP_DEFINE_CONST_DICT(globals_dict, globals_table);

const mp_obj_module_t microbrew_hardware_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&globals_dict,
};

MP_REGISTER_MODULE(MP_QSTR_microbrew_hardware, microbrew_hardware_module);
