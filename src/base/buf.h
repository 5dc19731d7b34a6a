/* buf: bytes that grow, with a ceiling.
 *
 * For documents being written. The error is sticky: once the ceiling is met,
 * further writes do nothing and buf_ok says so once at the end. */
#ifndef EASEL_BASE_BUF_H
#define EASEL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct buf {
    char *bytes; /* always NUL-terminated once anything was written */
    size_t len, cap;
    size_t ceiling; /* most bytes it may hold */
    struct arena *arena;
    bool full; /* the ceiling was met; contents are incomplete */
};

/* The buffer lives in `arena`; `ceiling` 0 means 64 MiB. */
void buf_init(struct buf *buf, struct arena *arena, size_t ceiling);
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text as a JSON string, in quotes. Must be UTF-8. */
void buf_add_json(struct buf *buf, const char *text);
static inline bool buf_ok(const struct buf *buf)
{
    return !buf->full;
}

#endif
