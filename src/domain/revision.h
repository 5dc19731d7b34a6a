/* revision: what was published under one name, time after time. Each overwrite keeps
 * the file before it, as far as the site's revisionLimit goes; content_count counts the
 * bytes of all that are kept.
 *
 * A revision that was removed is gone: its number is not used again, and is unknown. */
#ifndef EASEL_DOMAIN_REVISION_H
#define EASEL_DOMAIN_REVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "domain/capability.h"

struct actor;
struct content_item;
struct list_request;
struct tx;

struct revision {
    int64_t number, size_bytes, published_at;
    const char *blob_id, *file_type;
    const char *publisher_id, *publisher_name; /* NULL: the user is gone */
    bool current;
};

/* Oldest first. Needs Write: E403054 (data source), E403056 (workbook), for others
 * what the kind has (tbl/content_kinds.def). All: E403053 where the site keeps no
 * history, the kind's code for an unknown item. */
enum err revision_list(struct tx *tx, const struct actor *actor, enum content_type type,
                       const char *content_id, const struct list_request *list,
                       struct revision **revisions_r, size_t *count_r, int64_t *total_r);
/* For a download: needs Read and ExportXml (E403028, E403019). E404024 for a number that
 * there is not. */
enum err revision_get(struct tx *tx, const struct actor *actor, enum content_type type,
                      const char *content_id, const char *number, struct content_item *item_r,
                      struct revision *revision_r);
/* Needs Write: E403004. E404024; E403055 for the newest. */
enum err revision_remove(struct tx *tx, const struct actor *actor, enum content_type type,
                         const char *content_id, const char *number);

/* After a publish: takes out what the site no longer keeps. With a history that is the
 * oldest beyond revisionLimit (-1: none); without one the file that was overwritten,
 * while older ones wait for the history to be turned on again. */
enum err revision_trim(struct tx *tx, const char *site_id, enum content_type type,
                       const char *content_id);

#endif
