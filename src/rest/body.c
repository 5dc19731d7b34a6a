/* body.c: the body of a request as its handler finds it: a document in XML or JSON, or the
 * parts of a multipart body, which may lie in a file. */
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "http/http.h"
#include "rest/call.h"
#include "rest/dispatch.h"

/* JSON where the type says so, or says nothing of XML and the text is JSON's. */
static bool is_json(const char *type, const char *body, size_t len)
{
    if (type && strcasestr(type, "json"))
        return true;
    if (type && strcasestr(type, "xml"))
        return false;
    size_t at = 0;
    while (at < len && strchr(" \t\r\n", body[at]) && body[at])
        at++;
    return at < len && body[at] == '{';
}

static enum err read_document(struct call *call, const char *type, const char *body, size_t len,
                              const struct doc_limits *limits)
{
    struct el *root;
    if (len == 0)
        return E_OK;
    enum err err = is_json(type, body, len)
                       ? json_read(call->tx.arena, body, len, limits, &root, &call->tx.fault)
                       : xml_read(call->tx.arena, body, len, limits, &root, &call->tx.fault);
    if (!err)
        call->in = root;
    return err;
}

static bool is_blank(const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && (bytes[at] == ' ' || (bytes[at] >= '\t' && bytes[at] <= '\r')))
        at++;
    return at == len;
}

/* The document beside a file may be empty or absent: what it must hold is asked for
 * by the handler. It may name each row of the file. */
static enum err read_parts(struct call *call)
{
    static const struct doc_limits limits = {.depth = 64, .nodes = 2000000};
    const char *type = http_header(call->http, "Content-Type");
    size_t len = call->body.len;
    enum err err =
        call->body.fd < 0
            ? multipart_read(call->tx.arena, type, call->body.bytes, len, &multipart_limits_default,
                             &call->parts, &call->tx.fault)
            : multipart_read_mapped(call->tx.arena, type, call->body.bytes, len,
                                    &multipart_limits_default, &call->parts, &call->tx.fault);
    const struct part *payload = err ? NULL : part_find(call->parts, "request_payload");
    if (!payload)
        return err;
    const char *document = part_bytes(payload, &len);
    if (is_blank(document, len))
        return E_OK;
    if (len > call->config->body_limit)
        return tx_refuse(&call->tx, E400000, "The part request_payload is too large.");
    return read_document(call, payload->type, document, len, &limits);
}

struct mapping {
    void *at;
    size_t len;
};

static void unmap(void *thing)
{
    const struct mapping *mapping = thing;
    munmap(mapping->at, mapping->len);
}

/* A large body lies in a file, which is read as if it were in memory. */
static enum err map_body(struct call *call)
{
    uint64_t len;
    if (!http_body_file(call->http, &call->body.fd, &len)) {
        call->body.fd = -1;
        call->body.bytes = http_body(call->http, &call->body.len);
        return E_OK;
    }
    call->body.len = (size_t)len;
    void *at = mmap(NULL, call->body.len, PROT_READ, MAP_PRIVATE, call->body.fd, 0);
    if (at == MAP_FAILED)
        return tx_refuse(&call->tx, E500000, "The body of the request cannot be read back.");
    struct mapping *mapping = arena_alloc(call->tx.arena, sizeof *mapping);
    *mapping = (struct mapping){at, call->body.len};
    arena_on_free(call->tx.arena, unmap, mapping);
    call->body.bytes = at;
    return E_OK;
}

enum err body_read(struct call *call)
{
    enum err err = map_body(call);
    if (err)
        return err;
    if (call->method->has_parts) {
        err = read_parts(call);
        if (err == E400000)
            err = call->tx.fault.err = call->method->malformed;
        return err;
    }
    if (strcmp(call->method->row->request, "none") == 0)
        return E_OK;
    return read_document(call, http_header(call->http, "Content-Type"), call->body.bytes,
                         call->body.len, &doc_limits_default);
}
