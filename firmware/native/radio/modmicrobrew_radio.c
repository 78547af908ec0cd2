// The module microbrew_radio: radio_core.h for Python. microbrew_radio.pyi documents it.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "radio_core.h"

#define MAX_RETRIES 7
#define ENERGY_PERIOD_US 128
// The measurement is a matter of the hardware; were it to fail, the program must not hang.
#define ENERGY_PATIENCE_MS 100

static struct mb_received last;
static enum mb_sent reported; // so that wait() ends once for each frame sent

static unsigned number(mp_obj_t object, mp_int_t least, mp_int_t most) {
    mp_int_t value = mp_obj_get_int(object);
    if (value < least || value > most) {
        mp_raise_ValueError(MP_ERROR_TEXT("out of range"));
    }
    return (unsigned)value;
}

static const uint8_t *frame_of(mp_obj_t object, mp_obj_t length_in, size_t *length) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, MP_BUFFER_READ);
    *length = number(length_in, 1, MB_MAX_FRAME);
    if (*length > info.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
    }
    return info.buf;
}

static mp_obj_t start(mp_obj_t seed) {
    if (!mb_radio_start((uint32_t)mp_obj_get_int_truncated(seed))) {
        mp_raise_OSError(MP_EIO);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(start_obj, start);

static mp_obj_t stop(void) {
    mb_radio_stop();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(stop_obj, stop);

static mp_obj_t configure(size_t n, const mp_obj_t *args) {
    struct mb_address own;
    mp_buffer_info_t eui64;
    unsigned channel = number(args[0], 11, 26);
    own.pan_id = (uint16_t)number(args[1], 0, 0xFFFF);
    own.short_address = (uint16_t)number(args[2], 0, 0xFFFF);
    mp_get_buffer_raise(args[3], &eui64, MP_BUFFER_READ);
    if (eui64.len != 8) {
        mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
    }
    for (int i = 0; i < 8; i++) {
        own.eui64[i] = ((const uint8_t *)eui64.buf)[7 - i];
    }
    mb_radio_configure(channel, &own, mp_obj_is_true(args[4]));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(configure_obj, 5, 5, configure);

static mp_obj_t power(mp_obj_t dbm) {
    mb_radio_set_power((int)number(dbm, -40, 8));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(power_obj, power);

static mp_obj_t send(mp_obj_t frame_in, mp_obj_t length_in, mp_obj_t retries_in) {
    size_t length;
    const uint8_t *frame = frame_of(frame_in, length_in, &length);
    int retries = (int)number(retries_in, -1, MAX_RETRIES);
    bool taken = retries < 0 ? mb_radio_send(frame, length, MB_ASSESS_ONCE, 0)
        : mb_radio_send(frame, length, MB_CSMA_CA, (unsigned)retries);
    if (taken) {
        reported = MB_UNDER_WAY;
    }
    return mp_obj_new_bool(taken);
}
static MP_DEFINE_CONST_FUN_OBJ_3(send_obj, send);

static mp_obj_t send_at(mp_obj_t frame_in, mp_obj_t length_in, mp_obj_t time_in) {
    size_t length;
    const uint8_t *frame = frame_of(frame_in, length_in, &length);
    bool taken = mb_radio_send_at(frame, length, (uint32_t)mp_obj_get_int_truncated(time_in));
    if (taken) {
        reported = MB_UNDER_WAY;
    }
    return mp_obj_new_bool(taken);
}
static MP_DEFINE_CONST_FUN_OBJ_3(send_at_obj, send_at);

static mp_obj_t sent(void) {
    reported = mb_radio_sent();
    return MP_OBJ_NEW_SMALL_INT(reported);
}
static MP_DEFINE_CONST_FUN_OBJ_0(sent_obj, sent);

static mp_obj_t receive(mp_obj_t buf_in) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(buf_in, &buf, MP_BUFFER_WRITE);
    if (buf.len < MB_MAX_FRAME) {
        mp_raise_ValueError(MP_ERROR_TEXT("wrong length"));
    }
    return MP_OBJ_NEW_SMALL_INT(mb_radio_receive(buf.buf, &last));
}
static MP_DEFINE_CONST_FUN_OBJ_1(receive_obj, receive);

static mp_obj_t lqi(void) {
    return MP_OBJ_NEW_SMALL_INT(last.lqi);
}
static MP_DEFINE_CONST_FUN_OBJ_0(lqi_obj, lqi);

static mp_obj_t rssi(void) {
    return MP_OBJ_NEW_SMALL_INT(last.rssi);
}
static MP_DEFINE_CONST_FUN_OBJ_0(rssi_obj, rssi);

static mp_obj_t timestamp(void) {
    return mp_obj_new_int_from_uint(last.time);
}
static MP_DEFINE_CONST_FUN_OBJ_0(timestamp_obj, timestamp);

static mp_obj_t now(void) {
    return mp_obj_new_int_from_uint(mb_radio_now());
}
static MP_DEFINE_CONST_FUN_OBJ_0(now_obj, now);

static bool is_quiet(void) {
    return !mb_radio_has_received() && mb_radio_sent() == reported;
}

static mp_obj_t wait(mp_obj_t timeout_in) {
    mp_int_t timeout = mp_obj_get_int(timeout_in);
    uint32_t since = mp_hal_ticks_ms();
    while (is_quiet()) {
        mp_int_t left = timeout - (mp_int_t)(mp_hal_ticks_ms() - since);
        if (left <= 0) {
            break;
        }
        mp_event_wait_ms((mp_uint_t)left);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(wait_obj, wait);

static mp_obj_t energy(mp_obj_t channel_in, mp_obj_t duration_in) {
    unsigned channel = number(channel_in, 11, 26);
    unsigned ms = number(duration_in, 1, 1000);
    if (!mb_radio_energy(channel, (ms * 1000 + ENERGY_PERIOD_US - 1) / ENERGY_PERIOD_US)) {
        mp_raise_OSError(MP_EBUSY);
    }
    int dbm;
    uint32_t since = mp_hal_ticks_ms();
    while (!mb_radio_energy_result(&dbm)) {
        if (mp_hal_ticks_ms() - since > ms + ENERGY_PATIENCE_MS) {
            mp_raise_OSError(MP_EIO);
        }
        mp_event_wait_ms(1);
    }
    return MP_OBJ_NEW_SMALL_INT(dbm);
}
static MP_DEFINE_CONST_FUN_OBJ_2(energy_obj, energy);

static mp_obj_t counters(void) {
    const struct mb_radio_counters *c = mb_radio_counters();
    const struct {
        qstr name;
        uint32_t value;
    } rows[] = {
        {MP_QSTR_received, c->received}, {MP_QSTR_filtered, c->filtered}, {MP_QSTR_crc_errors, c->crc_errors},
        {MP_QSTR_overruns, c->overruns}, {MP_QSTR_acks, c->acks}, {MP_QSTR_late_acks, c->late_acks},
        {MP_QSTR_sent, c->sent}, {MP_QSTR_retries, c->retries}, {MP_QSTR_busy, c->busy}, {MP_QSTR_no_ack, c->no_ack},
    };
    mp_obj_t result = mp_obj_new_dict(MP_ARRAY_SIZE(rows));
    for (size_t i = 0; i < MP_ARRAY_SIZE(rows); i++) {
        mp_obj_dict_store(result, MP_OBJ_NEW_QSTR(rows[i].name), mp_obj_new_int_from_uint(rows[i].value));
    }
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_0(counters_obj, counters);

static const mp_rom_map_elem_t globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_microbrew_radio)},
    {MP_ROM_QSTR(MP_QSTR_IDLE), MP_ROM_INT(MB_IDLE)},
    {MP_ROM_QSTR(MP_QSTR_UNDER_WAY), MP_ROM_INT(MB_UNDER_WAY)},
    {MP_ROM_QSTR(MP_QSTR_SENT), MP_ROM_INT(MB_SENT)},
    {MP_ROM_QSTR(MP_QSTR_NO_ACK), MP_ROM_INT(MB_NO_ACK)},
    {MP_ROM_QSTR(MP_QSTR_BUSY), MP_ROM_INT(MB_BUSY)},
    {MP_ROM_QSTR(MP_QSTR_MISSED), MP_ROM_INT(MB_MISSED)},
    {MP_ROM_QSTR(MP_QSTR_start), MP_ROM_PTR(&start_obj)},
    {MP_ROM_QSTR(MP_QSTR_stop), MP_ROM_PTR(&stop_obj)},
    {MP_ROM_QSTR(MP_QSTR_configure), MP_ROM_PTR(&configure_obj)},
    {MP_ROM_QSTR(MP_QSTR_power), MP_ROM_PTR(&power_obj)},
    {MP_ROM_QSTR(MP_QSTR_send), MP_ROM_PTR(&send_obj)},
    {MP_ROM_QSTR(MP_QSTR_send_at), MP_ROM_PTR(&send_at_obj)},
    {MP_ROM_QSTR(MP_QSTR_sent), MP_ROM_PTR(&sent_obj)},
    {MP_ROM_QSTR(MP_QSTR_receive), MP_ROM_PTR(&receive_obj)},
    {MP_ROM_QSTR(MP_QSTR_lqi), MP_ROM_PTR(&lqi_obj)},
    {MP_ROM_QSTR(MP_QSTR_rssi), MP_ROM_PTR(&rssi_obj)},
    {MP_ROM_QSTR(MP_QSTR_timestamp), MP_ROM_PTR(&timestamp_obj)},
    {MP_ROM_QSTR(MP_QSTR_now), MP_ROM_PTR(&now_obj)},
    {MP_ROM_QSTR(MP_QSTR_wait), MP_ROM_PTR(&wait_obj)},
    {MP_ROM_QSTR(MP_QSTR_energy), MP_ROM_PTR(&energy_obj)},
    {MP_ROM_QSTR(MP_QSTR_counters), MP_ROM_PTR(&counters_obj)},
};
static MP_DEFINE_CONST_DICT(globals_dict, globals_table);

const mp_obj_module_t microbrew_radio_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&globals_dict,
};

MP_REGISTER_MODULE(MP_QSTR_microbrew_radio, microbrew_radio_module);
