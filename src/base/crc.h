/* crc: the two checksums of 32 bits that file formats use. Neither guards against
 * intent. Thread-safe. */
#ifndef EASEL_BASE_CRC_H
#define EASEL_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 of zip archives, over pieces: 0 before the first. */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t len);
/* CRC-32C (Castagnoli) without its inversions at start and end, over pieces: the
 * format's seed before the first. */
uint32_t crc32c_add(uint32_t crc, const void *bytes, size_t len);

#endif
