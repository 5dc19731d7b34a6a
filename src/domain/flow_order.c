/* flow_order.c: see flow_order.h. A list of texts, each with a NUL behind it: the
 * version, what there is once, and behind their numbers outputs and settings. */
#include "domain/flow_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

static const char VERSION[] = "flow 1";

static void add_text(struct buf *out, const char *text)
{
    buf_add(out, text, strlen(text) + 1);
}

static void add_number(struct buf *out, int64_t number)
{
    buf_addf(out, "%lld", (long long)number);
    buf_addc(out, '\0');
}

const char *flow_order_pack(struct arena *arena, const struct flow_order *order, size_t *len_r)
{
    struct buf out;
    buf_init(&out, arena, 0);
    add_text(&out, VERSION);
    add_text(&out, order->file_type);
    add_text(&out, order->blob_id);
    add_text(&out, order->site_url);
    add_number(&out, order->room);
    add_number(&out, order->incremental);
    add_number(&out, (int64_t)order->output_count);
    for (size_t i = 0; i < order->output_count; i++)
        add_number(&out, (int64_t)order->outputs[i]);
    add_number(&out, (int64_t)order->setting_count);
    for (size_t i = 0; i < order->setting_count; i++) {
        add_text(&out, order->settings[i].id);
        add_text(&out, order->settings[i].value);
    }
    *len_r = out.len;
    return out.bytes;
}

struct reader {
    const char *at, *end;
    bool ok;
};

static const char *take_text(struct reader *r)
{
    const char *text = r->at;
    if (!r->ok || r->at >= r->end) {
        r->ok = false;
        return "";
    }
    r->at += strlen(text) + 1; /* there is a NUL behind the end */
    r->ok = r->at <= r->end;
    return text;
}

static int64_t take_number(struct reader *r, int64_t most)
{
    char *end;
    const char *text = take_text(r);
    errno = 0;
    long long number = strtoll(text, &end, 10);
    r->ok = r->ok && *text && !*end && !errno && number <= most;
    return r->ok ? number : 0;
}

static size_t take_count(struct reader *r, size_t most)
{
    int64_t count = take_number(r, (int64_t)most);
    r->ok = r->ok && count >= 0;
    return r->ok ? (size_t)count : 0;
}

bool flow_order_unpack(struct arena *arena, const char *bytes, size_t len,
                       struct flow_order *order_r)
{
    struct reader r = {bytes, bytes + len, true};
    if (strcmp(take_text(&r), VERSION) != 0)
        return false;
    *order_r = (struct flow_order){.file_type = take_text(&r)};
    order_r->blob_id = take_text(&r);
    order_r->site_url = take_text(&r);
    order_r->room = take_number(&r, INT64_MAX);
    order_r->incremental = take_number(&r, 1) != 0;
    order_r->output_count = take_count(&r, FLOW_STEPS_MOST);
    size_t *outputs = arena_alloc(arena, (order_r->output_count + 1) * sizeof *outputs);
    for (size_t i = 0; i < order_r->output_count; i++)
        outputs[i] = take_count(&r, SIZE_MAX / 2);
    order_r->setting_count = take_count(&r, FLOW_SETTINGS_MOST);
    struct flow_setting *settings =
        arena_zalloc(arena, (order_r->setting_count + 1) * sizeof *settings);
    for (size_t i = 0; i < order_r->setting_count; i++) {
        settings[i].id = take_text(&r);
        settings[i].value = take_text(&r);
    }
    order_r->outputs = outputs;
    order_r->settings = settings;
    return r.ok && r.at == r.end;
}
