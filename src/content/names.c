/* names.c: see names.h. */
#include "content/names.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "content/content.h"

/* A name with the list that it was added to last, so that no list needs an index. */
struct word {
    const struct content_names *last;
    char text[];
};

struct names {
    struct arena *arena;
    struct map *words; /* by their text */
    size_t room;
};

struct names *names_new(struct arena *arena, size_t room)
{
    struct names *names = arena_zalloc(arena, sizeof *names);
    *names = (struct names){arena, map_new(), room};
    return names;
}

void names_free(struct names **names)
{
    if (*names)
        map_free(&(*names)->words, NULL);
    *names = NULL;
}

static void link_word(struct names *names, struct content_names *list, struct word *word)
{
    if (word->last == list || !names->room)
        return;
    struct content_name *name = arena_alloc(names->arena, sizeof *name);
    *name = (struct content_name){.name = word->text};
    if (list->last)
        list->last->next = name;
    else
        list->first = name;
    list->last = name;
    list->count++;
    word->last = list;
    names->room--;
}

size_t names_add(struct names *names, struct content_names *list, const char *name)
{
    size_t len = strlen(name), kept = 0;
    if (!len || len > CONTENT_LISTED_NAME_MOST || !names->room)
        return 0;
    struct word *word = map_get(names->words, name);
    if (!word) {
        kept = sizeof *word + len + 1;
        word = arena_zalloc(names->arena, kept);
        memcpy(word->text, name, len);
        map_put(names->words, name, word);
    }
    link_word(names, list, word);
    return kept;
}

/* Names of a list are the texts of words. */
static struct word *word_of(const struct content_name *name)
{
    return (struct word *)(name->name - offsetof(struct word, text));
}

void names_add_all(struct names *names, struct content_names *list,
                   const struct content_names *from)
{
    for (const struct content_name *n = from->first; n; n = n->next)
        link_word(names, list, word_of(n));
}
