// machine.WDT over the board's watchdog; included by extmod/machine_wdt.c.

#include "board.h"

typedef struct _machine_wdt_obj_t {
    mp_obj_base_t base;
} machine_wdt_obj_t;

static machine_wdt_obj_t watchdog = {{&machine_wdt_type}};

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0 || timeout_ms <= 0 || !board_watchdog_start(timeout_ms)) {
        mp_raise_ValueError(NULL);
    }
    return &watchdog;
}

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    board_watchdog_feed();
}
