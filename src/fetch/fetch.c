/* fetch.c: see fetch.h. */
#include "fetch/fetch.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "net/curl.h"

enum { HEAD_MOST = 32 << 10, REDIRECTS_MOST = 3, URL_MOST = 2000, HEADER_SHOWN = 200 };

static const char ACCEPT[] = "Accept: application/json, application/jwk-set+json";

/* One hop on its way. */
struct hop {
    const struct fetch_guard *guard;
    struct arena *arena;
    struct fetch_answer *answer;
    struct buf body;
    size_t head_len;
    const char *refused;                 /* why a callback ended it */
    char told[CURL_ERROR_SIZE];          /* what libcurl says of its failure */
    int64_t max_age, age, expires, date; /* of the head; -1: not there */
    bool no_store;
};

static const char NO_LIBRARY[] = "libcurl cannot be loaded";

/* ---- URLs */

static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_library()->url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if (*text <= 0x20 || *text >= 0x7F)
            return false;
    return true;
}

/* libcurl passes over further slashes, and takes what follows for the host. */
static bool has_host(const char *text)
{
    const char *colon = strstr(text, "://");
    return colon && colon[3] && !strchr("/?#:@", colon[3]);
}

static const char *parts_fault(CURLU *url, bool plain_http)
{
    char *port = url_part(url, CURLUPART_PORT, 0);
    char *scheme = url_part(url, CURLUPART_SCHEME, 0), *host = url_part(url, CURLUPART_HOST, 0);
    char *user = url_part(url, CURLUPART_USER, 0), *password = url_part(url, CURLUPART_PASSWORD, 0);
    const char *fault = NULL;
    if (!scheme || !host || !*host)
        fault = "not a URL with scheme and host";
    else if (strcmp(scheme, "https") != 0 && !(plain_http && strcmp(scheme, "http") == 0))
        fault = plain_http ? "neither https nor http" : "not https (setting fetch-plain-http)";
    else if (user || password)
        fault = "a URL with a user's name or password";
    else if (port && strcmp(port, "0") == 0)
        fault = "a URL with the port 0";
    curl_library()->free(port);
    curl_library()->free(scheme);
    curl_library()->free(host);
    curl_library()->free(user);
    curl_library()->free(password);
    return fault;
}

const char *fetch_url_fault(const char *text, bool plain_http)
{
    if (!curl_library())
        return NO_LIBRARY;
    if (strlen(text) > URL_MOST)
        return "longer than 2000 bytes";
    if (!printable(text))
        return "not printable ASCII without spaces";
    CURLU *url = curl_library()->url();
    if (!url)
        abort();
    const char *fault =
        has_host(text) && curl_library()->url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK
            ? parts_fault(url, plain_http)
            : "not a URL with scheme and host";
    curl_library()->url_cleanup(url);
    return fault;
}

/* scheme://host:port in lower case, or NULL. */
static const char *origin_of(struct arena *arena, const char *text)
{
    const char *origin = NULL;
    CURLU *url = curl_library()->url();
    if (!url)
        abort();
    if (curl_library()->url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
        char *scheme = url_part(url, CURLUPART_SCHEME, 0), *host = url_part(url, CURLUPART_HOST, 0);
        char *port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
        if (scheme && host && port) {
            char *made = arena_printf(arena, "%s://%s:%s", scheme, host, port);
            for (char *p = made; *p; p++)
                *p = (char)tolower((unsigned char)*p);
            origin = made;
        }
        curl_library()->free(scheme);
        curl_library()->free(host);
        curl_library()->free(port);
    }
    curl_library()->url_cleanup(url);
    return origin;
}

/* ---- callbacks of libcurl */

/* The guard at the socket: the address that the name came to. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct hop *hop = context;
    const char *kind;
    char text[NETWORKS_ADDRESS_ROOM];
    networks_address_text(&address->addr, text);
    if (purpose != CURLSOCKTYPE_IPCXN ||
        !networks_admit(&hop->guard->networks, &address->addr, &kind)) {
        hop->refused =
            arena_printf(hop->arena,
                         "the host is at %s, %s, which is not to be connected to (setting "
                         "fetch-networks)",
                         text, purpose == CURLSOCKTYPE_IPCXN ? kind : "no address of the internet");
        return CURL_SOCKET_BAD;
    }
    hop->refused = NULL; /* of several addresses one will do */
    hop->answer->address = arena_strdup(hop->arena, text);
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct hop *hop = context;
    size_t len = size * count;
    if (len > hop->guard->max_bytes - hop->body.len) {
        hop->refused =
            arena_printf(hop->arena, "a body of more than %zu bytes", hop->guard->max_bytes);
        return 0;
    }
    buf_add(&hop->body, bytes, len);
    return len;
}

static bool is_header(const char *line, size_t len, const char *name, const char **value_r,
                      size_t *value_len_r)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return false;
    const char *value = line + name_len + 1, *end = line + len;
    while (value < end && strchr(" \t", *value) && *value)
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]) && end[-1])
        end--;
    *value_r = value;
    *value_len_r = (size_t)(end - value);
    return true;
}

/* A whole number of seconds; what is too large is cut. */
static int64_t seconds_of(const char *text)
{
    int64_t value = 0;
    if (*text == '"')
        text++;
    if (!isdigit((unsigned char)*text))
        return -1;
    for (; isdigit((unsigned char)*text); text++)
        value = value < INT64_C(1) << 31 ? value * 10 + (*text - '0') : value;
    return value;
}

static void take_cache_control(struct hop *hop, const char *value)
{
    for (; *value; value += strcspn(value, ","), value += *value == ',') {
        value += strspn(value, " \t");
        if (strncasecmp(value, "max-age=", 8) == 0)
            hop->max_age = seconds_of(value + 8);
        else if (strncasecmp(value, "no-store", 8) == 0 || strncasecmp(value, "no-cache", 8) == 0)
            hop->no_store = true;
    }
}

/* What is no date, as in "Expires: 0", has expired. */
static int64_t expiry_of(const char *text)
{
    int64_t at = curl_library()->getdate(text, NULL);
    return at < 0 ? 0 : at;
}

static void take_header(struct hop *hop, const char *line, size_t len)
{
    const char *value;
    size_t value_len;
    if (is_header(line, len, "Content-Type", &value, &value_len))
        hop->answer->type =
            arena_strndup(hop->arena, value, value_len > HEADER_SHOWN ? HEADER_SHOWN : value_len);
    else if (is_header(line, len, "Cache-Control", &value, &value_len))
        take_cache_control(hop, arena_strndup(hop->arena, value, value_len));
    else if (is_header(line, len, "Age", &value, &value_len))
        hop->age = seconds_of(arena_strndup(hop->arena, value, value_len));
    else if (is_header(line, len, "Expires", &value, &value_len))
        hop->expires = expiry_of(arena_strndup(hop->arena, value, value_len));
    else if (is_header(line, len, "Date", &value, &value_len))
        hop->date = curl_library()->getdate(arena_strndup(hop->arena, value, value_len), NULL);
}

static size_t take_head(char *bytes, size_t size, size_t count, void *context)
{
    struct hop *hop = context;
    size_t len = size * count;
    hop->head_len += len;
    if (hop->head_len > HEAD_MOST) {
        hop->refused = arena_printf(hop->arena, "a head of more than %d bytes", HEAD_MOST);
        return 0;
    }
    take_header(hop, bytes, len);
    return len;
}

static int progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct hop *hop = context;
    (void)a, (void)b, (void)c, (void)d;
    return hop->guard->stop && __atomic_load_n(hop->guard->stop, __ATOMIC_RELAXED);
}

/* ---- one hop */

static int64_t max_age_of(const struct hop *hop)
{
    if (hop->no_store)
        return 0;
    if (hop->max_age >= 0)
        return hop->age > hop->max_age ? 0 : hop->max_age - (hop->age > 0 ? hop->age : 0);
    if (hop->expires >= 0) {
        int64_t from = hop->date >= 0 ? hop->date : clock_now() / 1000;
        return hop->expires > from ? hop->expires - from : 0;
    }
    return -1;
}

/* Every option must take: a guard that silently is not there would be none. */
static bool set_options(CURL *curl, struct hop *hop, const char *url, int64_t timeout_ms,
                        struct curl_slist *headers)
{
    const struct fetch_guard *guard = hop->guard;
    const char *protocols = guard->plain_http ? "https,http" : "https";
    bool ok = true;
#define SET(option, value) ok = ok && curl_library()->easy_setopt(curl, option, value) == CURLE_OK
    hop->told[0] = '\0';
    SET(CURLOPT_ERRORBUFFER, hop->told);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, protocols);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* none, whatever the environment says */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is not waited for beyond the time */
    SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_USERAGENT, "easel/" EASEL_VERSION);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, hop);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, hop);
    SET(CURLOPT_HEADERFUNCTION, take_head);
    SET(CURLOPT_HEADERDATA, hop);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, progress);
    SET(CURLOPT_XFERINFODATA, hop);
    if (guard->ca_file && *guard->ca_file) {
        SET(CURLOPT_CAINFO, guard->ca_file);
        SET(CURLOPT_CAPATH, (char *)NULL); /* else the system's would do too */
    }
#undef SET
    return ok;
}

/* It may hold names out of a certificate. */
static const char *plain_text(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text);
    for (char *p = out; *p; p++)
        if (*p < 0x20 || *p >= 0x7F)
            *p = '?';
    return out;
}

static const char *failure_of(const struct hop *hop, CURLcode code)
{
    if (hop->refused)
        return hop->refused;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return arena_printf(hop->arena, "no whole answer within %lld ms",
                            (long long)hop->guard->timeout_ms);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return "the server is stopping";
    if (code == CURLE_SSL_CACERT_BADFILE)
        return "the certificates of the setting fetch-ca-file cannot be read";
    /* Which fault a certificate has stands in the longer text alone. */
    bool certificate = code == CURLE_PEER_FAILED_VERIFICATION && *hop->told;
    return plain_text(hop->arena, certificate ? hop->told : curl_library()->easy_strerror(code));
}

/* Fetches from one URL; *next_r is where the answer leads, or NULL. */
static void run_hop(struct hop *hop, const char *url, int64_t timeout_ms, const char **next_r)
{
    struct fetch_answer *answer = hop->answer;
    long status = 0;
    char *next = NULL;
    *next_r = NULL;
    CURL *curl = curl_library()->easy_init();
    struct curl_slist *headers = curl_library()->slist_append(NULL, ACCEPT);
    if (!curl || !headers)
        abort();
    if (!set_options(curl, hop, url, timeout_ms, headers)) {
        answer->why = "libcurl does not know an option that is needed";
    } else {
        CURLcode code = curl_library()->easy_perform(curl);
        answer->why = code == CURLE_OK ? NULL : failure_of(hop, code);
        curl_library()->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_library()->easy_getinfo(curl, CURLINFO_REDIRECT_URL, &next);
    }
    if (!answer->why && status >= 300 && status < 400 && next)
        *next_r = arena_strdup(hop->arena, next);
    answer->status = (int)status;
    curl_library()->easy_cleanup(curl);
    curl_library()->slist_free_all(headers);
}

static void clear(struct hop *hop)
{
    hop->head_len = 0;
    hop->max_age = hop->age = hop->expires = hop->date = -1;
    hop->no_store = false;
    hop->refused = NULL;
    hop->answer->type = "";
    buf_init(&hop->body, hop->arena, hop->guard->max_bytes + 1);
    buf_adds(&hop->body, "");
}

static void refuse_redirect(struct hop *hop, const char *to)
{
    const char *origin = origin_of(hop->arena, to);
    hop->answer->why = arena_printf(hop->arena, "a redirect to another origin, %.200s",
                                    origin && printable(origin) ? origin : "one without a name");
}

bool fetch_get(const struct fetch_guard *guard, struct arena *arena, const char *url,
               struct fetch_answer *answer_r)
{
    *answer_r = (struct fetch_answer){.type = "", .address = "", .max_age_s = -1};
    answer_r->why = fetch_url_fault(url, guard->plain_http);
    if (answer_r->why)
        return false;
    struct hop hop = {.guard = guard, .arena = arena, .answer = answer_r};
    const char *origin = origin_of(arena, url), *next = url;
    int64_t until = clock_monotonic() + guard->timeout_ms;
    for (;;) {
        int64_t left = until - clock_monotonic();
        clear(&hop);
        run_hop(&hop, next, left > 1 ? left : 1, &next);
        if (!next || answer_r->why)
            break;
        const char *to = origin_of(arena, next);
        if (!origin || !to || strcmp(origin, to) != 0)
            refuse_redirect(&hop, next);
        else if (answer_r->redirects == REDIRECTS_MOST)
            answer_r->why = arena_printf(arena, "more than %d redirects", REDIRECTS_MOST);
        else
            answer_r->why = fetch_url_fault(next, guard->plain_http);
        if (answer_r->why)
            break;
        answer_r->redirects++;
    }
    answer_r->body = hop.body.bytes;
    answer_r->len = hop.body.len;
    answer_r->max_age_s = max_age_of(&hop);
    return !answer_r->why;
}
