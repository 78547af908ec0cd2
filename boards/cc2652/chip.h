// Registers of the CC2652R that the board uses (TI SWCU185, CC13x2/CC26x2 technical reference manual).

#ifndef MICROBREW_CC2652_CHIP_H
#define MICROBREW_CC2652_CHIP_H

#include "cortexm.h"

// Power, reset and clock management (PRCM).
#define PRCM_CLKLOADCTL REG32(0x40082028)
#define PRCM_CLKLOADCTL_LOAD (1u << 0)
#define PRCM_CLKLOADCTL_LOAD_DONE (1u << 1)
#define PRCM_RFCCLKG REG32(0x4008202C)
// Clock gates: R while the processor runs, S while it waits for an interrupt.
#define PRCM_SECDMACLKGR REG32(0x4008203C)
#define PRCM_SECDMACLKG_TRNG (1u << 1)
#define PRCM_GPIOCLKGR REG32(0x40082048)
#define PRCM_GPIOCLKGS REG32(0x4008204C)
#define PRCM_UARTCLKGR REG32(0x4008206C)
#define PRCM_UARTCLKGS REG32(0x40082070)
#define PRCM_UARTCLKG_UART(n) (1u << (n))
#define PRCM_PDCTL0RFC REG32(0x40082130)
#define PRCM_PDCTL0SERIAL REG32(0x40082134)
#define PRCM_PDCTL0PERIPH REG32(0x40082138)
#define PRCM_PDSTAT0 REG32(0x40082140)
#define PRCM_PDSTAT0_SERIAL (1u << 1)
#define PRCM_PDSTAT0_PERIPH (1u << 2)
#define PRCM_PDSTAT0RFC REG32(0x40082144)
#define PRCM_PDCTL1RFC REG32(0x40082188)
#define PRCM_PDSTAT1RFC REG32(0x4008219C)
#define PRCM_RFCMODESEL REG32(0x400821D0)
#define PRCM_RFCMODEHWOPT REG32(0x400821D4)

// Pins (IOC): what a DIO is connected to, and its driver.
#define IOC_IOCFG(dio) REG32(0x40081000 + 4 * (dio))
#define IOC_PORT_GPIO 0x00
#define IOC_PORT_UART_RX(n) (0x0F + 4 * (n))
#define IOC_PORT_UART_TX(n) (0x10 + 4 * (n))
#define IOC_PULL_UP (2u << 13)
#define IOC_PULL_NONE (3u << 13)
#define IOC_INPUT (1u << 29)

#define GPIO_DOUTSET REG32(0x40022090)
#define GPIO_DOUTCLR REG32(0x400220A0)
#define GPIO_DIN REG32(0x400220C0)
#define GPIO_DOE REG32(0x400220D0)

// UARTs: Arm PL011.
#define UART_BASE(n) (0x40001000u + 0xA000u * (n))
#define UART_DR(n) REG32(UART_BASE(n) + 0x00)
#define UART_FR(n) REG32(UART_BASE(n) + 0x18)
#define UART_FR_RXFE (1u << 4)
#define UART_FR_TXFE (1u << 7)
#define UART_IBRD(n) REG32(UART_BASE(n) + 0x24)
#define UART_FBRD(n) REG32(UART_BASE(n) + 0x28)
#define UART_LCRH(n) REG32(UART_BASE(n) + 0x2C)
#define UART_LCRH_FIFO (1u << 4)
#define UART_LCRH_8_BITS (3u << 5)
#define UART_CTL(n) REG32(UART_BASE(n) + 0x30)
#define UART_CTL_ENABLE (1u << 0)
#define UART_CTL_TX (1u << 8)
#define UART_CTL_RX (1u << 9)
#define UART_IFLS(n) REG32(UART_BASE(n) + 0x34)
#define UART_IFLS_RX_1_8 (0u << 3)
#define UART_IMSC(n) REG32(UART_BASE(n) + 0x38)
#define UART_ICR(n) REG32(UART_BASE(n) + 0x44)
#define UART_INT_RX (1u << 4)
#define UART_INT_RX_TIMEOUT (1u << 6)
#define UART_IRQ(n) ((n) == 0 ? 5 : 36)

#define TRNG_OUT0 REG32(0x40028000)
#define TRNG_OUT1 REG32(0x40028004)
#define TRNG_IRQFLAGSTAT REG32(0x40028008)
#define TRNG_IRQFLAGCLR REG32(0x40028010)
#define TRNG_IRQFLAG_READY (1u << 0)
#define TRNG_IRQFLAG_SHUTDOWN (1u << 1)
#define TRNG_CTL REG32(0x40028014)
#define TRNG_CTL_ENABLE (1u << 10)
#define TRNG_CFG0 REG32(0x40028018)
#define TRNG_ALARMCNT REG32(0x4002801C)
#define TRNG_FROEN REG32(0x40028020)
#define TRNG_ALARMSTOP REG32(0x4002802C)

// Flash, and the cache in front of it (VIMS).
#define FLASH_CFG REG32(0x40030024)
#define FLASH_CFG_DIS_STANDBY (1u << 1)
#define VIMS_STAT REG32(0x40034000)
#define VIMS_STAT_MODE 0x3u
#define VIMS_STAT_CHANGING (1u << 3)
#define VIMS_CTL REG32(0x40034004)
#define VIMS_CTL_MODE 0x3u
#define VIMS_CTL_LINE_BUFFERS_OFF (3u << 4)
#define VIMS_MODE_NO_CACHE 0u

#define WDT_LOAD REG32(0x40080000)
#define WDT_CTL REG32(0x40080008)
#define WDT_CTL_INTERRUPT (1u << 0)
#define WDT_CTL_RESET (1u << 1)
#define WDT_CTL_NMI (1u << 2)
#define WDT_LOCK REG32(0x40080C00)
#define WDT_UNLOCK 0x1ACCE551u
// It counts the infrastructure clock divided by 32.
#define WDT_TICKS_PER_MS (BOARD_CLOCK_HZ / 32 / 1000)

// The real-time clock: SUBSEC is that of the last read of SEC; TIME is the lower half of the one and the upper of the other.
#define AON_RTC_CTL REG32(0x40092000)
#define AON_RTC_CTL_ENABLE (1u << 0)
// The 16 kHz signal by which the RF core synchronises its timer.
#define AON_RTC_CTL_UPDATES (1u << 1)
// Channels whose events are its interrupt.
#define AON_RTC_CTL_COMBINED (7u << 16)
#define AON_RTC_CTL_COMBINED_CH0 (1u << 16)
#define AON_RTC_EVFLAGS REG32(0x40092004)
#define AON_RTC_EVFLAGS_CH0 (1u << 0)
#define AON_RTC_SEC REG32(0x40092008)
#define AON_RTC_SUBSEC REG32(0x4009200C)
#define AON_RTC_CHCTL REG32(0x40092014)
#define AON_RTC_CHCTL_CH0 (1u << 0)
#define AON_RTC_CH0CMP REG32(0x40092018)
#define AON_RTC_SYNC REG32(0x4009202C)
#define AON_RTC_TIME REG32(0x40092030)
#define AON_RTC_IRQ 4

// Factory configuration, and the copy of ours (ccfg.c) at an address that does not depend on the flash's size.
#define FCFG1_MAC_15_4 REG32(0x500012F0)
#define FCFG1_MAC_15_4_HIGH REG32(0x500012F4)
#define CCFG_IEEE_MAC REG32(0x50003FC8)
#define CCFG_IEEE_MAC_HIGH REG32(0x50003FCC)

// Functions of the boot ROM: a table of tables.
#define ROM_API_TABLE ((const uint32_t *const *)0x10000180)
#define ROM_API_FLASH (ROM_API_TABLE[10])
#define ROM_FLASH_ERASE_SECTOR 5
#define ROM_FLASH_PROGRAM 6

// The RF core: power, mailbox ("doorbell"), timer.
#define RFC_PWMCLKEN REG32(0x40040000)
#define RFC_PWMCLKEN_ALL 0x7FFu
#define RFC_CMDR REG32(0x40041000)
#define RFC_CMDSTA REG32(0x40041004)
#define RFC_RFHWIEN REG32(0x4004100C)
#define RFC_RFCPEIFG REG32(0x40041010)
#define RFC_RFCPEIEN REG32(0x40041014)
#define RFC_RFCPEISL REG32(0x40041018)
#define RFC_RFACKIFG REG32(0x4004101C)
#define RFC_RATCNT REG32(0x40043004)
#define RFC_CPE0_IRQ 9

#endif
