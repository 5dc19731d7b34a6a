/* fields.c: see fields.h. */
#include "rest/fields.h"

#include <string.h>

#include "rest/call.h"
#include "tbl/methods.h"

static bool has(const struct field_names *names, const char *member)
{
    return method_list_has(names->usual, member) || method_list_has(names->others, member);
}

static bool is_required(const struct field_names *names, const char *member)
{
    return names->required && method_list_has(names->required, member);
}

/* What the member has itself; NULL: nothing. */
static const struct field_names *names_below(const struct field_names *names, const char *member)
{
    const struct field_names *const *child = names->children;
    while (child && *child && strcmp((*child)->element, member) != 0)
        child++;
    return child ? *child : NULL;
}

/* ---- what is asked */

static bool is_known(struct call *call, const struct field_names *names, const char *text)
{
    const char *dot = strchr(text, '.');
    if (!dot)
        return has(names, text);
    const char *member = arena_strndup(call->tx.arena, text, (size_t)(dot - text));
    const struct field_names *below = names_below(names, member);
    return below && has(names, member) && is_known(call, below, dot + 1);
}

/* Without the element in front. */
static const char *member_of(struct call *call, const struct field_names *names, const char *text,
                             size_t len)
{
    size_t element = strlen(names->element);
    if (len > element && text[element] == '.' && memcmp(text, names->element, element) == 0) {
        text += element + 1;
        len -= element + 1;
    }
    return arena_strndup(call->tx.arena, text, len);
}

static enum err add_name(struct call *call, struct fields *fields, const char *text, size_t len)
{
    const char *name = member_of(call, fields->names, text, len);
    if (strcmp(name, "_all_") == 0)
        fields->all = true;
    else if (strcmp(name, "_default_") == 0)
        fields->usual = true;
    else if (fields->count == FIELDS_MOST || !is_known(call, fields->names, name))
        return tx_refuse(&call->tx, E400000, "'%.60s' is no field of a %s.", name,
                         fields->names->element);
    else
        fields->chosen[fields->count++] = name;
    return E_OK;
}

enum err fields_parse(struct call *call, const struct field_names *names, struct fields *fields_r)
{
    const char *text = query_get(&call->query, "fields");
    *fields_r = (struct fields){.names = names, .usual = !text || !*text};
    enum err err = E_OK;
    while (text && *text && !err) {
        size_t len = strcspn(text, ",");
        err = add_name(call, fields_r, text, len);
        text += len + (text[len] == ',');
    }
    return err;
}

/* "owner" and "owner.email" meet: one is a part of the other. */
static bool meet(const char *one, const char *other)
{
    size_t len = strlen(one), other_len = strlen(other);
    size_t least = len < other_len ? len : other_len;
    return memcmp(one, other, least) == 0 && (!one[least] || one[least] == '.') &&
           (!other[least] || other[least] == '.');
}

bool fields_ask(const struct fields *fields, const char *name)
{
    bool asked = fields->all;
    for (size_t i = 0; i < fields->count; i++)
        asked = asked || meet(fields->chosen[i], name);
    return asked;
}

/* ---- what is shown */

/* What is asked of a member. Set one by one: most of the room is never used. */
static void fields_below(const struct fields *fields, const char *member, struct fields *below_r)
{
    size_t len = strlen(member);
    below_r->names = names_below(fields->names, member);
    below_r->all = false;
    below_r->usual = fields->usual && method_list_has(fields->names->usual, member);
    below_r->count = 0;
    for (size_t i = 0; i < fields->count; i++) {
        const char *text = fields->chosen[i];
        if (strncmp(text, member, len) != 0)
            continue;
        if (!text[len])
            below_r->all = true;
        else if (text[len] == '.')
            below_r->chosen[below_r->count++] = text + len + 1;
    }
}

/* With what is asked of it. */
static bool shows(const struct fields *fields, const char *member, struct fields *below_r)
{
    fields_below(fields, member, below_r);
    return below_r->all || below_r->usual || below_r->count || is_required(fields->names, member);
}

static void cut_attrs(const struct fields *fields, struct el *el)
{
    struct fields below;
    struct attr **attr = &el->attrs;
    el->last_attr = NULL;
    while (*attr) {
        if (shows(fields, (*attr)->name, &below)) {
            el->last_attr = *attr;
            attr = &(*attr)->next;
        } else {
            *attr = (*attr)->next;
        }
    }
}

void fields_apply(const struct fields *fields, struct el *el)
{
    struct fields below;
    if (fields->all || !fields->names)
        return;
    cut_attrs(fields, el);
    struct el **child = &el->children;
    el->last_child = NULL;
    while (*child) {
        if (shows(fields, (*child)->name, &below)) {
            fields_apply(&below, *child);
            el->last_child = *child;
            child = &(*child)->next;
        } else {
            *child = (*child)->next;
        }
    }
}
