/* file: bytes at positions of a file, and files without a name.
 *
 * Reads and writes go on after signals and short counts. A file without a name ends
 * with its descriptor, whatever becomes of the process. */
#ifndef EASEL_BASE_FILE_H
#define EASEL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads `len` bytes at `offset`, fewer at the end of the file; -1 on failure (errno). */
ptrdiff_t file_pread(int fd, void *out, size_t len, uint64_t offset);
/* Writes all of it, or fails (errno). */
bool file_pwrite(int fd, const void *bytes, size_t len, uint64_t offset);
/* A descriptor to read and write; -1 on failure (errno). */
int file_nameless(const char *directory);

#endif
