/* names: lists of names, many of which are alike.
 *
 * Each different name is kept once, and stands once in a list. There is room for so many
 * in all lists together; beyond it they are left out. */
#ifndef EASEL_CONTENT_NAMES_H
#define EASEL_CONTENT_NAMES_H

#include <stddef.h>

struct arena;
struct content_names;
struct names;

/* What it keeps, and lists' links, live in the arena. */
struct names *names_new(struct arena *arena, size_t room);
void names_free(struct names **names);

/* Adds to a list, which stays where it is, and which is filled before another one is.
 * Returns the bytes kept for it: 0 for a name that is known. */
size_t names_add(struct names *names, struct content_names *list, const char *name);
/* The same for all names of another list of these `names`. */
void names_add_all(struct names *names, struct content_names *list,
                   const struct content_names *from);

#endif
