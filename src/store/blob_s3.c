/* blob_s3.c: blobs as objects of a storage service, BUCKET/[PREFIX/]abcdef...
 *
 * A blob is staged in a local file first, so that its name is known before a byte is
 * sent: what is there already is not sent again, a failure leaves no object that is
 * not whole, and a part that fails can be sent again. Large ones go in parts
 * (multipart upload), which appear together or not at all.
 *
 * The service's time of last change says when a blob was stored; finding it again
 * renews that by a copy onto itself. It counts whole seconds and can't tell who was first,
 * so no blob is fresh here. The service has no lock to offer: within this
 * process none is deleted that a writer was just told to be there, between processes
 * there is a moment between the look at its age and the deletion. Nodes of one
 * PostgreSQL close it by a lock there (domain/blob_sweep.h); beside a server on SQLite
 * `easel fsck` that deletes is the one process that can meet it.
 *
 * Reading fetches the range that is asked for into a file without a name. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "store/blob_priv.h"
#include "store/s3.h"

enum { PREFIX_ROOM = 512, ETAG_MOST = 128, PARTS_MOST = 9000 };

/* Sizes of the service: a part has 5 MiB at least, an upload 10,000 parts at most, a
 * copy in one request 5 GiB at most. */
static const uint64_t PART = 16u << 20, COPY_MOST = (uint64_t)5 << 30;

struct store {
    struct blobs blobs;
    struct s3 *s3;
    char prefix[PREFIX_ROOM]; /* "" or with its '/' */
    pthread_rwlock_t lock;    /* as DIR/lock in blob_files.c */
};

static struct store *store_of(struct blobs *blobs)
{
    return (struct store *)blobs;
}

static const char *key_of(const struct store *store, struct arena *arena, const char *id)
{
    return arena_printf(arena, "%s%s", store->prefix, id);
}

static enum blob_result failed(struct blob_telling to, const char *what, const char *id,
                               const struct s3_answer *answer)
{
    return blob_say(to, answer->full ? BLOB_FULL : BLOB_FAILED, "cannot %s%s%s on S3: %s", what,
                    *id ? " " : "", id, answer->why);
}

/* ---- storing */

static bool ask(struct store *store, struct arena *arena, const struct s3_request *request,
                struct s3_answer *answer_r)
{
    s3_ask(store->s3, arena, request, answer_r);
    return answer_r->status / 100 == 2;
}

/* The upload's parts one after the other; `list` becomes the document that ends it. */
static bool send_parts(struct store *store, struct arena *arena, int fd, const struct blob *blob,
                       const char *upload, struct buf *list, struct s3_answer *answer_r)
{
    uint64_t part = blob->size / PARTS_MOST > PART ? blob->size / PARTS_MOST : PART;
    unsigned number = 0;
    for (uint64_t at = 0; at < blob->size; at += part) {
        uint64_t left = blob->size - at;
        struct s3_request request = {
            .verb = "PUT",
            .key = key_of(store, arena, blob->id),
            .query = arena_printf(arena, "partNumber=%u&uploadId=%s", ++number, upload),
            .fd = fd,
            .offset = at,
            .len = left < part ? left : part,
            .into = -1};
        if (!ask(store, arena, &request, answer_r))
            return false;
        if (!*answer_r->etag || strlen(answer_r->etag) > ETAG_MOST ||
            strpbrk(answer_r->etag, "<>&")) {
            answer_r->why = "its answer to a part has no ETag";
            return false;
        }
        buf_addf(list, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", number,
                 answer_r->etag);
    }
    return true;
}

static bool begin_upload(struct store *store, struct arena *arena, const struct blob *blob,
                         const char **upload_r, struct s3_answer *answer_r)
{
    struct s3_request request = {.verb = "POST",
                                 .key = key_of(store, arena, blob->id),
                                 .query = "uploads=",
                                 .fd = -1,
                                 .into = -1};
    if (!ask(store, arena, &request, answer_r))
        return false;
    const char *at = answer_r->body;
    const char *upload = s3_element(arena, &at, at + strlen(at), "UploadId");
    if (!upload || !*upload || strlen(upload) > 1024) {
        answer_r->why = "its answer has no UploadId";
        return false;
    }
    *upload_r = s3_escape(arena, upload);
    return true;
}

/* Frees the parts that are there. Best effort: docs/operations.md tells how the
 * service does it by itself. */
static void abort_upload(struct store *store, struct arena *arena, const struct blob *blob,
                         const char *upload)
{
    struct s3_answer unused;
    struct s3_request request = {.verb = "DELETE",
                                 .key = key_of(store, arena, blob->id),
                                 .query = arena_printf(arena, "uploadId=%s", upload),
                                 .fd = -1,
                                 .into = -1};
    ask(store, arena, &request, &unused);
}

static bool send_large(struct store *store, struct arena *arena, int fd, const struct blob *blob,
                       struct s3_answer *answer_r)
{
    const char *upload;
    struct buf list;
    if (!begin_upload(store, arena, blob, &upload, answer_r))
        return false;
    buf_init(&list, arena, 0);
    buf_adds(&list, "<CompleteMultipartUpload>");
    bool ok = send_parts(store, arena, fd, blob, upload, &list, answer_r);
    buf_adds(&list, "</CompleteMultipartUpload>");
    struct s3_request request = {.verb = "POST",
                                 .key = key_of(store, arena, blob->id),
                                 .query = arena_printf(arena, "uploadId=%s", upload),
                                 .text = list.bytes,
                                 .fd = -1,
                                 .into = -1};
    ok = ok && ask(store, arena, &request, answer_r);
    if (!ok)
        abort_upload(store, arena, blob, upload);
    return ok;
}

static bool send_small(struct store *store, struct arena *arena, int fd, const struct blob *blob,
                       struct s3_answer *answer_r)
{
    struct s3_request request = {.verb = "PUT",
                                 .key = key_of(store, arena, blob->id),
                                 .fd = fd,
                                 .len = blob->size,
                                 .hash = blob->id, /* that is what it is */
                                 .into = -1};
    return ask(store, arena, &request, answer_r);
}

static void look(struct store *store, struct arena *arena, const char *id,
                 struct s3_answer *answer_r)
{
    struct s3_request request = {
        .verb = "HEAD", .key = key_of(store, arena, id), .fd = -1, .into = -1};
    ask(store, arena, &request, answer_r);
}

/* True where it is there already and has its length; then it counts as new. */
static bool found_again(struct store *store, struct arena *arena, const struct blob *blob)
{
    struct s3_answer answer;
    const char *key = key_of(store, arena, blob->id);
    look(store, arena, blob->id, &answer);
    if (answer.status != 200 || answer.len != blob->size || blob->size > COPY_MOST)
        return false;
    struct s3_request renew = {
        .verb = "PUT",
        .key = key,
        .headers = {{"x-amz-copy-source", arena_printf(arena, "%s/%s", s3_path(store->s3), key)},
                    {"x-amz-metadata-directive", "REPLACE"}},
        .header_count = 2,
        .fd = -1,
        .into = -1};
    return ask(store, arena, &renew, &answer);
}

static enum blob_result send_all(struct store *store, struct blob_stage *stage, struct blob *blob,
                                 struct blob_telling to)
{
    struct arena *arena = arena_new(0);
    struct s3_answer answer = {.why = ""};
    enum blob_result result = BLOB_OK;
    if (!found_again(store, arena, blob) &&
        !(blob->size > PART ? send_large : send_small)(store, arena, stage->fd, blob, &answer))
        result = failed(to, "store", blob->id, &answer);
    blob->stored_at = clock_now();
    arena_free(&arena);
    return result;
}

static enum blob_result s3_keep(struct blobs *blobs, struct blob_stage *stage, struct blob *blob,
                                struct blob_telling to)
{
    struct store *store = store_of(blobs);
    pthread_rwlock_rdlock(&store->lock);
    enum blob_result result = send_all(store, stage, blob, to);
    pthread_rwlock_unlock(&store->lock);
    if (result == BLOB_OK) {
        unlink(stage->path);
        stage->path[0] = '\0';
    }
    return result;
}

/* ---- reading */

static enum blob_result find(struct store *store, struct arena *arena, const char *id,
                             struct blob *blob_r, struct blob_telling to)
{
    struct s3_answer answer;
    look(store, arena, id, &answer);
    if (answer.status == 404)
        return blob_say(to, BLOB_ABSENT, "there is no blob %s", id);
    if (answer.status != 200)
        return failed(to, "find", id, &answer);
    *blob_r = (struct blob){.size = answer.len, .stored_at = answer.changed_at};
    memcpy(blob_r->id, id, BLOB_ID_ROOM);
    return BLOB_OK;
}

static enum blob_result s3_find(struct blobs *blobs, const char *id, struct blob *blob_r,
                                struct blob_telling to)
{
    struct arena *arena = arena_new(0);
    enum blob_result result = find(store_of(blobs), arena, id, blob_r, to);
    arena_free(&arena);
    return result;
}

static enum blob_result renew(struct store *store, struct arena *arena, const char *id,
                              struct blob *blob_r, struct blob_telling to)
{
    enum blob_result result = find(store, arena, id, blob_r, to);
    if (result != BLOB_OK)
        return result;
    if (!found_again(store, arena, blob_r))
        return blob_say(to, BLOB_FAILED, "cannot renew %s on S3", id);
    return find(store, arena, id, blob_r, to);
}

static enum blob_result s3_renew(struct blobs *blobs, const char *id, struct blob *blob_r,
                                 struct blob_telling to)
{
    struct store *store = store_of(blobs);
    struct arena *arena = arena_new(0);
    pthread_rwlock_rdlock(&store->lock);
    enum blob_result result = renew(store, arena, id, blob_r, to);
    pthread_rwlock_unlock(&store->lock);
    arena_free(&arena);
    return result;
}

static enum blob_result fetch(struct store *store, struct arena *arena, const struct blob *blob,
                              uint64_t from, const struct blob_file *file, struct blob_telling to)
{
    struct s3_answer answer;
    struct s3_request request = {
        .verb = "GET", .key = key_of(store, arena, blob->id), .fd = -1, .into = file->fd};
    bool part = file->len != blob->size;
    if (part)
        request.headers[request.header_count++] = (struct s3_header){
            "range", arena_printf(arena, "bytes=%" PRIu64 "-%" PRIu64, from, from + file->len - 1)};
    ask(store, arena, &request, &answer);
    if (answer.status == 404)
        return blob_say(to, BLOB_ABSENT, "there is no blob %s", blob->id);
    if (answer.status == (part ? 206 : 200) && answer.len == file->len)
        return BLOB_OK;
    if (answer.status / 100 == 2)
        answer.why = "other bytes came than were asked for";
    return failed(to, "read", blob->id, &answer);
}

static enum blob_result open_part(struct store *store, struct arena *arena, const char *id,
                                  uint64_t offset, uint64_t len, struct blob_file *file_r,
                                  struct blob_telling to)
{
    struct blob blob = {.size = 0};
    struct blob_stage stage;
    enum blob_result result = find(store, arena, id, &blob, to);
    if (result == BLOB_OK)
        result = blob_stage_open(store->blobs.staging, &stage, to);
    if (result != BLOB_OK)
        return result;
    unlink(stage.path);
    uint64_t from = offset < blob.size ? offset : blob.size, left = blob.size - from;
    *file_r = (struct blob_file){.fd = stage.fd, .len = len < left ? len : left};
    if (file_r->len)
        result = fetch(store, arena, &blob, from, file_r, to);
    if (result != BLOB_OK) {
        close(file_r->fd);
        file_r->fd = -1;
    }
    return result;
}

static enum blob_result s3_open(struct blobs *blobs, const char *id, uint64_t offset, uint64_t len,
                                struct blob_file *file_r, struct blob_telling to)
{
    struct arena *arena = arena_new(0);
    enum blob_result result = open_part(store_of(blobs), arena, id, offset, len, file_r, to);
    arena_free(&arena);
    return result;
}

/* ---- the checker's */

struct walk {
    struct store *store;
    bool (*visit)(void *context, const struct blob *blob);
    void *context;
    const char *next; /* the service's token for the next page */
    bool ended;
};

/* One member of a list; what is no blob is passed over. */
static void visit_one(struct walk *walk, struct arena *arena, const char *at, const char *end)
{
    const char *from = at, *key = s3_element(arena, &from, end, "Key");
    from = at;
    const char *size = s3_element(arena, &from, end, "Size");
    from = at;
    const char *changed = s3_element(arena, &from, end, "LastModified");
    size_t prefix = strlen(walk->store->prefix);
    struct blob blob = {.size = size ? strtoull(size, NULL, 10) : 0};
    if (!key || !size || !changed || strncmp(key, walk->store->prefix, prefix) != 0 ||
        !blob_id_valid(key + prefix) || !clock_parse_iso(changed, &blob.stored_at))
        return;
    memcpy(blob.id, key + prefix, BLOB_ID_ROOM);
    walk->ended = !walk->visit(walk->context, &blob);
}

static void visit_page(struct walk *walk, struct arena *arena, const char *body)
{
    const char *end = body + strlen(body), *at = body;
    while (!walk->ended) {
        const char *from = at;
        if (!s3_element(arena, &at, end, "Contents"))
            break;
        visit_one(walk, arena, from, at);
    }
    at = body;
    walk->next = s3_element(arena, &at, end, "NextContinuationToken");
    walk->ended = walk->ended || !walk->next || !*walk->next;
}

static enum blob_result walk_page(struct walk *walk, struct arena *arena, const char *token,
                                  struct blob_telling to)
{
    struct s3_answer answer;
    struct s3_request request = {
        .verb = "GET",
        .key = "",
        .query = arena_printf(arena, "%s%s%slist-type=2&max-keys=1000&prefix=%s",
                              *token ? "continuation-token=" : "", s3_escape(arena, token),
                              *token ? "&" : "", s3_escape(arena, walk->store->prefix)),
        .fd = -1,
        .into = -1};
    if (!ask(walk->store, arena, &request, &answer))
        return failed(to, "list the blobs", "", &answer);
    visit_page(walk, arena, answer.body);
    return BLOB_OK;
}

static enum blob_result s3_walk(struct blobs *blobs,
                                bool (*visit)(void *context, const struct blob *blob),
                                void *context, struct blob_telling to)
{
    struct walk walk = {.store = store_of(blobs), .visit = visit, .context = context};
    enum blob_result result = BLOB_OK;
    char *token = strdup("");
    while (!walk.ended && result == BLOB_OK) {
        struct arena *arena = arena_new(0);
        result = walk_page(&walk, arena, token, to);
        free(token);
        token = strdup(walk.next ? walk.next : "");
        walk.next = NULL;
        arena_free(&arena);
    }
    free(token);
    return result;
}

static enum blob_result write_owner(struct store *store, struct arena *arena, const char *owner,
                                    struct blob_telling to)
{
    struct blob_stage stage;
    struct s3_answer answer;
    size_t len = strlen(owner);
    enum blob_result result = blob_stage_open(store->blobs.staging, &stage, to);
    if (result != BLOB_OK)
        return result;
    result = blob_stage_add(&stage, owner, len, to);
    struct s3_request put = {.verb = "PUT",
                             .key = key_of(store, arena, BLOB_OWNER),
                             .fd = stage.fd,
                             .len = len,
                             .into = -1};
    if (result == BLOB_OK && !ask(store, arena, &put, &answer))
        result = failed(to, "claim the store", "", &answer);
    blob_stage_drop(&stage);
    return result;
}

/* What is written is read again: of two who find nothing, the later is the owner. */
static enum blob_result own(struct store *store, struct arena *arena, const char *owner,
                            char found_r[BLOB_OWNER_ROOM], struct blob_telling to)
{
    struct s3_answer answer;
    struct s3_request get = {
        .verb = "GET", .key = key_of(store, arena, BLOB_OWNER), .fd = -1, .into = -1};
    enum blob_result result = BLOB_OK;
    ask(store, arena, &get, &answer);
    if (answer.status == 404) {
        result = write_owner(store, arena, owner, to);
        if (result == BLOB_OK)
            ask(store, arena, &get, &answer);
    }
    if (result == BLOB_OK && answer.status != 200)
        result = failed(to, "claim the store", "", &answer);
    if (result == BLOB_OK)
        snprintf(found_r, BLOB_OWNER_ROOM, "%s", answer.body);
    return result;
}

static enum blob_result s3_claim(struct blobs *blobs, const char *owner,
                                 char found_r[BLOB_OWNER_ROOM], struct blob_telling to)
{
    struct arena *arena = arena_new(0);
    enum blob_result result = own(store_of(blobs), arena, owner, found_r, to);
    arena_free(&arena);
    return result;
}

static enum blob_result remove_if_old(struct store *store, struct arena *arena, const char *id,
                                      int64_t before, struct blob_telling to)
{
    struct blob blob = {.size = 0};
    struct s3_answer answer;
    enum blob_result result = find(store, arena, id, &blob, to);
    if (result != BLOB_OK)
        return result;
    if (blob.stored_at >= before)
        return blob_say(to, BLOB_IN_USE, "blob %s was stored or found again just now", id);
    struct s3_request request = {
        .verb = "DELETE", .key = key_of(store, arena, id), .fd = -1, .into = -1};
    return ask(store, arena, &request, &answer) ? BLOB_OK : failed(to, "delete", id, &answer);
}

static enum blob_result s3_remove(struct blobs *blobs, const char *id, int64_t before,
                                  struct blob_telling to)
{
    struct store *store = store_of(blobs);
    struct arena *arena = arena_new(0);
    pthread_rwlock_wrlock(&store->lock);
    enum blob_result result = remove_if_old(store, arena, id, before, to);
    pthread_rwlock_unlock(&store->lock);
    arena_free(&arena);
    return result;
}

/* ---- the store */

static void s3_close(struct blobs *blobs)
{
    struct store *store = store_of(blobs);
    s3_free(&store->s3);
    pthread_rwlock_destroy(&store->lock);
    free(store);
}

static const struct blob_kind s3_kind = {.close = s3_close,
                                         .keep = s3_keep,
                                         .renew = s3_renew,
                                         .find = s3_find,
                                         .open = s3_open,
                                         .walk = s3_walk,
                                         .claim = s3_claim,
                                         .remove = s3_remove};

/* SCHEME://HOST/BUCKET[/PREFIX] in two; a prefix is kept with one '/' at its end. */
static bool split(const char *where, char bucket[PREFIX_ROOM], char prefix[PREFIX_ROOM])
{
    const char *host = strstr(where, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    const char *slash = path ? strchr(path + 1, '/') : NULL;
    const char *rest = slash ? slash + 1 : "";
    size_t len = slash ? (size_t)(slash - where) : strlen(where), end = strlen(rest);
    while (end && rest[end - 1] == '/')
        end--;
    snprintf(bucket, PREFIX_ROOM, "%.*s", (int)len, where);
    snprintf(prefix, PREFIX_ROOM, "%.*s%s", (int)end, rest, end ? "/" : "");
    bool fits = len < PREFIX_ROOM && end + 1 < PREFIX_ROOM;
    return fits && strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._/") == strlen(prefix);
}

struct blobs *blob_s3_open(const char *where, const struct blobs_config *config,
                           struct blob_telling to)
{
    char bucket[PREFIX_ROOM];
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        abort();
    store->blobs.kind = &s3_kind;
    pthread_rwlock_init(&store->lock, NULL);
    snprintf(store->blobs.staging, sizeof store->blobs.staging, "%s", config->staging);
    struct blobs *blobs = &store->blobs;
    if (!split(where, bucket, store->prefix))
        blob_say(to, BLOB_FAILED, "the prefix of a store on S3 is of letters, digits and -._/");
    else if ((store->s3 = s3_new(bucket, config->region, config->access_key, config->secret_key,
                                 to.text, to.size)) &&
             blob_directory(config->staging, to) == BLOB_OK)
        return blobs;
    blobs_close(&blobs);
    return NULL;
}
