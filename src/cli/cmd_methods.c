/* cmd_methods.c: `easel methods` lists THE TABLE. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "tbl/methods.h"

static void member(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, value);
}

static void add_scope(void *context, const char *item, size_t len)
{
    struct buf *out = context;
    if (out->bytes[out->len - 1] != '[')
        buf_addc(out, ',');
    buf_addf(out, "\"%.*s\"", (int)len, item);
}

static void write_json(struct buf *out, const struct method_row *row)
{
    buf_adds(out, "{\"category\":");
    buf_add_json(out, row->category);
    member(out, "name", row->name);
    member(out, "verb", row->verb);
    member(out, "path", row->path);
    buf_adds(out, ",\"scopes\":[");
    method_each_item(row->scopes, add_scope, out);
    buf_addc(out, ']');
    member(out, "since", row->since);
    member(out, "retired", row->retired);
    member(out, "allowedTo", row->allowed_to);
    member(out, "success", row->success);
    member(out, "request", row->request);
    member(out, "response", row->response);
    member(out, "errors", row->errors);
    buf_addf(out, ",\"implemented\":%s}", strcmp(row->handler, "NONE") != 0 ? "true" : "false");
}

static void print_text(const struct method_row *row)
{
    printf("%-6s %-72s %-5s %-4s %s\n", row->verb, row->path, row->since,
           strcmp(row->handler, "NONE") != 0 ? "yes" : "-", row->scopes);
}

static bool known_scope(const char *scope)
{
    size_t count;
    const struct method_row *rows = method_rows(&count);
    for (size_t i = 0; i < count; i++)
        if (method_list_has(rows[i].scopes, scope))
            return true;
    return false;
}

int cmd_methods(const struct args *args, struct config *config)
{
    const char *scope = args_value(args, "scope");
    bool json = args_flag(args, "json");
    size_t count, shown = 0;
    const struct method_row *rows = method_rows(&count);
    struct arena *arena = arena_new(64 << 10);
    struct buf out;
    (void)config;
    buf_init(&out, arena, 0);
    buf_adds(&out, "[");
    if (scope && !known_scope(scope)) {
        fprintf(stderr, "easel methods: no method has the scope '%s'; see easel scopes\n", scope);
        arena_free(&arena);
        return 1;
    }
    if (!json)
        printf("%-6s %-72s %-5s %-4s %s\n", "VERB", "PATH", "SINCE", "HERE",
               "SCOPES (any one admits)");
    for (size_t i = 0; i < count; i++) {
        if (scope && !method_list_has(rows[i].scopes, scope))
            continue;
        if (json && shown++)
            buf_adds(&out, ",\n");
        if (json)
            write_json(&out, &rows[i]);
        else
            print_text(&rows[i]);
    }
    if (json)
        printf("%s]\n", out.bytes);
    arena_free(&arena);
    return 0;
}
