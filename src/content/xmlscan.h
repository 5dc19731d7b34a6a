/* xmlscan: XML of any length, read as it streams by.
 *
 * No tree is built: the owner is told of each element, says whether it cares
 * about what is in it, and asks for the attributes that it wants. What it does
 * not care about is passed over without a call. There are no entities but those
 * of XML itself: a document type declaration is refused, nothing is fetched.
 *
 * Names of the form _.fcp.FEATURE.true...NAME (two variants of an element or an
 * attribute, for programs with and without a feature) are told as NAME; the
 * false variants are passed over. */
#ifndef EASEL_CONTENT_XMLSCAN_H
#define EASEL_CONTENT_XMLSCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "content/content_priv.h"

struct buf;
struct xmlscan;

struct xmlscan_handler {
    /* An element begins; its attributes may be asked for until this returns.
     * False: neither it nor what is in it is of interest. */
    bool (*open)(void *context, struct xmlscan *scan, const char *name);
    /* Text of an element that is open, in pieces. */
    void (*text)(void *context, struct xmlscan *scan, const char *text, size_t len);
    /* An element that was of interest ends. */
    void (*close)(void *context, struct xmlscan *scan);
};

/* An attribute of the element being opened, copied to the arena; NULL: absent. */
const char *xmlscan_attr(struct xmlscan *scan, const char *name);
/* The same in place of what is in `into`, where most values are known already: nothing
 * is kept. False: absent. into->full: too long, what it holds is of no use. */
bool xmlscan_peek(struct xmlscan *scan, const char *name, struct buf *into);
/* The same where only one value matters; nothing is kept. */
bool xmlscan_attr_is(struct xmlscan *scan, const char *name, const char *value);
/* True where the attribute says so: "true", or "1" as older documents write it. */
bool xmlscan_attr_true(struct xmlscan *scan, const char *name);
/* Refuses the document here: line and column are added. It is read no further. */
void xmlscan_refuse(struct xmlscan *scan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts bytes that are kept; refuses the document where they exceed the limit. */
void xmlscan_count_kept(struct xmlscan *scan, size_t len);

/* Reads to the end. `what` names the document in errors. */
enum err xmlscan_run(struct arena *arena, const struct content_limits *limits,
                     content_source *source, void *from, const char *what,
                     const struct xmlscan_handler *handler, void *context, struct fault *fault);

#endif
