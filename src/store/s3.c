/* s3.c: one request to the service, by libcurl; see s3.h. */
#include "store/s3.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/ident.h"
#include "net/curl.h"

enum {
    IDLE_MOST = 8,       /* connections kept for the next request */
    BODY_MOST = 4 << 20, /* of an answer in memory: a list of 1000 keys takes some 400 KB */
    TRIES = 3,
    PAUSE_MS = 200, /* before the second try; four times that before the third */
    CONNECT_S = 10,
    STALLED_S = 60, /* without a byte in either direction */
    PIECE = 256 * 1024,
    HASH_TEXT = HASH_HEX_ROOM,
    DATE_ROOM = 20,
};

struct s3 {
    char *base; /* SCHEME://HOST[:PORT] */
    char *host; /* HOST[:PORT], as it is signed */
    char *path; /* /BUCKET */
    char *region, *access_key, *secret_key;
    pthread_mutex_t lock; /* idle, idle_count */
    CURL *idle[IDLE_MOST];
    unsigned idle_count;
};

/* One try of one request. */
struct attempt {
    const struct s3_request *request;
    struct arena *arena;
    struct buf body;
    uint64_t sent, received;
    const char *etag;
    int broken; /* errno of our own file */
    CURL *curl;
    char message[CURL_ERROR_SIZE];
};

/* ---- the service */

static bool plain(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("-._/", *text))
            return false;
    return true;
}

/* Splits SCHEME://HOST[:PORT]/BUCKET. A name or password in it is refused. */
static bool take_where(struct s3 *s3, const char *where)
{
    const char *host = strstr(where, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path || path == host + 3 || !path[1] || strchr(path + 1, '/') || !plain(path))
        return false;
    if (strncmp(where, "http://", 7) != 0 && strncmp(where, "https://", 8) != 0)
        return false;
    s3->base = strndup(where, (size_t)(path - where));
    s3->host = strndup(host + 3, (size_t)(path - host - 3));
    s3->path = strdup(path);
    return !strpbrk(s3->host, "@?# ");
}

struct s3 *s3_new(const char *where, const char *region, const char *access_key,
                  const char *secret_key, char *why, size_t why_size)
{
    struct s3 *s3 = calloc(1, sizeof *s3);
    if (!s3)
        abort();
    pthread_mutex_init(&s3->lock, NULL);
    if (!curl_library())
        snprintf(why, why_size, "a store on S3 needs libcurl, which cannot be loaded");
    else if (!take_where(s3, where))
        snprintf(why, why_size,
                 "a store on S3 is named s3:https://HOST/BUCKET or "
                 "s3:https://HOST/BUCKET/PREFIX");
    else if (!region || !*region || !access_key || !*access_key || !secret_key || !*secret_key)
        snprintf(why, why_size,
                 "a store on S3 needs s3-region, s3-access-key and the variable "
                 "EASEL_S3_SECRET_KEY");
    else {
        s3->region = strdup(region);
        s3->access_key = strdup(access_key);
        s3->secret_key = strdup(secret_key);
        return s3;
    }
    s3_free(&s3);
    return NULL;
}

void s3_free(struct s3 **s3_p)
{
    struct s3 *s3 = *s3_p;
    *s3_p = NULL;
    if (!s3)
        return;
    while (s3->idle_count)
        curl_library()->easy_cleanup(s3->idle[--s3->idle_count]);
    pthread_mutex_destroy(&s3->lock);
    if (s3->secret_key)
        secret_wipe(s3->secret_key, strlen(s3->secret_key));
    free(s3->secret_key);
    free(s3->access_key);
    free(s3->region);
    free(s3->path);
    free(s3->host);
    free(s3->base);
    free(s3);
}

const char *s3_path(const struct s3 *s3)
{
    return s3->path;
}

static CURL *take_handle(struct s3 *s3)
{
    CURL *curl = NULL;
    pthread_mutex_lock(&s3->lock);
    if (s3->idle_count)
        curl = s3->idle[--s3->idle_count];
    pthread_mutex_unlock(&s3->lock);
    if (!curl && !(curl = curl_library()->easy_init())) {
        fputs("easel: out of memory\n", stderr);
        abort();
    }
    return curl;
}

static void give_handle(struct s3 *s3, CURL *curl)
{
    curl_library()->easy_reset(curl); /* the connection stays */
    pthread_mutex_lock(&s3->lock);
    if (s3->idle_count < IDLE_MOST) {
        s3->idle[s3->idle_count++] = curl;
        curl = NULL;
    }
    pthread_mutex_unlock(&s3->lock);
    if (curl)
        curl_library()->easy_cleanup(curl);
}

/* ---- bytes, both ways */

static size_t send_piece(char *out, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    const struct s3_request *request = attempt->request;
    uint64_t left = request->len - attempt->sent;
    size_t room = size * count, want = left < room ? (size_t)left : room;
    if (!want)
        return 0;
    ssize_t n = pread(request->fd, out, want, (off_t)(request->offset + attempt->sent));
    if (n <= 0) {
        attempt->broken = n < 0 ? errno : ENODATA;
        return CURL_READFUNC_ABORT;
    }
    attempt->sent += (uint64_t)n;
    return (size_t)n;
}

static int seek_piece(void *arg, curl_off_t offset, int origin)
{
    struct attempt *attempt = arg;
    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    attempt->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static bool write_into(struct attempt *attempt, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = pwrite(attempt->request->into, bytes, len, (off_t)attempt->received);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            attempt->broken = n < 0 ? errno : ENOSPC;
            return false;
        }
        attempt->received += (uint64_t)n;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static size_t receive_piece(char *bytes, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t len = size * count;
    long status = 0;
    curl_library()->easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &status);
    if (attempt->request->into >= 0 && status / 100 == 2)
        return write_into(attempt, bytes, len) ? len : 0;
    buf_add(&attempt->body, bytes, len);
    attempt->received += len;
    return buf_ok(&attempt->body) ? len : 0;
}

static size_t receive_header(char *line, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t len = size * count;
    if (len > 5 && strncasecmp(line, "etag:", 5) == 0) {
        size_t from = 5;
        while (from < len && line[from] == ' ')
            from++;
        size_t end = len;
        while (end > from && isspace((unsigned char)line[end - 1]))
            end--;
        attempt->etag = arena_strndup(attempt->arena, line + from, end - from);
    }
    return len;
}

/* ---- the request */

static bool hash_file(const struct s3_request *request, char hex[HASH_TEXT])
{
    char *piece = malloc(PIECE);
    struct hash *hash = hash_new();
    uint64_t at = 0;
    ssize_t n = piece ? 1 : 0;
    while (at < request->len && n > 0) {
        uint64_t left = request->len - at;
        n = pread(request->fd, piece, left < PIECE ? (size_t)left : PIECE,
                  (off_t)(request->offset + at));
        if (n > 0) {
            hash_add(hash, piece, (size_t)n);
            at += (uint64_t)n;
        }
    }
    hash_end_hex(hash, hex);
    hash_free(&hash);
    free(piece);
    return at == request->len;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct s3_header *)a)->name, ((const struct s3_header *)b)->name);
}

static void date_now(char out[DATE_ROOM])
{
    time_t now = (time_t)(clock_now() / 1000);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(out, DATE_ROOM, "%Y%m%dT%H%M%SZ", &tm);
}

/* Signed anew at each try, as a signature is good for a quarter of an hour. */
static struct curl_slist *signed_headers(const struct s3 *s3, struct arena *arena,
                                         const struct s3_request *request, const char *path,
                                         const char *hash)
{
    struct s3_header headers[S3_HEADERS_MOST + 3];
    char date[DATE_ROOM];
    size_t count = 0;
    date_now(date);
    headers[count++] = (struct s3_header){"host", s3->host};
    headers[count++] = (struct s3_header){"x-amz-content-sha256", hash};
    headers[count++] = (struct s3_header){"x-amz-date", date};
    for (size_t i = 0; i < request->header_count; i++)
        headers[count++] = request->headers[i];
    qsort(headers, count, sizeof *headers, by_name);
    struct s3_signing signing = {.region = s3->region,
                                 .access_key = s3->access_key,
                                 .secret_key = s3->secret_key,
                                 .verb = request->verb,
                                 .path = path,
                                 .query = request->query ? request->query : "",
                                 .headers = headers,
                                 .header_count = count,
                                 .payload_hash = hash,
                                 .date = date};
    /* No waiting for "100 Continue", and no type that nobody asked for. */
    struct curl_slist *list = curl_library()->slist_append(NULL, "Expect:");
    list = curl_library()->slist_append(list, "Content-Type:");
    for (size_t i = 0; i < count; i++)
        list = curl_library()->slist_append(
            list, arena_printf(arena, "%s: %s", headers[i].name, headers[i].value));
    return curl_library()->slist_append(
        list, arena_printf(arena, "authorization: %s", s3_sign(arena, &signing)));
}

static void set_payload(struct attempt *attempt)
{
    const struct s3_request *request = attempt->request;
    CURL *curl = attempt->curl;
    if (strcmp(request->verb, "HEAD") == 0) {
        curl_library()->easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(request->verb, "PUT") == 0) {
        curl_library()->easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_library()->easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->len);
        curl_library()->easy_setopt(curl, CURLOPT_READFUNCTION, send_piece);
        curl_library()->easy_setopt(curl, CURLOPT_READDATA, attempt);
        curl_library()->easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_piece);
        curl_library()->easy_setopt(curl, CURLOPT_SEEKDATA, attempt);
    } else if (strcmp(request->verb, "POST") == 0) {
        const char *text = request->text ? request->text : "";
        curl_library()->easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
        curl_library()->easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    } else {
        curl_library()->easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->verb);
    }
}

static void set_options(struct attempt *attempt, const char *url, struct curl_slist *headers)
{
    CURL *curl = attempt->curl;
    curl_library()->easy_setopt(curl, CURLOPT_URL, url);
    curl_library()->easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_library()->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_library()->easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_library()->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_library()->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_library()->easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_library()->easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALLED_S);
    curl_library()->easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)PIECE);
    curl_library()->easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)PIECE);
    curl_library()->easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_library()->easy_setopt(curl, CURLOPT_FILETIME, 1L);
    curl_library()->easy_setopt(curl, CURLOPT_ERRORBUFFER, attempt->message);
    curl_library()->easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_piece);
    curl_library()->easy_setopt(curl, CURLOPT_WRITEDATA, attempt);
    curl_library()->easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_library()->easy_setopt(curl, CURLOPT_HEADERDATA, attempt);
    set_payload(attempt);
}

/* ---- the answer */

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            return false;
    return true;
}

/* What the service says of its error: a code and a sentence. */
static void explain(struct arena *arena, struct s3_answer *answer)
{
    const char *end = answer->body + strlen(answer->body), *at = answer->body;
    const char *code = s3_element(arena, &at, end, "Code");
    at = answer->body;
    const char *message = s3_element(arena, &at, end, "Message");
    code = code && printable(code) ? code : "";
    message = message && printable(message) ? message : "";
    answer->why = arena_printf(arena, "status %d%s%.64s%s%.200s", answer->status, *code ? " " : "",
                               code, *message ? ": " : "", message);
    answer->full = answer->status == 507 || strstr(code, "Quota") || strstr(code, "StorageFull") ||
                   strcmp(code, "EntityTooLarge") == 0;
}

/* Some answers turn out to be errors after they began with 200. */
static bool is_late_error(const struct s3_answer *answer)
{
    return answer->status == 200 && strstr(answer->body, "<Error>");
}

static void take_answer(struct attempt *attempt, CURLcode code, struct s3_answer *answer)
{
    long status = 0, changed = -1;
    curl_off_t told = -1;
    curl_library()->easy_getinfo(attempt->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_library()->easy_getinfo(attempt->curl, CURLINFO_FILETIME, &changed);
    curl_library()->easy_getinfo(attempt->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told);
    *answer = (struct s3_answer){.status = code == CURLE_OK ? (int)status : 0,
                                 .body = attempt->body.len ? attempt->body.bytes : "",
                                 .len = attempt->received,
                                 .etag = attempt->etag,
                                 .changed_at = changed > 0 ? (int64_t)changed * 1000 : 0,
                                 .why = ""};
    if (strcmp(attempt->request->verb, "HEAD") == 0)
        answer->len = told > 0 ? (uint64_t)told : 0;
    if (code != CURLE_OK) {
        const char *reason = attempt->broken     ? strerror(attempt->broken)
                             : *attempt->message ? attempt->message
                                                 : curl_library()->easy_strerror(code);
        answer->why = arena_strdup(attempt->arena, reason);
        answer->full =
            attempt->broken == ENOSPC || attempt->broken == EDQUOT || attempt->broken == EFBIG;
    } else if (status / 100 != 2 || is_late_error(answer)) {
        explain(attempt->arena, answer);
        answer->status = status == 200 ? 500 : (int)status;
    }
}

static void try_once(struct s3 *s3, struct arena *arena, const struct s3_request *request,
                     const char *hash, struct s3_answer *answer_r)
{
    const char *path =
        *request->key ? arena_printf(arena, "%s/%s", s3->path, request->key) : s3->path;
    const char *url = arena_printf(arena, "%s%s%s%s", s3->base, path, request->query ? "?" : "",
                                   request->query ? request->query : "");
    struct attempt attempt = {
        .request = request, .arena = arena, .etag = "", .curl = take_handle(s3)};
    buf_init(&attempt.body, arena, BODY_MOST);
    struct curl_slist *headers = signed_headers(s3, arena, request, path, hash);
    set_options(&attempt, url, headers);
    take_answer(&attempt, curl_library()->easy_perform(attempt.curl), answer_r);
    if (attempt.broken)
        answer_r->status = -1; /* of no use to try again */
    give_handle(s3, attempt.curl);
    curl_library()->slist_free_all(headers);
}

static bool worth_another_try(const struct s3_answer *answer)
{
    int status = answer->status;
    return status == 0 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

void s3_ask(struct s3 *s3, struct arena *arena, const struct s3_request *request,
            struct s3_answer *answer_r)
{
    char hex[HASH_TEXT];
    const char *hash = request->hash ? request->hash : hex;
    *answer_r = (struct s3_answer){.body = "", .etag = "", .why = "the file cannot be read"};
    if (!request->hash && request->fd >= 0 && !hash_file(request, hex))
        return;
    if (!request->hash && request->fd < 0)
        hash_hex(request->text ? request->text : "", request->text ? strlen(request->text) : 0,
                 hex);
    unsigned pause = PAUSE_MS;
    for (int i = 0; i < TRIES; i++, pause *= 4) {
        if (i)
            usleep(pause * 1000);
        try_once(s3, arena, request, hash, answer_r);
        if (!worth_another_try(answer_r))
            break;
    }
    if (answer_r->status < 0)
        answer_r->status = 0;
}
