// The module `cc2652_radio`: ieee_radio.h for Python. See cc2652_radio.pyi. Nothing here allocates but counters() and
// energy().

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "ieee_radio.h"
#include "ti_sdk.h"

// How often the end of a transmission is looked for, besides when its interrupt comes.
#define SENDING_LOOK_MS 10

static struct ieee_received last;

static void check(enum rf_step failed) {
    if (failed) {
        mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("RF core, step %d"), (int)failed);
    }
}

static void check_running(void) {
    if (!ieee_radio_running()) {
        mp_raise_OSError(MP_ENODEV);
    }
}

static uint8_t channel_from(mp_obj_t channel_in) {
    mp_int_t channel = mp_obj_get_int(channel_in);
    if (channel < 11 || channel > 26) {
        mp_raise_ValueError(MP_ERROR_TEXT("channel"));
    }
    return channel;
}

// start(eui64, channel)
static mp_obj_t radio_start(mp_obj_t eui64_in, mp_obj_t channel) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(eui64_in, &buf, MP_BUFFER_READ);
    if (buf.len != 8) {
        mp_raise_ValueError(MP_ERROR_TEXT("EUI-64"));
    }
    uint64_t eui64 = 0;
    for (int i = 0; i < 8; i++) {
        eui64 = eui64 << 8 | ((const uint8_t *)buf.buf)[i];
    }
    check(ieee_radio_start(eui64, channel_from(channel)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(radio_start_obj, radio_start);

static mp_obj_t radio_stop(void) {
    ieee_radio_stop();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(radio_stop_obj, radio_stop);

static mp_obj_t radio_tune(mp_obj_t channel) {
    check_running();
    check(ieee_radio_tune(channel_from(channel)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(radio_tune_obj, radio_tune);

static mp_obj_t radio_filter(mp_obj_t pan_id, mp_obj_t short_address) {
    check_running();
    check(ieee_radio_filter(mp_obj_get_int(pan_id), mp_obj_get_int(short_address)));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(radio_filter_obj, radio_filter);

// send(buf, length, retries)
static mp_obj_t radio_send(mp_obj_t buf_in, mp_obj_t length_in, mp_obj_t retries) {
    check_running();
    mp_buffer_info_t buf;
    mp_get_buffer_raise(buf_in, &buf, MP_BUFFER_READ);
    mp_int_t length = mp_obj_get_int(length_in);
    if (length < 1 || length > IEEE_MAX_FRAME || (size_t)length > buf.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("frame length"));
    }
    return mp_obj_new_bool(ieee_radio_send(buf.buf, length, mp_obj_get_int(retries)));
}
static MP_DEFINE_CONST_FUN_OBJ_3(radio_send_obj, radio_send);

static mp_obj_t radio_sent(void) {
    return MP_OBJ_NEW_SMALL_INT(ieee_radio_outcome());
}
static MP_DEFINE_CONST_FUN_OBJ_0(radio_sent_obj, radio_sent);

static mp_obj_t radio_receive_into(mp_obj_t buf_in) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(buf_in, &buf, MP_BUFFER_WRITE);
    if (buf.len < IEEE_MAX_FRAME) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffer"));
    }
    return MP_OBJ_NEW_SMALL_INT(ieee_radio_receive(buf.buf, &last));
}
static MP_DEFINE_CONST_FUN_OBJ_1(radio_receive_into_obj, radio_receive_into);

static mp_obj_t radio_lqi(void) {
    return MP_OBJ_NEW_SMALL_INT(last.lqi);
}
static MP_DEFINE_CONST_FUN_OBJ_0(radio_lqi_obj, radio_lqi);

static mp_obj_t radio_rssi(void) {
    return MP_OBJ_NEW_SMALL_INT(last.rssi);
}
static MP_DEFINE_CONST_FUN_OBJ_0(radio_rssi_obj, radio_rssi);

// Small integers: 4 MHz in 32 bits are 30 bits of microseconds.
static mp_obj_t radio_timestamp(void) {
    return MP_OBJ_NEW_SMALL_INT(last.timestamp / RAT_TICKS_PER_US);
}
static MP_DEFINE_CONST_FUN_OBJ_0(radio_timestamp_obj, radio_timestamp);

static mp_obj_t radio_now(void) {
    return MP_OBJ_NEW_SMALL_INT(rf_core_time() / RAT_TICKS_PER_US);
}
static MP_DEFINE_CONST_FUN_OBJ_0(radio_now_obj, radio_now);

// wait(timeout_ms): until a frame waits, or the one that is under way is sent
static mp_obj_t radio_wait(mp_obj_t timeout_in) {
    mp_int_t timeout = mp_obj_get_int(timeout_in);
    uint32_t since = mp_hal_ticks_ms();
    bool sending = ieee_radio_outcome() == IEEE_UNDER_WAY;
    while (!ieee_radio_pending() && !(sending && ieee_radio_outcome() != IEEE_UNDER_WAY)) {
        mp_int_t left = timeout - (mp_int_t)(mp_hal_ticks_ms() - since);
        if (left <= 0) {
            break;
        }
        // An RF core that does not come to an end brings no interrupt either.
        mp_event_wait_ms(sending && left > SENDING_LOOK_MS ? SENDING_LOOK_MS : (mp_uint_t)left);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(radio_wait_obj, radio_wait);

// energy(channel, duration_ms): dBm
static mp_obj_t radio_energy(mp_obj_t channel, mp_obj_t duration_in) {
    check_running();
    mp_int_t duration = mp_obj_get_int(duration_in);
    if (duration < 1 || duration > 10000) {
        mp_raise_ValueError(MP_ERROR_TEXT("duration"));
    }
    int8_t rssi;
    check(ieee_radio_energy(channel_from(channel), duration, &rssi));
    return MP_OBJ_NEW_SMALL_INT(rssi);
}
static MP_DEFINE_CONST_FUN_OBJ_2(radio_energy_obj, radio_energy);

static mp_obj_t radio_counters(void) {
    struct ieee_counters counted;
    ieee_radio_count(&counted);
    mp_obj_t items[] = {
        mp_obj_new_int_from_uint(counted.received), mp_obj_new_int_from_uint(counted.crc),
        mp_obj_new_int_from_uint(counted.ignored), mp_obj_new_int_from_uint(counted.overruns),
        mp_obj_new_int_from_uint(counted.acks), mp_obj_new_int_from_uint(counted.tries),
        mp_obj_new_int_from_uint(counted.restarts),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(radio_counters_obj, radio_counters);

static const mp_rom_map_elem_t radio_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_cc2652_radio) },
    { MP_ROM_QSTR(MP_QSTR_start), MP_ROM_PTR(&radio_start_obj) },
    { MP_ROM_QSTR(MP_QSTR_stop), MP_ROM_PTR(&radio_stop_obj) },
    { MP_ROM_QSTR(MP_QSTR_tune), MP_ROM_PTR(&radio_tune_obj) },
    { MP_ROM_QSTR(MP_QSTR_filter), MP_ROM_PTR(&radio_filter_obj) },
    { MP_ROM_QSTR(MP_QSTR_send), MP_ROM_PTR(&radio_send_obj) },
    { MP_ROM_QSTR(MP_QSTR_sent), MP_ROM_PTR(&radio_sent_obj) },
    { MP_ROM_QSTR(MP_QSTR_receive_into), MP_ROM_PTR(&radio_receive_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_lqi), MP_ROM_PTR(&radio_lqi_obj) },
    { MP_ROM_QSTR(MP_QSTR_rssi), MP_ROM_PTR(&radio_rssi_obj) },
    { MP_ROM_QSTR(MP_QSTR_timestamp), MP_ROM_PTR(&radio_timestamp_obj) },
    { MP_ROM_QSTR(MP_QSTR_now), MP_ROM_PTR(&radio_now_obj) },
    { MP_ROM_QSTR(MP_QSTR_wait), MP_ROM_PTR(&radio_wait_obj) },
    { MP_ROM_QSTR(MP_QSTR_energy), MP_ROM_PTR(&radio_energy_obj) },
    { MP_ROM_QSTR(MP_QSTR_counters), MP_ROM_PTR(&radio_counters_obj) },
    { MP_ROM_QSTR(MP_QSTR_UNDER_WAY), MP_ROM_INT(IEEE_UNDER_WAY) },
    { MP_ROM_QSTR(MP_QSTR_SENT), MP_ROM_INT(IEEE_SENT) },
    { MP_ROM_QSTR(MP_QSTR_NO_ACK), MP_ROM_INT(IEEE_NO_ACK) },
    { MP_ROM_QSTR(MP_QSTR_BUSY), MP_ROM_INT(IEEE_BUSY) },
    { MP_ROM_QSTR(MP_QSTR_FAILED), MP_ROM_INT(IEEE_FAILED) },
    { MP_ROM_QSTR(MP_QSTR_TRIMMED), TI_SDK_PRESENT ? MP_ROM_TRUE : MP_ROM_FALSE },
};
static MP_DEFINE_CONST_DICT(radio_globals, radio_globals_table);

const mp_obj_module_t cc2652_radio_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&radio_globals,
};

MP_REGISTER_MODULE(MP_QSTR_cc2652_radio, cc2652_radio_module);
