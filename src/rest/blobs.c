/* blobs.c: see blobs.h. */
#include "rest/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "content/repack.h"
#include "domain/blob_sweep.h"
#include "domain/upload.h"
#include "http/http.h"

enum { PIECE = 256 << 10 };

/* What went wrong is for the log; who asked learns that it did. */
static enum err failed(struct call *call, enum blob_result result, const char *why)
{
    log_write(call->config->log, LOG_ERROR, "blob store", LOG_S("request", http_id(call->http)),
              LOG_S("why", why));
    if (result == BLOB_FULL)
        return tx_refuse(&call->tx, E403008, "There is no room left to store the file.");
    return tx_refuse(&call->tx, E500000, "The file could not be stored or read back.");
}

enum err blob_of_part(struct call *call, const struct part *part, struct blob *blob_r)
{
    char why[BLOB_WHY_ROOM] = "";
    size_t len;
    const char *bytes = part_bytes(part, &len);
    struct blob_writer *writer = blob_write_begin(call->config->blobs);
    if (call->body.fd >= 0)
        blob_write_from(writer, call->body.fd, (uint64_t)(bytes - call->body.bytes), len);
    else
        blob_write(writer, bytes, len);
    enum blob_result result = blob_finish(&writer, blob_r, why, sizeof why);
    blob_stored(call, blob_r);
    return result == BLOB_OK ? E_OK : failed(call, result, why);
}

/* ---- what is not to stay */

static void add_blob(struct call *call, struct call_blob **list, const struct blob *blob)
{
    struct call_blob one = {*blob, *list};
    if (blob->fresh)
        *list = arena_memdup(call->tx.arena, &one, sizeof one);
}

void blob_stored(struct call *call, const struct blob *blob)
{
    add_blob(call, &call->stored, blob);
}

void blob_spent(struct call *call, const struct blob *blob)
{
    add_blob(call, &call->spent, blob);
}

enum err blob_upload_end(struct call *call, const struct upload *upload)
{
    struct blob *pieces;
    size_t count;
    enum err err = upload_end(&call->tx, upload->id, &pieces, &count);
    for (size_t i = 0; i < count && !err; i++)
        blob_spent(call, &pieces[i]);
    return err;
}

/* ---- the pieces of an upload */

/* A piece that is not there any more: whoever else published the upload is done with it.
 * Asked here and now, as nobody else has use for that. */
static enum err piece_failed(struct call *call, const struct upload *upload,
                             enum blob_result result, const char *why)
{
    struct upload found;
    call->tx.db = result == BLOB_ABSENT ? lanes_reader(call->config->lanes) : NULL;
    if (call->tx.db && upload_get(&call->tx, call->actor, upload->id, &found) == E404015)
        return E404015;
    return failed(call, result, why);
}

static enum err open_piece(struct call *call, const struct upload *upload, const struct blob *piece,
                           struct blob_file *file_r)
{
    char why[BLOB_WHY_ROOM] = "";
    enum blob_result result =
        blob_open(call->config->blobs, piece->id, 0, UINT64_MAX, file_r, why, sizeof why);
    return result == BLOB_OK ? E_OK : piece_failed(call, upload, result, why);
}

/* A piece that is the whole. The upload names it still, and goes on to if the call is
 * refused; so one that is young enough stays as fresh as it is (4 of domain/blob_sweep.h). */
static enum err take_piece(struct call *call, const struct upload *upload, const struct blob *piece,
                           struct blob *blob_r)
{
    char why[BLOB_WHY_ROOM] = "";
    int64_t age_ms = call->config->blob_age_ms;
    *blob_r = *piece;
    if (piece->fresh && (!age_ms || clock_now() - piece->stored_at < age_ms / 4))
        return E_OK;
    enum blob_result result = blob_renew(call->config->blobs, piece->id, blob_r, why, sizeof why);
    return result == BLOB_OK ? E_OK : piece_failed(call, upload, result, why);
}

static enum err write_piece(struct call *call, const struct upload *upload,
                            const struct blob *piece, struct blob_writer *writer)
{
    struct blob_file file;
    enum err err = open_piece(call, upload, piece, &file);
    if (err)
        return err;
    blob_write_from(writer, file.fd, file.offset, file.len);
    /* It is read no more: memory that holds it may hold what is written now. */
    posix_fadvise(file.fd, 0, 0, POSIX_FADV_DONTNEED);
    close(file.fd);
    return E_OK;
}

enum err blob_of_pieces(struct call *call, const struct upload *upload, const struct blob *pieces,
                        size_t count, struct blob *blob_r)
{
    char why[BLOB_WHY_ROOM] = "";
    enum err err = E_OK;
    if (count == 1)
        return take_piece(call, upload, pieces, blob_r);
    struct blob_writer *writer = blob_write_begin(call->config->blobs);
    for (size_t i = 0; i < count && !err; i++)
        err = write_piece(call, upload, &pieces[i], writer);
    if (err) {
        blob_abandon(&writer);
        return err;
    }
    enum blob_result result = blob_finish(&writer, blob_r, why, sizeof why);
    blob_stored(call, blob_r);
    return result == BLOB_OK ? E_OK : failed(call, result, why);
}

/* ---- blobs that are to be named, streams, and blobs to read */

enum err blob_to_name(struct call *call, const struct blob *blob)
{
    char why[BLOB_WHY_ROOM] = "";
    const struct rest_config *config = call->config;
    return blob_nameable(&call->tx, config->blobs, blob, config->blob_age_ms, why, sizeof why)
               ? E_OK
               : failed(call, BLOB_FAILED, why);
}

enum err upload_to_name(struct call *call, const struct upload *upload, const struct blob *blob)
{
    struct upload found;
    enum err err = upload ? upload_get(&call->tx, call->actor, upload->id, &found) : E_OK;
    return err ? err : blob_to_name(call, blob);
}

enum err blob_of_stream(struct call *call, struct repack *repack, struct blob *blob_r)
{
    char why[BLOB_WHY_ROOM] = "";
    char *piece = arena_alloc(call->tx.arena, PIECE);
    ptrdiff_t got;
    struct blob_writer *writer = blob_write_begin(call->config->blobs);
    while ((got = repack_read(repack, piece, PIECE, &call->tx.fault)) > 0)
        blob_write(writer, piece, (size_t)got);
    if (got < 0) {
        blob_abandon(&writer);
        return call->tx.fault.err;
    }
    enum blob_result result = blob_finish(&writer, blob_r, why, sizeof why);
    return result == BLOB_OK ? E_OK : failed(call, result, why);
}

static void close_file(void *thing)
{
    close(((const struct blob_file *)thing)->fd);
}

static void close_with_call(struct call *call, const struct blob_file *file)
{
    arena_on_free(call->tx.arena, close_file, arena_memdup(call->tx.arena, file, sizeof *file));
}

enum err blob_for_call(struct call *call, const char *id, struct blob_file *file_r)
{
    char why[BLOB_WHY_ROOM] = "";
    enum blob_result result =
        blob_open(call->config->blobs, id, 0, UINT64_MAX, file_r, why, sizeof why);
    if (result != BLOB_OK)
        return failed(call, result, why);
    close_with_call(call, file_r);
    return E_OK;
}

enum err piece_for_call(struct call *call, const struct upload *upload, const struct blob *piece,
                        struct blob_file *file_r)
{
    enum err err = open_piece(call, upload, piece, file_r);
    if (!err)
        close_with_call(call, file_r);
    return err;
}

/* ---- files of the call's own */

static enum err scratch_failed(struct call *call)
{
    char why[BLOB_WHY_ROOM];
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    snprintf(why, sizeof why, "cannot write a file in %s: %s", call->config->spool,
             strerror(errno));
    return failed(call, full ? BLOB_FULL : BLOB_FAILED, why);
}

static void close_scratch(void *fd)
{
    close(*(const int *)fd);
}

static enum err scratch_for_call(struct call *call, int *fd_r)
{
    int fd = file_nameless(call->config->spool);
    if (fd < 0)
        return scratch_failed(call);
    arena_on_free(call->tx.arena, close_scratch, arena_memdup(call->tx.arena, &fd, sizeof fd));
    *fd_r = fd;
    return E_OK;
}

static enum err scratch_write(struct call *call, int fd, const void *bytes, size_t len,
                              uint64_t offset)
{
    return file_pwrite(fd, bytes, len, offset) ? E_OK : scratch_failed(call);
}

/* `len` bytes of one file from `offset` on to another; *at is where they go. */
static enum err copy_range(struct call *call, int from, uint64_t offset, uint64_t len, int to,
                           uint64_t *at)
{
    char *piece = arena_alloc(call->tx.arena, PIECE);
    enum err err = E_OK;
    while (len && !err) {
        size_t want = len < PIECE ? (size_t)len : PIECE;
        if (file_pread(from, piece, want, offset) != (ptrdiff_t)want)
            return failed(call, BLOB_FAILED, "a file is shorter than it was");
        err = scratch_write(call, to, piece, want, *at);
        offset += want;
        len -= want;
        *at += want;
    }
    return err;
}

enum err file_of_part(struct call *call, const struct part *part, int *fd_r)
{
    size_t len;
    uint64_t at = 0;
    const char *bytes = part_bytes(part, &len);
    enum err err = scratch_for_call(call, fd_r);
    if (err)
        return err;
    if (call->body.fd < 0)
        return scratch_write(call, *fd_r, bytes, len, 0);
    return copy_range(call, call->body.fd, (uint64_t)(bytes - call->body.bytes), len, *fd_r, &at);
}

static enum err add_piece(struct call *call, const struct upload *upload, const struct blob *piece,
                          int to, uint64_t *at)
{
    struct blob_file file;
    enum err err = open_piece(call, upload, piece, &file);
    if (err)
        return err;
    err = copy_range(call, file.fd, file.offset, file.len, to, at);
    close(file.fd);
    return err;
}

enum err file_of_pieces(struct call *call, const struct upload *upload, const struct blob *pieces,
                        size_t count, int *fd_r)
{
    uint64_t at = 0;
    enum err err = scratch_for_call(call, fd_r);
    for (size_t i = 0; i < count && !err; i++)
        err = add_piece(call, upload, &pieces[i], *fd_r, &at);
    return err;
}

/* ---- answers */

static bool is_ascii(const char *text)
{
    while ((signed char)*text > 0)
        text++;
    return !*text;
}

/* name="tableau_workbook"; filename="Name.twbx"; filename*=UTF-8''Name.twbx
 * A name beyond ASCII stands in filename* alone: clients that find a filename take it,
 * and take its bytes for ISO-8859-1. Slashes are part of names here, but not of files: clients take
 * what is before one for a directory, and leave it out. */
static const char *disposition(struct arena *arena, const char *part_name, const char *name)
{
    char *file_name = arena_strdup(arena, name);
    for (char *p = file_name; *p; p++)
        *p = *p == '/' || *p == '\\' ? '_' : *p;
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    struct buf out;
    buf_init(&out, arena, 0);
    buf_addf(&out, "name=\"%s\"; ", part_name);
    if (is_ascii(file_name)) {
        buf_adds(&out, "filename=\"");
        for (const char *p = file_name; *p; p++)
            buf_addc(&out, (unsigned char)*p < 0x20 || *p == '"' || *p == 0x7F ? '_' : *p);
        buf_adds(&out, "\"; ");
    }
    buf_adds(&out, "filename*=UTF-8''");
    for (const char *p = file_name; *p; p++) {
        if (strchr(plain, *p))
            buf_addc(&out, *p);
        else
            buf_addf(&out, "%%%02X", (unsigned char)*p);
    }
    return out.bytes;
}

/* Conditions come before ranges (RFC 9110, section 13.2.2): whoever has the file as it
 * is learns so, whatever part of it was asked for. As rights may change, whoever keeps it
 * asks again each time. */
static bool is_known(struct call *call, const char *etag)
{
    http_reply_header(call->http, "Cache-Control", "private, no-cache");
    if (!http_etag_listed(http_header(call->http, "If-None-Match"), etag))
        return false;
    http_reply_header(call->http, "ETag", etag);
    call->status = 304;
    return true;
}

enum err reply_blob(struct call *call, const char *blob_id, const char *file_name,
                    const char *part_name, const char *type)
{
    char why[BLOB_WHY_ROOM] = "";
    struct blob blob;
    struct blob_file file = {.fd = -1};
    const char *etag = arena_printf(call->tx.arena, "\"%.32s\"", blob_id);
    enum blob_result result = blob_find(call->config->blobs, blob_id, &blob, why, sizeof why);
    if (result != BLOB_OK)
        return failed(call, result, why);
    if (is_known(call, etag))
        return E_OK;
    struct http_part part = http_part_asked(call->http, etag, blob.size);
    if (part.status != 416)
        result =
            blob_open(call->config->blobs, blob_id, part.first, part.len, &file, why, sizeof why);
    if (result != BLOB_OK)
        return failed(call, result, why);
    http_reply_header(call->http, "Content-Disposition",
                      disposition(call->tx.arena, part_name, file_name));
    call->file = (struct call_file){
        part, arena_strdup(call->tx.arena, type), etag, file.fd, file.offset, true};
    return E_OK;
}
