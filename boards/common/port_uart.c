// machine.UART over uart.h; included by extmod/machine_uart.c. UART 0 is the console and not to be had but by an APP.
// `timeout`: ms to wait for the first byte of a read, and for the line on a write; default 0, never wait to read.

#include "py/mperrno.h"
#include "py/mphal.h"

#include "board.h"
#include "uart.h"

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS

#define DEFAULT_BAUDRATE 115200
// A line that stays busy longer than this is not moving at all: 64 byte times at 9600 baud.
#define WRITE_PATIENCE_MS 70

typedef struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uint32_t baudrate;
    uint32_t timeout;
} machine_uart_obj_t;

static machine_uart_obj_t uarts[BOARD_UARTS];

static unsigned uart_port(const machine_uart_obj_t *self) {
    return self - uarts;
}

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u, timeout=%u)", uart_port(self), (unsigned)self->baudrate,
        (unsigned)self->timeout);
}

static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *pos_args,
    mp_map_t *kw_args) {
    enum { ARG_baudrate, ARG_timeout };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, {.u_int = DEFAULT_BAUDRATE} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    if (args[ARG_baudrate].u_int <= 0 || args[ARG_timeout].u_int < 0) {
        mp_raise_ValueError(NULL);
    }
    self->baudrate = args[ARG_baudrate].u_int;
    self->timeout = args[ARG_timeout].u_int;
    board_uart_init(uart_port(self), self->baudrate);
    uart_flush(uart_port(self));
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 2, true);
    mp_int_t port = mp_obj_get_int(args[0]);
    if (port < (MICROBREW_APP ? 0 : 1) || port >= BOARD_UARTS) {
        mp_raise_ValueError(MP_ERROR_TEXT("no such UART"));
    }
    machine_uart_obj_t *self = &uarts[port];
    self->base.type = &machine_uart_type;
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    mp_machine_uart_init_helper(self, n_args - 1, args + 1, &kw_args);
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    uart_flush(uart_port(self));
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return uart_any(uart_port(self));
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return board_uart_tx_ready(uart_port(self));
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint32_t since = ticks_ms();
    for (;;) {
        size_t count = uart_read(uart_port(self), buf, size);
        if (count || !size) {
            return count;
        }
        if (ticks_ms() - since >= self->timeout) {
            *errcode = MP_EAGAIN;
            return MP_STREAM_ERROR;
        }
        mp_event_wait_ms(1);
    }
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    size_t count = uart_write(uart_port(self), buf, size, MAX(self->timeout, WRITE_PATIENCE_MS));
    if (!count && size) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t flags, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        mp_uint_t ready = 0;
        if ((flags & MP_STREAM_POLL_RD) && uart_any(uart_port(self))) {
            ready |= MP_STREAM_POLL_RD;
        }
        if ((flags & MP_STREAM_POLL_WR) && board_uart_tx_ready(uart_port(self))) {
            ready |= MP_STREAM_POLL_WR;
        }
        return ready;
    }
    if (request == MP_STREAM_FLUSH) {
        // Transmission is polled: what write() took is with the hardware.
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}
