/* json_lex: the pieces of a JSON text (RFC 8259), read in place and strictly.
 *
 * Both readers of JSON that stand on the path of a request are built on it: that
 * of bodies (wire/json_read.c) and that of tokens (trust/claims.c). Stricter than
 * a general library on purpose: well-formed UTF-8, no NUL, no lone surrogates, no
 * two members of one name in an object. Pure; one text belongs to one thread. */
#ifndef EASEL_BASE_JSON_LEX_H
#define EASEL_BASE_JSON_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum json_fault {
    JSON_SOUND,
    JSON_SYNTAX,
    JSON_ENDS,        /* the text ends within a value */
    JSON_OPEN_STRING, /* ... within a string */
    JSON_CONTROL,     /* a control character in a string */
    JSON_NUL,         /* the escape of NUL */
    JSON_SURROGATE,   /* half a surrogate pair */
    JSON_UTF8,
    JSON_TWICE /* a member's name stands twice in one object */
};

struct json_name {
    char *text;
    size_t len;
    uint32_t hash;
};

/* `at` is the next byte to read. The byte at `end` must be NUL, which is allowed
 * nowhere in JSON: so one byte is looked ahead without asking for the end. After a
 * fault `at` is where it was found, for JSON_TWICE the end of the name. */
struct json_lex {
    struct arena *arena;
    char *at;
    const char *end;
    enum json_fault fault;
    struct json_name *names; /* of all objects that are open, the innermost last */
    size_t name_count, name_room;
};

/* What is between the quotes, as written. */
struct json_string {
    char *text;
    size_t len;
    bool escaped; /* it has backslashes */
    bool wide;    /* it has other characters than ASCII */
};

/* The object that is being read: from json_lex_enter to its end. */
struct json_open {
    size_t base;   /* where its names begin */
    uint64_t seen; /* a bit for some names */
};

/* All that answer bool leave false with lex->fault set. */
bool json_lex_fail(struct json_lex *lex, enum json_fault fault);
/* JSON_SYNTAX, or JSON_ENDS where the text has come to its end. */
bool json_lex_odd(struct json_lex *lex);

void json_lex_space(struct json_lex *lex);
/* Behind `{` or `[` and the space there; true in *done_r where it is closed at once. */
void json_lex_enter(struct json_lex *lex, char close, struct json_open *open_r, bool *done_r);
/* Behind a value: `,` (*done_r false) or `close` (true), and the space there. */
bool json_lex_more(struct json_lex *lex, char close, bool *done_r);
/* Forgets the names of an object that has been read. */
void json_lex_leave(struct json_lex *lex, const struct json_open *open);

/* `"name":` and the space behind it. The name's escapes are resolved, in a copy if
 * there are any; where it is terminated is for the caller. */
bool json_lex_name(struct json_lex *lex, struct json_open *open, struct json_name *name_r);
/* From the opening quote to behind the closing one. */
bool json_lex_string(struct json_lex *lex, struct json_string *string_r);
/* To behind the last character of a number; *whole_r: no fraction, no exponent. */
bool json_lex_number(struct json_lex *lex, bool *whole_r);
bool json_lex_word(struct json_lex *lex, const char *word);

/* Resolves escapes that json_lex_string found good, in place; the new length is
 * never greater. */
size_t json_unescape(char *text, size_t len);

#endif
