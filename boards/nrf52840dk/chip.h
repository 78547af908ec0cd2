// Registers of the nRF52840 that the board uses (nRF52840 Product Specification, one chapter each), as offsets from
// Nordic's SVD. The radio core has those of RADIO, TIMER, PPI in firmware/native/radio/nrf52840_registers.h.

#ifndef MICROBREW_CHIP_H
#define MICROBREW_CHIP_H

#include "cortexm.h"

#define CLOCK_HFCLKSTART REG32(0x40000000)
#define CLOCK_LFCLKSTART REG32(0x40000008)
#define CLOCK_HFCLKSTARTED REG32(0x40000100)
#define CLOCK_LFCLKSTARTED REG32(0x40000104)
#define CLOCK_LFCLKSRC REG32(0x40000518)
#define CLOCK_LFCLKSRC_XTAL 1u

#define POWER_RESETREAS REG32(0x40000400)
#define POWER_RESETREAS_PIN (1u << 0)
#define POWER_RESETREAS_DOG (1u << 1)
#define POWER_RESETREAS_SREQ (1u << 2)
#define POWER_RESETREAS_LOCKUP (1u << 3)
#define POWER_DCDCEN REG32(0x40000578)

// Not in the SVD; in the specification of revision 3 (Fx0), reserved and without effect on the older ones.
#define APPROTECT_FORCEPROTECT REG32(0x40000550)
#define APPROTECT_DISABLE REG32(0x40000558)
#define APPROTECT_DISABLE_SW 0x5Au

#define UARTE_BASE(port) ((port) ? 0x40028000u : 0x40002000u)
#define UARTE(port, offset) REG32(UARTE_BASE(port) + (offset))
#define UARTE_STARTRX 0x000
#define UARTE_STOPRX 0x004
#define UARTE_STARTTX 0x008
#define UARTE_RXDRDY 0x108
#define UARTE_ENDTX 0x120
#define UARTE_RXTO 0x144
#define UARTE_RXSTARTED 0x14C
#define UARTE_SHORTS 0x200
#define UARTE_SHORTS_ENDRX_STARTRX (1u << 5)
#define UARTE_INTENSET 0x304
#define UARTE_INTENCLR 0x308
#define UARTE_INT_RXDRDY (1u << 2)
#define UARTE_INT_RXSTARTED (1u << 19)
#define UARTE_ENABLE 0x500
#define UARTE_ENABLE_ON 8u
#define UARTE_PSEL_TXD 0x50C
#define UARTE_PSEL_RXD 0x514
#define UARTE_BAUDRATE 0x524
#define UARTE_RXD_PTR 0x534
#define UARTE_RXD_MAXCNT 0x538
#define UARTE_TXD_PTR 0x544
#define UARTE_TXD_MAXCNT 0x548
#define UARTE_CONFIG 0x56C
#define UARTE_IRQ(port) ((port) ? 40u : 2u)

#define P0_OUTSET REG32(0x50000508)
#define P0_DIRSET REG32(0x50000518)
#define P0_PIN_CNF(pin) REG32(0x50000700 + 4 * (pin))
#define PIN_CNF_INPUT_PULLUP 0x0000000Cu

#define RNG_START REG32(0x4000D000)
#define RNG_STOP REG32(0x4000D004)
#define RNG_VALRDY REG32(0x4000D100)
#define RNG_CONFIG REG32(0x4000D504)
#define RNG_CONFIG_DERCEN 1u
#define RNG_VALUE REG32(0x4000D508)

#define WDT_IRQ 16u
#define WDT_START REG32(0x40010000)
#define WDT_INTENSET REG32(0x40010304)
#define WDT_RUNSTATUS REG32(0x40010400)
#define WDT_CRV REG32(0x40010504)
#define WDT_RREN REG32(0x40010508)
#define WDT_CONFIG REG32(0x4001050C)
#define WDT_CONFIG_RUN_IN_SLEEP 1u
#define WDT_RR0 REG32(0x40010600)
#define WDT_RELOAD 0x6E524635u

#define NVMC_READY REG32(0x4001E400)
#define NVMC_CONFIG REG32(0x4001E504)
#define NVMC_READ 0u
#define NVMC_WRITE 1u
#define NVMC_ERASE 2u
#define NVMC_ERASEPAGE REG32(0x4001E508)
#define NVMC_ERASEPAGEPARTIAL REG32(0x4001E518)
#define NVMC_ERASEPAGEPARTIALCFG REG32(0x4001E51C)
#define NVMC_ICACHECNF REG32(0x4001E540)

#define ACL_ADDR(n) REG32(0x4001E800 + 16 * (n))
#define ACL_SIZE(n) REG32(0x4001E804 + 16 * (n))
#define ACL_PERM(n) REG32(0x4001E808 + 16 * (n))
#define ACL_NO_WRITE (1u << 1)
#define ACL_NO_READ (1u << 2)

#define FICR_DEVICEID(n) REG32(0x10000060 + 4 * (n))

#define NVIC_IPR(irq) (*(volatile uint8_t *)(0xE000E400 + (irq)))
// Three bits of priority; the radio's is firmware/native/radio's choice and above these.
#define PRIORITY(level) ((level) << 5)

#endif
