/* fields.c: see fields.h. */
#include "rest/fields.h"

#include <string.h>

#include "rest/call.h"
#include "tbl/methods.h"

/* The member that a name means: without the element in front, without what
 * stands behind a child's name. */
static const char *member_of(struct call *call, const struct field_names *names, const char *text,
                             size_t len)
{
    size_t element = strlen(names->element);
    if (len > element && text[element] == '.' && memcmp(text, names->element, element) == 0) {
        text += element + 1;
        len -= element + 1;
    }
    const char *dot = memchr(text, '.', len);
    return arena_strndup(call->tx.arena, text, dot ? (size_t)(dot - text) : len);
}

static enum err add_name(struct call *call, struct fields *fields, const char *text, size_t len)
{
    const char *name = member_of(call, fields->names, text, len);
    if (strcmp(name, "_all_") == 0) {
        fields->all = true;
    } else if (strcmp(name, "_default_") == 0) {
        fields->usual = true;
    } else if (fields->count == FIELDS_MOST || (!method_list_has(fields->names->usual, name) &&
                                                !method_list_has(fields->names->others, name))) {
        return tx_refuse(&call->tx, E400000, "'%.60s' is no field of a %s.", name,
                         fields->names->element);
    } else {
        fields->chosen[fields->count++] = name;
    }
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

static bool wanted(const struct fields *fields, const char *name)
{
    if (fields->usual && method_list_has(fields->names->usual, name))
        return true;
    for (size_t i = 0; i < fields->count; i++)
        if (strcmp(fields->chosen[i], name) == 0)
            return true;
    return false;
}

void fields_apply(const struct fields *fields, struct el *el)
{
    if (fields->all)
        return;
    struct attr **attr = &el->attrs;
    el->last_attr = NULL;
    while (*attr) {
        if (wanted(fields, (*attr)->name)) {
            el->last_attr = *attr;
            attr = &(*attr)->next;
        } else {
            *attr = (*attr)->next;
        }
    }
    struct el **child = &el->children;
    el->last_child = NULL;
    while (*child) {
        if (wanted(fields, (*child)->name)) {
            el->last_child = *child;
            child = &(*child)->next;
        } else {
            *child = (*child)->next;
        }
    }
}
