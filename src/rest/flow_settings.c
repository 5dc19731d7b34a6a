/* flow_settings.c: see flow_settings.h. */
#include "rest/flow_settings.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/clock.h"
#include "content/content.h"
#include "domain/flow_order.h"

enum kind { ANY, WHOLE, NUMBER, TRUTH, DATE };

/* The words of documents and of answers; a type of another name takes any text. */
static const struct {
    const char *name;
    enum kind kind;
    const char *expected;
} TYPES[] = {
    {"integer", WHOLE, "a whole number"},
    {"int", WHOLE, "a whole number"},
    {"real", NUMBER, "a number"},
    {"double", NUMBER, "a number"},
    {"number", NUMBER, "a number"},
    {"boolean", TRUTH, "true or false"},
    {"bool", TRUTH, "true or false"},
    {"date", DATE, "a date (2026-01-31)"},
    {"datetime", DATE, "a date and time (2026-01-31T12:00:00Z)"},
};

static enum kind kind_of(const struct content_parameter *p, const char **expected_r)
{
    for (size_t i = 0; p->type && i < sizeof TYPES / sizeof *TYPES; i++)
        if (strcasecmp(TYPES[i].name, p->type) == 0) {
            *expected_r = TYPES[i].expected;
            return TYPES[i].kind;
        }
    *expected_r = "text";
    return ANY;
}

/* The value as a number that orders as the values do. */
static bool measure(enum kind kind, const char *text, double *value_r)
{
    char *end;
    int64_t at;
    switch (kind) {
    case WHOLE:
        if (*text != '-' && (*text < '0' || *text > '9'))
            return false;
        *value_r = (double)strtoll(text, &end, 10);
        return end != text && !*end;
    case NUMBER:
        *value_r = strtod(text, &end);
        return end != text && !*end && isfinite(*value_r) && !strpbrk(text, "xX \t\n");
    case DATE:
        if (!clock_parse_iso(text, &at))
            return false;
        *value_r = (double)at;
        return true;
    default:
        *value_r = 0;
        return kind == ANY || strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0;
    }
}

static bool is_listed(const struct content_parameter *p, const char *text)
{
    for (const struct content_name *v = p->values; v; v = v->next)
        if (strcmp(v->name, text) == 0)
            return true;
    return false;
}

/* A bound that can't be measured itself bounds nothing. */
static bool is_within(const struct content_parameter *p, enum kind kind, double value)
{
    double bound;
    return !(p->least && measure(kind, p->least, &bound) && value < bound) &&
           !(p->most && measure(kind, p->most, &bound) && value > bound);
}

static enum err check_value(struct arena *arena, const struct content_parameter *p,
                            const char *text, struct fault *fault)
{
    const char *expected, *name = p->name ? p->name : p->id;
    enum kind kind = kind_of(p, &expected);
    double value;
    if (!measure(kind, text, &value))
        return fault_set(fault, arena, E400000, "The parameter '%.150s' takes %s, not '%s'.", name,
                         expected, fault_echo(arena, text, strlen(text)));
    if (p->domain == CONTENT_DOMAIN_LIST && !is_listed(p, text))
        return fault_set(fault, arena, E400000, "The parameter '%.150s' does not list '%s'.", name,
                         fault_echo(arena, text, strlen(text)));
    if (p->domain == CONTENT_DOMAIN_RANGE && kind != ANY && !is_within(p, kind, value))
        return fault_set(fault, arena, E400000,
                         "The parameter '%.150s' takes values from %.60s to %.60s, not '%s'.", name,
                         p->least ? p->least : "any", p->most ? p->most : "any",
                         fault_echo(arena, text, strlen(text)));
    return E_OK;
}

static const struct content_parameter *find(const struct content_flow *flow, const char *id)
{
    const struct content_parameter *p = flow->parameters;
    while (p && strcasecmp(p->id, id) != 0)
        p = p->next;
    return p;
}

static bool is_set(const struct flow_setting *settings, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(settings[i].id, id) == 0)
            return true;
    return false;
}

static enum err check_one(struct arena *arena, const struct content_flow *flow,
                          struct flow_setting *settings, size_t index, struct fault *fault)
{
    struct flow_setting *s = &settings[index];
    const struct content_parameter *p = find(flow, s->id);
    if (!p)
        return fault_set(fault, arena, E400000, "'%s' is no parameter of the flow.",
                         fault_echo(arena, s->id, strlen(s->id)));
    if (is_set(settings, index, s->id))
        return fault_set(fault, arena, E400000, "The parameter '%.150s' is given twice.",
                         p->name ? p->name : p->id);
    s->name = p->name;
    s->description = p->description;
    return check_value(arena, p, s->value, fault);
}

enum err flow_settings_check(struct arena *arena, const struct content_flow *flow,
                             struct flow_setting *settings, size_t count, struct fault *fault)
{
    enum err err = E_OK;
    for (size_t i = 0; i < count && !err; i++)
        err = check_one(arena, flow, settings, i, fault);
    for (const struct content_parameter *p = flow->parameters; p && !err; p = p->next)
        if (p->required && !is_set(settings, count, p->id))
            err = fault_set(fault, arena, E400000, "The flow needs a value for '%.150s'.",
                            p->name ? p->name : p->id);
    return err;
}
