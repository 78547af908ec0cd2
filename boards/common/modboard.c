// The module `board`: what Python cannot reach otherwise. `Flash()` is the store's flash as a block device with the
// extended interface, which littlefs uses; `fault()` is what fault.c kept. See board.pyi.

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

#include "board.h"
#include "fault.h"

typedef struct {
    mp_obj_base_t base;
} flash_obj_t;

static const mp_obj_type_t flash_type;
static const flash_obj_t flash_obj = {{&flash_type}};

static mp_obj_t flash_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&flash_obj);
}

// Start of an access to (block, offset) of `length` bytes; OSError(EINVAL) if it leaves the flash.
static uint32_t flash_position(mp_obj_t block_in, mp_obj_t offset_in, size_t length) {
    mp_int_t block = mp_obj_get_int(block_in);
    mp_int_t offset = mp_obj_get_int(offset_in);
    if (block < 0 || block >= BOARD_FLASH_SIZE / BOARD_FLASH_BLOCK || offset < 0 || offset > BOARD_FLASH_BLOCK
        || length > BOARD_FLASH_SIZE - (uint32_t)block * BOARD_FLASH_BLOCK - offset) {
        mp_raise_OSError(MP_EINVAL);
    }
    return block * BOARD_FLASH_BLOCK + offset;
}

static mp_obj_t flash_result(bool done) {
    return MP_OBJ_NEW_SMALL_INT(done ? 0 : -MP_EIO);
}

// readblocks(block, buf, offset=0)
static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_WRITE);
    mp_obj_t offset = n_args > 3 ? args[3] : MP_OBJ_NEW_SMALL_INT(0);
    return flash_result(board_flash_read(flash_position(args[1], offset, buf.len), buf.buf, buf.len));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

// writeblocks(block, buf, offset): programs what is erased
static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_READ);
    return flash_result(board_flash_program(flash_position(args[1], args[3], buf.len), buf.buf, buf.len));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 4, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self, mp_obj_t request, mp_obj_t argument) {
    switch (mp_obj_get_int(request)) {
        case MP_BLOCKDEV_IOCTL_INIT:
        case MP_BLOCKDEV_IOCTL_DEINIT:
        case MP_BLOCKDEV_IOCTL_SYNC:
            return MP_OBJ_NEW_SMALL_INT(0);
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(BOARD_FLASH_SIZE / BOARD_FLASH_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BOARD_FLASH_BLOCK);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE: {
            uint32_t position = flash_position(argument, MP_OBJ_NEW_SMALL_INT(0), BOARD_FLASH_BLOCK);
            return flash_result(board_flash_erase(position / BOARD_FLASH_BLOCK));
        }
        default:
            return mp_const_none;
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    flash_type,
    MP_QSTR_Flash,
    MP_TYPE_FLAG_NONE,
    make_new, flash_make_new,
    locals_dict, &flash_locals
    );

// fault(): (exception, pc, lr, cfsr, hfsr, address) of the fault that ended the last run, or None
static mp_obj_t board_fault(void) {
    const struct fault_record *record = fault_kept();
    if (!record) {
        return mp_const_none;
    }
    const uint32_t words[] = {record->exception, record->pc, record->lr, record->cfsr, record->hfsr, record->address};
    mp_obj_t items[MP_ARRAY_SIZE(words)];
    for (size_t i = 0; i < MP_ARRAY_SIZE(words); i++) {
        items[i] = mp_obj_new_int_from_uint(words[i]);
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_fault_obj, board_fault);

#if BOARD_HAS_KEY

// key_read(buf): fills 32 bytes; False if there is no key
static mp_obj_t board_key_read_py(mp_obj_t buf_in) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(buf_in, &buf, MP_BUFFER_WRITE);
    if (buf.len != BOARD_KEY_LENGTH) {
        mp_raise_ValueError(NULL);
    }
    return mp_obj_new_bool(board_key_read(buf.buf));
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_key_read_obj, board_key_read_py);

// key_write(key)
static mp_obj_t board_key_write_py(mp_obj_t key_in) {
    mp_buffer_info_t key;
    mp_get_buffer_raise(key_in, &key, MP_BUFFER_READ);
    if (key.len != BOARD_KEY_LENGTH) {
        mp_raise_ValueError(NULL);
    }
    if (!board_key_write(key.buf)) {
        mp_raise_OSError(MP_EIO);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_key_write_obj, board_key_write_py);

static mp_obj_t board_key_lock_py(void) {
    board_key_lock();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_key_lock_obj, board_key_lock_py);

#endif

static const mp_rom_map_elem_t board_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board) },
    { MP_ROM_QSTR(MP_QSTR_Flash), MP_ROM_PTR(&flash_type) },
    { MP_ROM_QSTR(MP_QSTR_fault), MP_ROM_PTR(&board_fault_obj) },
    #if BOARD_HAS_KEY
    { MP_ROM_QSTR(MP_QSTR_key_read), MP_ROM_PTR(&board_key_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_key_write), MP_ROM_PTR(&board_key_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_key_lock), MP_ROM_PTR(&board_key_lock_obj) },
    #endif
    { MP_ROM_QSTR(MP_QSTR_CONSOLE), MICROBREW_CONSOLE ? MP_ROM_TRUE : MP_ROM_FALSE },
    #if BOARD_HAS_EUI64
    { MP_ROM_QSTR(MP_QSTR_EUI64), MP_ROM_TRUE },
    #endif
    { MP_ROM_QSTR(MP_QSTR_RELEASE), MICROBREW_FROZEN_RELEASE ? MP_ROM_TRUE : MP_ROM_FALSE },
};
static MP_DEFINE_CONST_DICT(board_globals, board_globals_table);

const mp_obj_module_t board_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&board_globals,
};

MP_REGISTER_MODULE(MP_QSTR_board, board_module);
