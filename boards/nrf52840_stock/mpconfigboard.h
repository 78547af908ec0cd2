// nRF52840 DK (PCA10056) with upstream's nrf port: console on the debugger's virtual serial port, no USB, no Bluetooth.

#define MICROPY_HW_BOARD_NAME               "nRF52840 DK, Microbrew"
#define MICROPY_HW_MCU_NAME                 "NRF52840"

#define MICROPY_PY_MACHINE_UART             (1)
// With which the port counts its milliseconds.
#define MICROPY_PY_MACHINE_RTCOUNTER        (1)
#define MICROPY_HW_ENABLE_RNG               (1)

#define MICROPY_HW_ENABLE_USBDEV            (0)
#define MICROPY_HW_USB_CDC                  (0)

#define MICROPY_HW_HAS_LED                  (1)
#define MICROPY_HW_LED_COUNT                (4)
#define MICROPY_HW_LED_PULLUP               (1)
#define MICROPY_HW_LED1                     (13)
#define MICROPY_HW_LED2                     (14)
#define MICROPY_HW_LED3                     (15)
#define MICROPY_HW_LED4                     (16)
#define HELP_TEXT_BOARD_LED                 "1,2,3,4"

#define MICROPY_HW_ENABLE_UART_REPL         (1)
#define MICROPY_HW_UART1_RX                 (8)
#define MICROPY_HW_UART1_TX                 (6)
#define MICROPY_HW_UART1_CTS                (7)
#define MICROPY_HW_UART1_RTS                (5)
#define MICROPY_HW_UART1_HWFC               (1)

// The port's SPI driver wants pins; these are on the DK's header.
#define MICROPY_HW_SPI0_NAME                "SPI0"
#define MICROPY_HW_SPI0_SCK                 (47)
#define MICROPY_HW_SPI0_MOSI                (45)
#define MICROPY_HW_SPI0_MISO                (46)

// What the firmware wants of the interpreter beyond the port's defaults.
#define MICROPY_PY_HASHLIB                  (1)
#define MICROPY_PY_HASHLIB_SHA256           (1)
#define MICROPY_PY_CRYPTOLIB                (1)
#define MICROPY_PY_SELECT                   (1)
#define MICROPY_PY_MACHINE_MEMX             (1)
