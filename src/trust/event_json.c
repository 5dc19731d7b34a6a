/* event_json.c: an event as one JSON object, for the endpoint and the command. */
#include "base/buf.h"
#include "base/clock.h"
#include "trust/record.h"

void event_json(struct buf *out, const struct event *e)
{
    const struct {
        const char *name, *value;
    } texts[] = {{"kind", e->kind},
                 {"outcome", e->outcome},
                 {"requestId", e->request_id},
                 {"peer", e->peer},
                 {"siteId", e->site_id},
                 {"siteContentUrl", e->site_content_url},
                 {"clientId", e->client_id},
                 {"secretId", e->secret_id},
                 {"subject", e->subject},
                 {"userId", e->user_id},
                 {"method", e->method},
                 {"check", e->check},
                 {"expected", e->expected},
                 {"found", e->found},
                 {"scopesGranted", e->scopes_granted},
                 {"scopesNeeded", e->scopes_needed}};
    char at[CLOCK_ISO_ROOM];
    clock_iso_ms(e->at, at);
    buf_addf(out, "{\"id\":%lld,\"at\":\"%s\"", (long long)e->id, at);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!texts[i].value)
            continue;
        buf_addf(out, ",\"%s\":", texts[i].name);
        buf_add_json(out, texts[i].value);
    }
    if (e->wire_code)
        buf_addf(out, ",\"wireCode\":\"%lld\"", (long long)e->wire_code);
    if (e->fine_code)
        buf_addf(out, ",\"fineCode\":%lld", (long long)e->fine_code);
    buf_addc(out, '}');
}
