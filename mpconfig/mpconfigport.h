// MicroPython as our boards have it: what a device needs, and for `dev` what a developer needs. Shared by all boards;
// what differs between them is in boards/BOARD/board_config.h. Not for the unix board, which is upstream's port
// (boards/unix/mpconfigvariant.h).

#include <alloca.h>
#include <stdint.h>

#include "board_config.h"

// 1 in a board's own: leave out what only people at a REPL use, and floating point.
#ifndef BOARD_SMALL_FLASH
#define BOARD_SMALL_FLASH (0)
#endif

// Bytes for the frames of running Python functions.
#ifndef BOARD_PYSTACK
#define BOARD_PYSTACK (4096)
#endif

// The two variants. From the Makefile: MICROBREW_RELEASE 0 or 1; MICROBREW_CONSOLE 1 with dev, and with release only
// when CONSOLE=1 asks for it. A release without console has no compiler and imports frozen code only, so that nothing
// that reaches its memory or flash as text becomes code.
#define MICROPY_ENABLE_COMPILER             (MICROBREW_CONSOLE)
// Frozen packages are found through it too; what a release would find elsewhere it can neither compile nor load.
#define MICROPY_ENABLE_EXTERNAL_IMPORT      (1)
#define MICROPY_PERSISTENT_CODE_LOAD        (MICROBREW_CONSOLE)
#define MICROPY_EMIT_THUMB                  (MICROBREW_CONSOLE && !BOARD_SMALL_FLASH)
#define MICROPY_HELPER_REPL                 (MICROBREW_CONSOLE)
#define MICROPY_REPL_EMACS_KEYS             (MICROBREW_CONSOLE)
#define MICROPY_REPL_AUTO_INDENT            (MICROBREW_CONSOLE)
#define MICROPY_PY_MICROPYTHON_MEM_INFO     (MICROBREW_CONSOLE)
#define MICROPY_ENABLE_SOURCE_LINE          (!MICROBREW_RELEASE)
#define MICROPY_MEM_STATS                   (!MICROBREW_RELEASE)
#define MICROPY_PY___FILE__                 (!MICROBREW_RELEASE)
#define MICROPY_ERROR_REPORTING \
    (MICROBREW_RELEASE ? MICROPY_ERROR_REPORTING_TERSE : MICROPY_ERROR_REPORTING_NORMAL)

#if !MICROBREW_CONSOLE
// MicroPython's build switches it on with each manifest; frozen source would need the compiler.
#undef MICROPY_MODULE_FROZEN_STR
#define MICROPY_MODULE_FROZEN_STR           (0)
#endif

#define MICROPY_CONFIG_ROM_LEVEL            (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

// Of that level we leave out what no device uses.
#define MICROPY_EMIT_INLINE_THUMB           (0)
#define MICROPY_PY_ASYNCIO                  (0)
#define MICROPY_PY_BUILTINS_HELP            (0)
#define MICROPY_PY_CMATH                    (0)
// binascii.crc32, which the radio's wire needs, comes with it; a board without such a wire does without.
#ifndef MICROPY_PY_DEFLATE
#define MICROPY_PY_DEFLATE                  (1)
#endif
#define MICROPY_PY_FRAMEBUF                 (0)
#define MICROPY_PY_HEAPQ                    (0)
#define MICROPY_PY_MATH                     (0)
#define MICROPY_PY_ONEWIRE                  (0)
#define MICROPY_PY_RANDOM                   (0)
#define MICROPY_PY_RE                       (MICROBREW_CONSOLE && !BOARD_SMALL_FLASH)
#define MICROPY_PY_JSON                     (MICROBREW_CONSOLE && !BOARD_SMALL_FLASH)
#define MICROPY_PY_PLATFORM                 (MICROBREW_CONSOLE && !BOARD_SMALL_FLASH)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (0)
#define MICROPY_PY_TIME_TIME_TIME_NS        (0)
#define MICROPY_PY_WEBSOCKET                (0)

// Language and runtime.
#define MICROPY_KBD_EXCEPTION               (1)
#define MICROPY_ENABLE_GC                   (1)
#define MICROPY_STACK_CHECK                 (1)
#define MICROPY_STACK_CHECK_MARGIN          (1024)
// Frames of running functions on a stack of their own. They would otherwise be on the heap, all but the smallest.
#define MICROPY_ENABLE_PYSTACK              (1)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE (128)
#define MICROPY_LONGINT_IMPL                (MICROPY_LONGINT_IMPL_MPZ)
#define MICROPY_FLOAT_IMPL                  (BOARD_SMALL_FLASH ? MICROPY_FLOAT_IMPL_NONE : MICROPY_FLOAT_IMPL_FLOAT)
#define MICROPY_ENABLE_SCHEDULER            (1)
#define MICROPY_MALLOC_USES_ALLOCATED_SIZE  (1)
#define MICROPY_READER_VFS                  (MICROBREW_CONSOLE)
// Names are compared after it by their text; a second byte of it would cost one for each name in flash.
#define MICROPY_QSTR_BYTES_IN_HASH          (1)
// Twice mpremote's window; half of the console's ring (uart.c).
#ifndef MICROPY_REPL_STDIN_BUFFER_MAX
#define MICROPY_REPL_STDIN_BUFFER_MAX       (512)
#endif

// Modules.
#define MICROPY_PY_SYS_PLATFORM             BOARD_NAME
#define MICROPY_HW_BOARD_NAME               BOARD_NAME
#define MICROPY_HW_MCU_NAME                 BOARD_MCU
#define MICROPY_PY_SYS_STDIO_BUFFER         (1)
#define MICROPY_PY_OS_UNAME                 (1)
#define MICROPY_PY_OS_URANDOM               (1)
#define MICROPY_PY_OS_INCLUDEFILE           "port_os.c"
#define MICROPY_PY_TIME                     (1)
#define MICROPY_PY_SELECT                   (1)
#define MICROPY_PY_VFS                      (1)
#define MICROPY_VFS                         (1)
#define MICROPY_VFS_WRITABLE                (1)
#define MICROPY_PY_HASHLIB                  (1)
#define MICROPY_PY_HASHLIB_SHA256           (1)
#define MICROPY_PY_CRYPTOLIB                (1)
#define MICROPY_PY_MACHINE                  (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE      "port_machine.c"
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_DISABLE_IRQ_ENABLE_IRQ (1)
#define MICROPY_PY_MACHINE_MEMX             (1)
#define MICROPY_PY_MACHINE_RESET            (1)
#define MICROPY_PY_MACHINE_UART             (1)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "port_uart.c"
#define MICROPY_PY_MACHINE_WDT              (1)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE  "port_wdt.c"

// Types of a 32-bit ARM with newlib.
#define MICROPY_MAKE_POINTER_CALLABLE(p)    ((void *)((mp_uint_t)(p) | 1))
#define MP_SSIZE_MAX                        (0x7fffffff)
typedef int32_t mp_int_t;
typedef uint32_t mp_uint_t;
typedef long mp_off_t;
#define UINT_FMT "%lu"
#define INT_FMT "%ld"
#define HEX_FMT "%lx"

#define MP_STATE_PORT MP_STATE_VM
