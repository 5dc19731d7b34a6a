/* pictures.c: see pictures.h. */
#include "rest/pictures.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "content/content.h"

struct picture {
    const char *sheet;
    const void *bytes;
    size_t len;
    struct picture *next;
};

/* What one file holds; lives in its own arena. */
struct file {
    struct arena *arena;
    const char *blob_id;
    struct picture *pictures;
    size_t bytes;
    struct file *newer, *older; /* by when it was asked for */
};

struct pictures {
    size_t bytes_most, files_most;
    pthread_mutex_t lock; /* guards what follows */
    struct map *files;    /* by blob */
    struct file *newest, *oldest;
    size_t bytes;
};

struct pictures *pictures_new(size_t bytes_most, size_t files_most)
{
    struct pictures *pictures = calloc(1, sizeof *pictures);
    if (!pictures)
        abort();
    *pictures = (struct pictures){.bytes_most = bytes_most, .files_most = files_most};
    pictures->files = map_new();
    pthread_mutex_init(&pictures->lock, NULL);
    return pictures;
}

static void file_free(void *thing)
{
    struct arena *arena = thing ? ((struct file *)thing)->arena : NULL;
    if (arena)
        arena_free(&arena);
}

void pictures_free(struct pictures **pictures)
{
    if (!*pictures)
        return;
    map_free(&(*pictures)->files, file_free);
    pthread_mutex_destroy(&(*pictures)->lock);
    free(*pictures);
    *pictures = NULL;
}

/* ---- the order in which they were asked for */

static void take_out(struct pictures *p, struct file *file)
{
    *(file->newer ? &file->newer->older : &p->newest) = file->older;
    *(file->older ? &file->older->newer : &p->oldest) = file->newer;
}

static void put_first(struct pictures *p, struct file *file)
{
    file->newer = NULL;
    file->older = p->newest;
    *(p->newest ? &p->newest->newer : &p->oldest) = file;
    p->newest = file;
}

/* ---- finding */

static const struct picture *picture_of(const struct file *file, const char *sheet)
{
    for (const struct picture *p = file->pictures; p; p = p->next)
        if (strcmp(p->sheet, sheet) == 0)
            return p;
    return NULL;
}

bool pictures_find(struct pictures *pictures, struct arena *arena, const char *blob_id,
                   const char *sheet, const void **picture_r, size_t *len_r)
{
    pthread_mutex_lock(&pictures->lock);
    struct file *file = map_get(pictures->files, blob_id);
    const struct picture *found = file ? picture_of(file, sheet) : NULL;
    *len_r = found ? found->len : 0;
    *picture_r = found ? arena_memdup(arena, found->bytes, found->len) : NULL;
    if (file) {
        take_out(pictures, file);
        put_first(pictures, file);
    }
    pthread_mutex_unlock(&pictures->lock);
    return file != NULL;
}

/* ---- keeping */

static struct file *file_new(const char *blob_id, const struct content_sheet *sheets)
{
    struct arena *arena = arena_new(0);
    struct file *file = arena_zalloc(arena, sizeof *file);
    file->arena = arena;
    file->blob_id = arena_strdup(arena, blob_id);
    for (const struct content_sheet *s = sheets; s; s = s->next) {
        if (!s->thumbnail)
            continue;
        struct picture *picture = arena_alloc(arena, sizeof *picture);
        *picture = (struct picture){arena_strdup(arena, s->name),
                                    arena_memdup(arena, s->thumbnail, s->thumbnail_len),
                                    s->thumbnail_len, file->pictures};
        file->pictures = picture;
    }
    file->bytes = arena_footprint(arena);
    return file;
}

/* The files that gave way, as a list by `older`. */
static struct file *make_room(struct pictures *p)
{
    struct file *gone = NULL;
    while (p->oldest && (p->bytes > p->bytes_most || map_count(p->files) > p->files_most)) {
        struct file *file = p->oldest;
        take_out(p, file);
        map_take(p->files, file->blob_id);
        p->bytes -= file->bytes;
        file->older = gone;
        gone = file;
    }
    return gone;
}

void pictures_keep(struct pictures *pictures, const char *blob_id,
                   const struct content_sheet *sheets)
{
    struct file *file = file_new(blob_id, sheets), *gone = file;
    pthread_mutex_lock(&pictures->lock);
    if (!map_get(pictures->files, blob_id)) { /* two may have read it at once */
        map_put(pictures->files, blob_id, file);
        put_first(pictures, file);
        pictures->bytes += file->bytes;
        gone = make_room(pictures);
    }
    pthread_mutex_unlock(&pictures->lock);
    for (struct file *next; gone; gone = next) {
        next = gone->older;
        file_free(gone);
    }
}
