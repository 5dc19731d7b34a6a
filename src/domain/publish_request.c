/* publish_request.c: see publish_request.h.
 *
 * Packed, a request is a series of texts in a fixed order: each a '+', its bytes and a
 * NUL, or a '-' and a NUL for one that is not there. Numbers are decimal texts. */
#include "domain/publish_request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"

/* Of the form: others are refused. */
static const char VERSION[] = "4";

/* ---- credentials */

static bool are_for(const struct publish_credentials *c, const char *key, const char *server,
                    const char *port)
{
    return (c->key && key && strcasecmp(c->key, key) == 0) ||
           publish_same_place(c->server, c->port, server, port);
}

const struct publish_credentials *publish_credentials_for(const struct publish_request *request,
                                                          const char *key, const char *server,
                                                          const char *port)
{
    const struct publish_credentials *others = NULL;
    for (size_t i = 0; i < request->credential_count; i++) {
        const struct publish_credentials *c = &request->credentials[i];
        if (!c->key && !c->server)
            others = others ? others : c;
        else if (are_for(c, key, server, port))
            return c;
    }
    return others;
}

/* ---- packing */

static void put_text(struct buf *out, const char *text)
{
    buf_addc(out, text ? '+' : '-');
    if (text)
        buf_adds(out, text);
    buf_addc(out, '\0');
}

static void put_number(struct buf *out, int64_t number)
{
    buf_addf(out, "+%lld", (long long)number);
    buf_addc(out, '\0');
}

static void put_spec(struct buf *out, const struct publish_spec *spec)
{
    put_text(out, content_type_name(spec->type));
    put_text(out, spec->project_id);
    put_text(out, spec->name);
    put_text(out, spec->description);
    put_number(out, spec->overwrite);
    put_text(out, spec->blob_id);
    put_number(out, spec->size_bytes);
    put_text(out, spec->file_type);
    put_number(out, spec->show_tabs);
    put_number(out, spec->encrypts_extracts);
    put_number(out, spec->uses_remote_query_agent);
    put_text(out, spec->thumbnails_user_id);
    put_text(out, spec->thumbnails_group_id);
    put_text(out, spec->checked_server);
    put_text(out, spec->checked_port);
}

const char *publish_request_pack(struct arena *arena, const struct publish_request *request,
                                 size_t *len_r)
{
    struct buf out;
    buf_init(&out, arena, PUBLISH_REQUEST_MOST);
    put_text(&out, VERSION);
    put_spec(&out, &request->spec);
    put_number(&out, request->append);
    put_number(&out, (int64_t)request->hidden_count);
    for (size_t i = 0; i < request->hidden_count; i++)
        put_text(&out, request->hidden[i]);
    put_number(&out, (int64_t)request->spec.tag_count);
    for (size_t i = 0; i < request->spec.tag_count; i++) {
        put_text(&out, request->spec.tags[i].label);
        put_text(&out, request->spec.tags[i].view);
    }
    put_number(&out, (int64_t)request->credential_count);
    for (size_t i = 0; i < request->credential_count; i++) {
        const struct publish_credentials *c = &request->credentials[i];
        put_text(&out, c->key);
        put_text(&out, c->server);
        put_text(&out, c->port);
        put_number(&out, c->given);
        put_text(&out, c->user_name);
        put_text(&out, c->password);
        put_number(&out, c->embeds);
    }
    *len_r = out.len;
    return buf_ok(&out) ? out.bytes : NULL;
}

/* ---- unpacking */

struct reading {
    const char *at, *end;
    bool bad;
};

static const char *take_text(struct reading *r)
{
    const char *text = r->at;
    if (r->bad || text >= r->end || (*text != '+' && *text != '-')) {
        r->bad = true;
        return NULL;
    }
    r->at += strlen(text) + 1;
    return *text == '+' ? text + 1 : NULL;
}

static int64_t take_number(struct reading *r)
{
    const char *text = take_text(r);
    r->bad = r->bad || !text;
    return text ? strtoll(text, NULL, 10) : 0;
}

/* Each of what is counted takes two bytes at least. */
static size_t take_count(struct reading *r)
{
    int64_t count = take_number(r);
    r->bad = r->bad || count < 0 || count > (r->end - r->at) / 2;
    return r->bad ? 0 : (size_t)count;
}

static void take_spec(struct reading *r, struct publish_spec *spec)
{
    const char *type = take_text(r);
    spec->type = type ? content_type_parse(type) : TYPE_COUNT;
    spec->project_id = take_text(r);
    spec->name = take_text(r);
    spec->description = take_text(r);
    spec->overwrite = take_number(r) != 0;
    spec->blob_id = take_text(r);
    spec->size_bytes = take_number(r);
    spec->file_type = take_text(r);
    spec->show_tabs = take_number(r) != 0;
    spec->encrypts_extracts = take_number(r) != 0;
    spec->uses_remote_query_agent = take_number(r) != 0;
    spec->thumbnails_user_id = take_text(r);
    spec->thumbnails_group_id = take_text(r);
    spec->checked_server = take_text(r);
    spec->checked_port = take_text(r);
    r->bad =
        r->bad || spec->type == TYPE_COUNT || !spec->name || !spec->blob_id || !spec->file_type;
}

static void take_tags(struct reading *r, struct arena *arena, struct publish_spec *spec)
{
    spec->tag_count = take_count(r);
    struct publish_tag *tags = arena_zalloc(arena, (spec->tag_count + 1) * sizeof *tags);
    for (size_t i = 0; i < spec->tag_count; i++) {
        tags[i].label = take_text(r);
        tags[i].view = take_text(r);
        r->bad = r->bad || !tags[i].label;
    }
    spec->tags = tags;
}

bool publish_request_unpack(struct arena *arena, const char *bytes, size_t len,
                            struct publish_request *request_r)
{
    struct reading r = {.at = bytes, .end = bytes + len};
    const char *version = take_text(&r);
    if (!version || strcmp(version, VERSION) != 0)
        return false;
    *request_r = (struct publish_request){0};
    take_spec(&r, &request_r->spec);
    request_r->append = take_number(&r) != 0;
    request_r->hidden_count = take_count(&r);
    const char **hidden = arena_zalloc(arena, (request_r->hidden_count + 1) * sizeof *hidden);
    for (size_t i = 0; i < request_r->hidden_count; i++)
        hidden[i] = take_text(&r);
    request_r->hidden = hidden;
    take_tags(&r, arena, &request_r->spec);
    request_r->credential_count = take_count(&r);
    struct publish_credentials *credentials =
        arena_zalloc(arena, (request_r->credential_count + 1) * sizeof *credentials);
    for (size_t i = 0; i < request_r->credential_count; i++) {
        struct publish_credentials *c = &credentials[i];
        c->key = take_text(&r);
        c->server = take_text(&r);
        c->port = take_text(&r);
        c->given = take_number(&r) != 0;
        c->user_name = take_text(&r);
        c->password = take_text(&r);
        c->embeds = take_number(&r) != 0;
    }
    request_r->credentials = credentials;
    return !r.bad && r.at == r.end;
}
