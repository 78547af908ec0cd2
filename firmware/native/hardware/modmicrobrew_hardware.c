// The module microbrew_hardware: AES-CCM by the chip's AES (aes.h). microbrew_hardware.pyi documents it.

#include <string.h>

#include "py/mperrno.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "aes.h"
#include "arguments.h"
#include "ccm.h"

static mp_obj_t finish(enum mb_ccm how, mp_obj_t result) {
    mb_aes_end();
    if (how == MB_CCM_FORGED) {
        raise_forged();
    }
    if (how == MB_CCM_FAILED) {
        mp_raise_OSError(MP_EIO);
    }
    return result;
}

static mp_obj_t ccm_seal(size_t n, const mp_obj_t *in) {
    ccm_arguments_t a;
    uint8_t *sealed;
    mp_obj_t result = ccm_sealing(&a, in, &sealed);
    (void)n;
    // If it fails, so does the first block.
    mb_aes_begin(a.key);
    return finish(mb_block_ccm_seal(mb_aes_encrypt, sealed, a.nonce, a.aad, a.data, a.tag_len), result);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ccm_seal_obj, 5, 5, ccm_seal);

static mp_obj_t ccm_open(size_t n, const mp_obj_t *in) {
    ccm_arguments_t a;
    uint8_t *plaintext;
    mp_obj_t result = ccm_opening(&a, in, &plaintext);
    (void)n;
    mb_aes_begin(a.key);
    return finish(mb_block_ccm_open(mb_aes_encrypt, plaintext, a.nonce, a.aad, a.data, a.tag_len), result);
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
