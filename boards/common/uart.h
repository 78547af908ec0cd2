// Bytes in and out of the board's UARTs: a ring per port filled by the receive interrupt, transmission polled.

#ifndef MICROBREW_UART_H
#define MICROBREW_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// For the board's receive interrupt. uart_room(): bytes that uart_receive() will still take.
size_t uart_room(unsigned port);
void uart_receive(unsigned port, uint8_t byte);

// Bytes waiting to be read.
size_t uart_any(unsigned port);
// Up to `length` of them, without waiting; how many.
size_t uart_read(unsigned port, uint8_t *buf, size_t length);
void uart_flush(unsigned port);

// Send, waiting at most `timeout_ms` for the line each time that it is busy; how many went.
size_t uart_write(unsigned port, const uint8_t *buf, size_t length, uint32_t timeout_ms);

#endif
