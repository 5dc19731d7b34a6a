/* site_settings.c: the attributes of tbl/site_attributes.def, as they are kept in
 * one column of a site: a line each, name=value. See site_settings.h. */
#include "domain/site_settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "store/tx.h"

static const struct site_attribute ATTRIBUTES[] = {
#define SITE_ATTRIBUTE(name, kind, fallback, changer) \
    {#name, SITE_##kind, fallback, CHANGED_BY_##changer},
#include "tbl/site_attributes.def"
#undef SITE_ATTRIBUTE
};

enum { ATTRIBUTE_COUNT = sizeof ATTRIBUTES / sizeof *ATTRIBUTES, SETTINGS_ROOM = 320 << 10 };

const struct site_attribute *site_attributes(size_t *count_r)
{
    *count_r = ATTRIBUTE_COUNT;
    return ATTRIBUTES;
}

/* ---- lines, with %, \n and \r of values escaped */

static void encode_setting(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, "%s=", name);
    for (; *value; value++) {
        if (*value == '%' || *value == '\n' || *value == '\r')
            buf_addf(out, "%%%02X", (unsigned char)*value);
        else
            buf_addc(out, *value);
    }
    buf_addc(out, '\n');
}

/* As it was set; NULL where it was not. */
static const char *stored(struct tx *tx, const struct site *site, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *line = site->settings; *line;) {
        size_t len = strcspn(line, "\n");
        if (len > name_len && line[name_len] == '=' && memcmp(line, name, name_len) == 0) {
            char *value = arena_alloc(tx->arena, len - name_len);
            const char *text = line + name_len + 1;
            return percent_decode(text, len - name_len - 1, false, value) ? value : NULL;
        }
        line += len + (line[len] == '\n');
    }
    return NULL;
}

static const char *const TIERS[] = {"tierCreatorCapacity", "tierExplorerCapacity",
                                    "tierViewerCapacity"};
enum { TIER_COUNT = sizeof TIERS / sizeof *TIERS };

/* How many users the capacities leave room for; NULL where one has no bound. */
static const char *sum_of_tiers(struct tx *tx, const struct site *site)
{
    long long sum = 0;
    for (size_t i = 0; i < TIER_COUNT; i++) {
        const char *capacity = stored(tx, site, TIERS[i]);
        if (!capacity)
            return NULL;
        sum += strtoll(capacity, NULL, 10);
    }
    return arena_printf(tx->arena, "%lld", sum);
}

const char *site_setting(struct tx *tx, const struct site *site, const struct site_attribute *which)
{
    const char *value = stored(tx, site, which->name);
    if (!value && strcmp(which->name, "userQuota") == 0)
        value = sum_of_tiers(tx, site);
    if (!value && *which->fallback)
        value = which->fallback;
    return value;
}

enum err site_is_set(struct tx *tx, const char *site_id, const char *name, bool *set_r)
{
    struct site site;
    size_t count;
    const struct site_attribute *attributes = site_attributes(&count);
    enum err err = site_get(tx, site_id, &site);
    *set_r = false;
    for (size_t i = 0; i < count && !err; i++)
        if (strcmp(attributes[i].name, name) == 0) {
            const char *value = site_setting(tx, &site, &attributes[i]);
            *set_r = value && strcmp(value, "true") == 0;
        }
    return err;
}

/* ---- values */

static const struct site_attribute *attribute_of(const char *name)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
        if (strcmp(ATTRIBUTES[i].name, name) == 0)
            return &ATTRIBUTES[i];
    return NULL;
}

static bool whole(const char *text, int64_t *value_r)
{
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    if (!digits || digits > 11 || text[digits + (*text == '-')])
        return false;
    *value_r = strtoll(text, NULL, 10);
    return true;
}

bool one_of(const char *value, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(value, words[i]) == 0)
            return true;
    return false;
}

/* The form of names in the tz database: America/Argentina/Buenos_Aires, Etc/GMT+5.
 * Whether this machine knows the zone is asked where times are reckoned. */
bool site_zone_fits(const char *value)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    return strlen(value) <= SITE_ZONE_MOST && value[strspn(value, allowed)] == '\0' &&
           !strstr(value, "//") && *value != '/' && (!*value || value[strlen(value) - 1] != '/');
}

static bool value_fits(const struct site_attribute *a, const char *value)
{
    int64_t n;
    switch (a->kind) {
    case SITE_BOOL:
        return ONE_OF(value, "true", "false");
    case SITE_NUMBER:
        return whole(value, &n) && n >= INT32_MIN && n <= INT32_MAX;
    case SITE_COUNT:
        return whole(value, &n);
    case SITE_LIMIT:
        return whole(value, &n) && (n == -1 || (n >= 2 && n <= 10000));
    case SITE_QUOTA:
        return whole(value, &n) && (n > 0 || n == -1);
    case SITE_CAPACITY:
        return whole(value, &n) && n >= -1;
    case SITE_ZONE:
        return site_zone_fits(value);
    case SITE_ASK: /* the first is of older versions, and clients still send it */
        return ONE_OF(value, "EnabledByDefault", "DisabledByDefault", "DisabledAlways");
    case SITE_ENCRYPTION:
        return ONE_OF(value, "enforced", "enabled", "disabled");
    case SITE_VISIBILITY:
        return ONE_OF(value, "FULL", "LIMITED");
    default:
        return strlen(value) <= SITE_TEXT_MOST;
    }
}

/* -1 stands for no bound, which is kept as no value. */
static bool takes_away(const struct site_attribute *a, const char *value)
{
    int64_t n;
    return (a->kind == SITE_QUOTA || a->kind == SITE_CAPACITY) && whole(value, &n) && n == -1;
}

static const char *canonical(const struct site_attribute *a, const char *value)
{
    if (a->kind == SITE_BOOL && (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0))
        return "true";
    if (a->kind == SITE_BOOL && (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0))
        return "false";
    return value;
}

/* ---- what a request says */

/* The last value that the request names; NULL where it names none. */
static const char *given(const struct site_spec *spec, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < spec->setting_count; i++)
        if (spec->settings[i].value && strcmp(spec->settings[i].name, name) == 0)
            value = canonical(attribute_of(name), spec->settings[i].value);
    return value;
}

static bool sets(const struct site_spec *spec, const char *name)
{
    const char *value = given(spec, name);
    return value && !takes_away(attribute_of(name), value);
}

bool settings_set_tiers(const struct site_spec *spec)
{
    for (size_t i = 0; i < TIER_COUNT; i++)
        if (sets(spec, TIERS[i]))
            return true;
    return false;
}

bool settings_set_quota(const struct site_spec *spec)
{
    return sets(spec, "userQuota");
}

static bool is_tier(const char *name)
{
    return one_of(name, TIERS, TIER_COUNT);
}

enum err settings_check(struct tx *tx, const struct site_spec *spec)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        const char *value = given(spec, ATTRIBUTES[i].name);
        if (value && !value_fits(&ATTRIBUTES[i], value))
            return tx_refuse(tx, E400000, "'%.60s' is no value for the site attribute %s.", value,
                             ATTRIBUTES[i].name);
    }
    return E_OK;
}

/* What an attribute is after the request: its new value, NULL for none. A user
 * quota takes the place of capacities, and they of it. */
static const char *merged(struct tx *tx, const struct site *before, const struct site_spec *spec,
                          const struct site_attribute *a)
{
    const char *value = given(spec, a->name);
    if (value)
        return takes_away(a, value) ? NULL : value;
    if (is_tier(a->name) && settings_set_quota(spec))
        return NULL;
    if (strcmp(a->name, "userQuota") == 0 && settings_set_tiers(spec))
        return NULL;
    return stored(tx, before, a->name);
}

bool settings_keep_quota(struct tx *tx, const struct site *before, const struct site_spec *spec)
{
    return merged(tx, before, spec, attribute_of("userQuota")) != NULL;
}

/* What is kept of a site beside the table of attributes. */
static const char *const EMBEDDING[] = {"embedding.unrestricted", "embedding.allowList"};

const char *settings_merge(struct tx *tx, const struct site *before, const struct site_spec *spec,
                           const struct site_embedding *embedding)
{
    struct buf out;
    const char *embedded[] = {stored(tx, before, EMBEDDING[0]), stored(tx, before, EMBEDDING[1])};
    if (embedding) {
        embedded[0] = embedding->unrestricted ? "true" : "false";
        embedded[1] = embedding->allow_list;
    }
    buf_init(&out, tx->arena, SETTINGS_ROOM);
    buf_adds(&out, "");
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        const char *value = merged(tx, before, spec, &ATTRIBUTES[i]);
        if (value)
            encode_setting(&out, ATTRIBUTES[i].name, value);
    }
    for (size_t i = 0; i < 2; i++)
        if (embedded[i])
            encode_setting(&out, EMBEDDING[i], embedded[i]);
    return out.bytes;
}

/* ---- whose they are */

static bool setting_stays(struct tx *tx, const struct site *site, const struct site_attribute *a,
                          const char *value)
{
    const char *is = site_setting(tx, site, a);
    if (takes_away(a, value))
        return stored(tx, site, a->name) == NULL;
    return is && strcmp(value, is) == 0;
}

const char *settings_of_server(struct tx *tx, const struct site *site, const struct site_spec *spec)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct site_attribute *a = &ATTRIBUTES[i];
        const char *value = given(spec, a->name);
        if (a->changed_by == CHANGED_BY_SERVER && value && !setting_stays(tx, site, a, value))
            return a->name;
    }
    return NULL;
}

void site_get_embedding(struct tx *tx, const struct site *site, struct site_embedding *embedding_r)
{
    const char *unrestricted = stored(tx, site, EMBEDDING[0]);
    const char *allow_list = stored(tx, site, EMBEDDING[1]);
    embedding_r->unrestricted = !unrestricted || strcmp(unrestricted, "true") == 0;
    embedding_r->allow_list = allow_list ? allow_list : "";
}
