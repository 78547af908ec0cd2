#include "csma.h"

#include "ramcode.h"

MB_RAMCODE void mb_csma_begin(struct mb_csma *csma, unsigned retries) {
    csma->exponent = MB_MIN_BE;
    csma->busy = 0;
    csma->retries = (uint8_t)retries;
}

MB_RAMCODE uint32_t mb_csma_backoff_us(const struct mb_csma *csma, uint32_t random) {
    return (random & ((1u << csma->exponent) - 1)) * MB_BACKOFF_US;
}

MB_RAMCODE bool mb_csma_again(struct mb_csma *csma) {
    if (csma->exponent < MB_MAX_BE) {
        csma->exponent++;
    }
    return ++csma->busy <= MB_MAX_BACKOFFS;
}

MB_RAMCODE bool mb_csma_retry(struct mb_csma *csma) {
    if (!csma->retries) {
        return false;
    }
    mb_csma_begin(csma, csma->retries - 1u);
    return true;
}
