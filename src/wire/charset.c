/* charset.c: XML in any accepted encoding, made UTF-8 before a parser sees it.
 *
 * UTF-8, UTF-16 with a byte order mark, ISO-8859-1 and US-ASCII as declared.
 * Deciding here keeps iconv's long list of encodings out of reach of input, and
 * lets everything after trust the bytes to be well-formed UTF-8 without NUL. */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/codec.h"
#include "wire/doc_priv.h"

enum charset { CHARSET_UTF8, CHARSET_UTF16, CHARSET_LATIN1, CHARSET_ASCII, CHARSET_UNKNOWN };

static unsigned unit16(const unsigned char *p, bool big)
{
    return big ? (unsigned)(p[0] << 8 | p[1]) : (unsigned)(p[1] << 8 | p[0]);
}

/* A lone surrogate becomes three bytes that the check for UTF-8 refuses. */
static void from_utf16(struct arena *arena, struct span *text)
{
    const unsigned char *p = (const unsigned char *)text->bytes;
    bool big = p[0] == 0xFE;
    size_t units = text->len / 2;
    char *out = arena_alloc(arena, units * 3), *end = out;
    for (size_t i = 1; i < units; i++) {
        unsigned c = unit16(p + 2 * i, big);
        if (c >= 0xD800 && c < 0xDC00 && i + 1 < units) {
            unsigned low = unit16(p + 2 * i + 2, big);
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                i++;
            }
        }
        end += utf8_put(c, end);
    }
    *text = (struct span){out, (size_t)(end - out)};
}

static void from_latin1(struct arena *arena, struct span *text)
{
    char *out = arena_alloc(arena, text->len * 2), *end = out;
    for (size_t i = 0; i < text->len; i++)
        end += utf8_put((unsigned char)text->bytes[i], end);
    *text = (struct span){out, (size_t)(end - out)};
}

static bool all_ascii(const struct span *text)
{
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->bytes[i] >= 0x80)
            return false;
    return true;
}

static size_t blanks(const char *p, size_t len)
{
    size_t n = 0;
    while (n < len && (p[n] == ' ' || p[n] == '\t' || p[n] == '\r' || p[n] == '\n'))
        n++;
    return n;
}

/* The value of encoding="..." in the XML declaration; empty where it has none. */
static struct span declared(const struct span *text)
{
    struct span none = {NULL, 0};
    if (text->len < 6 || memcmp(text->bytes, "<?xml", 5) != 0)
        return none;
    const char *end = memmem(text->bytes, text->len, "?>", 2);
    const char *p = end ? memmem(text->bytes, (size_t)(end - text->bytes), "encoding", 8) : NULL;
    if (!p)
        return none;
    p += 8;
    p += blanks(p, (size_t)(end - p));
    if (*p++ != '=')
        return none;
    p += blanks(p, (size_t)(end - p));
    if (*p != '"' && *p != '\'')
        return none;
    const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));
    return close ? (struct span){p + 1, (size_t)(close - p - 1)} : none;
}

static enum charset charset_named(const struct span *name)
{
    static const struct {
        const char *name;
        enum charset charset;
    } known[] = {
        {"UTF-8", CHARSET_UTF8},       {"UTF8", CHARSET_UTF8},      {"UTF-16", CHARSET_UTF16},
        {"UTF-16LE", CHARSET_UTF16},   {"UTF-16BE", CHARSET_UTF16}, {"ISO-8859-1", CHARSET_LATIN1},
        {"ISO8859-1", CHARSET_LATIN1}, {"LATIN1", CHARSET_LATIN1},  {"US-ASCII", CHARSET_ASCII},
        {"ASCII", CHARSET_ASCII},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == name->len &&
            strncasecmp(known[i].name, name->bytes, name->len) == 0)
            return known[i].charset;
    return CHARSET_UNKNOWN;
}

static enum err mismatch(struct arena *arena, const struct span *name, const char *why,
                         struct fault *fault)
{
    char echo[EXCERPT_ROOM];
    return fault_set(fault, arena, E400000, "The XML declares the encoding '%s', %s.",
                     doc_excerpt(name->bytes, name->len, echo), why);
}

/* Latin-1 is decoded, the others are held to what they declare. */
static enum err apply_declared(struct arena *arena, struct span *text, enum charset marked,
                               struct fault *fault)
{
    struct span name = declared(text);
    if (name.len == 0)
        return E_OK;
    enum charset charset = charset_named(&name);
    if (charset == CHARSET_UNKNOWN)
        return mismatch(arena, &name, "which is not accepted; use UTF-8", fault);
    if ((charset == CHARSET_UTF16) != (marked == CHARSET_UTF16))
        return mismatch(arena, &name, "but its byte order mark does not agree", fault);
    if (charset == CHARSET_ASCII && !all_ascii(text))
        return mismatch(arena, &name, "but holds bytes beyond it", fault);
    if (charset == CHARSET_LATIN1)
        from_latin1(arena, text);
    return E_OK;
}

enum err charset_utf8(struct arena *arena, struct span *text, struct fault *fault)
{
    const char *p = text->bytes;
    enum charset marked = CHARSET_UNKNOWN;
    if (text->len >= 2 && (memcmp(p, "\xFF\xFE", 2) == 0 || memcmp(p, "\xFE\xFF", 2) == 0)) {
        if (text->len % 2)
            return fault_set(fault, arena, E400000, "The UTF-16 text ends within a character.");
        from_utf16(arena, text);
        marked = CHARSET_UTF16;
    } else if (text->len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
        *text = (struct span){p + 3, text->len - 3};
    }
    enum err err = apply_declared(arena, text, marked, fault);
    if (err == E_OK && !utf8_valid(text->bytes, text->len))
        err = fault_set(fault, arena, E400000,
                        "The XML holds bytes that are not text in its encoding (UTF-8 where none "
                        "is declared).");
    return err;
}
