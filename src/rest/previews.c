/* previews.c: Query Workbook Preview Image and Query View Preview Image: the thumbnail
 * that the authoring program left in the file.
 *
 * A file without one is answered by the same code as a view that is not there, with a
 * detail that tells them apart: the methods document no other, and a client that shows
 * a picture has none to show in either case. */
#include <string.h>

#include "base/log.h"
#include "content/content.h"
#include "domain/preview.h"
#include "rest/blobs.h"
#include "rest/call.h"
#include "rest/handlers.h"
#include "rest/pictures.h"

struct previewing {
    struct preview preview;
    enum err missing; /* where the file holds no such picture */
};

/* A picture is named by its file and its view, so its tag never changes its meaning.
 * Whoever keeps one asks again each time: the workbook and the rights on it may change. */
static enum err reply(struct call *call, const struct previewing *p, const void *picture,
                      size_t len)
{
    if (!picture)
        return tx_refuse(&call->tx, p->missing,
                         "The view '%.150s' has no preview image: its workbook was published "
                         "without one.",
                         p->preview.sheet);
    const char *etag =
        arena_printf(call->tx.arena, "\"%.32s-%s\"", p->preview.blob_id, p->preview.view_id);
    http_reply_header(call->http, "ETag", etag);
    http_reply_header(call->http, "Cache-Control", "private, no-cache");
    if (http_etag_listed(http_header(call->http, "If-None-Match"), etag)) {
        call->status = 304;
        return E_OK;
    }
    call->answer = picture;
    call->answer_len = len;
    call->answer_type = "image/png";
    return E_OK;
}

/* Adds to `arena` what the file holds. It was read when it was published, so a refusal
 * says that it is not what it was. */
static enum err read_file(struct call *call, const struct preview *preview, struct arena *arena,
                          const struct content_sheet **sheets_r)
{
    struct blob_file file;
    struct content *content;
    struct fault fault = {0};
    enum err err = blob_for_call(call, preview->blob_id, &file);
    if (err)
        return err;
    if (content_read(arena, file.fd, content_kind_named(preview->file_type), NULL, &content,
                     &fault)) {
        log_write(call->config->log, LOG_ERROR, "a published file cannot be read any more",
                  LOG_S("request", http_id(call->http)), LOG_S("blob", preview->blob_id),
                  LOG_S("why", fault.detail));
        return tx_refuse(&call->tx, E500000, "The file could not be read back.");
    }
    *sheets_r = content->sheets;
    return E_OK;
}

static const void *thumbnail_of(const struct content_sheet *sheet, const char *name, size_t *len_r)
{
    while (sheet && strcmp(sheet->name, name) != 0)
        sheet = sheet->next;
    *len_r = sheet ? sheet->thumbnail_len : 0;
    return sheet ? sheet->thumbnail : NULL;
}

/* Others may have waited for the same file, and one of them read it by now. */
static enum err preview_read(struct call *call)
{
    const struct previewing *p = call->state;
    const struct preview *preview = &p->preview;
    struct pictures *pictures = call->rest->pictures;
    const struct content_sheet *sheets = NULL;
    const void *picture;
    size_t len;
    if (pictures_find(pictures, call->tx.arena, preview->blob_id, preview->sheet, &picture, &len))
        return reply(call, p, picture, len);
    struct arena *scratch = arena_new(0);
    enum err err = read_file(call, preview, scratch, &sheets);
    if (!err) {
        pictures_keep(pictures, preview->blob_id, sheets);
        picture = thumbnail_of(sheets, preview->sheet, &len);
        err = reply(call, p, picture ? arena_memdup(call->tx.arena, picture, len) : NULL, len);
    }
    arena_free(&scratch);
    return err;
}

static enum err answer(struct call *call, struct previewing *p, enum err missing)
{
    const void *picture;
    size_t len;
    p->missing = missing;
    call->state = p;
    if (pictures_find(call->rest->pictures, call->tx.arena, p->preview.blob_id, p->preview.sheet,
                      &picture, &len))
        return reply(call, p, picture, len);
    return call_next(call, LANE_BLOCKING, preview_read);
}

static enum err workbook_preview_call(struct call *call)
{
    struct previewing *p = arena_zalloc(call->tx.arena, sizeof *p);
    enum err err =
        preview_of_workbook(&call->tx, call->actor, call_param(call, "workbook-id"), &p->preview);
    return err ? err : answer(call, p, E404006);
}

const struct handler rest_workbook_preview = {workbook_preview_call, STARTS_READING, false};

static enum err view_preview_call(struct call *call)
{
    struct previewing *p = arena_zalloc(call->tx.arena, sizeof *p);
    enum err err = preview_of_view(&call->tx, call->actor, call_param(call, "workbook-id"),
                                   call_param(call, "view-id"), &p->preview);
    return err ? err : answer(call, p, E404011);
}

const struct handler rest_view_preview = {view_preview_call, STARTS_READING, false};
