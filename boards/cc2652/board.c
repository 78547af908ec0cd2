// The LaunchPad's peripherals but for its flash, its random generator and its radio: power, pins, UARTs, watchdog.

#include "board.h"

#include "chip.h"
#include "ti_sdk.h"
#include "ticks_rtc.h"
#include "uart.h"

#define DIO_UART0_RX 2
#define DIO_UART0_TX 3
#define DIO_LED_RED 6
#define DIO_LED_GREEN 7
#define DIO_UART1_RX 12
#define DIO_UART1_TX 11
#define DIO_BUTTON_1 13
#define DIO_BUTTON_2 14

static uint32_t watchdog_load;

static void power_up(void) {
    PRCM_PDCTL0SERIAL = 1;
    PRCM_PDCTL0PERIPH = 1;
    const uint32_t on = PRCM_PDSTAT0_SERIAL | PRCM_PDSTAT0_PERIPH;
    while ((PRCM_PDSTAT0 & on) != on) {
    }
    PRCM_GPIOCLKGR = PRCM_GPIOCLKGS = 1;
    PRCM_UARTCLKGR = PRCM_UARTCLKGS = PRCM_UARTCLKG_UART(0) | PRCM_UARTCLKG_UART(1);
    PRCM_SECDMACLKGR |= PRCM_SECDMACLKG_TRNG;
    PRCM_CLKLOADCTL = PRCM_CLKLOADCTL_LOAD;
    while (!(PRCM_CLKLOADCTL & PRCM_CLKLOADCTL_LOAD_DONE)) {
    }
}

void board_init(void) {
    // The boot ROM may have left its own.
    SCB_VTOR = 0;
    ti_sdk_trim();
    power_up();
    GPIO_DOUTCLR = 1u << DIO_LED_RED | 1u << DIO_LED_GREEN;
    GPIO_DOE = 1u << DIO_LED_RED | 1u << DIO_LED_GREEN;
    IOC_IOCFG(DIO_LED_RED) = IOC_PORT_GPIO | IOC_PULL_NONE;
    IOC_IOCFG(DIO_LED_GREEN) = IOC_PORT_GPIO | IOC_PULL_NONE;
    IOC_IOCFG(DIO_BUTTON_1) = IOC_PORT_GPIO | IOC_PULL_UP | IOC_INPUT;
    IOC_IOCFG(DIO_BUTTON_2) = IOC_PORT_GPIO | IOC_PULL_UP | IOC_INPUT;
    IOC_IOCFG(DIO_UART0_RX) = IOC_PORT_UART_RX(0) | IOC_PULL_UP | IOC_INPUT;
    IOC_IOCFG(DIO_UART0_TX) = IOC_PORT_UART_TX(0) | IOC_PULL_NONE;
    IOC_IOCFG(DIO_UART1_RX) = IOC_PORT_UART_RX(1) | IOC_PULL_UP | IOC_INPUT;
    IOC_IOCFG(DIO_UART1_TX) = IOC_PORT_UART_TX(1) | IOC_PULL_NONE;
}

size_t board_heap_size(size_t room) {
    size_t heap = BOARD_HEAP;
    return heap > room ? room : heap;
}

// UARTs

void board_uart_init(unsigned port, uint32_t baudrate) {
    UART_CTL(port) = 0;
    // The divider in 64ths, rounded: 48 MHz / (16 * baudrate).
    uint32_t divider = (BOARD_CLOCK_HZ * 8u / baudrate + 1) / 2;
    UART_IBRD(port) = divider / 64;
    UART_FBRD(port) = divider % 64;
    // A write to LCRH takes the divider over.
    UART_LCRH(port) = UART_LCRH_8_BITS | UART_LCRH_FIFO;
    UART_IFLS(port) = UART_IFLS_RX_1_8;
    UART_IMSC(port) = UART_INT_RX | UART_INT_RX_TIMEOUT;
    UART_CTL(port) = UART_CTL_ENABLE | UART_CTL_TX | UART_CTL_RX;
    irq_enable(UART_IRQ(port));
}

static void uart_interrupt(unsigned port) {
    ticks_wake();
    UART_ICR(port) = UART_INT_RX | UART_INT_RX_TIMEOUT;
    while (!(UART_FR(port) & UART_FR_RXFE)) {
        if (!uart_room(port)) {
            // The rest stays in the hardware's FIFO until there is room.
            UART_IMSC(port) = 0;
            return;
        }
        uart_receive(port, UART_DR(port));
    }
}

static void uart0_interrupt(void) {
    uart_interrupt(0);
}

static void uart1_interrupt(void) {
    uart_interrupt(1);
}

void board_uart_rx_resume(unsigned port) {
    uint32_t state = irq_save();
    // Stopped, its interrupt has been cleared already: fetch the bytes that waited.
    if ((UART_CTL(port) & UART_CTL_ENABLE) && UART_IMSC(port) == 0) {
        UART_IMSC(port) = UART_INT_RX | UART_INT_RX_TIMEOUT;
        uart_interrupt(port);
    }
    irq_restore(state);
}

bool board_uart_tx_ready(unsigned port) {
    // Empty, not merely with room: a reset, as after a fault's report, loses what is in the FIFO. The line does not
    // wait for the next byte, which follows while this one is shifted out.
    return UART_FR(port) & UART_FR_TXFE;
}

void board_uart_tx(unsigned port, uint8_t byte) {
    UART_DR(port) = byte;
}

// Identity

void board_unique_id(uint8_t id[8]) {
    // Whoever makes the device may have given it an EUI-64 of his own (ccfg.c).
    bool own = CCFG_IEEE_MAC != UINT32_MAX || CCFG_IEEE_MAC_HIGH != UINT32_MAX;
    uint64_t eui64 = own ? (uint64_t)CCFG_IEEE_MAC_HIGH << 32 | CCFG_IEEE_MAC
        : (uint64_t)FCFG1_MAC_15_4_HIGH << 32 | FCFG1_MAC_15_4;
    for (int i = 7; i >= 0; i--) {
        id[i] = eui64;
        eui64 >>= 8;
    }
}

// Watchdog: the first timeout is an NMI, which reports and resets; were it to hang, the second resets.

bool board_watchdog_start(uint32_t timeout_ms) {
    if (timeout_ms > UINT32_MAX / WDT_TICKS_PER_MS) {
        return false;
    }
    watchdog_load = timeout_ms * WDT_TICKS_PER_MS;
    WDT_LOCK = WDT_UNLOCK;
    WDT_LOAD = watchdog_load;
    WDT_CTL = WDT_CTL_INTERRUPT | WDT_CTL_RESET | WDT_CTL_NMI;
    WDT_LOCK = 0;
    return true;
}

void board_watchdog_feed(void) {
    WDT_LOCK = WDT_UNLOCK;
    WDT_LOAD = watchdog_load;
    WDT_LOCK = 0;
}

void ieee_radio_interrupt(void);

__attribute__((section(".vectors_board"), used)) static void (*const vectors_board[])(void) = {
    [AON_RTC_IRQ] = ticks_interrupt,
    [UART_IRQ(0)] = uart0_interrupt,
    [RFC_CPE0_IRQ] = ieee_radio_interrupt,
    [UART_IRQ(1)] = uart1_interrupt,
};
