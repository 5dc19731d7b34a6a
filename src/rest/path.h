/* path: URIs of the API, taken apart. Pure; hostile bytes in. */
#ifndef EASEL_REST_PATH_H
#define EASEL_REST_PATH_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum { PATH_SEGMENTS = 24, QUERY_PAIRS = 64 };

/* The segments between slashes, percent-decoded; a trailing slash and doubled
 * slashes add none. False on a broken escape, an encoded NUL, bytes that are no
 * UTF-8, or more than PATH_SEGMENTS segments. */
struct path {
    const char *segments[PATH_SEGMENTS];
    size_t count;
};
bool path_parse(struct arena *arena, const char *raw, struct path *path_r);

/* name=value pairs, decoded. False as above; pairs past QUERY_PAIRS too. */
struct query {
    struct {
        const char *name, *value;
    } pairs[QUERY_PAIRS];
    size_t count;
};
bool query_parse(struct arena *arena, const char *raw, struct query *query_r);
/* The last value of that name (case counts), or NULL. */
const char *query_get(const struct query *query, const char *name);

/* "3.24" -> 324; 0 where the text is not MAJOR.MINOR with one digit, a dot and
 * one or two digits without a leading zero (but for 0 itself). */
int version_parse(const char *text);
/* True for a version this server speaks: 2.0 to 2.8 and 3.0 to the newest. */
bool version_known(int version);

#define VERSION(major, minor) ((major)*100 + (minor))
/* The newest version that a release of Tableau Server has, told by Server Info. */
#define VERSION_NEWEST "3.29"
/* The newest that was seen in the field; requests for it are served alike. */
#define VERSION_LAST VERSION(3, 30)

#endif
