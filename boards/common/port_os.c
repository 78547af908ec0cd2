// os.urandom from the board's entropy; included by extmod/modos.c.

#include "py/mperrno.h"

#include "board.h"

// urandom(n): n bytes, or OSError(EIO) if the board has none to give.
static mp_obj_t mp_os_urandom(mp_obj_t length_in) {
    mp_int_t length = mp_obj_get_int(length_in);
    if (length < 0) {
        mp_raise_ValueError(NULL);
    }
    vstr_t vstr;
    vstr_init_len(&vstr, length);
    if (!board_entropy(vstr.buf, length)) {
        mp_raise_OSError(MP_EIO);
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
